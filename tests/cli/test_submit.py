"""Submitted programs: what they print and buy, how they are taken up, cancelled, and told of; real processes."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qloop.pilots.process_identity import bury
from qloop.runtime.history import look
from qloop.runtime.submitting import operate, records
from qloop.runtime.submitting.records import State
from tests.pilots.processes import alive, all_gone

from .calling import Called

PATIENCE_S = 60.0
LEAVER = ("import subprocess, sys, time\nchild = subprocess.Popen(['sleep', '600'])\n"
          "print('left', child.pid, flush=True)\ntime.sleep(float(sys.argv[1]))\n")
STUBBORN = ("import signal, time\nfor number in (signal.SIGINT, signal.SIGTERM):\n"
            "    signal.signal(number, signal.SIG_IGN)\n"
            "print('deaf', flush=True)\ntime.sleep(600)\n")


@pytest.fixture(autouse=True)
def _state(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A state of its own; no supervisor outlives its test."""
    monkeypatch.setenv("QLOOP_STATE", str(folder / "state"))
    yield
    for one in operate.every():
        if one.going:
            operate.cancel(one.order.name, now=True)
        assert all_gone([one.stand.supervisor.pid, one.stand.program.pid or one.stand.supervisor.pid])
        bury(one.stand.supervisor.pid)


def until(name: str, true: Callable[[records.Submission], Any]) -> records.Submission:
    """Wait until this is so of a submitted program."""
    end = time.monotonic() + PATIENCE_S
    while not true(found := records.find(name)):
        assert time.monotonic() < end, (found, found.log.read_text() if found.log.exists() else "")
        time.sleep(0.02)
    return found


def prints(name: str, text: str) -> records.Submission:
    """Wait until it has printed this."""
    return until(name, lambda found: found.log.exists() and text in found.log.read_text())


def answer(called: Called | str) -> str:
    """The parameters that the loop found."""
    text = called if isinstance(called, str) else called.out
    return next(line for line in text.splitlines() if line.startswith("answer")).split()[1]


def bought(found: records.Submission) -> tuple[int, int]:
    """Results and shots in the journal of its run."""
    (past,) = look(found.order.journal).runs
    return past.results, past.shots


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, tuple[int, int]]:
    """What the loop finds and buys without a crash: computed once, in a process of its own."""
    from .calling import VQE, Child

    folder = tmp_path_factory.mktemp("straight")
    (folder / "vqe.py").write_text(VQE)
    child = Child(folder, "run", "vqe.py", QLOOP_HOME=str(folder / "home"))
    called = child.end()
    assert called.code == 0, called.err
    (journal,) = (folder / "home" / "runs").glob("*.qloop")
    (past,) = look(journal).runs
    return answer(called), (past.results, past.shots)


@pytest.mark.ci
def test_a_program_that_is_killed_is_taken_up_and_buys_nothing_twice(call, straight, monkeypatch):
    monkeypatch.setenv("PAUSE", "0.05")
    submitted = call("submit", "--retries", "1", "--name", "loop", "vqe.py", "--json").document
    found = prints("loop", "iteration 5\n")
    assert submitted["run"] == found.order.run
    assert found.stand.program.signal(signal.SIGKILL)
    found = until("loop", lambda one: one.state is State.DONE)
    text = found.log.read_text()
    assert "it was ended by SIGKILL; it is taken up again" in text
    assert "they are not bought again" in text
    assert found.stand.life == 2
    assert (answer(text), bought(found)) == straight


@pytest.mark.ci
def test_a_supervisor_that_is_killed_takes_its_program_with_it(call, straight, monkeypatch):
    monkeypatch.setenv("PAUSE", "0.05")
    assert call("submit", "vqe.py").code == 0
    found = prints("vqe-1", "iteration 3\n")
    assert found.stand.supervisor.signal(signal.SIGKILL)
    assert all_gone([found.stand.supervisor.pid, found.stand.program.pid])
    bury(found.stand.supervisor.pid)
    assert records.find("vqe-1").state is State.LOST
    assert "lost" in call("status").out
    assert call("submit", "--again", "vqe-1", "--follow").code == 0
    found = records.find("vqe-1")
    assert (answer(found.log.read_text()), bought(found)) == straight
    refused = call("submit", "--again", "vqe-1")
    assert "vqe-1 cannot be taken up" in refused.err


def test_progress_is_told_while_it_runs_and_cancelling_ends_it_in_good_order(call, monkeypatch):
    monkeypatch.setenv("PAUSE", "0.2")
    assert "vqe-1 is submitted" in call("submit", "vqe.py").err
    prints("vqe-1", "iteration 3\n")
    told = call("status", "vqe-1", "--json").document
    (session,) = told["sessions"]
    assert told["state"] == "running"
    assert (session["name"], session["state"]) == ("ising", "open")
    assert session["answered"] >= 3
    assert session["qpus"] == {"exact": session["results"]}
    shown = call("status", "vqe-1")
    assert "Its sessions" in shown.out
    assert call("cancel", "vqe-1", "--json").document["state"] == "cancelled"
    found = records.find("vqe-1")
    assert "interrupted: run" in found.log.read_text()      # it closed its journal
    assert look(found.order.journal).runs[0].state == "interrupted"
    assert "had ended before" in call("cancel", "vqe-1").err


@pytest.mark.ci
def test_what_a_program_leaves_behind_ends_with_it_and_nothing_else(call, folder):
    (folder / "leaver.py").write_text(LEAVER)
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        for seconds in ("0", "600"):
            assert call("submit", "leaver.py", seconds).code == 0
            name = operate.every()[0].order.name
            found = prints(name, "left ")
            child = int(found.log.read_text().split("left ")[1].split()[0])
            if seconds == "600":
                assert alive(child)
                call("cancel", name)
            until(name, lambda one: not one.going)
            assert all_gone([child])
        assert alive(bystander.pid)
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.ci
def test_a_program_that_heeds_nothing_is_ended_at_once(call, folder):
    (folder / "deaf.py").write_text(STUBBORN)
    call("submit", "deaf.py")
    found = prints("deaf-1", "deaf\n")
    assert call("cancel", "--now", "deaf-1").code == 0
    assert all_gone([found.stand.program.pid])
    assert records.find("deaf-1").state is State.CANCELLED


def test_following_ends_with_the_programs_exit_code(call, folder):
    (folder / "seven.py").write_text("import sys\nprint('words of', *sys.argv[1:])\nsys.exit(7)\n")
    followed = call("submit", "seven.py", "--follow", "mine", "--", "--deep")
    assert followed.code == 7
    assert "words of mine --deep" in followed.out
    assert "it ended with exit code 7" in followed.err
    again = call("logs", "seven-1", "-n", "1")
    assert again.out == "[qloop] it ended with exit code 7\n"
    assert call("logs", "-f", "seven-1").code == 7
    listed = call("status", "--json").document["submitted"]
    assert [(one["name"], one["state"], one["exit_code"]) for one in listed] == [("seven-1", "failed", 7)]


@pytest.mark.ci
def test_a_program_that_prints_much_fills_no_disk(call, folder):
    (folder / "chatter.py").write_text("for number in range(30):\n    print('x' * 999_999)\nprint('the end')\n")
    call("submit", "chatter.py")
    found = until("chatter-1", lambda one: not one.going)
    assert found.state is State.DONE
    assert sum(path.stat().st_size for path in found.path.glob("log*")) <= 16 << 20
    assert call("logs", "chatter-1", "-n", "3").out.startswith("the end\n")


@pytest.mark.parametrize(("words", "told"), [
    (("submit", "none.py"), "There is no file none.py"),
    (("submit",), "No program is named"),
    (("submit", "vqe.py", "--name", "a/b"), "cannot be named 'a/b'"),
    (("submit", "vqe.py", "--qpus", "exakt"), "Did you mean 'exact'"),
    (("submit", "vqe.py", "--pilot", "lokal:2"), "Did you mean 'local'"),
    (("submit", "vqe.py", "--retries", "-1"), "cannot be taken up -1 times"),
    (("status", "vqe"), "There is no submitted program named 'vqe'"),
    (("logs", "vqe"), "There is no submitted program named 'vqe'"),
    (("cancel", "vqe"), "There is no submitted program named 'vqe'"),
])
def test_what_cannot_be_is_told_before_anything_begins(call, words, told):
    called = call(*words)
    assert called.code == 2
    assert told in called.err
    assert operate.every() == []


def test_names_are_kept_until_they_are_forgotten(call, folder):
    (folder / "quick.py").write_text("print('quick')\n")
    assert call("submit", "quick.py", "--name", "mine", "--follow").code == 0
    taken = call("submit", "quick.py", "--name", "mine")
    assert taken.code == 2
    assert "There is a submitted program named 'mine'" in taken.err
    near = call("logs", "mime")
    assert "Did you mean 'mine'" in near.err
    bury(records.find("mine").stand.supervisor.pid)
    assert call("status", "--forget", "mine").code == 0
    assert operate.every() == []
    assert "Nothing is submitted yet" in call("status").err


def test_the_journal_of_a_run_can_have_an_id_of_ones_own(call, folder):
    (folder / "quick.py").write_text("import qloop\nqloop.Session('one').close()\n")
    assert call("run", "--id", "mine", "quick.py").code == 0
    assert (folder / ".qloop" / "runs" / "mine.qloop").exists()
    assert "There is a run mine" in call("run", "quick.py", "--id", "mine").err
    assert "cannot be used" in call("run", "quick.py", "--id", "../mine").err


