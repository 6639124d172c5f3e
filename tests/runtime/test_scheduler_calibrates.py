"""Twins whose calibrations the run's scheduler decides: when, for whom, and again in a resumed run."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

import qloop
from qloop.errors import InvalidInput, JournalError
from qloop.qpus.catalog import open_qpu
from qloop.qpus.drift.absences import Absences, Every
from qloop.qpus.drift.model import Drift
from qloop.qpus.drift.timeline import Asked, Timeline
from qloop.qpus.twin import TwinQpu
from qloop.runtime.calibrations import Calibrated, calibrations_of
from qloop.runtime.journal.memory import MemoryStore
from qloop.testing.faults import StoreFault, disk_full, faulty
from qloop.trace import schema as tr
from tests.runtime.two_qubits import ENERGY, circuit, runtime

S = 10**9
POINTS = [[0.1 * k, 0.3] for k in range(24)]
FRESH = Drift(aging=0.05, aged=False)


def twin(**more: Any) -> TwinQpu:
    """Ages fast enough to need a calibration every few tasks, each of which takes 20 minutes."""
    return TwinQpu("torino", **{"name": "twin", "drift": FRESH, "recalibrate": "scheduler", "task_overhead_s": 1200.0,
                                "cold_s": 0.0, "calibration_length_s": 100.0, "seed": 5, **more})


def along(platform: qloop.Runtime, points: Any = POINTS, crash: bool = False) -> list[float]:
    with qloop.Session("s", runtime=platform, shots=200, interactive_ttl="9h", max_time="90h") as session:
        f = session.objective(circuit(), ENERGY)
        found = [f(point) for point in points]
        if crash:
            raise ZeroDivisionError
    return found


def windows(trace: Any) -> list[tuple[int, int]]:
    return list(trace.index.qpus["twin"].calibrations)


def test_a_calibration_begins_with_the_end_of_the_run_after_which_too_much_is_predicted_to_be_lost() -> None:
    with runtime(twin(), clock="virtual", trace=True) as platform:
        along(platform)
        trace = platform.trace()
    found = windows(trace)
    assert len(found) >= 3
    ends = {attempt.end for attempt in trace.index.attempts}
    assert all(begin in ends and end - begin == 100 * 10**9 for begin, end in found)
    epochs = [event.epoch for event in trace.events if isinstance(event, tr.QpuEnd)]
    assert epochs == sorted(epochs)
    assert set(epochs) == set(range(max(epochs) + 1))
    gaps = [after[0] - before[1] for before, after in pairwise(found)]
    assert max(gaps) - min(gaps) <= 1300 * 10**9        # each time at the same predicted age, but for a task's length


def test_who_bears_more_calibrates_less_often_and_who_does_not_drift_never() -> None:
    counts = []
    for above in (0.03, 0.05, 0.3):
        with runtime(twin(recalibrate_above=above), clock="virtual", trace=True) as platform:
            along(platform)
            counts.append(len(windows(platform.trace())))
    assert counts[0] > counts[1] > counts[2] == 0


def test_a_loop_that_is_about_to_return_is_let_through_as_long_as_the_patience_lasts() -> None:
    """Without patience at once; with it, when the loop has gone for good, or when the patience is over."""
    begins = []
    for patience in (0.0, 4000.0, 1e6):
        with runtime(twin(), clock="virtual", trace=True, policy="efaas",
                     policy_settings={"patience": patience, "ttl_hot": 1e5}) as platform:
            with qloop.Session("s", runtime=platform, shots=200, interactive_ttl="90h", max_time="900h") as session:
                done: list[Any] = []
                session.loop(circuit(), ENERGY, [0.3, 0.2], optimizer="spsa", maxiter=20, calibration_pairs=1,
                             think=lambda k: 5.0).start(done.append)
                platform.run_until(lambda done=done: bool(done))      # type: ignore[misc]
            platform.run_until(lambda: platform.now_s() > 40_000.0 or not platform.timers.next_ns())
            begins.append([begin * 1e-9 for begin, _ in windows(platform.trace())])
            last = max(attempt.end for attempt in platform.trace().index.attempts) * 1e-9
    assert begins[0][0] < begins[1][0] <= begins[0][0] + 4000.0 + 1300.0
    assert not begins[2] or begins[2][0] >= last


@pytest.mark.parametrize("crash_after", [4, 9, 15, 23])
def test_a_resumed_run_has_the_same_epochs(tmp_path: Any, crash_after: int) -> None:
    with runtime(twin(), clock="virtual") as platform:
        whole = along(platform)
    journal = tmp_path / "journal.qloop"
    with pytest.raises(ZeroDivisionError), runtime(twin(), clock="virtual", journal=journal, run="r") as platform:
        along(platform, POINTS[:crash_after], crash=True)
    with runtime(twin(), clock="virtual", journal=journal, run="r", resume=True) as platform:
        found = along(platform)
        kept = calibrations_of(platform.parts.store, "r")
    assert found[:crash_after] == whole[:crash_after]
    assert len(kept) >= 3
    assert [one.at_ns for one in kept] == sorted(one.at_ns for one in kept)


AWAY: list[dict[str, Any]] = [{"maintenance": [(1000.0, 2000.0)]},
                              {"failures": [(9000.0, 9500.0), (20_000.0, 21_000.0)]}]


@pytest.mark.parametrize("absences", AWAY)
def test_a_resumed_run_takes_the_same_course_where_qpus_are_repaired_too(tmp_path: Any, absences: Any) -> None:
    """Repairs end with a calibration, which the twin finds by itself; those of the scheduler are journaled."""
    with runtime(twin(**absences), clock="virtual") as platform:
        whole = along(platform)
    journal = tmp_path / "journal.qloop"
    with pytest.raises(ZeroDivisionError), \
            runtime(twin(**absences), clock="virtual", journal=journal, run="r") as platform:
        along(platform, POINTS[:16], crash=True)
    with runtime(twin(**absences), clock="virtual", journal=journal, run="r", resume=True) as platform:
        assert along(platform) == whole


def test_epochs_are_the_same_however_early_the_timeline_is_told_of_calibrations() -> None:
    """Told as they end, and told all at once before anything is asked: as in a resumed run."""
    for seed in range(20):
        drawn = random.Random(seed)
        ends = sorted(drawn.sample(range(100, 100_000), 6))
        failures = Every(15_000.0, 500.0, first_s=1000.0 * seed)
        one, two = (Timeline(Asked(), lambda k: 100 * S, Absences((), (), failures, seed, "q")) for _ in range(2))
        for end in ends:
            two.calibrated(end * S)
        for at in sorted([*ends, *drawn.sample(range(100_000), 40)]):
            if at in ends:
                one.calibrated(at * S)
            epoch = one.epoch_at(at * S)
            assert two.epoch_at(at * S) == epoch
            assert [one.calibrated_ns(k + 1) for k in range(epoch)] == [two.calibrated_ns(k + 1) for k in range(epoch)]
            assert all(one.calibrated_ns(k) < one.calibrated_ns(k + 1) <= at * S for k in range(1, epoch))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_calibration_that_cannot_be_journaled_is_over_all_the_same_and_journaled_with_the_next(moment: Any) -> None:
    inner = MemoryStore()
    with runtime(twin(), clock="virtual") as platform:
        whole = along(platform)
    store = faulty(inner, {("append", 2): StoreFault(moment, disk_full())})     # the first is of the run's life
    with runtime(twin(), clock="virtual", journal=store, trace=True) as platform, \
            qloop.Session("s", runtime=platform, shots=200, interactive_ttl="9h", max_time="90h") as session:
        f = session.objective(circuit(), ENERGY)
        found: list[float] = []
        failed = 0
        while len(found) < len(POINTS):
            try:
                found.append(f(POINTS[len(found)]))
            except JournalError:
                failed += 1
        platform.run_until(lambda: not platform.timers.next_ns())
        ends = [end for _, end in windows(platform.trace())]
        kept = calibrations_of(inner, platform.run)
    assert failed == 1
    assert len(ends) >= 3
    assert kept == [Calibrated("twin", end) for end in ends]
    assert len(found) == len(whole)


def test_a_qpu_that_has_no_forecast_for_its_new_epoch_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    made = twin()
    fit = made.fit
    monkeypatch.setattr(made, "fit", lambda program, epoch: fit(program, epoch) if epoch == 0 else 1 / 0)
    with runtime(made, clock="virtual", trace=True) as platform:
        assert len(along(platform)) == len(POINTS)
        trace = platform.trace()
    assert len(windows(trace)) >= 3
    assert [event.epoch for event in trace.events if isinstance(event, tr.QpuEnd)][-1] >= 3


def test_it_is_wished_for_by_name_and_needs_a_drift() -> None:
    made: Any = open_qpu("twin-torino?drift=x2&recalibrate=scheduler&recalibrate_above=0.1")
    assert made.by_scheduler
    assert made.next_window(0) is None
    assert made.forecast(0).recalibrate_above == pytest.approx(0.10536, rel=1e-4)
    with pytest.raises(InvalidInput, match="need a drift"):
        open_qpu("twin-torino?recalibrate=scheduler")
    assert not open_qpu("twin-torino").by_scheduler      # type: ignore[union-attr]
