"""Layer 2, quantum tasks: which runs next, and where. Every choice is the policy's."""

from __future__ import annotations

from qloop.engine import lanes, resources
from qloop.engine.state import Ended, Quantum, State, Terms, seconds
from qloop.model.commands import AbortQuantum, Command, StartQuantum
from qloop.model.events import QuantumEnded
from qloop.model.states import Outcome, TaskState
from qloop.policies import draws, efaas, ledger
from qloop.policies.bind import bind, may_take, wait
from qloop.policies.columns import (
    BOUND,
    BUSY,
    CLASS,
    FLOW,
    MEASURED,
    ONLINE,
    SCAN,
    SEQ,
    STARTED_AT,
    new_task,
)
from qloop.policies.place import cold_term, epoch_term


def make_ready(state: State, now: int, task: Quantum) -> None:
    """The task has all it needs but a QPU: it gets a row, a key, a class, and a place in a lane."""
    wish = task.wish
    pin = float(state.qpu_ids.get(wish.pin, -1)) if wish.pin else -1.0
    cells = new_task(float(task.seq), float(task.session.row), wish.estimate_s, float(wish.width), wish.weight,
                     wish.cpu_s, pin)
    if state.free_rows:
        i = state.free_rows.pop()
        state.tasks[i], state.by_row[i] = cells, task
    else:
        i = len(state.tasks)
        state.tasks.append(cells)
        state.by_row.append(task)
    task.row = i
    enter(state, seconds(now), task)


def enter(state: State, t: float, task: Quantum) -> None:
    """Ask the policy for class and key, then bind."""
    i, policy = task.row, state.policy
    task.state = TaskState.READY
    ledger.note_ready(state.tasks, state.flows, i, t)
    task.hot = efaas.is_hot(state.flows[task.session.row], state.totals, t)
    u = draws.uniform(state.seed, draws.ENTER, task.seq) if policy.enter_draws else 0.0
    key = policy.enter(state.tasks, state.flows, state.qpu_rows, state.totals, i, t, u)
    ledger.set_key(state.tasks, i, key)
    state.waiting += 1
    place(state, t, i)


def place(state: State, t: float, i: int) -> None:
    """Put the task into the lane of its cheapest QPU; without any it waits outside the lanes."""
    bound = -1
    if not state.policy.shared:
        bound = bind(state.policy.place, state.tasks, state.flows, state.qpu_rows, state.totals, i, t)
    if bound >= 0:
        note_terms(state, t, i, bound)
    ledger.enqueue(state.tasks, state.qpu_rows, state.totals, i, bound)
    if bound < 0 and not state.policy.shared:
        state.homeless[i] = None
    else:
        lanes.push(state, i)


def replace_waiting(state: State, now: int, q: int) -> None:
    """Bind again what waits for QPU q (a new epoch, or the QPU is lost) and what waits for any QPU at all."""
    if state.policy.shared:
        return
    moved = list(state.homeless)
    for class_ in range(state.policy.classes):
        moved += lanes.rows(state, state.policy.lane(q, class_))
    state.homeless.clear()
    for i in sorted(moved, key=lambda row: state.tasks[row][SEQ]):
        ledger.dequeue(state.tasks, state.qpu_rows, state.totals, i)
        place(state, seconds(now), i)


def dispatch(state: State, now: int, out: list[Command]) -> None:
    """Give every free QPU a task, in order of their rows, until the policy starts nothing more."""
    t = seconds(now)
    progress = state.waiting > 0
    while progress:
        progress = False
        for q, qpu in enumerate(state.qpu_rows):
            if qpu[BUSY] > 0.0 or qpu[ONLINE] < 1.0:
                continue
            i = choose(state, t, q)
            if i >= 0:
                begin(state, t, i, q, out)
                if state.waiting == 0:
                    return
                progress = True


def choose(state: State, t: float, q: int) -> int:
    """The row of the task that the policy starts on free QPU q, -1 for none."""
    policy = state.policy
    u = 0.0
    if policy.pick_draws:
        state.decisions += 1
        u = draws.uniform(state.seed, draws.PICK, state.decisions)
    heads = heads_for(state, t, q)
    lane = policy.pick(state.tasks, state.flows, state.qpu_rows, state.totals, heads, q, t, u)
    if lane >= 0:
        return heads[lane]
    if lane > SCAN or policy.scan is None:
        return -1
    entries = lanes.first_entries(state, SCAN - lane)
    k = policy.scan(state.tasks, state.flows, state.qpu_rows, state.totals, entries, q, t, u)
    return entries[k] if k >= 0 else -1


def heads_for(state: State, t: float, q: int) -> list[int]:
    """The first task of each lane, -1 where the lane is empty or its head must not move to QPU q."""
    policy = state.policy
    heads = [lanes.head(state, lane) if heap else -1 for lane, heap in enumerate(state.lanes)]
    if policy.shared:
        return heads
    own = q * policy.classes
    for lane, i in enumerate(heads):
        if i >= 0 and not own <= lane < own + policy.classes and not may_take(
                policy.place, state.tasks, state.flows, state.qpu_rows, state.totals, i, q, t):
            heads[lane] = -1
    return heads


def begin(state: State, t: float, i: int, q: int, out: list[Command]) -> None:
    """Task row i starts on QPU q as a new attempt."""
    task = state.by_row[i]
    assert task is not None
    if int(state.tasks[i][BOUND]) != q:
        note_terms(state, t, i, q)
    ledger.dequeue(state.tasks, state.qpu_rows, state.totals, i)
    ledger.started(state.tasks, state.qpu_rows, state.totals, i, q, t)
    state.policy.start(state.tasks, state.flows, state.qpu_rows, state.totals, i, q, t)
    state.waiting -= 1
    task.state = TaskState.RUNNING
    task.attempt += 1
    resources.occupy(state, task, q)
    out.append(StartQuantum(task.id, task.attempt, state.qpus[q].id, task.hot, task.terms))


def note_terms(state: State, t: float, i: int, q: int) -> None:
    """Keep what placed the task on QPU q: the answer to "why there?"."""
    task = state.by_row[i]
    if task is not None:
        task.terms = cost_terms(state, t, i, q)


def cost_terms(state: State, t: float, i: int, q: int) -> Terms:
    """What task row i would cost on QPU q, in seconds by name."""
    flow, qpu = state.flows[int(state.tasks[i][FLOW])], state.qpu_rows[q]
    return (("wait", wait(qpu, state.tasks[i][CLASS], t)), ("cold", cold_term(flow, qpu, state.totals, q, t)),
            ("epoch", epoch_term(flow, qpu, state.totals, q)))


def ended(state: State, now: int, event: QuantumEnded, out: list[Command]) -> None:
    """An attempt left its QPU. Only the attempt that the QPU runs counts (fence); any other is late and ignored."""
    row = state.qpu_ids.get(event.qpu, -1)
    task = state.qpus[row].running if row >= 0 else None
    if task is None or task.id != event.task or task.attempt != event.attempt:
        return
    wanted = task.state is TaskState.RUNNING
    useful = wanted and event.outcome is Outcome.OK
    state.tasks[task.row][MEASURED] = seconds(event.measured_ns)
    resources.vacate(state, row)
    leave(state, now, task, row, useful)
    again = event.outcome is Outcome.LOST and task.attempt < state.limits.attempts
    if wanted and again:
        retry(state, now, task)
    elif wanted:
        finish(state, task, TaskState.DONE if useful else TaskState.FAILED, event.reason or event.outcome.value)
        release(state, task)
    else:
        release(state, task)
    resources.begin_calibration(state, now, state.qpus[row], out)


def leave(state: State, now: int, task: Quantum, q: int, useful: bool) -> None:
    """Tell ledger and policy that the task's row left its QPU (or, q = -1, its lane)."""
    t = seconds(now)
    ledger.finished(state.tasks, state.flows, state.qpu_rows, state.totals, task.row, q, t, useful)
    state.policy.finish(state.tasks, state.flows, state.qpu_rows, state.totals, task.row, q, t)


def retry(state: State, now: int, task: Quantum) -> None:
    """The attempt is lost: the task is ready again, with its old number and so its old place in line."""
    state.tasks[task.row][STARTED_AT] = -1.0
    task.session.running -= 1
    task.session.waiting += 1
    enter(state, seconds(now), task)


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


def cancel(state: State, now: int, task: Quantum, reason: str, out: list[Command], end: TaskState) -> None:
    """End the task: out of its lane at once, or, if it runs, unwanted from now on."""
    was = task.state
    finish(state, task, end, reason)
    if was is TaskState.RUNNING:
        out.append(AbortQuantum(task.id, task.attempt, state.qpus[task.qpu].id))
    elif was is TaskState.READY:
        state.waiting -= 1
        state.homeless.pop(task.row, None)
        ledger.dequeue(state.tasks, state.qpu_rows, state.totals, task.row)
        leave(state, now, task, -1, useful=False)
        release(state, task)
