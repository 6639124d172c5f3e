"""Layer 1, resources: which QPUs and workers exist, which are free, and what each is doing."""

from __future__ import annotations

from qloop.engine import nodes, profiles, scaling, service
from qloop.engine.nodes import Node
from qloop.engine.state import Classical, Qpu, State, Worker, seconds
from qloop.model.commands import Command, Refused, StartCalibration
from qloop.model.events import CalibrationDue, CalibrationEnded, QpuJoined, QpuLeft, WorkerJoined
from qloop.model.limits import NEVER
from qloop.model.needs import Share
from qloop.policies.columns import (
    AGE_RELAX,
    AGE_SD,
    AGING_RATE,
    BUSY,
    CALIBRATED_AT,
    DUE_AT,
    DUE_S,
    EPOCH,
    FREE_AT,
    IDLE_SHARE,
    INF,
    LOSS_BOUND,
    N_CPUS,
    ONLINE,
    REFERENCE_LOSS,
    WAKE,
    WINDOW_AT,
    WINDOW_S,
    Row,
    new_qpu,
)
from qloop.policies.recalibrate import is_due, wait_until


def join_qpu(state: State, event: QpuJoined) -> Qpu:
    """A QPU is new, or back; what the operator wished for it meanwhile holds."""
    fresh = qpu_row(event)
    state.recalibrates |= fresh[LOSS_BOUND] < INF
    row = state.qpu_ids.get(event.qpu)
    if row is None:
        row = len(state.qpus)
        state.qpu_ids[event.qpu] = row
        state.qpus.append(Qpu(event.qpu, row))
        state.qpu_rows.append(fresh)
        profiles.widen(state)
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


def qpu_row(event: QpuJoined) -> Row:
    """The row of a QPU that comes online; it takes tasks when `service` says so."""
    gap = INF if event.window_gap_ns >= NEVER else seconds(event.window_gap_ns)
    row = new_qpu(float(event.qubits), event.cold_s, window_time(event.window_at_ns), gap)
    row[EPOCH], row[ONLINE] = float(event.epoch), 0.0
    row[CALIBRATED_AT], row[WINDOW_S] = seconds(event.calibrated_ns), seconds(event.window_length_ns)
    row[AGING_RATE], row[AGE_SD] = event.aging_per_h, event.drift_sd
    row[AGE_RELAX], row[IDLE_SHARE] = event.drift_relax_s, event.idle_share
    row[LOSS_BOUND], row[REFERENCE_LOSS] = event.recalibrate_above, event.reference_loss
    return row


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
    """The window begins as soon as the QPU is free, also if one for the predicted loss was waiting longer."""
    row = state.qpu_ids.get(event.qpu)
    if row is None or not state.qpus[row].online:
        return
    state.qpus[row].due_ns = max(1, event.length_ns)
    state.qpu_rows[row][DUE_S], state.qpu_rows[row][DUE_AT] = seconds(state.qpus[row].due_ns), -1.0
    begin_calibration(state, state.qpus[row], out)


def begin_calibration(state: State, qpu: Qpu, out: list[Command]) -> None:
    """Begin the window that is due, if nothing runs and the policy does not hold it back."""
    if qpu.running is not None or qpu.calibrating or qpu.due_ns == 0 or is_held_back(state, qpu):
        return
    row = state.qpu_rows[qpu.row]
    row[BUSY], row[FREE_AT], row[DUE_S], row[DUE_AT] = 1.0, state.t + seconds(qpu.due_ns), 0.0, -1.0
    qpu.calibrating = True
    state.calibrating += 1
    out.append(StartCalibration(qpu.id, qpu.due_ns))
    qpu.due_ns = 0


def recalibrate(state: State, qpu: Qpu) -> None:
    """After a run: a calibration is due if more than is borne is predicted to be lost."""
    row = state.qpu_rows[qpu.row]
    if row[LOSS_BOUND] < INF and qpu.online and qpu.due_ns == 0 and is_due(row, state.t):
        qpu.due_ns = max(1, round(row[WINDOW_S] * 1e9))
        row[DUE_S], row[DUE_AT] = seconds(qpu.due_ns), state.t


def begin_held_back(state: State, out: list[Command]) -> None:
    """Begin the windows that waited for the policy and need not any more."""
    for qpu in state.qpus:
        begin_calibration(state, qpu, out)


def is_held_back(state: State, qpu: Qpu) -> bool:
    """Whether no calibration is to begin on this QPU now: the policy holds it back, or it waits for a quiet moment."""
    until = wait_until(state.flows, state.qpu_rows, state.totals, qpu.row, state.t)
    if state.policy.quiet_until is not None:
        until = max(until, state.policy.quiet_until(state.flows, state.qpu_rows, state.totals, qpu.row, state.t))
    if until <= state.t:
        return False
    state.totals[WAKE] = min(state.totals[WAKE], until)
    return True


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
        cells[EPOCH], cells[CALIBRATED_AT] = float(event.epoch), state.t
        return qpu
    qpu.calibrating = False
    state.calibrating -= 1
    cells[BUSY], cells[EPOCH], cells[CALIBRATED_AT] = 0.0, float(event.epoch), state.t
    cells[WINDOW_AT], cells[WINDOW_S] = window_time(event.window_at_ns), seconds(event.window_length_ns)
    return qpu


def goes_back(state: State, event: QpuJoined | CalibrationEnded, out: list[Command]) -> bool:
    """Whether the event names an epoch before the QPU's present one, which is refused.

    Values and caches of two calibrations would bear one name.
    """
    row = state.qpu_ids.get(event.qpu)
    known = -1 if row is None else int(state.qpu_rows[row][EPOCH])
    if event.epoch >= known:
        return False
    why = f"QPU {event.qpu} is in calibration epoch {known}, and epochs only grow: {event.epoch} is over"
    out.append(Refused(event.qpu, "epoch_back", why))
    return True


def window_time(at_ns: int) -> float:
    """A window's begin as policies see it."""
    return INF if at_ns >= NEVER else seconds(at_ns)


def join_worker(state: State, event: WorkerJoined) -> None:
    """A worker is new; one that is known already is left as it is."""
    if event.worker in state.workers:
        return
    warm = dict.fromkeys(event.environments[-state.limits.warm_environments:])
    fresh = nodes.new_node(event)
    node = state.nodes.setdefault(fresh.id, fresh)
    node.workers[event.worker] = None
    worker = Worker(event.worker, event.cores, event.cores, warm, node, event.pilot)
    state.workers[event.worker] = state.free_workers[event.worker] = worker
    scaling.joined(state, event)
    state.slots_changed = True
    state.totals[N_CPUS] += float(event.cores) if len(state.workers) > 1 else event.cores - state.totals[N_CPUS]


def leave_worker(state: State, worker_id: str) -> list[Classical]:
    """A worker is gone, and with the last one of a node the node; returns what it ran."""
    worker = state.workers.pop(worker_id, None)
    if worker is None:
        return []
    state.free_workers.pop(worker_id, None)
    for share in worker.shares.values():
        nodes.give_back(worker.node, share)
    del worker.node.workers[worker_id]
    if not worker.node.workers:
        del state.nodes[worker.node.id]
    scaling.left(state, worker)
    state.slots_changed = True
    state.totals[N_CPUS] = max(1.0, state.totals[N_CPUS] - worker.cores)
    return list(worker.running.values())


def choose_worker(state: State, task: Classical, kept: Node | None = None) -> Worker | None:
    """A free worker whose node has room: the session's last one, then one with the environment warm, then any.

    The last one used comes first, so that others may be let go; GPUs are left to those that ask for them. None of
    the node that is `kept` for another task.
    """
    best: Worker | None = None
    best_rank = 6
    own = state.free_workers.get(task.session.worker)
    for worker in (*((own,) if own else ()), *reversed(state.free_workers.values())):
        if worker.node is kept or task.wish.pilot not in ("", worker.pilot):
            continue
        if not nodes.has_room(worker.node, task.wish):
            continue
        rank = 1 if task.wish.environment in worker.environments else 2
        rank = 0 if worker is own else rank
        rank += 3 if worker.node.capacity.gpus and task.wish.gpus == 0 else 0
        if rank < best_rank:
            best, best_rank = worker, rank
        if best_rank <= 1:
            break
    return best


def keep_node(state: State, task: Classical) -> Node | None:
    """The node on which a large task is to run once the tasks there are over: the one with most cores free."""
    able = [worker.node for worker in state.workers.values()
            if task.wish.pilot in ("", worker.pilot) and nodes.holds(worker.node.capacity, task.wish)]
    return max(able, key=lambda node: node.cores, default=None)


def take_slots(state: State, worker: Worker, task: Classical) -> tuple[bool, Share]:
    """The worker runs this task now: whether it has to set up the environment first (a cold start), and its share."""
    worker.free -= 1
    worker.running[task.id] = task
    share = worker.shares[task.id] = nodes.take(worker.node, task.wish)
    if worker.free == 0:
        del state.free_workers[worker.id]
    cold = state.policy.stateless or task.wish.environment not in worker.environments
    worker.environments.pop(task.wish.environment, None)
    worker.environments[task.wish.environment] = None
    if len(worker.environments) > state.limits.warm_environments:
        del worker.environments[next(iter(worker.environments))]
    task.worker = task.session.worker = worker.id
    task.session.pilot = worker.pilot
    scaling.used(state, worker, task)
    return cold, share


def free_slots(state: State, worker_id: str, task_id: str) -> None:
    """The worker no longer runs this task."""
    worker = state.workers.get(worker_id)
    task = worker.running.pop(task_id, None) if worker is not None else None
    if worker is None or task is None:
        return
    nodes.give_back(worker.node, worker.shares.pop(task_id))
    worker.free += 1
    if not worker.going:
        state.free_workers.pop(worker_id, None)
        state.free_workers[worker_id] = worker
    scaling.idle(state, worker, task)
    state.slots_changed = True
