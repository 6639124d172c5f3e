"""The runtime tells the engine what circuits cost on each QPU: before they run, and again in each epoch."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from qloop.engine import profiles as engine_side
from qloop.errors import InvalidInput, Refused
from qloop.loops.session import Session
from qloop.miniapps.problems.ising import ising
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import Program
from qloop.qpus.twin import TwinQpu
from qloop.runtime import profiles as runtime_side
from qloop.runtime.embedded import Runtime
from qloop.trace import schema as ev

PROBLEM = ising(4)


class Broken(TwinQpu):
    """A twin that cannot lay any circuit out."""

    def compile(self, *args: Any, **options: Any) -> Program:
        raise InvalidInput("The circuit does not fit", "Its coupler 3-4 is broken", "Use another QPU")

    def ahead(self, *args: Any, **options: Any) -> Any:
        return None


def profiles(runtime: Runtime) -> list[ev.Profiled]:
    return [event for event in runtime.trace().events if isinstance(event, ev.Profiled)]


def ask(runtime: Runtime, times: int = 1, **more: Any) -> None:
    with Session("s", runtime=runtime, **more) as session:
        objective = session.objective(PROBLEM.circuit, PROBLEM.observable, shots=1024)
        for k in range(times):
            objective(np.full(objective.n_parameters, 0.1 * k))


def virtual(qpus: list[Any], **more: Any) -> Runtime:
    return Runtime(qpus=qpus, clock="virtual", trace=True, journal=":memory:", **more)


def test_all_qpus_are_profiled_before_the_first_task_and_the_best_is_taken() -> None:
    good, bad = TwinQpu("torino", name="good"), TwinQpu("sherbrooke", name="bad", drift="x4")
    with virtual([bad, good], policy="efaas") as runtime:
        ask(runtime)
        told = {event.qpu: event for event in profiles(runtime)}
        begun = [event.qpu for event in runtime.trace().events if isinstance(event, ev.QpuBegin)]
    assert set(told) == {"good", "bad"}
    assert all(event.loss > 0.0 and event.compile_s == 0.0 for event in told.values())
    assert told["good"].stale_s == 0.0, "without drift nothing grows old"
    best = min(told, key=lambda name: told[name].loss)
    assert begun == [best]


def test_a_drifting_twin_is_stale_by_its_snapshots_dates_until_it_is_calibrated() -> None:
    twin = TwinQpu("torino", drift="x1", calibration_interval_s=60.0, calibration_length_s=5.0)
    with virtual([twin], policy="efaas") as runtime:
        ask(runtime, times=40)
        told = profiles(runtime)
        epochs = [event.epoch for event in runtime.trace().events if isinstance(event, ev.CalibrationEnd)]
    assert len(epochs) >= 2
    assert told[0].stale_s > 0.0
    assert [event.stale_s for event in told[1:]] == [0.0] * (len(told) - 1)
    assert len(told) >= 2


def test_a_qpu_that_cannot_compile_the_circuit_is_left_out_and_alone_it_is_refused() -> None:
    with virtual([TwinQpu("torino", name="good"), Broken("torino", name="broken")], policy="efaas") as runtime:
        ask(runtime, times=3)
        told = {event.qpu: event for event in profiles(runtime)}
        begun = {event.qpu for event in runtime.trace().events if isinstance(event, ev.QpuBegin)}
    assert told["good"].unfit == ""
    assert begun == {"good"}
    with virtual([Broken("torino", name="broken")]) as runtime, pytest.raises((InvalidInput, Refused), match="coupler"):
        ask(runtime)


class Mended(Broken):
    """Its calibrations mend it."""

    healthy = False

    def compile(self, *args: Any, **options: Any) -> Any:
        return TwinQpu.compile(self, *args, **options) if self.healthy else Broken.compile(self, *args, **options)


def test_a_circuit_that_did_not_fit_is_looked_at_again_in_a_new_epoch() -> None:
    mended = Mended("torino", name="mended", calibration_interval_s=60.0, calibration_length_s=5.0)
    with virtual([TwinQpu("torino", name="good"), mended], policy="efaas") as runtime:
        ask(runtime, times=2)
        mended.healthy = True
        ask(runtime, times=4)       # the first two are in the journal
        assert [event.unfit != "" for event in profiles(runtime) if event.qpu == "mended"] == [True]
        runtime.later(130.0, lambda: None)
        runtime.run_until(lambda: runtime.now_s() > 125.0)
        ask(runtime, times=6)
        told = [event for event in profiles(runtime) if event.qpu == "mended"]
    assert told[-1].unfit == ""
    assert told[-1].loss > 0.0


def test_a_structure_that_the_engine_has_forgotten_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 0 < runtime_side.MOST_TOLD <= engine_side.MOST_STRUCTURES
    monkeypatch.setattr(runtime_side, "MOST_TOLD", 2)
    monkeypatch.setattr(engine_side, "MOST_STRUCTURES", 3)
    problems = [ising(4, field=0.1 * k) for k in range(1, 6)]
    qpus = [TwinQpu("torino", name="a"), TwinQpu("sherbrooke", name="b")]
    with virtual(qpus, policy="efaas") as runtime, Session("s", runtime=runtime) as session:
        objectives = [session.objective(problem.circuit, problem.observable, shots=64) for problem in problems]
        for objective in objectives * 2:
            objective(np.zeros(objective.n_parameters))
            known = runtime.core.engine.state.profiles
            newest = known[next(reversed(known))]
            assert len(known) <= 3
            assert {event.qpu for event in newest.values()} == {"a", "b"}
        structures = [event.structure for event in profiles(runtime)]
    assert len(set(structures)) == len(problems)
    assert len(structures) == 2 * 2 * len(problems)


def test_a_qpu_of_which_nothing_can_be_told_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Counted(type):
        def __instancecheck__(cls, one: Any) -> bool:
            asked.append(one)
            return False

    monkeypatch.setattr(runtime_side, "Forecasting", Counted("Forecasting", (), {}))
    with virtual([ExactQpu("a"), ExactQpu("b")]) as runtime:
        asked.clear()       # each was asked for its forecast as it joined
        ask(runtime, times=5)
        assert sorted(qpu.describe().name for qpu in asked) == ["a", "b"]


def test_where_nothing_is_compiled_yet_the_loss_is_unknown_and_told_once_it_is() -> None:
    """Beside the loop, in real time: the first task does not wait for the second QPU's compilation."""
    qpus = [TwinQpu(name, name=name[:3], task_overhead_s=0.0, rep_delay_s=0.0001, cold_s=0.0)
            for name in ("torino", "sherbrooke")]
    with Runtime(qpus=qpus, clock=500.0, trace=True, journal=":memory:", policy="efaas") as runtime:
        with Session("s", runtime=runtime) as session:
            objective = session.objective(PROBLEM.circuit, PROBLEM.observable, shots=64)
            for k in range(1000):
                objective(np.full(objective.n_parameters, 0.001 * k))
                if {event.qpu for event in profiles(runtime) if event.loss >= 0.0} == {"tor", "she"}:
                    break
                time.sleep(0.1)
        told = [event for event in profiles(runtime) if event.qpu == "she"]
    assert told[-1].loss > 0.0
    assert told[0].loss == -1.0 or len(told) == 1
