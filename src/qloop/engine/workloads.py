"""Layer 3, workloads: sessions and tenants, what is admitted, and when a session ends."""

from __future__ import annotations

from heapq import heappop, heappush

from qloop.engine import classical, resources, tasks
from qloop.engine.state import Classical, Ended, Quantum, Session, State, Task
from qloop.model.commands import Command, Refused, SessionEnded
from qloop.model.events import ClassicalSubmitted, QuantumSubmitted, SessionOpened, TenantSet
from qloop.model.limits import NEVER
from qloop.model.states import SESSION_ENDED, SESSION_TABLE, SessionState, TaskState, Trigger
from qloop.policies import ledger
from qloop.policies.columns import CONVERGED, OPEN, OUTSTANDING, WEIGHT, new_flow

RETRY_AFTER_S = 1.0


def set_tenant(state: State, event: TenantSet) -> None:
    """A tenant's weight, from now on."""
    row = state.tenants.get(event.tenant)
    if row is None:
        row = flow_row(state, -1.0, event.weight)
        state.tenants[event.tenant] = row
        state.tenant_waiting[event.tenant] = 0
    state.flows[row][WEIGHT] = event.weight


def flow_row(state: State, parent: float, weight: float) -> int:
    """A fresh row of the flows' table."""
    cells = new_flow(float(state.next_flow_seq()), parent, weight)
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
    if event.tenant not in state.tenants:
        set_tenant(state, TenantSet(event.tenant))
    row = flow_row(state, float(state.tenants[event.tenant]), event.weight)
    idle = event.interactive_ttl_ns or state.limits.interactive_ttl_ns
    life = event.max_ttl_ns or state.limits.max_ttl_ns
    state.sessions[event.session] = Session(event.session, event.tenant, row, now, idle, now + life, idle_since=now)
    heappush(state.timers, (now + idle, event.session))
    heappush(state.timers, (now + life, event.session))


def admit(state: State, wish: QuantumSubmitted | ClassicalSubmitted, out: list[Command]) -> Session | None:
    """The session of a wish that is admitted; None (and a refusal) otherwise."""
    refusal = why_not(state, wish)
    if refusal is not None:
        out.append(refusal)
        return None
    return state.sessions[wish.session]


def why_not(state: State, wish: QuantumSubmitted | ClassicalSubmitted) -> Refused | None:
    """The reason to refuse a wish, None if there is none. All bounds are here."""
    session, limits = state.sessions.get(wish.session), state.limits
    if session is None or session.state in SESSION_ENDED or session.state is SessionState.CLOSING:
        return Refused(wish.task, "session_ended", f"session {wish.session} takes no further tasks")
    if wish.task in state.everything:
        return Refused(wish.task, "conflict", "a task of this id is waiting or running")
    if session.waiting >= limits.waiting_per_session:
        return Refused(wish.task, "session_full", f"{session.waiting} tasks of the session wait", RETRY_AFTER_S)
    if state.tenant_waiting[session.tenant] >= limits.waiting_per_tenant:
        return Refused(wish.task, "tenant_full", f"too many tasks of tenant {session.tenant} wait", RETRY_AFTER_S)
    if state.waiting >= limits.waiting_tasks:
        return Refused(wish.task, "full", f"{state.waiting} tasks wait, which is the limit", RETRY_AFTER_S)
    return too_wide(state, wish) if isinstance(wish, QuantumSubmitted) else None


def too_wide(state: State, wish: QuantumSubmitted) -> Refused | None:
    """A refusal if no QPU could ever run the task."""
    if wish.pin and wish.pin not in state.qpu_ids:
        return Refused(wish.task, "unknown_qpu", f"there is no QPU named {wish.pin}")
    name, width = resources.widest(state)
    if state.qpus and wish.width > width:
        return Refused(wish.task, "too_wide", f"it needs {wish.width} qubits; the widest QPU, {name}, has {width}")
    return None


def accept(state: State, session: Session, task: Task) -> None:
    """Count an admitted task."""
    state.everything[task.id] = task
    session.tasks[task.id] = task


def make_ready(state: State, now: int, task: Task) -> None:
    """The task depends on nothing any more: pass it down."""
    session = task.session
    session.waiting += 1
    state.tenant_waiting[session.tenant] += 1
    if session.lapsed:
        revive(state, session)
    if isinstance(task, Quantum):
        tasks.make_ready(state, now, task)
    else:
        classical.make_ready(state, task)
    move(session, Trigger.STARTED if session.running else Trigger.WAITING)


def revive(state: State, session: Session) -> None:
    """The session stood idle past its interactive TTL: it queues again like a new one."""
    session.lapsed = False
    ledger.lapse(state.flows, session.row, float(state.next_flow_seq()))


def move(session: Session, trigger: Trigger) -> None:
    """One step in the session's table."""
    session.state = SESSION_TABLE[session.state][trigger]


def note_started(state: State, task: Task) -> None:
    """A task of the session runs now."""
    task.session.waiting -= 1
    task.session.running += 1
    state.tenant_waiting[task.session.tenant] -= 1
    move(task.session, Trigger.STARTED)


def note_ended(state: State, now: int, note: Ended, out: list[Command]) -> None:
    """A task of the session reached its last state."""
    task, session = note.task, note.task.session
    state.everything.pop(task.id, None)
    session.tasks.pop(task.id, None)
    if note.was is TaskState.RUNNING:
        session.running -= 1
    elif note.was is TaskState.READY:
        session.waiting -= 1
        state.tenant_waiting[session.tenant] -= 1
    if session.running == 0:
        move(session, Trigger.WAITING if session.waiting else Trigger.IDLE)
    if session.running + session.waiting == 0:
        session.idle_since = now
        heappush(state.timers, (now + session.interactive_ttl, session.id))
    if session.state is SessionState.CLOSING and not session.tasks:
        end(state, session, Trigger.DRAINED, "closed by its owner", out)


def close(state: State, session_id: str, out: list[Command]) -> None:
    """Take no further tasks; end when the accepted ones are done."""
    session = state.sessions.get(session_id)
    if session is None or session.state in SESSION_ENDED:
        return
    move(session, Trigger.CLOSE)
    if not session.tasks:
        end(state, session, Trigger.DRAINED, "closed by its owner", out)


def converged(state: State, session_id: str) -> None:
    """The loop has converged: what it still submits is NORMAL."""
    session = state.sessions.get(session_id)
    if session is not None:
        state.flows[session.row][CONVERGED] = 1.0


def drop(state: State, now: int, session: Session, trigger: Trigger, reason: str, out: list[Command]) -> None:
    """End the session now. On cancel all its tasks are dropped; on expiry running ones finish, the others fail."""
    for task in list(session.tasks.values()):
        if trigger is Trigger.EXPIRE and task.state is TaskState.RUNNING:
            continue
        last = TaskState.CANCELLED if trigger is Trigger.CANCEL else TaskState.FAILED
        cancel_task(state, now, task, reason, out, last)
    end(state, session, trigger, reason, out)


def cancel_task(state: State, now: int, task: Task, reason: str, out: list[Command],
                last: TaskState = TaskState.CANCELLED) -> None:
    """End one task."""
    if isinstance(task, Classical):
        classical.cancel(state, task, reason, out, last)
    else:
        tasks.cancel(state, now, task, reason, out, last)


def end(state: State, session: Session, trigger: Trigger, reason: str, out: list[Command]) -> None:
    """The session's last state; its row is used again once nothing of it lies in lanes or on QPUs."""
    move(session, trigger)
    state.flows[session.row][OPEN] = 0.0
    out.append(SessionEnded(session.id, session.state, reason))
    state.dying[session.id] = session


def reap(state: State) -> None:
    """Forget ended sessions of which nothing is left."""
    for session in list(state.dying.values()):
        if not session.tasks and state.flows[session.row][OUTSTANDING] == 0.0:
            del state.dying[session.id]
            del state.sessions[session.id]
            state.free_flows.append(session.row)


def tick(state: State, now: int, out: list[Command]) -> None:
    """Carry out the TTLs that are over."""
    while state.timers and state.timers[0][0] <= now:
        _, session_id = heappop(state.timers)
        session = state.sessions.get(session_id)
        if session is None or session.state in SESSION_ENDED:
            continue
        if now >= session.expires_at:
            drop(state, now, session, Trigger.EXPIRE, "the session's maximum time-to-live is over", out)
        elif session.running + session.waiting == 0 and now - session.idle_since >= session.interactive_ttl:
            session.lapsed = True
            state.flows[session.row][OPEN] = 0.0


def next_timer(state: State) -> int:
    """When the next TTL may be over, NEVER if there is none."""
    return state.timers[0][0] if state.timers else NEVER
