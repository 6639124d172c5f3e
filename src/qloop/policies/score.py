"""The priority score of the paper on a real queue: rho = 100*[active session] + 5*(tau - waited)/tau + W.

The score of every waiting task falls at the same rate, 5/tau a second, so the order of any two is what it was when the
later one came: rho_a(t) - rho_b(t) = 100*(A_a - A_b) + 5*(ready_a - ready_b)/tau + W_a - W_b, in which t is not. A
fixed key therefore gives exactly the order by rho at every moment: minus the score, without the part that is common to
all. As with HOT, whether a session is active is fixed when its task becomes ready.

The second term is anti-urgent: who waits longer goes later. Among equals the newest goes first, and a task of no active
session waits for as long as active ones keep the QPUs busy. Both starve by design.
"""

from __future__ import annotations

from qloop.policies.columns import CONVERGED, FLOW, READY_AT, STEPS, TAU, WEIGHT, Row, Table

ALPHA, BETA, GAMMA = 100.0, 5.0, 1.0


def is_active(flow: Row) -> bool:
    """Whether a task of this session that becomes ready now belongs to an active one: a loop that has begun."""
    return flow[STEPS] > 0.0 and flow[CONVERGED] < 1.0


def rho(task: Row, active: bool, totals: Row, now: float) -> float:
    """The score of a task at `now`; the higher, the earlier it is served."""
    waited = now - task[READY_AT]
    return (ALPHA if active else 0.0) + BETA * (totals[TAU] - waited) / totals[TAU] + GAMMA * task[WEIGHT]


def enter(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Key: minus the score that the task would have had at time 0."""
    task = tasks[i]
    return -rho(task, is_active(flows[int(task[FLOW])]), totals, 0.0)
