"""The part of the pilots' conformance suite in which tasks and workers die, hang, and are aborted."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Final

from qloop.model.states import Outcome
from qloop.pilots.payload import open_value
from qloop.pilots.protocol import Ended, Left, Pilot
from qloop.testing import pilot_tasks as tasks
from qloop.testing.pilot_drive import PilotDrive

MakePilot = Callable[[], Pilot]


def _replaced(drive: PilotDrive, worker: str, size: int) -> None:
    """The worker has left, and another has come under a name that was never used."""
    drive.until(lambda: worker not in drive.workers() and len(drive.workers()) == size, f"{worker} is replaced")
    assert open_value(drive.call(tasks.add, 1, worker=drive.workers()[-1])) == 2


def a_worker_that_is_killed_is_replaced(make: MakePilot) -> None:
    """Left with the reason, then LOST with the task's last words; the other worker notices nothing."""
    with PilotDrive(make(), 2) as drive:
        first, second = drive.workers()
        bystander = drive.submit(tasks.sleep, 600.0, worker=second)
        drive.began(bystander)
        ended = drive.call(tasks.die, signal.SIGKILL, worker=first)
        assert ended.outcome is Outcome.LOST
        assert "SIGKILL" in ended.error
        assert ended.stderr_text == "last words\n"
        assert drive.index(Left, first) < drive.index(Ended, first)
        _replaced(drive, first, 2)
        assert drive.ends(bystander) == 0
        assert second in drive.workers()


def a_native_crash_is_told_with_its_stack(make: MakePilot) -> None:
    """A segmentation fault: LOST, and the stack on stderr names the function."""
    with PilotDrive(make()) as drive:
        ended = drive.call(tasks.die, signal.SIGSEGV)
        assert ended.outcome is Outcome.LOST
        assert "SIGSEGV" in ended.error
        assert "in die" in ended.stderr_text
        _replaced(drive, ended.worker, 1)


def a_worker_that_exits_is_replaced(make: MakePilot) -> None:
    """`os._exit` in a task, again and again, exhausts nothing."""
    with PilotDrive(make()) as drive:
        for status in range(5):
            worker = drive.workers()[0]
            ended = drive.call(tasks.leave_at_once, status, worker=worker)
            assert ended.outcome is Outcome.LOST
            assert f"exit status {status}" in ended.error
            _replaced(drive, worker, 1)


def a_hanging_task_is_ended_by_its_time_limit(make: MakePilot) -> None:
    """FAILED, since it would hang again; told before the worker has left; the limit does not outlive its task."""
    with PilotDrive(make()) as drive:
        worker = drive.workers()[0]
        assert open_value(drive.call(tasks.add, 1, worker=worker, limit_s=30.0)) == 2
        ended = drive.call(tasks.sleep, 600.0, worker=worker, limit_s=0.1)
        assert ended.outcome is Outcome.FAILED
        assert "time limit of 0.1 s" in ended.error
        drive.until(lambda: worker not in drive.workers(), "the worker has left")
        ends = [place for place, event in enumerate(drive.events) if isinstance(event, Ended)]
        assert ends[-1] < drive.index(Left, worker)
        _replaced(drive, worker, 1)


def endless_output_is_ended_by_a_time_limit(make: MakePilot) -> None:
    """It neither hangs the pilot nor fills its memory."""
    with PilotDrive(make()) as drive:
        ended = drive.call(tasks.chatter_for_ever, limit_s=0.2)
        assert ended.outcome is Outcome.FAILED
        assert ended.stdout_text.endswith("yyyy")
        assert len(ended.stdout_text) < 70_000
        _replaced(drive, ended.worker, 1)


def an_abort_ends_the_attempt_it_names(make: MakePilot) -> None:
    """CANCELLED once; another attempt, task or worker by that name is left alone."""
    with PilotDrive(make(), 2) as drive:
        first, second = drive.workers()
        attempt = drive.submit(tasks.sleep, 600.0, worker=first)
        drive.began(attempt)
        for wrong in ((first, attempt[1], attempt[2] + 1), (first, "other", attempt[2]), (second, *attempt[1:]),
                      ("nobody", *attempt[1:])):
            drive.pilot.abort(*wrong)
        assert open_value(drive.call(tasks.add, 1, worker=second)) == 2
        assert drive.ends(attempt) == 0
        drive.pilot.abort(*attempt)
        drive.pilot.abort(*attempt)
        assert drive.ended(attempt).outcome is Outcome.CANCELLED
        _replaced(drive, first, 2)
        assert drive.ends(attempt) == 1


def an_abort_after_the_end_does_nothing(make: MakePilot) -> None:
    """The worker stays."""
    with PilotDrive(make()) as drive:
        attempt = drive.submit(tasks.add, 1)
        drive.ended(attempt)
        drive.pilot.abort(*attempt)
        assert open_value(drive.call(tasks.add, 1, worker=attempt[0])) == 2
        assert drive.ends(attempt) == 1


def a_run_on_a_worker_that_has_left_is_lost(make: MakePilot) -> None:
    """It is answered, not raised: the engine may not have heard yet."""
    with PilotDrive(make()) as drive:
        ended = drive.call(tasks.add, 1, worker="long-gone")
        assert ended.outcome is Outcome.LOST
        assert "left" in ended.error


def a_function_that_forks_is_heard_once(make: MakePilot) -> None:
    """Only the worker itself answers."""
    with PilotDrive(make()) as drive:
        attempt = drive.submit(tasks.fork_and_return)
        assert open_value(drive.ended(attempt)) == "parent"
        assert open_value(drive.call(tasks.add, 1, worker=attempt[0])) == 2
        assert drive.ends(attempt) == 1


def nobody_is_at_the_keyboard(make: MakePilot) -> None:
    """A task that asks for input fails instead of waiting."""
    with PilotDrive(make()) as drive:
        ended = drive.call(tasks.read_line)
        assert ended.outcome is Outcome.FAILED
        assert "EOFError" in ended.error


FAULT_CHECKS: Final[tuple[Callable[[MakePilot], None], ...]] = (
    a_worker_that_is_killed_is_replaced, a_native_crash_is_told_with_its_stack, a_worker_that_exits_is_replaced,
    a_hanging_task_is_ended_by_its_time_limit, endless_output_is_ended_by_a_time_limit,
    an_abort_ends_the_attempt_it_names, an_abort_after_the_end_does_nothing, a_run_on_a_worker_that_has_left_is_lost,
    a_function_that_forks_is_heard_once, nobody_is_at_the_keyboard,
)
