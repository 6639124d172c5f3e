"""Layer 2, quantum tasks: which runs next, and where. Every choice is the policy's."""

from __future__ import annotations

from qloop.engine import counts, lanes, profiles, resources, scaling, service
from qloop.engine.state import Ended, Quantum, State, seconds
from qloop.engine.terms import note_load, note_terms
from qloop.model.commands import AbortQuantum, Command, StartQuantum
from qloop.model.events import QuantumEnded
from qloop.model.states import Outcome, TaskState
from qloop.policies import chunks, draws, efaas, ledger
from qloop.policies.bind import bind, first_to_take, may_take
from qloop.policies.columns import (
    BOUND,
    BUSY,
    CHUNK_S,
    ESTIMATE,
    HOMELESS,
    KEPT,
    MEASURED,
    ONLINE,
    PAUSES,
    SCAN,
    SEQ,
    STARTED_AT,
    WHOLE,
    new_task,
)

LEARNING = 0.02     # weight of the newest task in `State.misfit`


def make_ready(state: State, task: Quantum) -> None:
    """The task has all it needs but a QPU: it gets a row, a key, a class, and a place in a lane."""
    give_row(state, task)
    enter(state, task)


def give_row(state: State, task: Quantum) -> None:
    """A row of the policies' table for the task, with its facts."""
    wish = task.wish
    pin = float(state.qpu_ids.get(wish.pin, -1)) if wish.pin else -1.0
    cells = new_task(float(task.seq), float(task.session.row), wish.estimate_s, float(wish.width), wish.weight,
                     wish.cpu_s, pin) + profiles.blocks(state, wish.structure)
    if state.free_rows:
        i = state.free_rows.pop()
        state.tasks[i], state.by_row[i] = cells, task
    else:
        i = len(state.tasks)
        state.tasks.append(cells)
        state.by_row.append(task)
        state.tickets.append(0)
        state.lane_of.append(-1)
    task.row = i


def enter(state: State, task: Quantum) -> None:
    """Ask the policy for class and key, then bind."""
    i, t, policy = task.row, state.t, state.policy
    task.state = TaskState.READY
    ledger.note_ready(state.tasks, state.flows, i, t)
    task.hot = efaas.is_hot(state.flows[task.session.row], state.totals, t)
    u = draws.uniform(state.seed, draws.ENTER, task.seq) if policy.enter_draws else 0.0
    key = policy.enter(state.tasks, state.flows, state.qpu_rows, state.totals, i, t, u)
    ledger.set_key(state.tasks, i, key)
    state.waiting += 1
    place(state, task)


def place(state: State, task: Quantum) -> None:
    """Put the task into the lane of its cheapest QPU; without any it waits outside the lanes."""
    i, bound = task.row, -1
    if not state.policy.shared:
        bound = bind(state.policy.place, state.tasks, state.flows, state.qpu_rows, state.totals, i, state.t)
        if bound < 0:
            bound = HOMELESS
    if bound >= 0:
        note_terms(state, task, bound)
    ledger.enqueue(state.tasks, state.qpu_rows, state.totals, i, bound)
    if bound == HOMELESS:
        state.homeless[i] = None
    else:
        lanes.push(state, i)


def replace_waiting(state: State, q: int) -> None:
    """Bind again what waits for QPU q (a new epoch, or the QPU is lost) and what waits for any QPU at all."""
    if state.policy.shared:
        return
    moved = list(state.homeless)
    for class_ in range(state.policy.classes):
        moved += lanes.empty(state, state.policy.lane(q, class_))
    state.homeless.clear()
    for i in sorted(moved, key=lambda row: state.tasks[row][SEQ]):
        ledger.dequeue(state.tasks, state.qpu_rows, state.totals, i)
        task = state.by_row[i]
        assert task is not None
        if chunks.is_stale(state.tasks[i], state.qpu_rows):
            chunks.drop(state.tasks, state.flows, i)
            task.paused, task.restarts = False, task.restarts + 1
        profiles.fill(state, task)
        place(state, task)


def dispatch(state: State, out: list[Command]) -> None:
    """Give every free QPU a task, in order of their rows, until the policy starts nothing more.

    Before a QPU stays idle while tasks wait, it looks behind the heads of other QPUs' lanes (`deep`).
    """
    deep = False
    while True:
        started = offer(state, deep, out)
        if not state.waiting or not service.has_free_qpu(state):
            return
        if not started and (deep or state.policy.shared):
            return
        deep = not started


def offer(state: State, deep: bool, out: list[Command]) -> bool:
    """Ask the policy once for each free QPU; whether anything started."""
    started = False
    for q, qpu in enumerate(state.qpu_rows):
        if qpu[BUSY] > 0.0 or qpu[ONLINE] < 1.0 or not state.waiting:
            continue
        i = choose(state, q, deep)
        if i >= 0:
            begin(state, i, q, out)
            started = True
    return started


def choose(state: State, q: int, deep: bool) -> int:
    """The row of the task that the policy starts on free QPU q, -1 for none.

    The policy is asked again without a head that it picked and that must not move here from another QPU's lane.
    """
    policy, t, u = state.policy, state.t, 0.0
    if policy.pick_draws:
        state.decisions += 1
        u = draws.uniform(state.seed, draws.PICK, state.decisions)
    heads = state.heads.copy()
    while True:
        lane = policy.pick(state.tasks, state.flows, state.qpu_rows, state.totals, heads, q, t, u)
        if lane < 0:
            break
        i = heads[lane]
        if policy.shared or lane // policy.classes == q:
            return i
        heads[lane] = movable(state, lane, i, q, deep)
        if heads[lane] == i:
            return i
    if lane > SCAN or policy.scan is None:
        return -1
    entries = lanes.first_entries(state, SCAN - lane)
    k = policy.scan(state.tasks, state.flows, state.qpu_rows, state.totals, entries, q, t, u)
    return entries[k] if k >= 0 else -1


def movable(state: State, lane: int, i: int, q: int, deep: bool) -> int:
    """The head i of another QPU's lane if it may move to QPU q, -1 if not; `deep`: the lane's first task that may."""
    if deep:
        return first_to_take(state.policy.place, state.tasks, state.flows, state.qpu_rows, state.totals,
                             lanes.first_entries(state, lane), q, state.t)
    may = may_take(state.policy.place, state.tasks, state.flows, state.qpu_rows, state.totals, i, q, state.t, 0.0,
                   False)
    return i if may else -1


def begin(state: State, i: int, q: int, out: list[Command]) -> None:
    """Task row i starts on QPU q as a new attempt."""
    task, qpu = state.by_row[i], state.qpus[q]
    assert task is not None
    if int(state.tasks[i][BOUND]) != q:
        note_terms(state, task, q)
    elif not state.policy.stateless:
        note_load(state, task, q)
    lanes.leave(state, i)
    ledger.dequeue(state.tasks, state.qpu_rows, state.totals, i)
    ledger.started(state.tasks, state.qpu_rows, state.totals, i, q, state.t)
    state.policy.start(state.tasks, state.flows, state.qpu_rows, state.totals, i, q, state.t)
    state.waiting -= 1
    counts.started(state, task.session)
    task.state = TaskState.RUNNING
    task.attempt += not task.paused
    task.qpu = q
    qpu.running = task
    chunked = state.policy.switch is not None and chunks.is_chunked(state.tasks[i], state.totals)
    chunk = round(state.totals[CHUNK_S] * 1e9) if chunked else 0
    out.append(StartQuantum(task.id, task.attempt, qpu.id, task.hot, task.terms, chunk, task.paused))
    task.paused = False
    if task.session.pilot:      # its loop will want a worker again
        scaling.look_again(state)


def ended(state: State, event: QuantumEnded, out: list[Command]) -> None:
    """An attempt left its QPU. Only the attempt that the QPU runs counts (fence); any other is late and ignored."""
    row = state.qpu_ids.get(event.qpu, -1)
    task = state.qpus[row].running if row >= 0 else None
    if task is None or task.id != event.task or task.attempt != event.attempt:
        return
    qpu = state.qpus[row]
    wanted = task.state is TaskState.RUNNING
    useful = wanted and event.outcome is Outcome.OK
    cells = state.tasks[task.row]
    cells[MEASURED] = measured = seconds(event.measured_ns) if event.measured_ns > 0 else 0.0
    if useful:
        expected = cells[WHOLE] if cells[PAUSES] > 0.0 else cells[ESTIMATE]
        miss = abs(cells[KEPT] + measured - expected) / expected
        state.misfit += LEARNING * ((miss if miss < 1.0 else 1.0) - state.misfit)
    qpu.running = None
    leave(state, task, row, useful)
    reason = event.reason or ("ok" if useful else event.outcome.value)
    settle(state, task, event.outcome, reason, wanted)
    service.tell_empty(state, qpu, out)
    if state.recalibrates:
        resources.recalibrate(state, qpu)
    if qpu.due_ns:
        resources.begin_calibration(state, qpu, out)


def settle(state: State, task: Quantum, outcome: Outcome, reason: str, wanted: bool) -> None:
    """What becomes of a task whose attempt is over: another attempt if it was lost and can still run, or its end."""
    if wanted and outcome is Outcome.LOST and counts.may_retry(state, task):
        why = service.nowhere(state, task.wish)
        if why is None:
            retry(state, task)
            return
        reason = f"{reason}; it cannot be tried again: {why[1]}"
    if wanted:
        finish(state, task, TaskState.DONE if outcome is Outcome.OK else TaskState.FAILED, reason)
    else:
        del state.unwanted[task.id]
    release(state, task)


def leave(state: State, task: Quantum, q: int, useful: bool) -> None:
    """Tell ledger and policy that the task's row left its QPU (or, q = -1, its lane)."""
    ledger.finished(state.tasks, state.flows, state.qpu_rows, state.totals, task.row, q, state.t, useful)
    state.policy.finish(state.tasks, state.flows, state.qpu_rows, state.totals, task.row, q, state.t)
    chunks.over(state.tasks, state.flows, task.row, useful)


def retry(state: State, task: Quantum) -> None:
    """The attempt is lost: the task is ready again, with its old number and so its old place in line."""
    state.tasks[task.row][STARTED_AT] = -1.0
    counts.again(state, task.session)
    profiles.fill(state, task)
    enter(state, task)


def finish(state: State, task: Quantum, end: TaskState, reason: str) -> None:
    """The task has reached its last state; the layers above are told."""
    state.ended.append(Ended(task, end, reason, task.state))
    task.state = end


def release(state: State, task: Quantum) -> None:
    """Free the task's row."""
    state.tasks[task.row][SEQ] = -1.0
    state.by_row[task.row] = None
    state.free_rows.append(task.row)
    task.row = -1


def cancel(state: State, task: Quantum, reason: str, out: list[Command], end: TaskState) -> None:
    """End the task: out of its lane at once, or, if it runs, unwanted from now on."""
    was = task.state
    finish(state, task, end, reason)
    if was is TaskState.RUNNING:
        state.unwanted[task.id] = None
        out.append(AbortQuantum(task.id, task.attempt, state.qpus[task.qpu].id))
    elif was is TaskState.READY:
        state.waiting -= 1
        state.homeless.pop(task.row, None)
        lanes.leave(state, task.row)
        ledger.dequeue(state.tasks, state.qpu_rows, state.totals, task.row)
        leave(state, task, -1, useful=False)
        release(state, task)
