"""What every pilot must do, as checks that any test runner can call.

Each entry of `CHECKS` takes a function that makes a fresh pilot, and raises `AssertionError` where the pilot breaks the
contract of `qloop.pilots.protocol`. Workers run real processes; nothing sleeps to decide, everything has a deadline:

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_conformance(check): check(MyPilot)
"""

from __future__ import annotations

import math
import select
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from qloop.errors import InvalidInput, UserCodeError
from qloop.model.states import Outcome
from qloop.pilots.payload import open_value
from qloop.pilots.protocol import TAIL_BYTES, Began, Ended, Joined, Left, Pilot
from qloop.testing import pilot_tasks as tasks
from qloop.testing.pilot_conformance_elastic import ELASTIC_CHECKS
from qloop.testing.pilot_conformance_faults import FAULT_CHECKS
from qloop.testing.pilot_conformance_shares import SHARE_CHECKS
from qloop.testing.pilot_drive import PATIENCE_S, PilotDrive

MakePilot = Callable[[], Pilot]
Check = Callable[[MakePilot], None]
_ANYTHING: Final[Any] = "text"      # what a caller without a type checker may pass


def workers_join_under_names_of_their_own(make: MakePilot) -> None:
    """As many as asked for, each with a core."""
    with PilotDrive(make(), 2) as drive:
        joined = [event for event in drive.events if isinstance(event, Joined)]
        assert isinstance(drive.pilot, Pilot)
        assert drive.pilot.name
        assert len({event.worker for event in joined}) == 2
        assert all(event.cores >= 1 and event.startup_ns > 0 for event in joined)


def an_attempt_begins_and_ends_once(make: MakePilot) -> None:
    """Began, then Ended, with times that fit the wall clock."""
    with PilotDrive(make()) as drive:
        before = time.monotonic_ns()
        attempt = drive.submit(tasks.sleep, 0.02)
        ended = drive.ended(attempt)
        spent = time.monotonic_ns() - before
        began = drive.began(attempt)
        assert drive.index(Began, attempt[0]) < drive.index(Ended, attempt[0])
        assert 20_000_000 <= ended.measured_ns <= spent
        assert 0 < began.setup_ns <= spent
        drive.call(tasks.add, 1)
        assert drive.ends(attempt) == 1


def results_come_back_as_they_are(make: MakePilot) -> None:
    """Plain numbers, NaN, arrays, closures; arguments by position and in the function's own scope."""
    offset = 40

    def shifted(value: int) -> int:
        return value + offset

    with PilotDrive(make()) as drive:
        assert open_value(drive.call(tasks.add, 1, 2)) == 3
        assert open_value(drive.call(shifted, 2)) == 42
        assert math.isnan(open_value(drive.call(tasks.add, math.nan)))
        assert open_value(drive.call(tasks.add, -math.inf)) == -math.inf
        values = np.linspace(-1.0, 1.0, 7)
        assert np.array_equal(open_value(drive.call(tasks.doubled, values)), 2.0 * values)


def large_arguments_and_results_work(make: MakePilot) -> None:
    """32 MiB there and back, while the other worker goes on."""
    values = np.arange(2**22, dtype=np.float64)
    with PilotDrive(make(), 2) as drive:
        first, second = drive.workers()
        large = drive.submit(tasks.doubled, values, worker=first)
        assert open_value(drive.call(tasks.add, 1, worker=second)) == 2
        assert np.array_equal(open_value(drive.ended(large)), 2.0 * values)


def workers_run_at_the_same_time(make: MakePilot) -> None:
    """The second worker serves while the first is busy without end."""
    with PilotDrive(make(), 2) as drive:
        first, second = drive.workers()
        busy = drive.submit(tasks.sleep, 600.0, worker=first)
        drive.began(busy)
        assert [open_value(drive.call(tasks.add, k, worker=second)) for k in range(5)] == [1, 2, 3, 4, 5]
        assert drive.ends(busy) == 0


def an_exception_comes_back_with_its_own_traceback(make: MakePilot) -> None:
    """FAILED; the traceback begins in the user's function; the worker is none the worse for it."""
    with PilotDrive(make()) as drive:
        ended = drive.call(tasks.raise_value_error, "the angle is NaN")
        assert ended.outcome is Outcome.FAILED
        assert "raise_value_error raised InvalidInput: the angle is NaN" in ended.error
        lines = ended.traceback_text.splitlines()
        assert lines[0] == "Traceback (most recent call last):"
        assert "in raise_value_error" in lines[1]
        assert lines[-1].endswith("InvalidInput: the angle is NaN.")
        assert ended.stderr_text == "about to fail\n"
        assert open_value(drive.call(tasks.add, 1, worker=ended.worker)) == 2
        error = raised(UserCodeError, lambda: open_value(ended))
        assert isinstance(error, UserCodeError)
        assert (error.traceback_text, error.stderr_text) == (ended.traceback_text, "about to fail\n")


def exits_and_interrupts_are_failures(make: MakePilot) -> None:
    """`sys.exit` in a task ends the task, not the worker."""
    with PilotDrive(make()) as drive:
        worker = drive.workers()[0]
        for how in (SystemExit(3), KeyboardInterrupt(), GeneratorExit()):
            ended = drive.call(tasks.leave, how, worker=worker)
            assert ended.outcome is Outcome.FAILED
            assert f"raised {type(how).__name__}" in ended.error
        assert drive.workers() == [worker]


def what_cannot_be_sent_or_opened_is_a_failure(make: MakePilot) -> None:
    """A lock as result; a payload of garbage; a result that explodes when opened: each says so."""
    with PilotDrive(make()) as drive:
        ended = drive.call(tasks.lock)
        assert ended.outcome is Outcome.FAILED
        assert "lock returned a lock that cannot be sent back" in ended.error
        garbage = drive.submit(tasks.lock, payload=b"not a pickle")
        assert drive.ended(garbage).outcome is Outcome.FAILED
        assert "could not be opened in the worker" in drive.ended(garbage).error
        assert not [event for event in drive.events if isinstance(event, Began) and event.task == garbage[1]]
        poison = drive.call(tasks.poison)
        assert "cannot be opened here" in str(raised(UserCodeError, lambda: open_value(poison)))


def output_belongs_to_its_task(make: MakePilot) -> None:
    """Both streams, what goes past Python included; nothing of the task before."""
    with PilotDrive(make()) as drive:
        first = drive.call(tasks.say, "one", "uno\n")
        second = drive.call(tasks.say, "zwei \N{SNOWMAN}", "due\n")
        assert (first.stdout_text, first.stderr_text) == ("one\n", "uno\n")
        assert (second.stdout_text, second.stderr_text) == ("zwei \N{SNOWMAN}\n", "due\n")


def much_output_is_cut_to_its_tail(make: MakePilot) -> None:
    """More than any pipe holds; the end of it is kept, and its size is bounded."""
    with PilotDrive(make()) as drive:
        ended = drive.call(tasks.chatter, 5_000_000)
        assert open_value(ended) == 5_000_000
        assert ended.stdout_text.endswith("x\nthe end\n")
        assert TAIL_BYTES <= len(ended.stdout_text) <= TAIL_BYTES + 100
        assert "bytes were dropped" in ended.stdout_text[:100]


def the_first_task_of_an_environment_is_cold(make: MakePilot) -> None:
    """Cold once on each worker; environments announced at the joining are warm from the start."""
    with PilotDrive(make()) as drive:
        worker = drive.workers()[0]
        cold = [_is_cold(drive, worker, name) for name in ("chemistry", "chemistry", "graphs", "chemistry")]
        assert cold == [True, False, True, False]
        announced = next(event.environments for event in drive.events if isinstance(event, Joined))
        assert not [name for name in announced if _is_cold(drive, worker, name)]


def _is_cold(drive: PilotDrive, worker: str, environment: str) -> bool:
    attempt = drive.submit(tasks.add, 1, worker=worker, environment=environment)
    assert open_value(drive.ended(attempt)) == 2
    return drive.began(attempt).cold


def bad_requests_are_refused(make: MakePilot) -> None:
    """Each before anything is spent: sizes, limits, payloads, a second start, a worker that is busy."""
    with PilotDrive(make()) as drive:
        pilot, worker = drive.pilot, drive.workers()[0]
        drive.submit(tasks.sleep, 600.0, worker=worker)
        for limit in (-1.0, math.nan, math.inf, 1e12):
            refused("time limit", partial(drive.submit, tasks.add, 1, limit_s=limit))
        refused("must be bytes, not str", lambda: pilot.run(worker, "t", 1, _ANYTHING))
        refused("started before", partial(pilot.start, 1))
        refused("cannot be sent to a worker", partial(drive.submit, tasks.add, threading.Lock()))
        refused("must be a function", lambda: drive.submit(_ANYTHING))
    for size in (-1, 10**6, True):
        fresh = make()
        refused("workers", partial(fresh.start, size))
        fresh.stop()


def refused(words: str, act: Callable[[], object]) -> None:
    """`InvalidInput` with these words."""
    assert words in str(raised(InvalidInput, act))


def raised(kind: type[Exception], act: Callable[[], object]) -> Exception:
    """The error of this kind that `act` raises; `AssertionError` if it does not."""
    try:
        act()
    except kind as error:
        return error
    raise AssertionError(f"{kind.__name__} was not raised")


def a_waiting_poll_can_be_woken(make: MakePilot) -> None:
    """`wake` from another thread ends a long poll; `fileno` is readable when something has happened."""
    with PilotDrive(make()) as drive:
        waker = threading.Timer(0.05, drive.pilot.wake)
        begin = time.monotonic()
        waker.start()
        drive.listen(PATIENCE_S)
        waker.join()
        assert time.monotonic() - begin < PATIENCE_S
        attempt = drive.submit(tasks.add, 1)
        assert select.select([drive.pilot.fileno()], [], [], PATIENCE_S)[0]
        assert open_value(drive.ended(attempt)) == 2


def stop_ends_what_runs_and_tells_once(make: MakePilot) -> None:
    """Left, then LOST, for what ran; after that silence; runs are answered with LOST; stop may be repeated."""
    drive = PilotDrive(make(), 2)
    attempt = drive.submit(tasks.sleep, 600.0)
    drive.began(attempt)
    drive.pilot.stop()
    drive.pilot.stop()
    drive.listen(0.0)
    assert drive.workers() == []
    assert drive.ended(attempt).outcome is Outcome.LOST
    assert drive.index(Left, attempt[0]) < drive.index(Ended, attempt[0])
    assert drive.listen(0.0) == []
    late = drive.submit(tasks.add, 1, worker=attempt[0])
    assert drive.ended(late).outcome is Outcome.LOST
    drive.pilot.wake()
    drive.pilot.abort(*attempt)


CHECKS: Final[tuple[Check, ...]] = (
    workers_join_under_names_of_their_own, an_attempt_begins_and_ends_once, results_come_back_as_they_are,
    large_arguments_and_results_work, workers_run_at_the_same_time, an_exception_comes_back_with_its_own_traceback,
    exits_and_interrupts_are_failures, what_cannot_be_sent_or_opened_is_a_failure, output_belongs_to_its_task,
    much_output_is_cut_to_its_tail, the_first_task_of_an_environment_is_cold, bad_requests_are_refused,
    a_waiting_poll_can_be_woken, stop_ends_what_runs_and_tells_once, *FAULT_CHECKS,
    *ELASTIC_CHECKS, *SHARE_CHECKS,
)
