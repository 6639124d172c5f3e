"""What a pilot does wrong harms its own tasks at most."""

from __future__ import annotations

import operator
import threading
from typing import Any

import pytest

from qloop.errors import InvalidInput
from qloop.pilots.protocol import Joined, PilotEvent
from qloop.runtime.embedded import Runtime
from qloop.runtime.wishes import SessionWish

PATIENCE_S = 30.0


class Odd:
    """A pilot whose workers join, and whose other verbs do what `wrong` says."""

    kind = "local"

    def __init__(self, wrong: str) -> None:
        self.name, self.wrong, self.events = "odd", wrong, [Joined("odd-1")]
        self.called = threading.Event()

    def start(self, size: int) -> None: ...

    def grow(self, count: int) -> None: ...

    def release(self, worker: str) -> None: ...

    def run(self, *call: Any, **how: Any) -> None:
        self.called.set()
        if self.wrong == "run":
            raise InvalidInput("It does not run this")

    def answer(self, *answer: Any) -> None: ...

    def abort(self, *attempt: Any) -> None: ...

    def poll(self, timeout: float) -> list[PilotEvent]:
        if self.wrong == "poll" and self.called.is_set():
            raise KeyError("a bug of this pilot")
        self.called.wait(0.01)
        events, self.events = self.events, []
        return events

    def wake(self) -> None: ...

    def fileno(self) -> int:
        return -1

    def stop(self) -> None: ...


@pytest.mark.parametrize(("wrong", "message"), [("poll", "a bug of this pilot"), ("run", "It does not run this")])
def test_its_tasks_fail_with_words_and_the_runtime_goes_on(
        wrong: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from qloop.runtime import pilots

    monkeypatch.setattr(pilots, "open_pilot", lambda spec: Odd(wrong))
    with Runtime(qpus=["exact"], journal=":memory:", pilots=["local:1"]) as runtime:
        session = runtime.open_session(SessionWish())
        follower: list[Any] = []
        ticket = runtime.call(session, operator.add, 1, 1)
        ticket.when_done(lambda one: follower.append(runtime.call(session, abs, -1)))   # posts from within an end
        with pytest.raises(Exception, match=message):
            runtime.answer(ticket, PATIENCE_S)
        assert runtime.view(session) is not None
