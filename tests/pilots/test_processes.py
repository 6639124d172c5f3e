"""Nobody outlives the local pilot, and nobody but the pilot ends its workers: with real processes and real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qloop.model.states import Outcome
from qloop.pilots import zygote
from qloop.pilots.local import LocalPilot
from qloop.pilots.payload import open_value
from qloop.pilots.protocol import Left
from qloop.testing import pilot_tasks as tasks
from qloop.testing.pilot_drive import PilotDrive

from .processes import PATIENCE_S, alive, all_gone, descriptors, parent, threads

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def program(how: str) -> tuple[subprocess.Popen[str], list[int]]:
    """The program of `program.py`, and the ids of the processes below it: zygote, two workers, two of theirs."""
    process = subprocess.Popen([sys.executable, "-m", f"{__package__}.program", how], stdout=subprocess.PIPE,
                               text=True, start_new_session=True, cwd=ROOT)
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_program_that_is_killed(number):
    process, below = program("wait")
    with process:
        assert len(below) == 5
        assert all(map(alive, below))
        process.send_signal(number)
    assert process.returncode == -number
    assert all_gone(below)


def test_nothing_outlives_a_program_that_forgot_to_stop():
    process, below = program("exit")
    with process:
        assert process.wait(PATIENCE_S) == 0
    assert len(below) == 5
    assert all_gone(below)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_reaches_the_program_alone():
    process, below = program("wait")
    with process:
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=PATIENCE_S)
    assert said.split() == ["42", "True"]
    assert process.returncode == 0
    assert all_gone(below)


def test_nothing_outlives_a_program_killed_together_with_its_zygote():
    process, below = program("wait")
    with process:
        os.kill(below[0], signal.SIGSTOP)
        process.kill()
        os.kill(below[0], signal.SIGKILL)
    assert all_gone(below[:3])
    for orphan in below[3:]:     # with both gone nobody is left who knows of these
        os.kill(orphan, signal.SIGKILL)


def test_stop_ends_what_tasks_left_behind():
    with PilotDrive(LocalPilot(), 2) as drive:
        left = [pid for worker in drive.workers() for detached in (False, True)
                for pid in open_value(drive.call(tasks.spawn_sleepers, detached, worker=worker))]
        pids = list(drive.pilot.pids().values())
        home = parent(pids[0])
        assert all(map(alive, [*left, *pids, home]))
    assert not any(map(alive, [*left, *pids, home]))    # at once: stop waits for their end


def test_the_end_of_a_worker_is_the_end_of_its_process_group():
    with PilotDrive(LocalPilot(), 1) as drive:
        worker = drive.workers()[0]
        left = open_value(drive.call(tasks.spawn_sleepers, False, worker=worker))
        assert drive.call(tasks.die, signal.SIGKILL, worker=worker).outcome is Outcome.LOST
        assert all_gone(left)


def test_a_worker_killed_while_idle_is_replaced_from_the_warm_zygote():
    with PilotDrive(LocalPilot(), 2) as drive:
        first, second = drive.workers()
        home = parent(drive.pilot.pids()[first])
        os.kill(drive.pilot.pids()[first], signal.SIGKILL)
        drive.until(lambda: first not in drive.workers() and len(drive.workers()) == 2, "replaced")
        assert "SIGKILL" in next(event.reason for event in drive.events if isinstance(event, Left))
        assert {parent(pid) for pid in drive.pilot.pids().values()} == {home}
        assert second in drive.workers()


def test_a_killed_zygote_takes_its_workers_along_and_all_begin_anew():
    with PilotDrive(LocalPilot(), 2) as drive:
        before = drive.workers()
        attempt = drive.submit(tasks.sleep, 600.0)
        drive.began(attempt)
        pids = list(drive.pilot.pids().values())
        home = parent(pids[0])
        os.kill(home, signal.SIGKILL)
        assert drive.ended(attempt).outcome is Outcome.LOST
        drive.until(lambda: len(drive.workers()) == 2, "two new workers")
        assert not set(before) & set(drive.workers())
        assert all_gone([home, *pids])
        assert open_value(drive.call(tasks.add, 1)) == 2


def test_a_stopped_worker_is_ended_by_the_time_limit_of_its_task():
    with PilotDrive(LocalPilot(), 1) as drive:
        worker = drive.workers()[0]
        pid = drive.pilot.pids()[worker]
        os.kill(pid, signal.SIGSTOP)
        assert drive.call(tasks.add, 1, worker=worker, limit_s=0.1).outcome is Outcome.FAILED
        assert all_gone([pid])
        drive.until(lambda: drive.workers() not in ([], [worker]), "replaced")


def test_a_large_argument_for_a_stopped_worker_blocks_nobody():
    with PilotDrive(LocalPilot(), 2) as drive:
        first, second = drive.workers()
        pid = drive.pilot.pids()[first]
        os.kill(pid, signal.SIGSTOP)
        waiting = drive.submit(len, b"x" * 10_000_000, worker=first)
        assert open_value(drive.call(tasks.add, 1, worker=second)) == 2
        assert drive.ends(waiting) == 0
        os.kill(pid, signal.SIGCONT)
        assert open_value(drive.ended(waiting)) == 10_000_000


def test_stop_does_not_wait_for_a_stopped_zygote(monkeypatch):
    monkeypatch.setattr(zygote, "_PATIENCE_S", 0.1)
    with PilotDrive(LocalPilot(), 2) as drive:
        pids = list(drive.pilot.pids().values())
        home = parent(pids[0])
        os.kill(home, signal.SIGSTOP)
    assert all_gone([home, *pids])


def test_the_zygote_has_one_thread_with_numpy_loaded():
    with PilotDrive(LocalPilot(), 1) as drive:
        home = parent(next(iter(drive.pilot.pids().values())))
        assert threads(home) == 1
        assert os.getsid(home) == home
        assert os.getsid(0) != home


def test_many_lives_leave_nothing():
    """The fixture of this directory counts descriptors and processes."""
    with PilotDrive(LocalPilot(), 2) as drive:
        for _ in range(20):
            worker = drive.workers()[0]
            drive.call(tasks.leave_at_once, 1, worker=worker)
            drive.until(lambda: len(drive.workers()) == 2, "replaced")
        open_files = descriptors()
        for _ in range(20):
            attempt = drive.submit(tasks.sleep, 600.0)
            drive.pilot.abort(*attempt)
            drive.until(lambda: len(drive.workers()) == 2, "replaced")
        assert descriptors() <= open_files
