"""QPUs that differ: in width, and in speed."""

from __future__ import annotations

import pytest

from qloop.errors import InvalidInput
from qloop.simulator.platform.parts import QpuKind
from qloop.simulator.platform.result import DONE, EXECUTED
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.distributions import Exponential

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
