"""A hostile world around one engine, and what must hold after every event whatever that world does.

The actions take plain integers, so that Hypothesis and a counter-based generator can both drive them. The world knows
only what it sent and what the engine answered; from these it predicts refusals and judges commands.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from qloop.engine import invariants
from qloop.engine.engine import Engine
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import NEVER, SECOND, Limits
from qloop.model.states import TASK_ENDED, Outcome, SessionState, TaskState
from qloop.policies.record import Policy

from .conservation import check_no_needless_idling
from .snapshot import snapshot

LIMITS = Limits(open_sessions=5, waiting_tasks=14, waiting_per_tenant=10, waiting_per_session=7, attempts=2,
                interactive_ttl_ns=20 * SECOND, max_ttl_ns=90 * SECOND)
OUTCOMES = (Outcome.OK, Outcome.OK, Outcome.LOST, Outcome.FAILED, Outcome.CANCELLED)
WIDTHS = (2, 4, 6)


@dataclass
class Known:
    """What the world knows of an accepted task."""

    session: str
    tenant: str
    quantum: bool
    needs: set[str]
    attempts: int = 0
    running: bool = False
    ended: TaskState | None = None


@dataclass
class World:
    """One engine under one policy, with all that was ever sent and answered."""

    policy: Policy
    seed: int = 0
    limits: Limits = LIMITS
    now: int = 0
    count: int = 0
    log: list[tuple[int, ev.Event]] = field(default_factory=list)
    answers: list[list[cmd.Command]] = field(default_factory=list)
    tasks: dict[str, Known] = field(default_factory=dict)
    tenant_of: dict[str, str] = field(default_factory=dict)
    expires: dict[str, int] = field(default_factory=dict)
    session_end: dict[str, SessionState] = field(default_factory=dict)
    closing: set[str] = field(default_factory=set)
    on_qpu: dict[str, tuple[str, int]] = field(default_factory=dict)
    on_worker: dict[tuple[str, str], int] = field(default_factory=dict)
    calibrating: set[str] = field(default_factory=set)
    widths: dict[str, int] = field(default_factory=dict)
    past: list[ev.Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = Engine(self.policy, self.limits, self.seed)

    # actions: every argument is any integer
    def wait(self, half_seconds: int) -> None:
        self.now += half_seconds * SECOND // 2
        self.send(ev.Tick())

    def set_tenant(self, tenant: int, weight: int) -> None:
        self.send(ev.TenantSet(f"t{tenant % 3}", 1.0 + weight % 4))

    def open(self, tenant: int, weight: int, short: int) -> None:
        self.count += 1
        ttl, life = (5, 40) if short % 2 else (0, 0)
        self.tenant_of[name := f"s{self.count}"] = f"t{tenant % 3}"
        full = len(self.engine.state.sessions) >= self.limits.open_sessions
        refused = self.send(ev.SessionOpened(name, f"t{tenant % 3}", 1.0 + weight % 3, ttl * SECOND, life * SECOND))
        assert (refused == "sessions") == full
        if refused is None:
            self.expires[name] = self.now + (life * SECOND or self.limits.max_ttl_ns)

    def submit(self, session: int, width: int, estimate: int, after: int, pin: int) -> None:
        name = self.session(session)
        if name is None:
            return
        self.count += 1
        known = list(self.tasks)
        needs = tuple(known[(after // 3 + k) % len(known)] for k in range(after % 3)) if known else ()
        pinned = self.some(self.widths, pin // 4) if pin % 4 == 0 else None
        event = ev.QuantumSubmitted(f"q{self.count}", name, WIDTHS[width % 3], estimate_s=estimate % 9 / 2, cpu_s=0.5,
                                    weight=1.0 + estimate % 3, pin=pinned or "", after=needs)
        self.wish(event)

    def submit_classical(self, session: int, cores: int, environment: int, after: int) -> None:
        name = self.session(session)
        if name is None:
            return
        self.count += 1
        known = list(self.tasks)
        needs = (known[after // 2 % len(known)],) if known and after % 2 else ()
        self.wish(ev.ClassicalSubmitted(f"c{self.count}", name, 1 + cores % 3, 0.5, f"e{environment % 2}", after=needs))

    def wish(self, event: ev.QuantumSubmitted | ev.ClassicalSubmitted) -> None:
        self.send(ev.Tick())
        expected = self.refusal(event)
        quantum = isinstance(event, ev.QuantumSubmitted)
        known = Known(event.session, self.tenant_of[event.session], quantum,
                      {t for t in event.after if t in self.tasks and self.tasks[t].ended is None})
        if expected is None:
            self.tasks[event.task] = known
        assert self.send(event) == expected

    def resubmit(self, which: int) -> None:
        """The id of an accepted task that waits or of which an attempt still runs."""
        names = [name for name, task in self.tasks.items() if task.ended is None]
        names += [task for task, _ in self.on_qpu.values()] + [task for task, _ in self.on_worker]
        if names and (session := self.session(which)):
            expected = "session_ended" if self.takes_none(session) else "conflict"
            assert self.send(ev.QuantumSubmitted(names[which % len(names)], session, 2)) == expected

    def cancel_task(self, which: int) -> None:
        if (name := self.some(self.tasks, which)) is not None:
            self.send(ev.TaskCancelled(name))
            assert self.tasks[name].ended is not None

    def cancel_session(self, which: int) -> None:
        if (name := self.session(which)) is not None:
            self.send(ev.SessionCancelled(name))
            assert name in self.session_end
            assert all(task.ended for task in self.tasks.values() if task.session == name) or (
                self.session_end[name] is SessionState.EXPIRED)

    def close(self, which: int) -> None:
        if (name := self.session(which)) is not None:
            self.closing.add(name)
            self.send(ev.SessionClosing(name))

    def converge(self, which: int) -> None:
        if (name := self.session(which)) is not None:
            self.send(ev.SessionConverged(name))

    def end_quantum(self, which: int, outcome: int) -> None:
        name = self.some(self.on_qpu, which)
        if name is not None:
            task, attempt = self.on_qpu.pop(name)
            self.tasks[task].running = False
            event = ev.QuantumEnded(task, attempt, name, OUTCOMES[outcome % 5], (1 + outcome % 6) * SECOND // 2)
            self.past.append(event)
            self.send(event)

    def end_classical(self, which: int, outcome: int) -> None:
        if self.on_worker:
            task, worker = key = list(self.on_worker)[which % len(self.on_worker)]
            self.tasks[task].running = False
            event = ev.ClassicalEnded(task, self.on_worker.pop(key), worker, OUTCOMES[outcome % 5], SECOND)
            self.past.append(event)
            self.send(event)

    def repeat(self, which: int) -> None:
        """An end is reported again, late: nothing happens."""
        if self.past:
            commands = self.send_quietly(self.past[which % len(self.past)])
            assert not [c for c in commands if not isinstance(c, cmd.WakeAt)]

    def join_qpu(self, which: int, width: int, windowed: int) -> None:
        name = f"u{which % 3}"
        at = self.now + (3 + windowed % 5) * SECOND if windowed % 2 else NEVER
        if name not in self.widths:
            self.calibrating.discard(name)
            self.widths[name] = WIDTHS[width % 3]
        self.send(ev.QpuJoined(name, WIDTHS[width % 3], width % 2, windowed, at, 6 * SECOND if windowed % 2 else NEVER))

    def leave_qpu(self, which: int) -> None:
        name = f"u{which % 3}"
        self.widths.pop(name, None)
        self.calibrating.discard(name)
        if name in self.on_qpu:
            task, attempt = self.on_qpu.pop(name)
            self.tasks[task].running = False
            self.past.append(ev.QuantumEnded(task, attempt, name, Outcome.OK, SECOND))
        self.send(ev.QpuLeft(name))

    def calibrate(self, which: int, length: int) -> None:
        self.send(ev.CalibrationDue(f"u{which % 3}", length % 4 * SECOND))

    def calibrated(self, which: int) -> None:
        if self.calibrating:
            name = sorted(self.calibrating)[which % len(self.calibrating)]
            self.calibrating.remove(name)
            self.send(ev.CalibrationEnded(name, self.count, self.now + 8 * SECOND if which % 3 else NEVER))

    def join_worker(self, which: int, cores: int) -> None:
        self.send(ev.WorkerJoined(f"w{which % 3}", 1 + cores % 3, ("e0",) if cores % 2 else ()))

    def leave_worker(self, which: int) -> None:
        name = f"w{which % 3}"
        for task, worker in [key for key in self.on_worker if key[1] == name]:
            self.tasks[task].running = False
            self.past.append(ev.ClassicalEnded(task, self.on_worker.pop((task, worker)), worker))
        self.send(ev.WorkerLeft(name))

    # what must hold
    @staticmethod
    def some(names: dict[str, object] | dict[str, int] | dict[str, Known], which: int) -> str | None:
        return list(names)[which % len(names)] if names else None

    def session(self, which: int) -> str | None:
        """One of the sessions that were opened, seven times in eight one that has not ended."""
        live = {name: 0 for name in self.expires if name not in self.session_end}
        return self.some(live if live and which % 8 else self.expires, which // 8)

    def takes_none(self, session: str) -> bool:
        return session in self.session_end or session in self.closing

    def refusal(self, wish: ev.QuantumSubmitted | ev.ClassicalSubmitted) -> str | None:
        """The code with which the engine must refuse this wish, by what the world knows."""
        queued = [task for task in self.tasks.values() if task.ended is None and not task.running]
        if self.takes_none(wish.session):
            return "session_ended"
        if sum(task.session == wish.session for task in queued) >= self.limits.waiting_per_session:
            return "session_full"
        if sum(task.tenant == self.tenant_of[wish.session] for task in queued) >= self.limits.waiting_per_tenant:
            return "tenant_full"
        if len(queued) >= self.limits.waiting_tasks:
            return "full"
        if isinstance(wish, ev.ClassicalSubmitted) or not self.engine.state.qpus:
            return None
        rows = [row for qpu, row in zip(self.engine.state.qpus, self.engine.state.qpu_rows, strict=True)
                if wish.pin in ("", qpu.id)]
        return None if any(row[6] >= wish.width for row in rows) else "too_wide"

    def send(self, event: ev.Event) -> str | None:
        """Send, judge, and return the code of a refusal of this very event."""
        before = snapshot(self.engine.state)
        commands = self.send_quietly(event)
        refused = [command for command in commands if isinstance(command, cmd.Refused)]
        assert len(refused) <= 1
        if refused:
            assert refused[0].reason
            if before["now"] == self.now:
                assert snapshot(self.engine.state) == before, "a refusal changed something"
        return refused[0].code if refused else None

    def send_quietly(self, event: ev.Event) -> list[cmd.Command]:
        commands = self.engine.handle(self.now, event)
        self.log.append((self.now, event))
        self.answers.append(commands)
        for command in commands:
            self.judge(command)
        invariants.check(self.engine.state)
        self.check_times()
        check_no_needless_idling(self.engine.state)
        return commands

    def judge(self, command: cmd.Command) -> None:
        match command:
            case cmd.StartQuantum() | cmd.StartClassical():
                self.judge_start(command)
            case cmd.TaskEnded():
                task = self.tasks[command.task]
                assert task.ended is None, "a task ended twice"
                assert command.state in TASK_ENDED
                task.ended, task.running = command.state, False
            case cmd.SessionEnded():
                assert command.session not in self.session_end, "a session ended twice"
                self.session_end[command.session] = command.state
                self.judge_session_end(command)
            case cmd.StartCalibration():
                assert command.qpu not in self.on_qpu
                assert command.qpu not in self.calibrating
                self.calibrating.add(command.qpu)
            case cmd.AbortQuantum():
                assert self.on_qpu[command.qpu] == (command.task, command.attempt)
            case cmd.AbortClassical():
                assert self.on_worker[(command.task, command.worker)] == command.attempt
            case cmd.WakeAt():
                assert command.at_ns >= self.now

    def judge_start(self, command: cmd.StartQuantum | cmd.StartClassical) -> None:
        task = self.tasks[command.task]
        assert task.ended is None, "an ended task starts"
        assert task.session not in self.session_end, "a task of an ended session starts"
        assert all(self.tasks[need].ended is TaskState.DONE for need in task.needs), "a task starts before its needs"
        assert command.attempt == task.attempts + 1 <= self.limits.attempts
        task.attempts, task.running = command.attempt, True
        if isinstance(command, cmd.StartClassical):
            self.on_worker[(command.task, command.worker)] = command.attempt
            return
        assert command.qpu in self.widths, "a task starts on a QPU that is not there"
        assert command.qpu not in self.on_qpu, "two tasks on one QPU"
        assert command.qpu not in self.calibrating, "a task starts on a QPU that calibrates"
        self.on_qpu[command.qpu] = (command.task, command.attempt)

    def judge_session_end(self, command: cmd.SessionEnded) -> None:
        mine = [task for task in self.tasks.values() if task.session == command.session and task.ended is None]
        if command.state is SessionState.CLOSED:
            assert command.session in self.closing
            assert not mine, "closed before it was drained"
        if command.state is SessionState.EXPIRED:
            assert self.now >= self.expires[command.session], "expired too early"

    def check_times(self) -> None:
        """TTLs are carried out at their time, and all that an expired session still has is running."""
        for session in self.engine.state.sessions.values():
            if session.id in self.session_end:
                assert all(task.state is TaskState.RUNNING for task in session.tasks.values())
                continue
            assert self.now < session.expires_at, f"{session.id} outlives its maximum TTL"
            idle = session.waiting + session.running == 0
            assert session.lapsed == (idle and self.now - session.idle_since >= session.interactive_ttl)
        for task in self.tasks.values():
            retried = task.running and task.ended is None and task.quantum
            assert not retried or task.attempts <= self.limits.attempts
