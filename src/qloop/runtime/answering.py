"""Answers for a task in a worker that holds sessions of its own: a loop that runs beside its classical part.

All that is bought for it goes through the runtime and its journal, so when its worker dies, the next attempt opens the
session of the same name and gets what was bought from there. One thread each answers what has to wait.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import msgspec

from qloop.errors import InvalidInput, QloopError, SessionEnded
from qloop.model.states import TaskState
from qloop.runtime import questions as ask
from qloop.runtime.embedded import Runtime
from qloop.runtime.questions import Problem, Question, Reply
from qloop.runtime.ticket import QuantumTicket

MOST_ANSWERS: Final = 64        # that one task waits for at the same time
PATIENCE_S: Final = 30.0        # for what an earlier attempt had begun to buy
Answer: TypeAlias = Callable[[bytes], None]
ReadFile: TypeAlias = Callable[[str, int, int], bytes]


@dataclass(slots=True)
class Life:
    """What one attempt of the task holds: its sessions by name, its tickets, and how many answers are under way."""

    name: str
    sessions: dict[str, str] = field(default_factory=dict)
    tickets: dict[str, QuantumTicket] = field(default_factory=dict)
    under_way: int = 0


class Answering:
    """The runtime's side of one task that asks."""

    def __init__(self, client: Runtime, label: str) -> None:
        plain = "".join(c if c.isalnum() and c.isascii() else "-" for c in label)
        self.client, self._label = client, plain[-40:].strip("-") or "call"
        self._life = Life("")
        self._changed = threading.Condition()
        self._over = False

    def asked(self, data: bytes, answer: Answer, read: ReadFile) -> None:
        """A question came; it is answered in another thread. Called in a pilot's thread, so it does not wait.

        A daemon thread, for the program's end must not wait for a QPU.
        """
        try:
            threading.Thread(target=self._answer, args=(data, answer, read), daemon=True, name="qloop-answer").start()
        except RuntimeError as error:       # there are too many threads; the pilot's own must go on
            answer(msgspec.msgpack.encode(Reply(problem=ask.problem_of(error))))

    def end(self, state: TaskState) -> None:
        """The task has ended: with it end the sessions that it left open; if it failed, they can be taken up."""
        with self._changed:
            if self._over:
                return
            self._over = True
            life = self._life
        for session in life.sessions.values():
            self.client.close_session(session, cancel=state is TaskState.CANCELLED, keep=state is TaskState.FAILED)

    def _answer(self, data: bytes, answer: Answer, read: ReadFile) -> None:
        try:
            question = msgspec.msgpack.decode(data, type=Question)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            problem = Problem("InvalidInput", f"The question cannot be read: {error}")
            answer(msgspec.msgpack.encode(Reply(problem=problem)))
            return
        if isinstance(question, ask.Fetch):
            reply = _reply(lambda: read(question.name, question.offset, question.size))
        elif isinstance(question, ask.OpenSession):
            reply = _reply(lambda: self._open(question))
        else:
            reply = self._of_life(question)
        answer(msgspec.msgpack.encode(reply))

    def _of_life(self, question: Question) -> Reply:
        """The answer to a question of the present attempt; an earlier one waits for none."""
        with self._changed:
            life = self._life
            if life.under_way >= MOST_ANSWERS:
                return Reply(problem=Problem("Refused", f"{life.under_way} questions of this task wait for an answer",
                                             "That is the limit", "Ask from fewer threads"))
            life.under_way += 1
        try:
            return _reply(lambda: self._value(life, question))
        finally:
            with self._changed:
                life.under_way -= 1
                self._changed.notify_all()

    def _open(self, question: ask.OpenSession) -> str:
        """Open the session; what an earlier attempt had open is closed first, and kept to be taken up."""
        with self._changed:
            if self._over:
                raise SessionEnded("The task has ended", "It opens no further sessions")
            if self._life.name != question.life:
                earlier, self._life = self._life, Life(question.life)
                self._retire(earlier)
            life = self._life
            wish = question.wish
            if not wish.name:
                wish = msgspec.structs.replace(wish, name=f"{self._label}-{len(life.sessions) + 1}")
            session = life.sessions[wish.name] = self.client.open_session(wish)
            return session

    def _retire(self, life: Life) -> None:
        """Close what an attempt that is gone had open, and wait until nothing is being bought for it any more."""
        for session in life.sessions.values():
            self.client.close_session(session, keep=True)
        until = time.monotonic() + PATIENCE_S
        self._changed.wait_for(lambda: not life.under_way, PATIENCE_S)
        for ticket in life.tickets.values():
            while ticket.attempt and ticket.reported != ticket.attempt and time.monotonic() < until:
                time.sleep(0.001)

    def _value(self, life: Life, question: Question) -> Any:
        client = self.client
        match question:
            case ask.Hello():
                return ask.Greeting(client.now_s(), client.pace, client.default_qpu, client.traced)
            case ask.Prepare():
                _owned(life, question.session)
                return client.prepare(question.session, *_reader().submit(_read, question).result())
            case ask.Evaluate():
                return self._evaluate(life, question)
            case ask.Gather():
                ticket = _ticket(life, question.task)
                if question.timeout == 0 and not ticket.done:
                    return None
                return client.gather(ticket, question.timeout)
            case ask.Cancel():
                return client.cancel(_ticket(life, question.task))
            case ask.CloseSession():
                _owned(life, question.session)
                if question.converged is None:
                    life.sessions = {name: one for name, one in life.sessions.items() if one != question.session}
                return client.close_session(question.session, cancel=question.cancel, converged=question.converged,
                                            keep=question.keep)
            case ask.View():
                return client.view(question.session)
            case ask.Estimate():
                return client.estimate(question.session, question.structure, question.calls, question.shots,
                                       counts=question.counts)
            case ask.Note():
                return client.note(question.session, question.what, **question.values)
            case ask.Ideal():
                return client.ideal(question.session, question.structure, ask.thetas_of(question.theta, 1)[0])
        raise InvalidInput(f"Nobody answers {type(question).__name__} here")

    def _evaluate(self, life: Life, question: ask.Evaluate) -> Any:
        _owned(life, question.session)
        thetas = ask.thetas_of(question.thetas, question.rows)
        ticket = self.client.submit(question.session, question.structure, thetas, question.shots,
                                    counts=question.counts, iteration=question.iteration, cpu_s=question.cpu_s,
                                    inline=question.wait, after=question.after)
        life.tickets[ticket.id] = ticket
        if not question.wait:
            return ticket.id
        try:
            outcome = self.client.gather(ticket, question.timeout)
        except BaseException:
            if not ticket.done:
                self.client.cancel(ticket)
            raise
        life.tickets.pop(ticket.id, None)       # one that was cancelled may still be bought: see _retire
        return outcome


def _read(question: ask.Prepare) -> tuple[Any, Any]:
    """The circuit and the observable of a question."""
    return ask.circuit_of(question.circuit), ask.observable_of(question.observable)


@functools.cache
def _reader() -> ThreadPoolExecutor:
    """One thread for as long as the process lives, which reads circuits.

    Where a thread imports Qiskit and ends, reading QPY in another one later ends the process (Qiskit 2.6).
    """
    return ThreadPoolExecutor(1, thread_name_prefix="qloop-reader")


def _owned(life: Life, session: str) -> None:
    """SessionEnded unless the attempt opened this session."""
    if session not in life.sessions.values():
        raise SessionEnded(f"The session {session} is not open in this task", "",
                           "Open it in the function that uses it")


def _ticket(life: Life, task: str) -> QuantumTicket:
    ticket = life.tickets.get(task)
    if ticket is None:
        raise InvalidInput(f"This task did not submit {task!r:.80}")
    return ticket


def _reply(value: Callable[[], Any]) -> Reply:
    """The value, or what went wrong."""
    try:
        return Reply(msgspec.Raw(msgspec.msgpack.encode(value())))
    except (QloopError, TimeoutError, ValueError, TypeError) as error:
        return Reply(problem=ask.problem_of(error))
    except Exception as error:      # whoever asked must not wait for ever
        return Reply(problem=ask.problem_of(error))
