"""Binding: a ready task joins the lane of its cheapest QPU, and an idle QPU may take another lane's head.

The wait W(u) is added here and not by `place`, because taking a head from another lane needs the cost with and
without the queue (docs/decisions/0001-the-policy-seam.md).
"""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.columns import (
    BOUND,
    BUSY,
    CLASS,
    ESTIMATE,
    FLOW,
    FREE_AT,
    HYSTERESIS,
    HYSTERESIS_REL,
    INF,
    LAST_QPU,
    QUEUED,
    Row,
    Table,
)
from qloop.policies.fits import note_best
from qloop.policies.place import fits
from qloop.policies.record import Place


def residual(qpu: Row, now: float) -> float:
    """Expected seconds until the QPU is free; what overran its estimate is expected to last as long again."""
    return abs(qpu[FREE_AT] - now) if qpu[BUSY] >= 1.0 else 0.0


def wait(qpu: Row, class_: float, now: float) -> float:
    """W(u): expected seconds before a task of this class would start if it joined the QPU's lane now."""
    queued = qpu[QUEUED]
    if class_ >= 1.0:
        queued += qpu[QUEUED + 1]
    if class_ >= 2.0:
        queued += qpu[QUEUED + 2]
    return (abs(qpu[FREE_AT] - now) if qpu[BUSY] >= 1.0 else 0.0) + queued      # residual, without the call


def margin(flow: Row, totals: Row, q: int, cost: float) -> float:
    """Seconds that leaving QPU q must save: the hysteresis of a session's last QPU, 0 of any other."""
    if flow[LAST_QPU] != q:
        return 0.0
    share = totals[HYSTERESIS_REL] * cost
    return share if share > totals[HYSTERESIS] else totals[HYSTERESIS]


def bind(place: Place, tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float) -> int:
    """The QPU with the lowest cost J = W + place (ties: the lowest row), -1 if none is eligible now."""
    class_ = tasks[i][CLASS]
    note_best(tasks, qpus, i, now)
    last = int(flows[int(tasks[i][FLOW])][LAST_QPU])
    best, best_cost, last_cost = -1, INF, INF
    for q in range(len(qpus)):
        cost = place(tasks, flows, qpus, totals, i, q, now)
        if cost == INF or (cost >= best_cost and q != last):
            continue        # the wait, which is not negative, cannot mend it
        cost += wait(qpus[q], class_, now)
        if q == last:
            last_cost = cost
        if best < 0 or cost < best_cost:
            best, best_cost = q, cost
    if last >= 0 and last != best and last_cost < INF:
        saved = last_cost - best_cost
        if saved <= margin(flows[int(tasks[i][FLOW])], totals, last, last_cost):
            return last
    return best


def may_take(place: Place, tasks: Table, flows: Table, qpus: Table, totals: Row,
             i: int, q: int, now: float, ahead: float, declined: bool) -> bool:
    """Whether idle QPU q may run task i although it waits for another QPU, with `ahead` seconds of work before it.

    `declined` says that the other QPU, should it be idle, was offered work already and starts nothing.
    """
    task = tasks[i]
    bound = int(task[BOUND])
    if bound == q:
        return True
    if bound < 0:
        return place(tasks, flows, qpus, totals, i, q, now) < INF
    other = qpus[bound]
    there = place(tasks, flows, qpus, totals, i, bound, now) + residual(other, now) + ahead
    blocked = other[BUSY] == 0.0 and not fits(task, other, now)
    flow = flows[int(task[FLOW])]
    stay = 0.0
    if flow[LAST_QPU] == bound and there < INF and not blocked:
        stay = margin(flow, totals, bound, there)
        if stay > 0.0 and there <= stay:
            return False        # whatever it costs here, which is not negative
    here = place(tasks, flows, qpus, totals, i, q, now)
    if here == INF:
        return False
    if stay > 0.0:
        return there - here > stay
    return blocked or here < there or (here == there and (declined or other[BUSY] > 0.0))


def first_to_take(place: Place, tasks: Table, flows: Table, qpus: Table, totals: Row,
                  entries: Sequence[int], q: int, now: float) -> int:
    """The first of a lane's entries, in their order, that idle QPU q may run; -1 if there is none.

    Each is compared with what it would wait in its own lane, so that a QPU does not idle beside a long lane only
    because the head of that lane prefers, or needs, the other QPU.
    """
    if len(entries) == 0:
        return -1
    first = tasks[entries[0]]
    ahead = 0.0
    for earlier in range(int(first[CLASS])):
        ahead += qpus[int(first[BOUND])][QUEUED + earlier]
    for k in range(len(entries)):
        if may_take(place, tasks, flows, qpus, totals, entries[k], q, now, ahead, True):
            return entries[k]
        ahead += tasks[entries[k]][ESTIMATE]
    return -1
