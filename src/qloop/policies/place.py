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
    return task[PIN] < 0.0 or task[PIN] == q


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
    if qpu[ONLINE] < 1.0 or task[WIDTH] > qpu[QUBITS] or (task[PIN] >= 0.0 and task[PIN] != q):
        return INF      # as `eligible`, without the call: this is asked most
    flow = flows[int(task[FLOW])]
    last = flow[LAST_QPU]
    if last != q:       # most often, and the terms are plain
        return qpu[COLD] + (totals[LAMBDA_EPOCH] if last >= 0.0 else 0.0)
    cold, epoch = warm_terms(flow, qpu, totals, q, now)
    return cold + epoch


def warm_terms(flow: Row, qpu: Row, totals: Row, q: int, now: float) -> tuple[float, float]:
    """Seconds lost if the session's next shot runs on QPU q: to cold caches, and to a change of calibration epoch.

    Energies of two epochs, on another QPU or on this one recalibrated, cannot be compared.
    """
    last = flow[LAST_QPU]
    if last != q:
        return qpu[COLD], (totals[LAMBDA_EPOCH] if last >= 0.0 else 0.0)
    cold = 0.0 if now - flow[LAST_END] <= totals[WARM_TTL] else qpu[COLD]
    return cold, (0.0 if flow[LAST_EPOCH] == qpu[EPOCH] else totals[LAMBDA_EPOCH])
