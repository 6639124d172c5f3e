"""Speculative tasks in the engine: they take what is left, give way to all else, and leave nothing behind."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.engine import invariants
from qloop.engine.engine import Engine
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.model.states import Outcome
from qloop.policies.catalog import builtin
from qloop.policies.columns import LAST_END, LAST_EPOCH, LAST_QPU, MEAN, STEPS

OPS = ("submit", "guess", "commit", "cancel", "end", "end", "fail", "wait", "wait", "leave", "join", "calibrate",
       "done", "pause", "resume", "close", "open", "drop")
ops = st.lists(st.tuples(st.sampled_from(OPS), st.integers(0, 11), st.integers(0, 7)), max_size=60)


class Platform:
    """An engine with two QPUs whose attempts end when told to, or at once if they are told to stop (`obedient`)."""

    def __init__(self, obedient: bool, policy: str = "efaas") -> None:
        self.engine, self.now, self.count, self.obedient = Engine(builtin()[policy]), 0, 0, obedient
        self.on: dict[str, tuple[str, int, int]] = {}
        self.guesses: list[str] = []
        self.tasks: list[str] = []
        self.ended: dict[str, cmd.TaskEnded] = {}
        self.kept: set[str] = set()
        self.starts: list[tuple[int, str, str]] = []
        self.refused: list[cmd.Refused] = []
        self.sessions = ["a", "b", "c"]
        for q in ("q0", "q1"):
            self.send(ev.QpuJoined(q, 8))
        for name in self.sessions:
            self.send(ev.SessionOpened(name, f"tenant of {name}"))

    def send(self, event: ev.Event) -> None:
        aborted = []
        for command in self.engine.handle(self.now, event):
            match command:
                case cmd.StartQuantum():
                    self.on[command.qpu] = command.task, command.attempt, self.now
                    if command.task not in self.guesses:
                        self.starts.append((self.now, command.task, command.qpu))
                case cmd.TaskEnded():
                    assert command.task not in self.ended, "a task ends twice"
                    self.ended[command.task] = command
                case cmd.KeepQuantum():
                    self.kept.add(command.task)
                case cmd.AbortQuantum():
                    aborted.append(command)
                case cmd.Refused():
                    self.refused.append(command)
                case _:
                    pass
        invariants.check(self.engine.state)
        for command in aborted if self.obedient else ():
            self.end(command.qpu, Outcome.CANCELLED)

    def end(self, qpu: str, outcome: Outcome) -> None:
        if qpu in self.on:
            task, attempt, since = self.on.pop(qpu)
            self.send(ev.QuantumEnded(task, attempt, qpu, outcome, self.now - since))

    def do(self, op: str, which: int, size: int) -> None:
        qpu, session = f"q{which % 2}", self.sessions[which % len(self.sessions)]
        self.count += 1
        match op:
            case "submit" | "guess":
                name = f"{op}{self.count}"
                (self.guesses if op == "guess" else self.tasks).append(name)
                pin = qpu if size % 3 == 0 else ""
                self.send(ev.QuantumSubmitted(name, session, 2, estimate_s=1.0 + size, cpu_s=0.5, pin=pin,
                                              speculative=op == "guess"))
            case "commit" if self.guesses:
                self.send(ev.QuantumCommitted(self.guesses[which % len(self.guesses)], session))
            case "cancel" if self.guesses or self.tasks:
                names = self.guesses + self.tasks
                self.send(ev.TaskCancelled(names[which % len(names)]))
            case "end":
                self.end(qpu, Outcome.OK)
            case "fail":
                self.end(qpu, (Outcome.FAILED, Outcome.LOST)[size % 2])
            case "wait":
                self.now += size * SECOND // 2
                self.send(ev.Tick())
            case "leave":
                self.on.pop(qpu, None)
                self.send(ev.QpuLeft(qpu))
            case "join":
                self.send(ev.QpuJoined(qpu, 8))
            case "calibrate":
                self.send(ev.CalibrationDue(qpu, SECOND))
            case "done" if qpu not in self.on:
                self.send(ev.CalibrationEnded(qpu, self.count))
            case "pause":
                self.send(ev.QpuPaused(qpu, "test"))
            case "resume":
                self.send(ev.QpuResumed(qpu))
            case "close":
                self.send(ev.SessionClosing(session))
            case "drop":
                self.send(ev.SessionCancelled(session))
            case "open":
                self.sessions.append(f"s{self.count}")
                self.send(ev.SessionOpened(self.sessions[-1], "tenant of more"))
            case _:
                pass

    def empty(self) -> None:
        """Drop all sessions and end what runs: nothing may be left."""
        for session in self.sessions:
            self.send(ev.SessionCancelled(session))
        for qpu in list(self.on):
            self.end(qpu, Outcome.OK)
        state = self.engine.state
        assert (state.guessing, state.giving_way, state.guesses, state.sessions) == (0, 0, {}, {})
        assert not state.everything
        assert not state.unwanted
        assert len(state.free_rows) == len(state.tasks)


@settings(max_examples=120, deadline=None)
@given(script=ops, obedient=st.booleans())
def test_whatever_happens_nothing_is_left_behind(script, obedient):
    platform = Platform(obedient)
    for op, which, size in script:
        platform.do(op, which, size)
        state = platform.engine.state
        for qpu in state.qpus:
            running = qpu.running
            if running is not None and running.guess and running.id not in state.unwanted:
                pinned = [task for task in state.by_row if task is not None and not task.guess
                          and task.state.value == "ready" and task.wish.pin == qpu.id and qpu.online]
                assert not pinned or state.qpu_rows[qpu.row][0] < 1.0, "a guess keeps a QPU from a task that needs it"
    platform.empty()
    accepted = {command.subject for command in platform.refused}
    for name in platform.guesses:
        assert name in platform.ended or name in accepted, f"{name} never ended"


@settings(max_examples=80, deadline=None)
@given(script=st.lists(st.tuples(st.sampled_from(("submit", "submit", "guess", "guess", "end", "end", "wait", "wait",
                                                   "calibrate", "done")),
                                 st.integers(0, 11), st.integers(1, 7)), max_size=50))
def test_other_tasks_start_as_if_there_were_no_guesses(script):
    """Where QPUs stop at once, guesses change not when any other task starts, or in which order.

    Each task is bound to a QPU here: of two that cost the same, one takes rather the one without a guess.
    """
    platforms = Platform(True), Platform(True)
    for number, platform in enumerate(platforms):
        platform.sessions.append("guesser")
        platform.send(ev.SessionOpened("guesser", "another tenant"))
        for op, which, size in script:
            run_step(platform, op, which, size, with_guesses=number == 0)
    assert platforms[0].starts == platforms[1].starts


def run_step(platform: Platform, op: str, which: int, size: int, *, with_guesses: bool) -> None:
    """One step; guesses are of a session that does nothing else, and only other tasks end."""
    if op == "guess":
        platform.count += 1
        if with_guesses:
            platform.guesses.append(name := f"guess{platform.count}")
            platform.send(ev.QuantumSubmitted(name, "guesser", 2, estimate_s=float(size), speculative=True,
                                             pin="" if size == 7 else f"q{size % 2}"))
    elif op == "submit":
        platform.count += 1
        platform.tasks.append(name := f"submit{platform.count}")
        platform.send(ev.QuantumSubmitted(name, platform.sessions[which % 3], 2, estimate_s=1.0 + size, cpu_s=0.5,
                                         pin=f"q{size % 2}"))
    elif op in ("end", "done"):
        qpu = f"q{which % 2}"
        if op == "done" and platform.engine.state.qpus[which % 2].calibrating:
            platform.send(ev.CalibrationEnded(qpu, int(platform.engine.state.qpu_rows[which % 2][9]) + 1))
        if op == "end" and platform.on.get(qpu, ("guess",))[0] not in platform.guesses:
            platform.end(qpu, Outcome.OK)
    else:
        platform.do(op, which, size)


def test_a_guess_waits_for_others_and_gives_way_to_them():
    platform = Platform(True)
    platform.do("guess", 0, 3)                              # q0, pinned
    assert platform.on["q0"][0] == "guess1"
    platform.now += SECOND
    platform.send(ev.QuantumSubmitted("wanted", "b", 2, estimate_s=1.0, pin="q0"))
    assert platform.on["q0"][0] == "wanted"
    assert platform.ended["guess1"].reason == "preempted"


def test_a_committed_guess_goes_on_and_is_not_stopped_any_more():
    platform = Platform(True)
    platform.do("guess", 0, 3)
    platform.send(ev.QuantumCommitted("guess1", "a"))
    assert platform.kept == {"guess1"}
    platform.send(ev.QuantumSubmitted("wanted", "b", 2, estimate_s=1.0, pin="q0"))
    assert platform.on["q0"][0] == "guess1"
    platform.now += 3 * SECOND
    platform.end("q0", Outcome.OK)
    assert platform.ended["guess1"].state.value == "done"
    assert platform.on["q0"][0] == "wanted"


def test_a_guess_that_waits_is_a_task_like_others_once_it_is_committed():
    platform = Platform(True)
    platform.send(ev.QuantumSubmitted("first", "b", 2, estimate_s=5.0, pin="q0"))
    platform.do("guess", 0, 3)
    assert platform.engine.explain("guess2" if "guess2" in platform.guesses else platform.guesses[0]).reason.value \
        .startswith("it is speculative")
    platform.send(ev.QuantumCommitted(platform.guesses[0], "a"))
    assert platform.engine.state.waiting == 1
    platform.end("q0", Outcome.OK)
    assert platform.on["q0"][0] == platform.guesses[0]


def test_a_guess_that_ended_is_a_step_of_its_session_only_once_it_is_wanted():
    platform = Platform(True)
    platform.do("guess", 0, 3)
    (name,) = platform.guesses
    flow = platform.engine.state.flows[platform.engine.state.sessions["a"].row]
    before = list(flow)
    platform.now += 3 * SECOND
    platform.end("q0", Outcome.OK)
    told = (STEPS, LAST_END, LAST_QPU, LAST_EPOCH, MEAN)
    assert [flow[one] for one in told] == [before[one] for one in told]
    platform.now += SECOND
    platform.send(ev.QuantumCommitted(name, "a"))
    assert flow[STEPS] == before[STEPS] + 1.0
    assert (flow[LAST_END], flow[LAST_QPU]) == (3.0, 0.0)
    platform.send(ev.QuantumCommitted(name, "a"))
    assert flow[STEPS] == before[STEPS] + 1.0, "it counts once"


def test_a_session_whose_only_run_was_a_wrong_guess_is_new():
    platform = Platform(True)
    platform.do("guess", 0, 3)
    platform.now += 3 * SECOND
    platform.end("q0", Outcome.OK)
    platform.send(ev.QuantumSubmitted("first", "a", 2, estimate_s=1.0, pin="q0"))
    assert not platform.engine.state.everything["first"].hot


def test_a_calibration_does_not_wait_for_a_guess():
    platform = Platform(True)
    platform.do("guess", 0, 3)
    platform.send(ev.CalibrationDue("q0", SECOND))
    assert platform.engine.state.qpus[0].calibrating
    assert platform.ended["guess1"].reason == "preempted"


def test_a_policy_that_takes_no_guesses_says_so():
    platform = Platform(True, policy="fifo")
    platform.do("guess", 0, 1)
    assert [(one.code, one.reason) for one in platform.refused] == [
        ("no_speculation", "the policy fifo takes no speculative tasks")]


def test_guesses_do_not_take_the_places_of_other_tasks():
    """The bounds on waiting tasks count no guesses, and guesses have a bound of their own."""
    platform = Platform(True)
    for _ in range(70):
        platform.do("guess", 0, 3)
    assert {one.code for one in platform.refused} == {"guesses_full"}
    state = platform.engine.state
    assert state.queued == 0
    assert state.sessions["a"].state.value == "new"
