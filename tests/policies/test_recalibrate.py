"""When a calibration is due by the predicted loss, and until when it waits for a quiet moment."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from qloop.policies import columns as c
from qloop.policies.recalibrate import is_due, predicted_loss, wait_until

HOUR = 3600.0
hours = st.floats(0.0, 48.0)
unit = st.floats(0.0, 1.0)


def qpu(bound: float = 0.05, loss: float = 2.0, aging: float = 0.01, sd: float = 0.2, share: float = 0.2) -> c.Row:
    row = c.new_qpu(10.0)
    row[c.LOSS_BOUND], row[c.REFERENCE_LOSS], row[c.AGING_RATE], row[c.AGE_SD] = bound, loss, aging, sd
    row[c.AGE_RELAX], row[c.IDLE_SHARE] = 6 * HOUR, share
    return row


def loop(away_since: float, think: float = 2.0, seq: float = 5.0) -> c.Row:
    """A loop in progress that thinks since then."""
    row = c.new_flow(seq, 0.0, 1.0)
    row[c.STEPS], row[c.AWAY_SINCE], row[c.THINK], row[c.LAST_QPU], row[c.LAST_EPOCH] = 3.0, away_since, think, 0.0, 0.0
    return row


def totals(patience: float) -> c.Row:
    row = c.new_totals()
    row[c.PATIENCE], row[c.TTL_HOT] = patience, 60.0
    return row


@given(st.tuples(hours, hours).map(sorted), unit, st.floats(0.0, 0.1), st.floats(0.0, 1.0), st.floats(0.0, 10.0))
def test_the_predicted_loss_is_nothing_at_first_and_never_shrinks(
        ages: list[float], share: float, aging: float, sd: float, loss: float) -> None:
    row = qpu(loss=loss, aging=aging, sd=sd, share=share)
    early, late = (predicted_loss(row, age * HOUR) for age in ages)
    assert abs(predicted_loss(row, 0.0)) < 1e-12 * (1.0 + loss)
    assert early <= late + 1e-9 * (1.0 + loss)
    # loss * (1-share) * (exp(var/2)*(1+aging*age) - 1)
    variance = sd * sd * (1.0 - math.exp(-2.0 * ages[1] / 6.0))
    expected = loss * (1.0 - share) * (math.exp(0.5 * variance) * (1.0 + aging * ages[1]) - 1.0)
    assert math.isclose(late, expected, rel_tol=1e-9, abs_tol=1e-9 * (1.0 + loss))


@given(hours, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_who_bears_more_calibrates_no_sooner(age: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert is_due(qpu(bound=low), age * HOUR) or not is_due(qpu(bound=high), age * HOUR)


def test_without_a_bound_or_a_drift_none_is_ever_due() -> None:
    assert not is_due(qpu(bound=math.inf), 1000 * HOUR)
    assert not is_due(qpu(bound=0.0, aging=0.0, sd=0.0), 1000 * HOUR)
    assert not is_due(qpu(bound=0.0, loss=0.0), 1000 * HOUR)
    assert is_due(qpu(), 10 * HOUR)


@given(st.floats(2.0, 100.0), st.floats(0.0, 100.0), st.floats(0.0, 40.0), st.booleans(), st.booleans())
def test_it_waits_for_a_quiet_moment_and_never_longer_than_the_patience(
        due_at: float, patience: float, later: float, queued: bool, thinking: bool) -> None:
    row, now = qpu(), due_at + later
    flows = [c.new_flow(1.0, -1.0, 1.0), loop(now - 1.0 if thinking else -1.0)]
    row[c.DUE_AT], row[c.QUEUED] = due_at, 3.0 if queued else 0.0
    row[c.SERVED], row[c.SERVED_SEQ] = 1.0, 5.0
    until = wait_until(flows, [row], totals(patience), 0, now)
    if (queued or thinking) and due_at + patience > now:
        assert until == due_at + patience
    else:
        assert until == -math.inf


def test_nobody_waits_for_a_loop_that_does_not_return() -> None:
    def waits(flow: c.Row, now: float = 11.0) -> bool:
        row = qpu()
        row[c.DUE_AT], row[c.SERVED], row[c.SERVED_SEQ] = 10.0, 1.0, 5.0
        return wait_until([c.new_flow(1.0, -1.0, 1.0), flow], [row], totals(500.0), 0, now) > now

    def changed(column: int, value: float) -> c.Row:
        flow = loop(10.0)
        flow[column] = value
        return flow

    assert waits(loop(10.0))
    assert not waits(changed(c.CONVERGED, 1.0))
    assert not waits(changed(c.OPEN, 0.0))
    assert not waits(changed(c.SEQ, 6.0))           # another session has the row now
    assert not waits(changed(c.LAST_QPU, 1.0))      # it went on elsewhere
    assert not waits(changed(c.THINK, 61.0))        # it will not be HOT when it is back
    assert not waits(loop(10.0), now=71.0)          # nor is it any more


def test_a_planned_window_holds_as_planned() -> None:
    row = qpu()
    row[c.QUEUED] = 5.0
    assert row[c.DUE_AT] == -1.0
    assert wait_until([], [row], totals(100.0), 0, 50.0) == -math.inf
