"""QPUs that differ: in width, and in speed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qloop.errors import InvalidInput
from qloop.simulator.platform import accounts as kinds
from qloop.simulator.platform import world
from qloop.simulator.platform.parts import QpuKind
from qloop.simulator.platform.result import DONE, EXECUTED
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.distributions import Empirical, Exponential

from .plain import compiled, plain
from .stage import long, mean_s, near, ns, qpu, sessions, small, starts


def test_a_wide_circuit_runs_on_the_wide_qpu_only() -> None:
    kinds = (QpuKind(name="narrow", qubits=4, count=2), QpuKind(name="wide", qubits=10))
    found = plain(small(*[0.1 * k for k in range(60)], qpus=kinds, sessions=sessions(iterations=3, sizes=(4, 10))))
    assert (found.outcome == DONE).all()
    where = [(int(found.size[session]), q) for _, session, q in starts(found)]
    assert {q for size, q in where if size == 10} == {2}
    assert {q for size, q in where if size == 4} >= {0, 1}


def test_a_narrow_circuit_takes_the_wide_qpu_if_it_is_free() -> None:
    kinds = (QpuKind(name="narrow", qubits=4), QpuKind(name="wide", qubits=10))
    found = plain(small(0.0, 0.0, qpus=kinds))
    assert starts(found) == [(0.0, 0, 0), (0.0, 1, 1)]


def test_a_circuit_that_fits_nowhere_is_refused_before_the_run() -> None:
    with pytest.raises(InvalidInput, match="Sessions of 12 qubits fit on no QPU") as told:
        plain(small(0.0, qpus=(QpuKind(qubits=10),), sessions=sessions(sizes=(4, 12))))
    assert "The widest has 10" in str(told.value)


def test_a_qpu_twice_as_fast_takes_half_the_time() -> None:
    found = plain(small(0.0, sessions=sessions(iterations=3, quantum=2.0), qpus=(QpuKind(speed=2.0),)))
    assert found.left_ns.tolist() == [ns(3.0)]
    assert found.served_ns.tolist() == [ns(3.0)]


def test_a_fast_qpu_is_m_m_1_with_its_own_rate() -> None:
    """Tasks of 2 s on a QPU of speed 2, one every 1.25 s: load .8, mean time in the system 1/(1 - .8) = 5 s."""
    scenario = long(40_000.0, qpus=(qpu(speed=2.0),), sessions=sessions(quantum=Exponential(2.0)),
                    arrivals=Poisson(every_s=1.25))
    runs = [compiled(scenario, number) for number in range(20)]
    times = [mean_s((run.waited_ns + run.served_ns)[run.measured()]) for run in runs]
    assert near(times, 5.0)
    assert near([float(run.qpus[0, EXECUTED]) / (run.horizon_ns - run.warm_ns) for run in runs], 0.8)


def test_tasks_that_stand_aside_go_on_where_their_shots_are() -> None:
    """Also where QPUs are alike, so that one lane would do for all of them if tasks did not stand aside."""
    alike = small(*[3.0 * k for k in range(40)], policy="efaas", placement="least_wait", duration_s=400.0,
                  settings={"chunk_s": 1.0}, qpus=(QpuKind(count=2),),
                  sessions=sessions(Empirical((1.0, 10.0)), Empirical((1.0, 1.0, 20.0)), 0.5, redraw="session"))
    assert world.shared_lanes(replace(alike, settings={"chunk_s": 0.0}))
    left: dict[int, int] = {}
    moved, resumed = 0, 0
    for _, kind, session, q in plain(alike).log.tolist():
        if kind == kinds.QUANTUM_PAUSE:
            left[session] = q
        elif kind == kinds.QUANTUM_START and session in left:
            resumed += 1
            moved += left.pop(session) != q
    assert resumed > 10
    assert moved == 0
