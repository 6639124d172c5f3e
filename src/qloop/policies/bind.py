"""Binding: a ready task joins the lane of its cheapest QPU, and an idle QPU may take another lane's head.

The wait W(u) is added here and not by `place`, because taking a head from another lane needs the cost with and
without the queue (docs/decisions/0001-the-policy-seam.md).
"""

from __future__ import annotations

from qloop.policies.columns import (
    BOUND,
    BUSY,
    CLASS,
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
from qloop.policies.record import Place


def residual(qpu: Row, now: float) -> float:
    """Expected seconds until the QPU is free; what overran its estimate is expected to last as long again."""
    return abs(qpu[FREE_AT] - now) if qpu[BUSY] > 0.0 else 0.0


def wait(qpu: Row, class_: float, now: float) -> float:
    """W(u): expected seconds before a task of this class would start if it joined the QPU's lane now."""
    queued = 0.0
    for earlier in range(int(class_) + 1):
        queued += qpu[QUEUED + earlier]
    return residual(qpu, now) + queued


def margin(flow: Row, totals: Row, q: int, cost: float) -> float:
    """Seconds that leaving QPU q must save: the hysteresis of a session's last QPU, 0 of any other."""
    if int(flow[LAST_QPU]) != q:
        return 0.0
    return max(totals[HYSTERESIS], totals[HYSTERESIS_REL] * cost)


def bind(place: Place, tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float) -> int:
    """The QPU with the lowest cost J = W + place (ties: the lowest row), -1 if none is eligible now."""
    class_ = tasks[i][CLASS]
    last = int(flows[int(tasks[i][FLOW])][LAST_QPU])
    best, best_cost, last_cost = -1, INF, INF
    for q in range(len(qpus)):
        cost = place(tasks, flows, qpus, totals, i, q, now)
        if cost == INF:
            continue
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
             i: int, q: int, now: float) -> bool:
    """Whether idle QPU q may run task i, the head of a lane, although it waits for another QPU."""
    bound = int(tasks[i][BOUND])
    if bound == q:
        return True
    here = place(tasks, flows, qpus, totals, i, q, now)
    if here == INF:
        return False
    if bound < 0:
        return True
    there = place(tasks, flows, qpus, totals, i, bound, now)
    if there == INF:
        return True
    there += residual(qpus[bound], now)
    flow = flows[int(tasks[i][FLOW])]
    if int(flow[LAST_QPU]) == bound:
        return there - here > margin(flow, totals, bound, there)
    return here < there or (here == there and qpus[bound][BUSY] > 0.0)
