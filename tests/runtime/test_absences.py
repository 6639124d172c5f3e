"""QPUs that are away at times, in virtual time: what runs is tried again, what waits goes elsewhere or waits on."""

from __future__ import annotations

import math
from typing import Any

import pytest

import qloop
from qloop.errors import InvalidInput, SessionEnded
from qloop.model import events as ev
from qloop.qpus.drift.absences import OutsideUse
from qloop.qpus.drift.model import Drift
from qloop.qpus.exact import ExactQpu
from qloop.qpus.twin import TwinQpu
from qloop.testing.virtual import fresh_engine, log_of, refold, virtual_runtime
from qloop.trace.check import violations
from tests.runtime.two_qubits import ENERGY, at_rest, circuit, value

START = [0.4, 0.5]
S = 10**9


def twin(name: str = "q", **options: Any) -> TwinQpu:
    """A small twin without noise to speak of, and without calibrations unless they are asked for."""
    return TwinQpu("hanoi", name=name, **{"calibration_interval_s": 0.0, "task_overhead_s": 10.0, **options})


def told(runtime: qloop.Runtime, *kinds: type) -> list[tuple[float, ev.Event]]:
    """The events of some kinds, with their times in s."""
    return [(now / S, event) for now, event, _ in log_of(runtime) if isinstance(event, kinds)]


def in_order(runtime: qloop.Runtime) -> None:
    """The run's decisions follow from its events, its trace is sound, and no QPU is left busy."""
    runtime.core.ask(at_rest)
    refold(fresh_engine(runtime), log_of(runtime))
    assert not list(violations(runtime.trace(), complete=True))


def test_a_loop_waits_until_its_qpu_is_back() -> None:
    """Tasks take a little more than 10 s each, and the first of each epoch 1 s more to load its waveforms.

    Maintenance begins a new epoch: 100 + 1 + 10, + 10; what ran at 130 is lost, so 200 + 1 + 10, + 10, + 10, + 10.
    """
    with virtual_runtime([twin(maintenance=[(5.0, 100.0), (130.0, 200.0)])]) as runtime:
        with qloop.Session(runtime=runtime, shots=100) as session:
            f, ends, epochs = session.objective(circuit(), ENERGY), [], []
            for k in range(6):
                future = f.submit([0.1 * k, 0.2])
                future.result()
                ends.append(runtime.now_s())
                epochs.append(future.metadata()["epoch"])
        in_order(runtime)
        moves = told(runtime, ev.QpuLeft, ev.QpuJoined)
    first, second = (ev.QpuLeft("q", "maintenance", back * S) for back in (100, 200))
    assert [(now, event if isinstance(event, ev.QpuLeft) else event.epoch) for now, event in moves] == [
        (0.0, 0), (5.0, first), (100.0, 1), (130.0, second), (200.0, 2)]
    assert ends == pytest.approx([111.0, 121.0, 211.0, 221.0, 231.0, 241.0], abs=0.4)
    assert epochs == [1, 1, 2, 2, 2, 2], "what an absence breaks off is made anew after it"


def test_a_waiting_task_says_why_its_qpu_is_away_and_until_when() -> None:
    with virtual_runtime([twin(maintenance=[(0.0, 3600.0)])]) as runtime, \
            qloop.Session(runtime=runtime, shots=100) as session:
        future = session.submit(circuit(), ENERGY, [0.1, 0.2])
        told = future.explain()
        assert told.reason == "no QPU that can run it is online"
        assert told.detail == "q is offline: maintenance, back at 3,600 s"
        assert told.estimated_start_s == 3600.0
        future.result()
        with pytest.raises(InvalidInput, match="has ended"):
            future.explain()


def test_what_runs_is_lost_and_its_result_counts_once() -> None:
    """The first attempt comes to nothing; the next one takes the whole time, in the epoch that it begins in."""
    with virtual_runtime([twin(failures=[(3.0, 50.0)])]) as runtime:
        with qloop.Session(runtime=runtime, shots=100) as session:
            future = session.objective(circuit(), ENERGY).submit(START)
            assert abs(future.result() - value(START)) < 0.6
            assert runtime.now_s() == pytest.approx(61.0, abs=0.2)
            assert (session.usage()["results"], session.usage()["calls"]) == (1, 1)
            assert (future.metadata()["epoch"], future.metadata()["source"]) == (1, "qpu")
        in_order(runtime)
        ends = [(now, event.attempt) for now, event in told(runtime, ev.QuantumEnded)]
    assert ends == [(pytest.approx(11.0, abs=0.2), 1), (pytest.approx(61.0, abs=0.2), 2)]


def test_tasks_move_to_another_qpu() -> None:
    away, other = twin("away", outside=[(1.0, 10_000.0)]), twin("other")
    with virtual_runtime([away, other]) as runtime:
        with qloop.Session(runtime=runtime, shots=100) as session:
            f = session.objective(circuit(), ENERGY)
            futures = [f.submit([0.1 * k, 0.2]) for k in range(6)]
            assert {future.metadata()["qpu"] for future in futures if future.result() is not None} >= {"other"}
        assert runtime.now_s() < 200.0
        in_order(runtime)


def test_a_qpu_that_is_away_at_the_begin_is_known_and_waited_for() -> None:
    with virtual_runtime([twin(failures=[(0.0, 60.0), (60.0, 90.0)])]) as runtime:
        with qloop.Session(runtime=runtime, shots=100, qpu="q") as session:
            session.submit(circuit(), ENERGY, START).result()
        assert [(now, type(event).__name__) for now, event in told(runtime, ev.QpuLeft, ev.QpuJoined)] == [
            (0.0, "QpuJoined"), (0.0, "QpuLeft"), (90.0, "QpuJoined")]
        in_order(runtime)


def test_a_qpu_that_never_comes_back_is_waited_for_as_long_as_the_session_lives() -> None:
    with virtual_runtime([twin(failures=[(1.0, math.inf)])]) as runtime:
        session = qloop.Session(runtime=runtime, shots=100)
        future = session.submit(circuit(), ENERGY, START)
        with pytest.raises(SessionEnded, match="the session's maximum time-to-live is over"):
            future.result()


def test_a_calibration_that_an_absence_breaks_off_is_made_up_for() -> None:
    """The QPU's own epochs count: windows that wait, repairs after maintenance, and those that other users move."""
    qpu = twin(calibration_interval_s=200.0, calibration_length_s=50.0, drift=Drift(aged=False), task_overhead_s=40.0,
               maintenance=[(700.0, 900.0)], outside=OutsideUse(60.0, 300.0), failures=[(1500.0, 1600.0)])
    with virtual_runtime([qpu]) as runtime:
        with qloop.Session(runtime=runtime, shots=100) as session:
            f = session.objective(circuit(), ENERGY)
            epochs = []
            for k in range(60):
                future = f.submit([0.01 * k, 0.5])
                future.result()
                epochs.append(future.metadata()["epoch"])
        in_order(runtime)
        told_epochs = [event.epoch for _, event in told(runtime, ev.QpuJoined, ev.CalibrationEnded)]
        for now, event in told(runtime, ev.QpuJoined, ev.CalibrationEnded):
            assert event.epoch == qpu.epoch_at(round(now * S))
    assert epochs == sorted(epochs)
    assert len(set(epochs)) > 5
    assert told_epochs == sorted(told_epochs)


def test_an_evaluation_knows_when_it_begins() -> None:
    """Values of a loop on a drifting twin are those of the twin at the time at which each attempt began."""
    qpu = twin(drift="x4", calibration_interval_s=3600.0, task_overhead_s=300.0)
    thetas = [[0.1 * k, 0.2] for k in range(30)]
    with virtual_runtime([qpu]) as runtime:
        with qloop.Session(runtime=runtime) as session:
            f = session.objective(circuit(), ENERGY)
            values = [future.result() for future in [f.submit(theta) for theta in thetas]]
        begins = [now for now, _, commands in log_of(runtime) for command in commands
                  if type(command).__name__ == "StartQuantum"]
    program = qpu.compile(circuit(), ENERGY)
    esps = [qpu.esp_at(program, begin) for begin in begins]
    assert values == pytest.approx([esp * value(theta) for esp, theta in zip(esps, thetas, strict=True)], rel=1e-9)
    assert len(set(esps)) > 20, "minutes pass, and it drifts"


def test_a_qpu_that_knows_no_absences_is_always_there() -> None:
    with virtual_runtime([ExactQpu("plain")]) as runtime:
        with qloop.Session(runtime=runtime) as session:
            assert session.objective(circuit(), ENERGY)(START) == pytest.approx(value(START))
        assert not told(runtime, ev.QpuLeft)


def test_under_a_real_clock_too() -> None:
    """At a thousand times real speed: away from 5 s to 300 s of the run."""
    qpu = twin(maintenance=[(5.0, 300.0)])
    with qloop.Runtime(qpus=[qpu], clock=1000.0, journal=":memory:") as runtime:
        with qloop.Session(runtime=runtime, shots=100) as session:
            f = session.objective(circuit(), ENERGY)
            while runtime.now_s() < 300.0:
                assert abs(f(START) - value(START)) < 0.7
            assert session.usage()["results"] >= 1
        runtime.core.ask(at_rest)
