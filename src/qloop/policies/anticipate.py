"""Anticipation: an idle QPU waits a moment for the loop that it served last, which is about to return.

A loop returns when its classical step is over, and how long that takes is known from its earlier steps. A NORMAL task
that starts just before makes it wait for that task's whole length. So a QPU that would start one is held instead, if
the task would not end before the return: from shortly before the predicted return until a little after, together at
most min(ANTICIPATE, half the thinking time). NORMAL that is due is never held back, and a task that ends in time is
started. With ANTICIPATE 0, the default, nothing is ever held (docs/concepts/chunks-and-anticipation.md).
"""

from __future__ import annotations

from qloop.policies.columns import (
    ANTICIPATE,
    AWAY_SINCE,
    CONVERGED,
    EPOCH,
    ESTIMATE,
    INF,
    LAST_EPOCH,
    LAST_QPU,
    MEAN,
    OPEN,
    OUTSTANDING,
    SEQ,
    SERVED,
    SERVED_SEQ,
    STEPS,
    THINK,
    THINK_DEV,
    TTL_HOT,
    WAKE,
    WINDOW_AT,
    Row,
    Table,
)

SMOOTHING = 0.3     # weight of the newest thinking time in its moving averages
GRACE = 0.01        # part of the thinking time for which a loop counts as late, not as gone, even if it never was


def note_left(flows: Table, qpus: Table, row: int, q: int, now: float) -> None:
    """Fact: the session in this row ended a useful run on QPU q; it thinks if no task of it is left.

    Of the loops that QPU q served it keeps one, the one that is expected back first.
    """
    flow, qpu = flows[row], qpus[q]
    if flow[OUTSTANDING] == 0.0:
        flow[AWAY_SINCE] = now
    if flow[THINK] <= 0.0 or flow[CONVERGED] > 0.0:
        return
    kept = int(qpu[SERVED])
    if kept >= 0 and is_away(flows[kept], qpu, q):
        back = flows[kept][AWAY_SINCE] + flows[kept][THINK]
        if now <= back < now + flow[THINK]:
            return
    qpu[SERVED], qpu[SERVED_SEQ] = float(row), flow[SEQ]


def note_return(flow: Row, now: float) -> None:
    """Fact: a task of this session became ready; how long it thought, if it did, enters its moving averages."""
    since = flow[AWAY_SINCE]
    if since < 0.0:
        return
    flow[AWAY_SINCE] = -1.0
    thought, mean = now - since, flow[THINK]
    if mean <= 0.0:
        flow[THINK], flow[THINK_DEV] = thought, 0.5 * thought
        return
    off = thought - mean
    flow[THINK] = mean + SMOOTHING * off
    flow[THINK_DEV] += SMOOTHING * (abs(off) - flow[THINK_DEV])


def is_away(flow: Row, qpu: Row, q: int) -> bool:
    """Whether the session that QPU q keeps is open, ran there last, and thinks."""
    return flow[SEQ] == qpu[SERVED_SEQ] and flow[AWAY_SINCE] >= 0.0 and flow[LAST_QPU] == q and flow[OPEN] > 0.0


def is_expected(flow: Row, qpu: Row, totals: Row, q: int) -> bool:
    """Whether the session that QPU q keeps is a loop that thinks and will be HOT and warm here again."""
    if not is_away(flow, qpu, q) or flow[CONVERGED] > 0.0 or flow[STEPS] < 1.0 or flow[LAST_EPOCH] != qpu[EPOCH]:
        return False
    back = flow[AWAY_SINCE] + flow[THINK]
    return 0.0 < flow[THINK] <= totals[TTL_HOT] and back + flow[MEAN] <= qpu[WINDOW_AT]


def longest_hold(flow: Row, totals: Row) -> float:
    """The most seconds for which a QPU is held for one return of this session."""
    half = 0.5 * flow[THINK]
    return half if half < totals[ANTICIPATE] else totals[ANTICIPATE]


def end_of_hold(flow: Row, totals: Row) -> float:
    """When the wait for this session's return is given up: the usual error after the predicted time, in seconds."""
    most = longest_hold(flow, totals)
    late = flow[THINK_DEV] + GRACE * flow[THINK]
    return flow[AWAY_SINCE] + flow[THINK] + (late if late < 0.5 * most else 0.5 * most)


def held_until(flows: Table, qpus: Table, totals: Row, q: int, ends: float, now: float) -> float:
    """Until when idle QPU q is held now rather than run something until `ends` (s); -inf if it is not held."""
    qpu = qpus[q]
    row = int(qpu[SERVED])
    if row < 0 or not is_expected(flows[row], qpu, totals, q):
        return -INF
    flow = flows[row]
    until = end_of_hold(flow, totals)
    in_time = ends <= flow[AWAY_SINCE] + flow[THINK]
    return -INF if in_time or now < until - longest_hold(flow, totals) or now >= until else until


def holds(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float, due_at: float) -> bool:
    """Whether idle QPU q is held now rather than start task i, which must start at `due_at` (s, inf: never).

    If so, `pick` is asked again when the wait is given up or the task is due.
    """
    if totals[ANTICIPATE] <= 0.0 or due_at <= now:
        return False
    until = held_until(flows, qpus, totals, q, now + tasks[i][ESTIMATE], now)
    if until <= now:
        return False
    wake = until if until < due_at else due_at
    if wake < totals[WAKE]:
        totals[WAKE] = wake
    return True
