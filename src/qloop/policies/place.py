"""Placement: what running a task on a QPU costs beyond waiting for it, in seconds; inf where it cannot run."""

from __future__ import annotations

from qloop.policies.columns import (
    COLD,
    EPOCH,
    ESTIMATE,
    FLOW,
    INF,
    LAMBDA_EPOCH,
    LAST_END,
    LAST_EPOCH,
    LAST_QPU,
    ONLINE,
    PIN,
    QUBITS,
    WARM_TTL,
    WIDTH,
    WINDOW_AT,
    WINDOW_GAP,
    Row,
    Table,
)


def eligible(task: Row, qpu: Row, q: int) -> bool:
    """Whether the task may run on QPU q at all: online, wide enough, and the one it is pinned to."""
    if qpu[ONLINE] < 1.0 or task[WIDTH] > qpu[QUBITS]:
        return False
    return task[PIN] < 0.0 or int(task[PIN]) == q


def fits(task: Row, qpu: Row, now: float) -> bool:
    """Whether the task ends before the QPU's next calibration window.

    A task longer than the gap between two windows would never fit, so it is let through and the window waits.
    """
    return now + task[ESTIMATE] <= qpu[WINDOW_AT] or task[ESTIMATE] > qpu[WINDOW_GAP]


def least_wait(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> float:
    """Every QPU that can run the task is as good as another: the shortest wait decides."""
    return 0.0 if eligible(tasks[i], qpus[q], q) else INF


def warm(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> float:
    """First warm-affinity cost: cold caches cost a load, and a loop that meets a new epoch must look again.

    J(u) - W(u) = COLD*[not the session's last QPU, or cooled down] + lambda_E*[epoch changed since its last shot].
    """
    task, qpu = tasks[i], qpus[q]
    if not eligible(task, qpu, q):
        return INF
    flow = flows[int(task[FLOW])]
    return cold_term(flow, qpu, totals, q, now) + epoch_term(flow, qpu, totals, q)


def cold_term(flow: Row, qpu: Row, totals: Row, q: int, now: float) -> float:
    """Seconds lost to cold caches if the session's next shot runs on QPU q."""
    if int(flow[LAST_QPU]) == q and now - flow[LAST_END] <= totals[WARM_TTL]:
        return 0.0
    return qpu[COLD]


def epoch_term(flow: Row, qpu: Row, totals: Row, q: int) -> float:
    """Seconds that comparing energies of two epochs costs: another QPU, or this one recalibrated."""
    if flow[LAST_QPU] < 0.0:
        return 0.0
    if int(flow[LAST_QPU]) == q and flow[LAST_EPOCH] == qpu[EPOCH]:
        return 0.0
    return totals[LAMBDA_EPOCH]
