"""Layer 3, workloads: sessions and tenants, what is admitted, and when a session ends."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from qloop.engine import classical, counts, guesses, scaling, service, tasks, tenants
from qloop.engine.lanes import SLACK
from qloop.engine.state import Classical, Ended, Quantum, Session, State, Task
from qloop.engine.tenants import WEIGHTS
from qloop.model.commands import Command, Refused, SessionEnded
from qloop.model.events import ClassicalSubmitted, QuantumSubmitted, SessionConverged, SessionOpened, TenantSet
from qloop.model.limits import MAX_ESTIMATE_S, MAX_WEIGHT, MIN_WEIGHT, NEVER
from qloop.model.states import SESSION_ENDED, TASK_ENDED, SessionState, TaskState, Trigger
from qloop.policies import ledger
from qloop.policies.columns import COMPUTING, CONVERGED, INF, OPEN, OUTSTANDING, SEQ, new_flow
from qloop.policies.fits import no_visits

RETRY_AFTER_S = 1.0


def set_tenant(state: State, event: TenantSet, out: list[Command]) -> None:
    """A tenant's weight and quotas, from now on."""
    why = tenants.wrong(event)
    if why:
        out.append(Refused(event.tenant, "invalid", why))
        return
    row = state.tenants.get(event.tenant)
    if row is None:
        row = flow_row(state, -1.0, event.weight)
        state.tenants[event.tenant] = row
        state.tenant_waiting[event.tenant] = 0
    tenants.apply(state.flows[row], event, state.t)


def flow_row(state: State, parent: float, weight: float) -> int:
    """A fresh row of the flows' table."""
    cells = new_flow(float(state.next_flow_seq()), parent, weight) + no_visits(len(state.qpus))
    if state.free_flows:
        row = state.free_flows.pop()
        state.flows[row] = cells
        return row
    state.flows.append(cells)
    return len(state.flows) - 1


def open_session(state: State, now: int, event: SessionOpened, out: list[Command]) -> None:
    """Admit a session, unless too many are open or its id is taken."""
    if event.session in state.sessions:
        out.append(Refused(event.session, "conflict", "a session of this id is open"))
        return
    if len(state.sessions) >= state.limits.open_sessions:
        out.append(Refused(event.session, "sessions", f"{len(state.sessions)} sessions are open, which is the limit",
                           RETRY_AFTER_S))
        return
    if not MIN_WEIGHT <= event.weight <= MAX_WEIGHT:
        out.append(Refused(event.session, "invalid", f"the session's weight must be {WEIGHTS}"))
        return
    if event.tenant not in state.tenants:
        set_tenant(state, TenantSet(event.tenant), out)
    row = flow_row(state, float(state.tenants[event.tenant]), event.weight)
    idle = event.interactive_ttl_ns or state.limits.interactive_ttl_ns
    life = event.max_ttl_ns or state.limits.max_ttl_ns
    number = int(state.flows[row][SEQ])
    session = Session(event.session, event.tenant, row, number, now, idle, now + life, idle_since=now)
    state.sessions[event.session] = session
    set_timer(state, session, now + min(idle, life))


def why_not(state: State, wish: QuantumSubmitted | ClassicalSubmitted) -> Refused | None:
    """The reason to refuse a wish, None if there is none. All bounds are here."""
    session = state.sessions.get(wish.session)
    if session is None or session.state in SESSION_ENDED or session.state is SessionState.CLOSING:
        return Refused(wish.task, "session_ended", f"session {wish.session} takes no further tasks")
    if wish.task in state.everything or wish.task in state.unwanted:
        return Refused(wish.task, "conflict", "a task of this id is waiting or running")
    if isinstance(wish, QuantumSubmitted) and wish.speculative:
        return (guesses.why_not(state, wish, session) or tenants.refusal(state, session.tenant, wish.task)
                or unfit(state, wish))
    return no_room(state, session, wish.task) or unfit(state, wish)


def no_room(state: State, session: Session, task: str) -> Refused | None:
    """The reason why no further task of the session may wait, None if one may."""
    limits, queued = state.limits, len(session.tasks) - session.running - session.guesses
    if queued >= limits.waiting_per_session:
        return Refused(task, "session_full", f"{queued} tasks of the session wait", RETRY_AFTER_S)
    if state.tenant_waiting[session.tenant] >= limits.waiting_per_tenant:
        return Refused(task, "tenant_full", f"too many tasks of tenant {session.tenant} wait", RETRY_AFTER_S)
    if state.queued >= limits.waiting_tasks:
        return Refused(task, "full", f"{state.queued} tasks wait, which is the limit", RETRY_AFTER_S)
    return tenants.refusal(state, session.tenant, task)


def unfit(state: State, wish: QuantumSubmitted | ClassicalSubmitted) -> Refused | None:
    """A refusal if no QPU could ever run the task, or if its numbers would spoil everybody's order."""
    times = (wish.estimate_s, wish.cpu_s) if isinstance(wish, QuantumSubmitted) else (wish.estimate_s * wish.cores,)
    if not all(0.0 <= seconds <= MAX_ESTIMATE_S for seconds in times):
        return Refused(wish.task, "invalid", f"estimates must be from 0 to {MAX_ESTIMATE_S:g} seconds")
    if isinstance(wish, ClassicalSubmitted):
        nowhere = scaling.misfit(state, wish)
        return Refused(wish.task, "misfit", nowhere) if nowhere else None
    if not 0.0 < wish.weight < INF:
        return Refused(wish.task, "invalid", "the weight must be finite, and more than 0")
    why = service.nowhere(state, wish)
    return None if why is None else Refused(wish.task, *why)


def make_ready(state: State, task: Task) -> None:
    """The task depends on nothing any more: pass it down."""
    session = task.session
    if isinstance(task, Quantum) and task.guess:
        guesses.make_ready(state, task)
        return
    if session.lapsed:
        revive(state, session)
    counts.ready(session)
    if isinstance(task, Quantum):
        tasks.make_ready(state, task)
    else:
        classical.make_ready(state, task)


def revive(state: State, session: Session) -> None:
    """The session stood idle past its interactive TTL: it queues again like a new one."""
    session.lapsed = False
    set_timer(state, session, min(session.expires_at, state.now + session.interactive_ttl))
    ledger.lapse(state.flows, session.row, float(state.next_flow_seq()))


def note_ended(state: State, now: int, note: Ended, out: list[Command]) -> None:
    """A task of the session reached its last state."""
    session = note.task.session
    counts.ended(state, note.task, note.was)
    guess = isinstance(note.task, Quantum) and note.task.guess
    if not guess and note.was is not TaskState.BLOCKED and session.running + session.waiting == 0:
        session.idle_since = now
    if not session.tasks and session.state is SessionState.CLOSING:
        end(state, session, Trigger.DRAINED, "closed by its owner", out)


def close(state: State, session_id: str, out: list[Command]) -> None:
    """Take no further tasks; end when the accepted ones are done."""
    session = state.sessions.get(session_id)
    if session is None or session.state in SESSION_ENDED:
        return
    counts.move(session, Trigger.CLOSE)
    guesses.cancel_all(state, session, "session_closed", out)
    if not session.tasks:
        end(state, session, Trigger.DRAINED, "closed by its owner", out)


def converged(state: State, event: SessionConverged) -> None:
    """The loop has converged: what it still submits is NORMAL; or another one of the session began."""
    session = state.sessions.get(event.session)
    if session is not None:
        state.flows[session.row][CONVERGED] = float(event.converged)


def drop(state: State, session: Session, trigger: Trigger, reason: str, out: list[Command]) -> None:
    """End the session now. On cancel all its tasks are dropped; on expiry running ones finish, the others fail."""
    guesses.cancel_all(state, session, "session_closed", out)
    for task in list(session.tasks.values()):
        if task.state in TASK_ENDED:
            continue
        if trigger is Trigger.EXPIRE and task.state is TaskState.RUNNING:
            continue
        last = TaskState.CANCELLED if trigger is Trigger.CANCEL else TaskState.FAILED
        cancel_task(state, task, reason, out, last)
    end(state, session, trigger, reason, out)


def cancel_task(state: State, task: Task, reason: str, out: list[Command],
                last: TaskState = TaskState.CANCELLED) -> None:
    """End one task."""
    if isinstance(task, Classical):
        classical.cancel(state, task, reason, out, last)
    elif task.guess:
        guesses.cancel(state, task, reason, out, last)
    else:
        tasks.cancel(state, task, reason, out, last)


def end(state: State, session: Session, trigger: Trigger, reason: str, out: list[Command]) -> None:
    """The session's last state; its row is used again once nothing of it lies in lanes or on QPUs."""
    counts.move(session, trigger)
    state.flows[session.row][OPEN] = 0.0
    out.append(SessionEnded(session.id, session.state, reason))
    state.dying[session.id] = session


def reap(state: State) -> None:
    """Forget ended sessions of which nothing is left."""
    for session in list(state.dying.values()):
        if not session.tasks and is_empty(state, session) and not (
                state.guessing and guesses.outstanding(state, session)):
            del state.dying[session.id]
            del state.sessions[session.id]
            state.free_flows.append(session.row)


def is_empty(state: State, session: Session) -> bool:
    """Whether nothing of the session lies in lanes, on QPUs or on workers."""
    cells = state.flows[session.row]
    return cells[OUTSTANDING] == 0.0 and cells[COMPUTING] == 0.0


def set_timer(state: State, session: Session, at: int) -> None:
    """Look at the session's TTLs again at `at`; it has one live timer, which is never later than its next TTL."""
    session.timer_at = at
    heappush(state.timers, (at, session.number, session.id))
    if len(state.timers) > 2 * len(state.sessions) + SLACK:
        state.timers[:] = [timer for timer in state.timers if is_live(state, timer)]
        heapify(state.timers)


def is_live(state: State, timer: tuple[int, int, str]) -> bool:
    """Whether the timer is its session's live one."""
    session = state.sessions.get(timer[2])
    return session is not None and session.timer_at == timer[0]


def tick(state: State, now: int, out: list[Command]) -> None:
    """Carry out the TTLs that are over."""
    while state.timers and state.timers[0][0] <= now:
        timer = heappop(state.timers)
        if is_live(state, timer):
            look(state, now, state.sessions[timer[2]], out)


def look(state: State, now: int, session: Session, out: list[Command]) -> None:
    """Carry out the session's TTLs as far as they are over, and set its next timer."""
    session.timer_at = NEVER
    if session.state in SESSION_ENDED:
        return
    if now >= session.expires_at:
        drop(state, session, Trigger.EXPIRE, "the session's maximum time-to-live is over", out)
        return
    idle = session.running + session.waiting == 0
    next_look = (session.idle_since if idle else now) + session.interactive_ttl
    if idle and next_look <= now:
        session.lapsed = True
        state.flows[session.row][OPEN] = 0.0
        next_look = session.expires_at
    set_timer(state, session, min(session.expires_at, next_look))


def next_timer(state: State) -> int:
    """When the next TTL may be over, NEVER if there is none."""
    while state.timers and not is_live(state, state.timers[0]):
        heappop(state.timers)
    return state.timers[0][0] if state.timers else NEVER
