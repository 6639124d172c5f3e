"""What is particular to the local pilot: its environments, limits, failures, and many threads at once."""

from __future__ import annotations

import os
import stat
import threading

import numpy as np
import pytest

from qloop.errors import Cancelled, InvalidInput, QloopError, UserCodeError
from qloop.model.states import Outcome
from qloop.pilots.local import LocalPilot
from qloop.pilots.payload import open_value, pack
from qloop.pilots.protocol import Ended, Joined, PilotError
from qloop.testing import pilot_tasks as tasks
from qloop.testing.agents_here import HerePilot
from qloop.testing.pilot_drive import PATIENCE_S, PilotDrive


def write_garbage(data: bytes) -> None:
    """Write to this worker's channel, as a stray pointer or a clumsy library might."""
    for descriptor in range(3, 256):
        try:
            is_socket = stat.S_ISSOCK(os.fstat(descriptor).st_mode)
        except OSError:
            continue
        if is_socket:
            os.write(descriptor, data)
    threading.Event().wait()


def close_everything() -> None:
    os.closerange(3, 256)
    threading.Event().wait()


def test_hundred_megabytes_there_and_back():
    values = np.arange(12_500_000, dtype=np.float64)
    with PilotDrive(LocalPilot()) as drive:
        assert np.array_equal(open_value(drive.call(tasks.doubled, values)), 2.0 * values)


@pytest.mark.parametrize("data", [b"\xff" * 64, b"\x03" + b"\0" * 7 + b"\x04\1\2\3\3\3", bytes(11),
                                  b"\0" * 8 + b"\x04\0\0", b"\x08" + b"\0" * 7 + b"\x03\1\0" + b"\0" * 8])
def test_a_worker_that_sends_garbage_is_replaced(data):
    with PilotDrive(LocalPilot()) as drive:
        worker = drive.workers()[0]
        attempt = drive.submit(write_garbage, data, worker=worker)
        drive.began(attempt)
        if data != bytes(11):   # an empty frame of no kind says nothing, and is passed over
            assert drive.ended(attempt).outcome is Outcome.LOST
            assert "cannot be read" in drive.ended(attempt).error
        else:
            drive.pilot.abort(*attempt)
        drive.until(lambda: drive.workers() not in ([], [worker]), "replaced")
        assert open_value(drive.call(tasks.add, 1)) == 2


def test_a_worker_that_closes_its_channel_is_replaced():
    with PilotDrive(LocalPilot()) as drive:
        ended = drive.call(close_everything)
        assert ended.outcome is Outcome.LOST
        drive.until(lambda: drive.workers() not in ([], [ended.worker]), "replaced")


def test_workers_draw_different_numbers():
    with PilotDrive(LocalPilot(), 2) as drive:
        drawn = [open_value(drive.call(tasks.draw, worker=worker)) for worker in drive.workers()]
        assert drawn[0] != drawn[1]


def test_a_limit_on_memory_fails_the_task_and_spares_the_worker():
    with PilotDrive(LocalPilot(memory_bytes=2**31)) as drive:
        ended = drive.call(tasks.allocate, 2**32)
        assert ended.outcome is Outcome.FAILED
        assert "allocate raised MemoryError" in ended.error
        assert open_value(drive.call(tasks.allocate, 2**20, worker=ended.worker)) == 2**20


def test_environments_are_warm_when_their_modules_are_imported_before():
    with PilotDrive(LocalPilot(environments={"words": ("difflib", "textwrap"), "": ()})) as drive:
        assert [event.environments for event in drive.events if isinstance(event, Joined)] == [("words", "")]
        attempt = drive.submit(lambda: "difflib" in __import__("sys").modules, environment="words")
        assert open_value(drive.ended(attempt)) is True
        assert not drive.began(attempt).cold


def failure(module: str) -> str:
    """How a pilot fails whose environment is this module."""
    with LocalPilot(environments={"": (module,)}) as pilot:
        pilot.start(2)
        with pytest.raises(PilotError) as told:
            next(event for _ in range(1000) for event in pilot.poll(PATIENCE_S))
        with pytest.raises(PilotError):
            pilot.poll(0.0)
    return str(told.value)


def test_an_environment_that_cannot_be_imported_fails_with_its_traceback():
    said = failure(f"{__package__}.broken_module")
    assert "The pilot 'local' cannot bring up workers" in said
    assert "RuntimeError: this module is broken on purpose" in said


def test_workers_that_end_at_once_are_not_forked_for_ever():
    assert "its process ended with exit status 7" in failure(f"{__package__}.dies_when_forked")


@pytest.mark.parametrize(("how", "words"), [
    ({"name": ""}, "cannot be named ''"),
    ({"name": "a\nb"}, "cannot be named"),
    ({"environments": {"x": ("no_such_module_here",)}}, "names the module 'no_such_module_here'. it is not installed"),
    ({"environments": {"x": "numpy"}}, "must be a list of module names"),
    ({"memory_bytes": 1000}, "cannot live in 1000 bytes"),
    ({"memory_bytes": -1}, "cannot live in -1 bytes"),
])
def test_descriptions_that_can_never_work_are_refused(how, words):
    with pytest.raises(InvalidInput) as told:
        LocalPilot(**how)
    assert words in str(told.value)


def test_ends_without_a_value_raise_what_happened():
    def end(outcome: Outcome) -> Ended:
        return Ended("w", "t", 1, outcome, error="why", traceback_text="its traceback", stderr_text="its stderr")

    with pytest.raises(UserCodeError, match="its traceback"):
        open_value(end(Outcome.FAILED))
    with pytest.raises(Cancelled, match="why"):
        open_value(end(Outcome.CANCELLED))
    with pytest.raises(QloopError, match=r"worker of task t was lost\. why\. Run the task again"):
        open_value(end(Outcome.LOST))


@pytest.mark.parametrize("make", [LocalPilot, HerePilot])
def test_threads_may_run_tasks_while_another_polls(make):
    tasks_each = 200
    with PilotDrive(make(), 2) as drive:
        free = {worker: threading.Semaphore(1) for worker in drive.workers()}

        def feed(worker: str) -> None:
            for nth in range(tasks_each):
                assert free[worker].acquire(timeout=PATIENCE_S)
                drive.pilot.run(worker, f"{worker}/{nth}", 1, pack(tasks.add, nth))

        feeders = [threading.Thread(target=feed, args=(worker,)) for worker in free]
        for feeder in feeders:
            feeder.start()
        values: dict[str, float] = {}
        while len(values) < len(feeders) * tasks_each:
            for event in drive.listen(PATIENCE_S):
                if isinstance(event, Ended):
                    assert event.task not in values
                    values[event.task] = open_value(event)
                    free[event.worker].release()
        for feeder in feeders:
            feeder.join()
        assert values == {f"{worker}/{nth}": nth + 1 for worker in free for nth in range(tasks_each)}


@pytest.mark.parametrize("make", [LocalPilot, HerePilot])
def test_stop_from_another_thread_ends_a_poll_that_waits(make):
    drive = PilotDrive(make(), 1)
    stopper = threading.Timer(0.05, drive.pilot.stop)
    stopper.start()
    drive.until(lambda: not drive.workers(), "stopped")
    stopper.join()
    assert drive.listen(PATIENCE_S) == []       # at once
    assert drive.pilot.fileno() == -1


def test_a_pilot_that_never_started_stops():
    pilot = LocalPilot()
    assert pilot.poll(0.0) == []
    pilot.stop()
    with pytest.raises(InvalidInput, match="started before"):
        pilot.start(1)
