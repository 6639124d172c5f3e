"""A small engine for direct tests: events by short names, and what they caused."""

from __future__ import annotations

from collections.abc import Sequence

from qloop.engine import invariants
from qloop.engine.engine import Engine
from qloop.engine.explain import Explanation
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND, Limits
from qloop.model.states import Outcome
from qloop.policies.catalog import policy
from qloop.policies.record import Policy


class Bench:
    """Times in seconds; every event is followed by a check of all invariants."""

    def __init__(self, name: str | Policy = "fifo", qpus: Sequence[int] = (9,), sessions: Sequence[str] = ("s",),
                 **limits: int) -> None:
        self.engine = Engine(policy(name) if isinstance(name, str) else name, Limits(**limits))
        self.state = self.engine.state
        self.now = 0.0
        for k, width in enumerate(qpus):
            self.send(ev.QpuJoined(f"u{k}", width))
        for session in sessions:
            self.send(ev.SessionOpened(session, "t"))

    def send(self, event: ev.Event, at: float | None = None) -> list[cmd.Command]:
        """The commands that the event causes, without wishes to be woken."""
        self.now = self.now if at is None else at
        commands = self.engine.handle(round(self.now * SECOND), event)
        invariants.check(self.state)
        return [command for command in commands if not isinstance(command, cmd.WakeAt)]

    def submit(self, task: str, session: str = "s", estimate: float = 1.0, at: float | None = None,
               **more: object) -> list[cmd.Command]:
        wish = ev.QuantumSubmitted(task, session, more.pop("width", 1), estimate_s=estimate,
                                   **more)  # type: ignore[arg-type]
        return self.send(wish, at)

    def classical(self, task: str, session: str = "s", **more: object) -> list[cmd.Command]:
        return self.send(ev.ClassicalSubmitted(task, session, **more))  # type: ignore[arg-type]

    def end(self, task: str, outcome: Outcome = Outcome.OK, at: float | None = None) -> list[cmd.Command]:
        """The running attempt of a quantum task ends, wherever it runs."""
        qpu = next(qpu for qpu in self.state.qpus if qpu.running is not None and qpu.running.id == task)
        assert qpu.running is not None
        return self.send(ev.QuantumEnded(task, qpu.running.attempt, qpu.id, outcome, SECOND), at)

    def explain(self, task: str) -> Explanation:
        return self.engine.explain(task)


def starts(commands: list[cmd.Command]) -> list[tuple[str, int, str]]:
    """(task, attempt, QPU) of what starts."""
    return [(c.task, c.attempt, c.qpu) for c in commands if isinstance(c, cmd.StartQuantum)]


def refusal(commands: list[cmd.Command]) -> tuple[str, str]:
    """Code and reason of the one refusal."""
    (found,) = [command for command in commands if isinstance(command, cmd.Refused)]
    return found.code, found.reason
