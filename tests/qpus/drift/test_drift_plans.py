"""When a twin is calibrated and when it is away: plans that the seed and time alone decide."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.model.limits import NEVER
from qloop.qpus.drift.absences import Absences, Every, OutsideUse
from qloop.qpus.drift.model import Drift
from qloop.qpus.drift.timeline import Regularly, Timeline
from qloop.qpus.protocol import Absence, Window
from qloop.qpus.twin import TwinQpu
from tests.qpus.snapshots_for_tests import line

S, HOUR = 10**9, 3600 * 10**9
FRESH = Drift(aged=False)


def twin(**options: object) -> TwinQpu:
    return TwinQpu(line(6), seed=4, **options)     # type: ignore[arg-type]


def windows(qpu: TwinQpu, count: int, after: int = 0) -> list[Window]:
    found = []
    for _ in range(count):
        window = qpu.next_window(after)
        assert window is not None
        found.append(window)
        after = window.begin_ns + 1
    return found


def test_listed_absences_are_told_in_order_and_while_they_last() -> None:
    qpu = twin(maintenance=[(100.0, 200.0), (200.0, 250.0)], failures=[(150.0, 1000.0), (5000.0, math.inf)])
    assert qpu.next_absence(0) == Absence(100 * S, 200 * S, "maintenance")
    assert qpu.next_absence(199 * S) == Absence(100 * S, 200 * S, "maintenance")
    assert qpu.next_absence(200 * S) == Absence(150 * S, 1000 * S, "failure")
    assert qpu.next_absence(1000 * S) == Absence(5000 * S, NEVER, "failure")
    assert qpu.next_absence(NEVER - 1) == Absence(5000 * S, NEVER, "failure")
    assert twin().next_absence(0) is None
    assert twin(failures=[(1.0, 2.0)]).next_absence(2 * S) is None


def test_regular_maintenance() -> None:
    qpu = twin(maintenance=Every(interval_s=1000.0, length_s=100.0, first_s=50.0))
    for after, begin in ((0, 50), (149, 50), (150, 1050), (10**6, 1_000_050)):
        assert qpu.next_absence(after * S) == Absence(begin * S, (begin + 100) * S, "maintenance")


def test_other_users_come_and_go_as_planned() -> None:
    """Busy and free times are exponential with their means; who asks in which order does not matter."""
    plan = OutsideUse(busy_s=600.0, free_s=1800.0)
    source, spans, at = Absences((), plan, (), 7, "q"), [], 0
    for _ in range(4000):
        absence = source.next_absence(at)
        assert absence is not None
        assert absence.reason == "other users"
        spans.append(absence)
        at = absence.end_ns
    busy = np.array([span.end_ns - span.begin_ns for span in spans]) / S
    free = np.array([b.begin_ns - a.end_ns for a, b in pairwise(spans)]) / S
    for lengths, mean in ((busy, 600.0), (free, 1800.0)):
        assert lengths.mean() == pytest.approx(mean, rel=4 / math.sqrt(len(lengths)))
        assert lengths.std() == pytest.approx(mean, rel=0.1)
    other = Absences((), plan, (), 7, "q")
    for span in (spans[3000], spans[5], spans[1200]):
        assert other.next_absence(span.begin_ns) == other.next_absence(span.end_ns - 1) == span
    assert Absences((), plan, (), 8, "q").next_absence(0) != spans[0]


def test_maintenance_and_failures_begin_an_epoch_and_other_users_do_not() -> None:
    options = {"calibration_interval_s": 0.0, "drift": FRESH}
    qpu = twin(maintenance=[(1000.0, 2000.0)], failures=[(5000.0, 6000.0)], outside=[(8000.0, 9000.0)], **options)
    assert [qpu.epoch_at(t * S) for t in (0, 1999, 2000, 5999, 6000, 10_000)] == [0, 0, 1, 1, 2, 2]
    assert qpu.next_window(0) is None
    for end in (2000, 6000):
        assert np.all(qpu._life.state_at(end * S).errors == 1.0)
    assert np.any(qpu._life.state_at(9000 * S).errors != 1.0)
    assert qpu.calibration(6100 * S).readout[0] == pytest.approx(100.0)


def test_no_calibration_begins_while_it_is_away() -> None:
    qpu = twin(calibration_interval_s=1000.0, calibration_length_s=50.0, maintenance=[(2000.0, 9000.0)],
               outside=OutsideUse(busy_s=300.0, free_s=300.0), failures=[(40_000.0, 50_000.0)])
    last = 0
    for window in windows(qpu, 80):
        end = window.begin_ns + window.length_ns
        assert window.begin_ns >= last
        absence = qpu.next_absence(window.begin_ns)
        assert absence is None or absence.begin_ns >= end
        assert qpu.epoch_at(end) == qpu.epoch_at(end - 1) + 1
        last = end
    assert qpu.epoch_at(last) == 80 + 2, "80 windows, and the repairs after maintenance and failure"


def test_a_calibration_waits_a_day_for_a_gap_and_then_takes_its_time() -> None:
    always = Absences((), Every(100.0, 99.0), (), 0, "q")
    course = Timeline(Regularly(0, HOUR), lambda k: 30 * S, always)
    first = course.next_window(0)
    assert first is not None
    assert 24 * HOUR <= first.begin_ns < 24 * HOUR + 100 * S


@pytest.mark.parametrize("plan", [Every(300.0, 200.0), Every(600.0, 500.0), OutsideUse(60.0, 60.0)])
def test_a_search_without_a_gap_ends_at_the_next_repair(plan: Every | OutsideUse) -> None:
    """Maintenance so dense that no window fits between: a month is looked through in a step or two for each."""
    asked = []

    class Counted(Absences):
        def next_absence(self, after_ns: int) -> Absence | None:
            asked.append(after_ns)
            return super().next_absence(after_ns)

    course = Timeline(Regularly(0, HOUR), lambda k: 900 * S, Counted(plan, (), (), 0, "q"))
    assert course.next_window(0) is None
    steps = len(asked)
    repairs = course.epoch_at(31 * 24 * HOUR)
    assert steps <= 2 * repairs
    assert repairs >= 31 * 24 * 3600 // 610, "each ends with a calibration"


def test_a_failure_for_good_is_the_end_of_all_calibrations() -> None:
    qpu = twin(failures=[(7000.0, math.inf)], drift="x1")
    assert all(window.begin_ns < 7000 * S for window in windows(qpu, 1))
    assert qpu.next_window(7000 * S) is None
    assert qpu.epoch_at(NEVER - 1) == qpu.epoch_at(7000 * S)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=2, max_size=8, unique=True), st.lists(st.integers(0, 8000), max_size=6),
       st.integers(0, 3))
def test_a_course_with_absences_is_the_same_in_any_order(edges: list[int], asked: list[int], seed: int) -> None:
    edges = sorted(edges)[:len(edges) // 2 * 2]
    plan = [(float(a), float(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]

    def course() -> TwinQpu:
        return TwinQpu(line(2), seed=seed, maintenance=plan, calibration_interval_s=600.0, calibration_length_s=60.0,
                       outside=OutsideUse(busy_s=100.0, free_s=700.0))

    first, second = course(), course()
    known = {at: (first.epoch_at(at * S), first.next_window(at * S)) for at in asked}
    assert all((second.epoch_at(at * S), second.next_window(at * S)) == known[at] for at in reversed(asked))


def test_lengths_may_be_drawn() -> None:
    lengths = np.array([one.length_ns for one in windows(twin(calibration_length_s=(30.0, 300.0)), 400)]) / S
    assert 30.0 <= lengths.min() < 45.0
    assert 285.0 < lengths.max() <= 300.0
    assert lengths.mean() == pytest.approx(165.0, abs=4 * 78.0 / 20)


def test_a_prediction_calibrates_at_a_fixed_age() -> None:
    qpu = TwinQpu("torino", drift=FRESH, recalibrate="predicted")
    found = windows(qpu, 4)
    gaps = {b.begin_ns - a.begin_ns - a.length_ns for a, b in pairwise(found)}
    assert len(gaps) == 1
    assert found[0].begin_ns in gaps, "all is as fresh at the begin as after a calibration"
    assert HOUR < gaps.pop() < 12 * HOUR
    aged = TwinQpu("torino", drift="x1", recalibrate="predicted")
    assert windows(aged, 1)[0].begin_ns == 0, "the snapshot's errors are a day old"
    sooner = TwinQpu("torino", drift=FRESH, recalibrate="predicted", recalibrate_above=0.02)
    assert windows(sooner, 1)[0].begin_ns < found[0].begin_ns
    still = TwinQpu("torino", drift=FRESH, recalibrate="predicted", recalibrate_above=0.9)
    assert still.next_window(0) is None


def test_a_monitor_calibrates_when_a_look_finds_too_much() -> None:
    from qloop.qpus.drift.monitor import Monitor

    qpu = TwinQpu("hanoi", drift="x1", recalibrate="monitor", recalibrate_above=0.05)
    monitor, drifting = Monitor(qpu.device.snapshot, qpu._life.drifting), qpu._life.drifting
    first = TwinQpu("hanoi", calibration_interval_s=3600.0).next_window(0).begin_ns
    looks = [first + k * HOUR for k in range(72)]
    begun = {window.begin_ns for window in windows(qpu, 12)}
    since, high = None, 0
    for look in looks:
        loss = monitor.loss(drifting.at(since, look))
        high += loss > 0.05
        if look in begun:
            assert loss > 0.05
            since = look + 120 * S
        elif look <= max(begun):
            assert loss <= 0.05
    assert 0 < high < 72
    assert all(begin in looks for begin in begun if begin <= looks[-1])


@pytest.mark.parametrize(("options", "says"), [
    ({"maintenance": [(50.0, 100.0), (99.0, 200.0)]},
     "Maintenance from 99 s begins before the one listed before it ends. Windows must not overlap. List them in order"),
    ({"failures": [(50.0, 100.0), (10.0, 20.0)]}, "Failure from 10 s begins before the one listed before it ends."),
    ({"maintenance": [(100.0, 50.0)]}, "Maintenance from 100 s to 50 s. It goes backwards. Give the begin first"),
    ({"failures": [(100.0, 100.0)]}, "Failure from 100 s to 100 s. It goes backwards."),
    ({"outside": [(-1.0, 5.0)]}, "Other users of (-1.0, 5.0). Give two numbers: seconds from the run's start"),
    ({"outside": [(1.0, 5.0, 6.0)]}, "Other users of (1.0, 5.0, 6.0)."),
    ({"outside": [(math.nan, 5.0)]}, "Other users of (nan, 5.0)."),
    ({"maintenance": "daily"}, "The plan of maintenance is 'daily'. Give pairs of seconds (from, to), an Every, or"),
    ({"maintenance": 5}, "The plan of maintenance is 5."),
    ({"calibration_length_s": (300.0, 30.0)}, "A calibration takes (300.0, 30.0) s. It is neither a number nor"),
    ({"calibration_length_s": (0.0, 30.0)}, "A calibration takes 0 s at least. It would be empty."),
    ({"calibration_length_s": "long"}, "A calibration takes 'long' s."),
    ({"recalibrate": "often"}, "There is no rule for calibrations named 'often'. Choose one of: interval, monitor,"),
    ({"recalibrate": "monitor"}, "Calibrations by 'monitor' need a drift. The noise is frozen. Give drift='x1'"),
    ({"recalibrate": "monitor", "drift": "x1", "calibration_interval_s": 0.0}, "A monitor that never looks"),
    ({"recalibrate": "monitor", "drift": "x1", "calibration_interval_s": 10.0, "calibration_length_s": 1.0},
     "A monitor looks every 10 s. The drift has a grid of a minute. Give 60 s at least between two looks, about 3600."),
    ({"recalibrate": "predicted", "drift": FRESH, "recalibrate_above": 1.5}, "A loss above 1.5 is to be mended."),
    ({"recalibrate": "predicted", "drift": "x4", "recalibrate_above": 1e-9},
     "after a calibration. The device would be calibrated all the time. Bear a larger loss"),
    ({"failures": OutsideUse(29.0, 30.0)},
     "Failure for 29 s after 30 s on average. The QPU would be calibrated anew all the time. Give means of 60 s or"),
    ({"maintenance": OutsideUse(5.0, 5.0)}, "Maintenance for 5 s after 5 s on average."),
])
def test_plans_that_cannot_be_are_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        twin(**options)
    assert says in str(caught.value)
    assert isinstance(caught.value, UnknownName) is (options.get("recalibrate") == "often")


@pytest.mark.parametrize(("make", "says"), [
    (lambda: Every(100.0, 100.0), "Absences of 100.0 s every 100.0 s from 0.0 s. They would overlap, be empty"),
    (lambda: Every(100.0, 10.0, -1.0), "from -1.0 s. They would overlap, be empty, or begin before the run"),
    (lambda: Every(59.0, 10.0), "Absences of 10.0 s every 59.0 s from 0.0 s. The QPU would come and go all the time."),
    (lambda: OutsideUse(0.0, 10.0), "Other users' busy_s is 0.0."),
    (lambda: OutsideUse(10.0, math.inf), "Other users' free_s is inf."),
])
def test_absences_that_cannot_be_are_refused(make: object, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        make()      # type: ignore[operator]
    assert says in str(caught.value)


def test_a_plan_is_part_of_a_twin_that_is_sent_elsewhere() -> None:
    import pickle

    qpu = twin(maintenance=Every(1000.0, 100.0), outside=OutsideUse(50.0, 500.0), drift=FRESH)
    copy = pickle.loads(pickle.dumps(qpu))
    assert copy.next_absence(10**6 * S) == qpu.next_absence(10**6 * S)
    assert windows(copy, 5) == windows(qpu, 5)
    assert msgspec.structs.asdict(FRESH)["aged"] is False
