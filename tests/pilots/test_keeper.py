"""The keeper of daemons: what is started below it ends with its owner, however that ends, and nothing else does."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from qloop.errors import QloopError
from qloop.testing.keeper import Daemons

from .processes import alive, all_gone
from .waiting import until

# A daemon that leaves behind a process in a session of its own, as slurmd leaves its steps.
LEAVER = ("import subprocess, sys\n"
          "print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid, flush=True)\n"
          "if sys.argv[1] == 'stay': import time; time.sleep(600)\n")
OWNER = ("import pathlib, sys, time\nfrom qloop.testing.keeper import Daemons\n"
         "daemons = Daemons()\nlog = pathlib.Path(sys.argv[2])\n"
         "pid = daemons.start('leaver', [sys.executable, '-c', sys.argv[1], 'stay'], log)\n"
         "while not log.read_text(): time.sleep(0.01)\n"
         "print(daemons.pid, pid, log.read_text(), flush=True)\ntime.sleep(600)\n")


def _left_behind(log):
    """The id of the process that the leaver has started."""
    until(lambda: log.exists() and log.read_text().endswith("\n"), "it has started a process")
    return int(log.read_text())


@pytest.mark.parametrize("how", ["stay", "leave"])
def test_closing_ends_daemons_and_what_they_left_behind(tmp_path, how):
    log, bystander = tmp_path / "log", subprocess.Popen(["sleep", "600"], start_new_session=True)
    with Daemons() as daemons:
        pids = [daemons.start("leaver", [sys.executable, "-c", LEAVER, how], log), _left_behind(log), daemons.pid]
        until(lambda: ("leaver" in daemons.alive()) == (how == "stay"), "the leaver stays, or has left")
        assert alive(pids[1])
    assert all_gone(pids)
    assert alive(bystander.pid)
    bystander.kill()
    bystander.wait()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_everything_ends_with_its_owner(tmp_path, number):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, LEAVER, str(tmp_path / "log")], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    assert owner.stdout is not None
    pids = [int(word) for word in owner.stdout.readline().split()]
    assert len(pids) == 3
    assert all(alive(pid) for pid in pids)
    owner.send_signal(number)
    owner.wait(60)
    owner.stdout.close()
    assert all_gone(pids)


def test_signals_reach_the_daemon_they_are_meant_for(tmp_path):
    with Daemons() as daemons:
        for name in ("one", "two"):
            daemons.start(name, ["sleep", "600"], tmp_path / name)
        daemons.signal("one", signal.SIGKILL)
        assert daemons.alive() == ["two"]
        daemons.signal("one", signal.SIGTERM)       # it has ended: nothing happens, whoever has its id now
        daemons.signal("two", signal.SIGTERM)
        until(lambda: not daemons.alive(), "both have ended")


def test_what_cannot_be_done_is_told(tmp_path):
    with Daemons() as daemons:
        with pytest.raises(QloopError, match=r"could not start.*FileNotFoundError"):
            daemons.start("none", ["no-such-program-here"], tmp_path / "log")
        with pytest.raises(QloopError, match=r"could not signal.*KeyError"):
            daemons.signal("none", signal.SIGTERM)
        assert daemons.alive() == []
    daemons.close()
    with pytest.raises((QloopError, ValueError)):
        daemons.alive()
