"""Layer 1, resources: which QPUs and workers exist, which are free, and what each is doing."""

from __future__ import annotations

from qloop.engine import service
from qloop.engine.state import Classical, Qpu, State, Worker, seconds
from qloop.model.commands import Command, StartCalibration
from qloop.model.events import CalibrationDue, CalibrationEnded, QpuJoined, QpuLeft, WorkerJoined
from qloop.model.limits import NEVER
from qloop.policies.columns import (
    BUSY,
    EPOCH,
    FREE_AT,
    INF,
    N_CPUS,
    ONLINE,
    WINDOW_AT,
    new_qpu,
)


def join_qpu(state: State, event: QpuJoined) -> Qpu:
    """A QPU is new, or back; what the operator wished for it meanwhile holds."""
    gap = INF if event.window_gap_ns >= NEVER else seconds(event.window_gap_ns)
    fresh = new_qpu(float(event.qubits), event.cold_s, window_time(event.window_at_ns), gap)
    fresh[EPOCH], fresh[ONLINE] = float(event.epoch), 0.0
    row = state.qpu_ids.get(event.qpu)
    if row is None:
        row = len(state.qpus)
        state.qpu_ids[event.qpu] = row
        state.qpus.append(Qpu(event.qpu, row))
        state.qpu_rows.append(fresh)
        while len(state.lanes) < state.policy.lanes(row + 1):
            state.lanes.append([])
            state.in_lane.append(0)
            state.heads.append(-1)
        service.follow(state, state.qpus[row])
    qpu = state.qpus[row]
    if not qpu.online:
        qpu.online, qpu.calibrating, qpu.due_ns = True, False, 0
        state.qpu_rows[row][:] = fresh
        service.follow(state, qpu)
    return qpu


def leave_qpu(state: State, event: QpuLeft) -> Qpu | None:
    """A QPU is offline; None if it was not there."""
    row = state.qpu_ids.get(event.qpu)
    if row is None or not state.qpus[row].online:
        return None
    qpu = state.qpus[row]
    service.leave(state, qpu)
    qpu.away, qpu.back_ns = event.reason, event.back_ns
    return qpu


def calibration_due(state: State, event: CalibrationDue, out: list[Command]) -> None:
    """The window begins as soon as the QPU is free."""
    row = state.qpu_ids.get(event.qpu)
    if row is None or not state.qpus[row].online:
        return
    state.qpus[row].due_ns = max(1, event.length_ns)
    begin_calibration(state, state.qpus[row], out)


def begin_calibration(state: State, qpu: Qpu, out: list[Command]) -> None:
    """Begin the window that is due, if nothing runs."""
    if qpu.running is not None or qpu.calibrating or qpu.due_ns == 0:
        return
    row = state.qpu_rows[qpu.row]
    row[BUSY], row[FREE_AT] = 1.0, state.t + seconds(qpu.due_ns)
    qpu.calibrating = True
    state.calibrating += 1
    out.append(StartCalibration(qpu.id, qpu.due_ns))
    qpu.due_ns = 0


def calibration_ended(state: State, event: CalibrationEnded) -> Qpu | None:
    """The QPU is in a new epoch, and free if it was calibrating for us; None if nothing is new.

    A remote QPU is calibrated when its provider likes, also while it runs a task: then only the epoch is new.
    """
    row = state.qpu_ids.get(event.qpu)
    if row is None:
        return None
    qpu, cells = state.qpus[row], state.qpu_rows[row]
    if not qpu.calibrating:
        if not qpu.online or cells[EPOCH] == event.epoch:
            return None
        cells[EPOCH] = float(event.epoch)
        return qpu
    qpu.calibrating = False
    state.calibrating -= 1
    cells[BUSY], cells[EPOCH], cells[WINDOW_AT] = 0.0, float(event.epoch), window_time(event.window_at_ns)
    return qpu


def window_time(at_ns: int) -> float:
    """A window's begin as policies see it."""
    return INF if at_ns >= NEVER else seconds(at_ns)


def join_worker(state: State, event: WorkerJoined) -> None:
    """A worker is new; one that is known already is left as it is."""
    if event.worker in state.workers:
        return
    warm = dict.fromkeys(event.environments[-state.limits.warm_environments:])
    state.workers[event.worker] = Worker(event.worker, event.cores, event.cores, warm)
    state.slots_changed = True
    state.totals[N_CPUS] = float(sum(worker.cores for worker in state.workers.values()))


def leave_worker(state: State, worker_id: str) -> list[Classical]:
    """A worker is gone; returns what it ran."""
    worker = state.workers.pop(worker_id, None)
    if worker is None:
        return []
    state.totals[N_CPUS] = float(max(1, sum(other.cores for other in state.workers.values())))
    return list(worker.running.values())


def choose_worker(state: State, task: Classical) -> Worker | None:
    """A worker with enough free slots: the session's last one, then one with the environment warm, then the first."""
    best: Worker | None = None
    best_rank = 4
    for worker in state.workers.values():
        if worker.free < task.wish.cores:
            continue
        rank = 2 if task.wish.environment in worker.environments else 3
        rank = 1 if worker.id == task.session.worker else rank
        if rank < best_rank:
            best, best_rank = worker, rank
    return best


def take_slots(state: State, worker: Worker, task: Classical) -> bool:
    """The worker runs this task now; returns whether it has to set up the environment first (a cold start)."""
    worker.free -= task.wish.cores
    worker.running[task.id] = task
    cold = task.wish.environment not in worker.environments
    worker.environments.pop(task.wish.environment, None)
    worker.environments[task.wish.environment] = None
    if len(worker.environments) > state.limits.warm_environments:
        del worker.environments[next(iter(worker.environments))]
    task.worker = task.session.worker = worker.id
    return cold


def free_slots(state: State, worker_id: str, task_id: str) -> None:
    """The worker no longer runs this task."""
    worker = state.workers.get(worker_id)
    if worker is not None and task_id in worker.running:
        worker.free += worker.running.pop(task_id).wish.cores
        state.slots_changed = True
