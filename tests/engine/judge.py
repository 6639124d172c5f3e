"""What must hold after every event, judged by one who knows only what was sent and what was answered."""

from __future__ import annotations

from dataclasses import dataclass, field

from qloop.engine import invariants
from qloop.engine.engine import Engine
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND, Limits
from qloop.model.states import TASK_ENDED, SessionState, TaskState
from qloop.policies.record import Policy

from .conservation import check_no_needless_idling
from .snapshot import snapshot

LIMITS = Limits(open_sessions=5, waiting_tasks=14, waiting_per_tenant=10, waiting_per_session=7, attempts=2,
                interactive_ttl_ns=20 * SECOND, max_ttl_ns=90 * SECOND)


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
class Judge:
    """One engine under one policy, all that was ever sent and answered, and what must hold of it."""

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
    epochs: dict[str, int] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)         # last width of every QPU that ever joined
    off: dict[str, str] = field(default_factory=dict)           # what the operator did to QPUs that are not on
    owed: set[str] = field(default_factory=set)                 # QPUs of which the operator waits to hear
    past: list[ev.Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = Engine(self.policy, self.limits, self.seed)

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
        if isinstance(wish, ev.ClassicalSubmitted) or not self.known:
            return None
        left = [width for qpu, width in self.known.items()
                if wish.pin in ("", qpu) and self.off.get(qpu) != "retired"]
        return "retired" if not left else None if max(left) >= wish.width else "too_wide"

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
        assert self.owed <= self.on_qpu.keys(), "the operator was not told that a QPU is empty"
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
            case cmd.QpuEmpty():
                assert self.off[command.qpu] in ("drained", "retired")
                assert command.qpu not in self.on_qpu, "empty, they say"
                self.owed.discard(command.qpu)
                if self.off[command.qpu] == "retired":
                    self.widths.pop(command.qpu, None)
                    self.calibrating.discard(command.qpu)
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
        assert command.qpu not in self.off, "a task starts on a QPU that the operator has taken out"
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
