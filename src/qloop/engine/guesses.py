"""Layer 2, speculative tasks: they wait beside all lanes, run where nothing else starts, and give way to all else.

What other tasks see of the platform is as if they were not there: a guess counts in no backlog, keeps no session from
ending or from lapsing, and takes nobody's place in a line. Once it is committed it is a task like others.
"""

from __future__ import annotations

from qloop.engine import resources, service, tasks
from qloop.engine.state import Quantum, Session, State, seconds
from qloop.engine.terms import note_terms
from qloop.model.commands import AbortQuantum, Command, Refused, StartQuantum
from qloop.model.events import QuantumEnded, QuantumSubmitted
from qloop.model.states import Outcome, TaskState
from qloop.policies import guesses as facts
from qloop.policies import ledger
from qloop.policies.columns import BUSY, EPOCH, FLOW, INF, KEY, MEASURED, ONLINE, SEQ
from qloop.policies.place import fits

WAITING = 64                # guesses that may wait on the whole platform: they are looked through one by one
PREEMPTED = "preempted"     # why a guess ends that had to give way


def why_not(state: State, wish: QuantumSubmitted, session: Session) -> Refused | None:
    """The reason to refuse a guess, beside those for which any task is refused."""
    if state.policy.guess is None:
        return Refused(wish.task, "no_speculation", f"the policy {state.policy.name} takes no speculative tasks")
    if wish.after:
        return Refused(wish.task, "invalid", "a speculative task depends on no other")
    if session.lapsed:
        return Refused(wish.task, "lapsed", "the session's interactive time-to-live is over")
    if len(state.guesses) >= WAITING:
        return Refused(wish.task, "guesses_full", f"{WAITING} speculative tasks wait, which is the limit")
    return None


def make_ready(state: State, task: Quantum) -> None:
    """The guess waits for a QPU that nobody else wants."""
    assert state.policy.guess is not None
    tasks.give_row(state, task)
    i = task.row
    task.state = TaskState.READY
    facts.note_guess(state.tasks, state.flows, i, state.t)
    key = state.policy.guess(state.tasks, state.flows, state.qpu_rows, state.totals, i, state.t, 0.0)
    ledger.set_key(state.tasks, i, key)
    state.guesses[i] = None


def dispatch(state: State, out: list[Command]) -> None:
    """Give every QPU that is still free a guess; the policy had its choice of all other tasks before."""
    for q, qpu in enumerate(state.qpu_rows):
        if not state.guesses:
            return
        if qpu[BUSY] > 0.0 or qpu[ONLINE] < 1.0 or state.qpus[q].due_ns:
            continue
        i = choose(state, q)
        if i >= 0:
            begin(state, i, q, out)


def choose(state: State, q: int) -> int:
    """The first guess that QPU q can run before its next calibration, -1 for none."""
    best, rank = -1, (INF, INF)
    for i in state.guesses:
        cells = state.tasks[i]
        mine = (cells[KEY], cells[SEQ])
        if mine < rank and fits(cells, state.qpu_rows[q], state.t) and state.policy.place(
                state.tasks, state.flows, state.qpu_rows, state.totals, i, q, state.t) < INF:
            best, rank = i, mine
    return best


def begin(state: State, i: int, q: int, out: list[Command]) -> None:
    """The guess in row i starts on QPU q."""
    task, qpu = state.by_row[i], state.qpus[q]
    assert task is not None
    del state.guesses[i]
    note_terms(state, task, q)
    facts.guess_started(state.tasks, state.qpu_rows, i, q, state.t)
    state.guessing += 1
    task.state, task.qpu, qpu.running = TaskState.RUNNING, q, task
    task.attempt += 1
    out.append(StartQuantum(task.id, task.attempt, qpu.id, False, task.terms))


def preempt(state: State, out: list[Command]) -> None:
    """Stop guesses on QPUs where the policy would start a task that waits, were they free."""
    for q, qpu in enumerate(state.qpus):
        if state.waiting <= state.giving_way:
            return
        task, cells = qpu.running, state.qpu_rows[q]
        if task is None or cells[BUSY] != facts.SPECULATING or cells[ONLINE] < 1.0:
            continue
        cells[BUSY] = 0.0
        wanted = tasks.choose(state, q, False) >= 0 or (
            not state.policy.shared and tasks.choose(state, q, True) >= 0)
        cells[BUSY] = facts.SPECULATING
        if wanted:
            cancel(state, task, PREEMPTED, out, TaskState.CANCELLED)


def cancel(state: State, task: Quantum, reason: str, out: list[Command], end: TaskState) -> None:
    """End a guess: at once if it waits, or, if it runs, it is unwanted from now on and told to stop."""
    was = task.state
    tasks.finish(state, task, end, reason)
    if was is TaskState.RUNNING:
        state.unwanted[task.id] = None
        state.giving_way += 1
        facts.guess_dropped(state.qpu_rows, task.qpu, state.t)
        out.append(AbortQuantum(task.id, task.attempt, state.qpus[task.qpu].id))
    else:
        del state.guesses[task.row]
        tasks.release(state, task)


def cancel_all(state: State, session: Session, reason: str, out: list[Command]) -> None:
    """End all guesses of a session."""
    for task in list(session.tasks.values()) if session.guesses else ():
        if isinstance(task, Quantum) and task.guess:
            cancel(state, task, reason, out, TaskState.CANCELLED)


def give_way(state: State, q: int, out: list[Command]) -> None:
    """QPU q is to calibrate: a guess does not keep it."""
    task = state.qpus[q].running
    if task is not None and task.guess and task.state is TaskState.RUNNING:
        cancel(state, task, PREEMPTED, out, TaskState.CANCELLED)


def running(state: State, event: QuantumEnded) -> Quantum | None:
    """The guess whose attempt left its QPU, None if it is that of another task, or late."""
    row = state.qpu_ids.get(event.qpu, -1)
    task = state.qpus[row].running if row >= 0 else None
    fits_in = task is not None and task.guess and task.id == event.task and task.attempt == event.attempt
    return task if fits_in else None


def ended(state: State, task: Quantum, event: QuantumEnded, out: list[Command]) -> None:
    """A guess left its QPU: it has its values, or it comes to nothing; it is not tried again."""
    q = task.qpu
    qpu, wanted = state.qpus[q], task.state is TaskState.RUNNING
    useful = wanted and event.outcome is Outcome.OK
    state.tasks[task.row][MEASURED] = seconds(event.measured_ns) if event.measured_ns > 0 else 0.0
    qpu.running = None
    state.guessing -= 1
    facts.guess_finished(state.tasks, state.flows, state.qpu_rows, task.row, q, state.t)
    if useful:
        keep(state, task)
    state.policy.guess_end(state.tasks, state.flows, state.qpu_rows, state.totals, task.row, q, state.t)
    if wanted:
        lost = event.outcome is Outcome.LOST
        end = TaskState.DONE if useful else TaskState.CANCELLED if lost else TaskState.FAILED
        tasks.finish(state, task, end, PREEMPTED if lost else event.reason or event.outcome.value)
    else:
        state.giving_way -= 1
        del state.unwanted[task.id]
    tasks.release(state, task)
    service.tell_empty(state, qpu, out)
    if state.recalibrates:
        resources.recalibrate(state, qpu)
    if qpu.due_ns:
        resources.begin_calibration(state, qpu, out)


def keep(state: State, task: Quantum) -> None:
    """The guess has its values: what its run was is kept, in case that it is wanted."""
    kept = task.session.guessed
    kept[task.id] = (task.qpu, state.t, state.qpu_rows[task.qpu][EPOCH], state.tasks[task.row][MEASURED])
    if len(kept) > WAITING:
        del kept[next(iter(kept))]


def outstanding(state: State, session: Session) -> bool:
    """Whether a guess of the session, wanted or not, still has a row that names the session's."""
    return any(task is not None and task.guess and int(state.tasks[task.row][FLOW]) == session.row
               for task in [*(qpu.running for qpu in state.qpus), *(state.by_row[i] for i in state.guesses)])
