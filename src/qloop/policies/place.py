"""Placement: what running a task on a QPU costs beyond waiting for it, in seconds; inf where it cannot run."""

from __future__ import annotations

from qloop.policies.columns import (
    BEST,
    BUSY,
    COLD,
    DUE_S,
    EPOCH,
    ESTIMATE,
    FLOW,
    FLOW_COLUMNS,
    FREE_AT,
    INF,
    LAMBDA_EPOCH,
    LAMBDA_FIDELITY,
    LAMBDA_MOVE,
    LAST_END,
    LAST_EPOCH,
    LAST_QPU,
    ONLINE,
    PIN,
    QUBITS,
    TASK_COLUMNS,
    WARM_TTL,
    WIDTH,
    WINDOW_AT,
    WINDOW_GAP,
    WINDOW_S,
    Row,
    Table,
)
from qloop.policies.fits import (
    BIND,
    COMPILE,
    FIT,
    LOAD,
    LOSS,
    MITIGATE,
    USED_AT,
    USED_EPOCH,
    VISIT,
    loss_now,
)


def eligible(task: Row, qpu: Row, q: int) -> bool:
    """Whether the task may run on QPU q at all: online, wide enough, fit for its circuit, not against its pin."""
    if qpu[ONLINE] < 1.0 or task[WIDTH] > qpu[QUBITS] or (task[PIN] >= 0.0 and task[PIN] != q):
        return False
    at = TASK_COLUMNS + FIT * q + LOSS
    return at >= len(task) or task[at] < INF


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

    J(u) - W(u) = COLD*[not loaded here, or cooled down] + lambda_E*[epoch changed since its last shot].
    """
    task, qpu = tasks[i], qpus[q]
    if not eligible(task, qpu, q):
        return INF
    flow = flows[int(task[FLOW])]
    return (0.0 if is_loaded(flow, qpu, totals, q, now) else qpu[COLD]) + epoch_cost(flow, qpu, totals, q)


def calibrated(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> float:
    """Calibration-aware cost: all that a shot would lose on QPU q beside its waiting time, in s (spec: efaas 3).

    J(u) - W(u) = due + compile + bind + load + mitigation + fidelity + epoch + move, see `terms`.
    """
    task, qpu = tasks[i], qpus[q]
    if not eligible(task, qpu, q):
        return INF
    due, compiling, binding, load, mitigation, fidelity, epoch, move = terms(tasks, flows, qpus, totals, i, q, now)
    return due + compiling + binding + load + mitigation + fidelity + epoch + move


def terms(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int,
          now: float) -> tuple[float, float, float, float, float, float, float, float]:
    """The terms of `calibrated`, in s and in its order.

    due: a calibration that begins before the task could; compile, bind, load, mitigation: what caches do not hold;
    fidelity: lambda_F*(L(u) - L_best); epoch: lambda_E if it changed since the session's last shot; move: lambda_M on
    another QPU than the last. A host that knows nothing of the circuit counts a load of COLD.
    """
    task, qpu = tasks[i], qpus[q]
    flow = flows[int(task[FLOW])]
    move = totals[LAMBDA_MOVE] if flow[LAST_QPU] >= 0.0 and flow[LAST_QPU] != q else 0.0
    due, epoch = due_s(task, qpu, now), epoch_cost(flow, qpu, totals, q)
    loaded = is_loaded(flow, qpu, totals, q, now)
    at = TASK_COLUMNS + FIT * q
    if at >= len(task):
        return due, 0.0, 0.0, 0.0 if loaded else qpu[COLD], 0.0, 0.0, epoch, move
    load = 0.0 if loaded else task[at + LOAD]
    mitigation = 0.0 if task[at + MITIGATE] == 0.0 or is_measured(flow, qpu, q) else task[at + MITIGATE]
    fidelity, weight = 0.0, totals[LAMBDA_FIDELITY]
    if weight > 0.0 and task[at + LOSS] > 0.0:
        more = loss_now(task, qpu, q, now) - task[BEST]
        fidelity = weight * more if more > 0.0 else 0.0
    return due, task[at + COMPILE], task[at + BIND], load, mitigation, fidelity, epoch, move


def due_s(task: Row, qpu: Row, now: float) -> float:
    """Seconds of calibration before the task: one that is due, or a window that it cannot end before.

    The window counts from when the QPU will be free, with what it idles until then.
    """
    due = qpu[DUE_S]
    begin = now if qpu[BUSY] < 1.0 or qpu[FREE_AT] < now else qpu[FREE_AT]     # a guess gives way
    if due > 0.0 or begin + task[ESTIMATE] <= qpu[WINDOW_AT] or task[ESTIMATE] > qpu[WINDOW_GAP]:
        return due
    left = qpu[WINDOW_AT] - begin
    return (left if left > 0.0 else 0.0) + qpu[WINDOW_S]


def is_loaded(flow: Row, qpu: Row, totals: Row, q: int, now: float) -> bool:
    """Whether what the session loaded on QPU q is still there: not cooled down, and of the present calibration."""
    at = FLOW_COLUMNS + VISIT * q
    if at < len(flow):
        used, epoch = flow[at + USED_AT], flow[at + USED_EPOCH]
        return used >= 0.0 and epoch == qpu[EPOCH] and now - used <= totals[WARM_TTL]
    return flow[LAST_QPU] == q and flow[LAST_EPOCH] == qpu[EPOCH] and now - flow[LAST_END] <= totals[WARM_TTL]


def is_measured(flow: Row, qpu: Row, q: int) -> bool:
    """Whether the session's error mitigation was measured on QPU q in the present epoch."""
    return flow[FLOW_COLUMNS + VISIT * q + USED_EPOCH] == qpu[EPOCH]


def epoch_cost(flow: Row, qpu: Row, totals: Row, q: int) -> float:
    """lambda_E if the session's next shot on QPU q meets another epoch than its last one: the energies of the two, on
    another QPU or on this one recalibrated, cannot be compared.
    """
    last = flow[LAST_QPU]
    return 0.0 if last < 0.0 or (last == q and flow[LAST_EPOCH] == qpu[EPOCH]) else totals[LAMBDA_EPOCH]
