"""The incumbent is measured again when the calibration epoch changes, if that is wished."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qloop
from qloop.errors import InvalidInput
from qloop.loops.optimizers import by_name
from qloop.loops.optimizers.protocol import Optimizer
from qloop.loops.renewal import Renewal
from qloop.model.cost import Cost
from qloop.qpus.calibration import CalibrationPlan
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import Program, QpuDescription, QpuResult, Recovery, Request, Window
from qloop.trace import schema as tr
from tests.runtime.two_qubits import ENERGY, circuit, runtime

SECOND = 1_000_000_000
START = [0.3, 0.4]
KEEPING: dict[str, dict[str, Any]] = {"nelder-mead": {}, "spsa": {"blocking": 0.5}, "cma-es": {}, "adam": {}}
FORGETFUL: dict[str, dict[str, Any]] = {"spsa": {}, "adam": {"evaluate_incumbent": False}}


class Shifted:
    """A QPU whose values are too low by `too_low` in its first epoch; a task takes a second, a window five."""

    def __init__(self, too_low: float, first_s: float = 20.0, every_s: float = 0.0) -> None:
        self.name, self.too_low, self._inner = "shifted", too_low, ExactQpu("inner")
        self._plan = CalibrationPlan(round(first_s * SECOND), round(every_s * SECOND) or 10**18, 5 * SECOND)

    def describe(self) -> QpuDescription:
        return QpuDescription(self.name, "shifted", 5, Recovery.PURE, emulated=True)

    def compile(self, circuit: Any, observable: Any, *, simulator: Any = None, seed: int = 0) -> Program:
        return self._inner.compile(circuit, observable, simulator=simulator, seed=seed)

    def duration(self, program: Program, request: Request) -> int:
        return SECOND

    def evaluate(self, program: Program, request: Request) -> QpuResult:
        result = self._inner.evaluate(program, request)
        low = self.too_low if request.epoch == 0 else 0.0
        return msgspec.structs.replace(result, qpu=self.name, epoch=request.epoch,
                                       values=tuple(value - low for value in result.values))

    def next_window(self, after_ns: int) -> Window | None:
        return self._plan.next_window(after_ns)


def minimise(platform: qloop.Runtime, optimizer: str = "nelder-mead", reevaluate: bool = True, maxiter: int = 60,
             **more: Any) -> qloop.LoopResult:
    with qloop.Session("s", runtime=platform) as session:
        return session.minimize(circuit(), ENERGY, START, optimizer=optimizer, maxiter=maxiter, seed=1,
                                reevaluate=reevaluate, **more)


def course(found: qloop.LoopResult) -> list[Any]:
    """All that must be the same in every life; what was paid when, and what was known, is not."""
    return [replace(entry, known=False, at_s=0.0, wait_s=0.0, cost=Cost()) for entry in found.iterations]


def test_an_incumbent_of_an_epoch_that_was_too_low_holds_a_loop_up_unless_it_is_measured_again() -> None:
    results = {}
    for again in (False, True):
        with runtime(Shifted(0.5), clock="virtual") as platform:
            results[again] = minimise(platform, reevaluate=again)
    assert results[True].fun == pytest.approx(-1.5, abs=1e-3)
    assert results[False].fun != pytest.approx(-1.5, abs=1e-2)
    assert [entry.renewed for entry in results[False].iterations if entry.renewed is not None] == []


def test_it_is_paid_for_and_told_in_history_usage_and_trace() -> None:
    with runtime(Shifted(0.5), clock="virtual", trace=True) as platform:
        found = minimise(platform)
        trace = platform.trace()
    renewed = [(entry.number, entry.renewed) for entry in found.iterations if entry.renewed is not None]
    assert len(renewed) == 1
    ends = [(event.iteration + 1, event.renewed) for event in trace.events
            if isinstance(event, tr.IterationEnd) and event.renewed is not None]
    assert ends == renewed
    number = renewed[0][0]
    assert found.iterations[number - 1].evaluations == 2
    assert found.nfev == sum(entry.evaluations for entry in found.iterations)
    assert found.nfev == sum(len(event.values) for event in trace.events if isinstance(event, tr.Result))
    tasks = [event for event in trace.events if isinstance(event, tr.QpuEnd) and event.iteration == number - 1]
    assert [event.epoch for event in tasks] == [1, 1]


@pytest.mark.parametrize("by_events", [False, True])
@pytest.mark.parametrize("workers", [0, 1])
def test_loops_by_events_and_on_workers_do_the_same(by_events: bool, workers: int) -> None:
    with runtime(Shifted(0.5), clock="virtual") as platform:
        expected = course(minimise(platform, maxiter=25))
    with runtime(Shifted(0.5), clock="virtual", workers=workers) as platform, \
            qloop.Session("s", runtime=platform) as session:
        loop = session.loop(circuit(), ENERGY, START, optimizer="nelder-mead", maxiter=25, seed=1, reevaluate=True,
                            workers=workers > 0)
        if by_events:
            done: list[Any] = []
            loop.start(done.append)
            platform.run_until(lambda: bool(done))
            assert loop.error is None
        else:
            loop.run()
    if workers == 0:        # steps on workers take time, so the epoch changes at another iteration
        assert [entry.energy for entry in loop.history] == [entry.energy for entry in expected]
        assert [entry.renewed for entry in loop.history] == [entry.renewed for entry in expected]
    assert len([entry for entry in loop.history if entry.renewed is not None]) == 1
    assert loop.result().fun == pytest.approx(expected[-1].energy, abs=0.01)


@pytest.mark.parametrize("optimizer", sorted(KEEPING))
def test_every_optimizer_that_keeps_a_value_is_told_once_an_epoch(optimizer: str) -> None:
    with runtime(Shifted(0.1, 10.0, 25.0), clock="virtual") as platform:
        found = minimise(platform, optimizer, maxiter=40, **KEEPING[optimizer])
        epochs = platform.core.ask(lambda engine: engine.state.qpu_rows[0])
    renewed = [entry for entry in found.iterations if entry.renewed is not None]
    assert len(renewed) >= 2
    assert isinstance(epochs, list)


def test_an_incumbent_that_was_measured_elsewhere_is_due_again_with_the_next_values() -> None:
    def outcome(qpu: str, value: float = 0.0) -> Any:
        return SimpleNamespace(qpu=qpu, epoch=0, values=[value])

    keeper, renewal = driven(by_name.make("nelder-mead", START, maxiter=40), [0.5, 0.4]), Renewal(True)
    assert not renewal.is_due(keeper, outcome("a"))
    assert renewal.is_due(keeper, outcome("b"))
    renewal.take(keeper, outcome("a", 7.0))
    assert renewal.collect()[0] is None
    assert renewal.is_due(keeper, outcome("b"))     # the loop stayed there, its incumbent's value is still a's
    renewal.take(keeper, outcome("b", 0.3))
    assert renewal.collect()[0] == 0.3
    assert not renewal.is_due(keeper, outcome("b"))


@pytest.mark.parametrize("optimizer", sorted(FORGETFUL))
def test_for_the_others_nothing_is_bought(optimizer: str) -> None:
    found = []
    for again in (False, True):
        with runtime(Shifted(0.1, 10.0, 25.0), clock="virtual") as platform:
            found.append(minimise(platform, optimizer, reevaluate=again, maxiter=30, **FORGETFUL[optimizer]))
    assert course(found[0]) == course(found[1])


@pytest.mark.parametrize("crash_after", [3, 15, 18, 19, 20, 24, 30])
def test_a_resumed_loop_takes_the_very_same_course(tmp_path: Any, crash_after: int) -> None:
    with runtime(Shifted(0.5), clock="virtual") as platform:
        whole = minimise(platform, maxiter=30)

    def crash(entry: Any) -> None:
        if entry.number == crash_after:
            raise ZeroDivisionError

    journal = tmp_path / "journal.qloop"
    with pytest.raises(ZeroDivisionError), runtime(Shifted(0.5), clock="virtual", journal=journal, run="r") as platform:
        minimise(platform, maxiter=30, callback=crash)
    with runtime(Shifted(0.5), clock="virtual", journal=journal, run="r", resume=True) as platform:
        found = minimise(platform, maxiter=30)
    assert [entry.energy for entry in found.iterations[:crash_after]] == [
        entry.energy for entry in whole.iterations[:crash_after]]
    assert found.resumed >= crash_after
    if crash_after > 18:        # the epoch of the resumed life is counted on, so the rest is the same, too
        assert [entry.renewed for entry in found.iterations[:crash_after]] == [
            entry.renewed for entry in whole.iterations[:crash_after]]


def driven(optimizer: Optimizer, values: list[float]) -> Optimizer:
    """The optimizer after so many batches of such values."""
    for k in range(3):
        if optimizer.done:
            break
        batch = optimizer.ask()
        optimizer.tell(np.array([values[(k + n) % len(values)] for n in range(len(batch))]))
    return optimizer


@given(st.sampled_from(sorted(KEEPING)), st.lists(st.floats(-5.0, 5.0), min_size=3, max_size=8), st.floats(-5.0, 5.0),
       st.booleans())
def test_a_renewal_leaves_the_asked_batch_and_survives_forks_and_dumps(
        name: str, values: list[float], again: float, asked: bool) -> None:
    one: Any = driven(by_name.make(name, START, 10, 3, **KEEPING[name]), values)
    if one.done:
        return
    batch = one.ask() if asked else one.fork().ask()
    before = one.fork()
    one.renew(again)
    assert np.array_equal(one.ask(), batch)
    assert np.array_equal(before.ask(), batch)
    if before.keeps_incumbent:
        assert one.value == again
        assert np.array_equal(one.x, before.x)
    twin, loaded = one.fork(), by_name.loads(one.dumps())
    for follower in (one, twin, loaded):
        follower.ask()
    told = np.array([values[n % len(values)] for n in range(len(batch))])
    ends = []
    for follower in (one, twin, loaded):
        follower.tell(told)
        ends.append((follower.dumps(), follower.value, follower.done))
    assert ends[0] == ends[1] == ends[2]


@pytest.mark.parametrize("name", sorted(FORGETFUL))
def test_where_no_value_is_kept_nothing_happens(name: str) -> None:
    one: Any = driven(by_name.make(name, START, 10, 3, **FORGETFUL[name]), [1.0, 0.5, 0.2])
    before = one.dumps()
    assert not one.keeps_incumbent
    one.renew(-3.0)
    assert one.dumps() == before


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "low", None])
def test_a_value_that_is_none_is_refused(value: Any) -> None:
    one: Any = driven(by_name.make("nelder-mead", START, 10, 3), [1.0, 0.5, 0.2])
    before = one.dumps()
    with pytest.raises(InvalidInput, match="value is"):
        one.renew(value)
    assert one.dumps() == before
