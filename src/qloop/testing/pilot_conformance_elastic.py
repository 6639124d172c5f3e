"""The part of the pilots' conformance suite in which workers come and go on purpose, and in which tasks speak."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from qloop.errors import InvalidInput
from qloop.model.states import Outcome
from qloop.pilots.payload import open_value
from qloop.pilots.protocol import Ended, Joined, Left, Pilot
from qloop.testing import pilot_tasks as tasks
from qloop.testing.pilot_drive import PilotDrive

MakePilot = Callable[[], Pilot]


def workers_come_and_go_as_told(make: MakePilot) -> None:
    """From none to two, to none, to one: under names that were never used, on nodes that say what they have."""
    with PilotDrive(make(), 0) as drive:
        assert drive.listen(0.0) == []
        drive.pilot.grow(2)
        drive.until(lambda: len(drive.workers()) == 2, "two workers have joined")
        first = set(drive.workers())
        for worker in drive.workers():
            assert open_value(drive.call(tasks.add, 1, worker=worker)) == 2
            drive.pilot.release(worker)
        drive.until(lambda: not drive.workers(), "both have left")
        drive.pilot.grow(1)
        drive.until(lambda: len(drive.workers()) == 1, "one has joined")
        assert first.isdisjoint(drive.workers())
        assert open_value(drive.call(tasks.add, 1)) == 2
        joined = [event for event in drive.events if isinstance(event, Joined)]
        assert len(joined) == 3
        assert all(event.capacity is None or (event.node and event.capacity.cores >= 1) for event in joined)


def a_released_worker_is_not_replaced(make: MakePilot) -> None:
    """What it runs is LOST, once, after it has left; the other one goes on. To release it again changes nothing."""
    with PilotDrive(make(), 2) as drive:
        first, second = drive.workers()
        attempt = drive.submit(tasks.sleep, 600.0, worker=first)
        drive.began(attempt)
        for worker in (first, first, "nobody"):
            drive.pilot.release(worker)
        assert drive.ended(attempt).outcome is Outcome.LOST
        assert drive.index(Left, first) < drive.index(Ended, first)
        drive.pilot.release(first)
        late = drive.submit(tasks.add, 1, worker=first)
        assert drive.ended(late).outcome is Outcome.LOST
        ended = drive.call(tasks.leave_at_once, 3, worker=second)
        assert ended.outcome is Outcome.LOST
        drive.until(lambda: drive.workers() not in ([], [second]), "the other one, which died, is replaced")
        assert open_value(drive.call(tasks.add, 1)) == 2
        assert (len(drive.workers()), drive.ends(attempt)) == (1, 1)


def senseless_growth_is_refused(make: MakePilot) -> None:
    """By nothing, by less than nothing, by more than can be; before the start, and after the end."""
    fresh = make()
    _refused(partial(fresh.grow, 1))
    fresh.stop()
    with PilotDrive(make()) as drive:
        for count in (0, -1, True, 10**6):
            _refused(partial(drive.pilot.grow, count))
        assert open_value(drive.call(tasks.add, 1)) == 2
    _refused(partial(drive.pilot.grow, 1))


def _refused(act: Callable[[], Any]) -> None:
    try:
        act()
    except InvalidInput:
        return
    raise AssertionError("it was not refused")


def what_a_task_says_is_heard_in_order(make: MakePilot) -> None:
    """While it runs, before its end; what it prints too; and no more than it may."""
    with PilotDrive(make()) as drive:
        attempt = drive.submit(tasks.speak, 20)
        assert open_value(drive.ended(attempt)) is True
        assert drive.told(attempt, "number") == [str(number).encode() for number in range(20)]
        assert b"".join(drive.told(attempt, "stdout")).splitlines()[:20] == [b"line %d" % n for n in range(20)]
        flood = drive.submit(tasks.chatter, 5_000_000)
        drive.ended(flood)
        assert sum(map(len, drive.told(flood, "stdout"))) < 5_000_000


def questions_are_answered(make: MakePilot) -> None:
    """Two threads ask at once; answers come in another order, some to nobody."""
    with PilotDrive(make()) as drive:
        attempt = drive.submit(tasks.ask, b"a", b"b" * 200_000)
        asked = drive.asked(attempt, 2)
        assert sorted(len(question.data) for question in asked) == [1, 200_000]
        drive.pilot.answer("nobody", *attempt[1:], 1, b"no")
        drive.pilot.answer(attempt[0], attempt[1], attempt[2] + 1, asked[0].number, b"no")
        for question in reversed(asked):
            drive.pilot.answer(*attempt, question.number, question.data.upper())
        assert open_value(drive.ended(attempt)) == [b"A", b"B" * 200_000]
        drive.pilot.answer(*attempt, asked[0].number, b"too late")
        again = drive.submit(tasks.ask, b"c")
        drive.pilot.answer(*again, drive.asked(again)[0].number, b"d")
        assert open_value(drive.ended(again)) == [b"d"]


def a_task_that_waits_for_an_answer_can_be_ended(make: MakePilot) -> None:
    """By its time limit."""
    with PilotDrive(make()) as drive:
        ended = drive.call(tasks.ask, b"is anybody there?", limit_s=0.3)
        assert ended.outcome is Outcome.FAILED
        assert "time limit" in ended.error


ELASTIC_CHECKS: Final[tuple[Callable[[MakePilot], None], ...]] = (
    workers_come_and_go_as_told, a_released_worker_is_not_replaced, senseless_growth_is_refused,
    what_a_task_says_is_heard_in_order, questions_are_answered, a_task_that_waits_for_an_answer_can_be_ended,
)
