"""Allocations from a real Slurm. In place of the agent they run a program that only waits."""

from __future__ import annotations

import math
import signal
import sys
import time

import pytest

from qloop.pilots.allocator import Allotment, Invitation
from qloop.pilots.slurm_allocator import SlurmAllocator

from .waiting import until

pytestmark = pytest.mark.ci
WAITS = "#!/bin/sh\necho began $SLURM_ARRAY_TASK_ID after ${SLURM_RESTART_COUNT:-0} restarts\nexec sleep 600\n"


class Acquired:
    """An allocator, and what it has said so far."""

    def __init__(self, slurm, folder, *, program=WAITS, size=None, **options):
        stub = folder / "agent"
        stub.write_text(program)
        stub.chmod(0o755)
        asked = {"python": str(stub), "folder": str(folder / "root"), "slurm_conf": str(slurm.conf),
                 "least_watch_s": 0.1, "most_watch_s": 0.5, **options}
        self.slurm, self.gone = slurm, []
        self.allocator = SlurmAllocator(Invitation("127.0.0.1:1", "secret", sys.executable), size or Allotment(),
                                        {"pilot": "p", "options": asked})
        self.folder = self.allocator._desk.folder

    def __enter__(self):
        return self

    def __exit__(self, *how):
        self.allocator.close()

    def acquire(self, *names):
        for name in names:
            self.allocator.acquire(name)

    def poll(self):
        self.gone += self.allocator.poll()

    def until(self, true, what):
        def done():
            self.poll()
            return true()
        until(done, f"{what}; {self.gone} {self.held}")

    @property
    def held(self):
        return self.allocator._ledger.held

    def states(self):
        return {name: (held.state, held.restarts) for name, held in self.held.items()}

    def running(self, *names):
        self.until(lambda: self.states() == dict.fromkeys(names, ("RUNNING", 0)), f"{names} run")

    def id(self, name):
        return self.held[name].slurm_id

    def alive(self):
        """What Slurm itself lists of this pilot."""
        lines = self.slurm.run("squeue", "--noheader", "--array", "--states=PENDING,RUNNING,SUSPENDED",
                               "--format=%i %j").splitlines()
        return {line.split()[0] for line in lines if line.split()[1].startswith(f"qloop-{self.folder.name}-")}


def test_one_submission_serves_all_that_is_asked_for_at_once(slurm, tmp_path):
    foreign = slurm.run("sbatch", "--parsable", "--output=/dev/null", text="#!/bin/sh\nsleep 600\n").strip()
    with Acquired(slurm, tmp_path) as mine:
        mine.acquire("a", "b", "c")
        mine.running("a", "b", "c")
        assert {mine.id(name).partition("_")[2] for name in "abc"} == {"0", "1", "2"}
        assert len({mine.id(name).partition("_")[0] for name in "abc"}) == 1
        mine.allocator.release("b")
        mine.until(lambda: len(mine.alive()) == 2, "one is released")
        mine.acquire("d")
        mine.running("a", "c", "d")
        assert not mine.gone
    assert not mine.alive()
    assert not mine.folder.exists()
    assert slurm.run("squeue", "--noheader", f"--jobs={foreign}", "--format=%T").strip() == "RUNNING"
    slurm.run("scancel", foreign)


def test_what_somebody_cancels_is_gone_and_the_others_stay(slurm, tmp_path):
    with Acquired(slurm, tmp_path) as mine:
        mine.acquire("a", "b")
        mine.running("a", "b")
        slurm.run("scancel", mine.id("a"))
        mine.until(lambda: mine.gone, "a is gone")
        assert [(gone.name, gone.final) for gone in mine.gone] == [("a", False)]
        assert "somebody cancelled it (scancel)" in mine.gone[0].reason
        assert "began 0 after 0 restarts" in mine.gone[0].reason
        assert mine.states() == {"b": ("RUNNING", 0)}


def test_a_requeued_allocation_is_not_gone_and_runs_anew(slurm, tmp_path):
    with Acquired(slurm, tmp_path) as mine:
        mine.acquire("a")
        mine.running("a")
        slurm.run("scontrol", "requeue", mine.id("a"))
        mine.until(lambda: mine.states() == {"a": ("RUNNING", 1)}, "it runs again")
        until(lambda: "began 0 after 1 restarts" in mine.allocator._desk.words(mine.id("a")), "it says so")
        assert not mine.gone


@pytest.mark.parametrize("requeue", [True, False])
def test_preemption(slurm, tmp_path, requeue):
    """With requeue it waits for its turn; without, it is gone."""
    with Acquired(slurm, tmp_path, partition="low", requeue=requeue, size=Allotment(cores=2)) as mine:
        mine.acquire("a")
        mine.running("a")
        slurm.run("sbatch", "--output=/dev/null", "--job-name=urgent", "--nodes=3", "--exclusive",
                  text="#!/bin/sh\nsleep 600\n")
        if requeue:
            mine.until(lambda: mine.states() == {"a": ("PENDING", 1)}, "it waits again")
            assert not mine.gone
        else:
            mine.until(lambda: mine.gone, "it is gone")
            assert "Slurm preempted it" in mine.gone[0].reason
        slurm.run("scancel", "--name=urgent")


def test_a_node_that_is_down(slurm, tmp_path):
    """Without requeue the allocation is gone, and says why."""
    with Acquired(slurm, tmp_path, requeue=False) as mine:
        mine.acquire("a")
        mine.running("a")
        node = slurm.run("squeue", "--noheader", f"--jobs={mine.id('a')}", "--format=%N").strip()
        slurm.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        mine.until(lambda: mine.gone, "it is gone")
        assert "a node of it failed" in mine.gone[0].reason


def test_a_suspended_allocation_is_not_gone(slurm, tmp_path):
    with Acquired(slurm, tmp_path) as mine:
        mine.acquire("a")
        mine.running("a")
        slurm.run("scontrol", "suspend", mine.id("a"))
        mine.until(lambda: mine.states() == {"a": ("SUSPENDED", 0)}, "it is suspended")
        slurm.run("scontrol", "resume", mine.id("a"))
        mine.running("a")
        assert not mine.gone


def test_a_script_that_fails_comes_with_its_own_words(slurm, tmp_path):
    with Acquired(slurm, tmp_path, python=str(tmp_path / "nowhere" / "python")) as mine:
        mine.acquire("a")
        mine.until(lambda: mine.gone, "it is gone")
        assert "its script failed. It wrote last:" in mine.gone[0].reason
        assert "No such file or directory" in mine.gone[0].reason
        assert not mine.gone[0].final


@pytest.mark.parametrize(("options", "size", "words"), [
    ({"partition": "nope"}, {}, "invalid partition specified: nope"),
    ({"partition": "closed"}, {}, "Required partition not available (inactive or drain)"),
    ({"partition": "short"}, {"walltime_s": 600.0}, "Requested time limit is invalid"),
    ({"partition": "short"}, {"nodes": 2}, "Node count specification invalid"),
    ({}, {"cores": 64}, "More processors requested than permitted"),
    ({}, {"nodes": 9}, "More processors requested than permitted"),
    ({}, {"memory_bytes": 2**45}, "Memory specification can not be satisfied"),
    ({}, {"gpus": 1}, "Invalid generic resource (gres) specification"),
    ({"gres": "qpu:2"}, {}, "Requested node configuration is not available"),
    ({"constraint": "fast"}, {}, "Invalid feature specification"),
    ({"reservation": "yesterday"}, {}, "Requested reservation is invalid"),
    ({"lines": ["--licenses=matlab"]}, {}, "Invalid license specification"),
])
def test_what_slurm_refuses_is_told_in_its_own_words(slurm, tmp_path, options, size, words):
    with Acquired(slurm, tmp_path, size=Allotment(**size), **options) as mine:
        mine.acquire("a", "b")
        mine.poll()
        assert [(gone.name, gone.final) for gone in mine.gone] == [("a", True), ("b", True)]
        assert words in mine.gone[0].reason
        assert "change the pilot's options" in mine.gone[0].reason


def test_a_refusal_to_grow_leaves_what_there_is_and_passes(slurm, tmp_path):
    with Acquired(slurm, tmp_path, partition="short") as mine:
        mine.acquire("a")
        mine.running("a")
        slurm.run("scontrol", "update", "PartitionName=short", "State=INACTIVE")
        mine.acquire("b")
        end = time.monotonic() + 1.2
        mine.until(lambda: time.monotonic() > end, "some time has passed")
        assert mine.states() == {"a": ("RUNNING", 0)}
        slurm.run("scontrol", "update", "PartitionName=short", "State=UP")
        mine.running("a", "b")
        assert not mine.gone


def test_what_would_wait_for_ever_is_cancelled_and_told(slurm, tmp_path):
    slurm.run("scontrol", "update", "PartitionName=short", "State=DOWN")
    with Acquired(slurm, tmp_path, partition="short", size=Allotment(walltime_s=120.0)) as mine:
        mine.acquire("a")
        mine.until(lambda: mine.held and mine.held["a"].reason == "PartitionDown", "it waits")
        assert not mine.gone
        slurm.run("scontrol", "update", "PartitionName=short", "MaxTime=1", "State=UP")
        mine.until(lambda: mine.gone, "it is given up")
        assert mine.gone[0].final
        assert "waiting for ever: PartitionTimeLimit" in mine.gone[0].reason
        mine.until(lambda: not mine.alive(), "it is cancelled")
    slurm.run("scontrol", "update", "PartitionName=short", "MaxTime=2")


def test_while_the_controller_is_away_nothing_is_lost_and_nothing_is_bought_twice(slurm, tmp_path):
    with Acquired(slurm, tmp_path, command_timeout_s=1.0) as mine:
        mine.acquire("a")
        mine.running("a")
        slurm.signal_controller(signal.SIGTERM)
        mine.acquire("b")
        mine.until(lambda: mine.allocator._ledger.doubtful, "b is in doubt")
        begin = time.monotonic()
        mine.until(lambda: time.monotonic() > begin + 3.0, "some time has passed")
        assert list(mine.held) == ["a"]
        slurm.start_controller()
        mine.running("a", "b")
        assert not mine.gone
        assert mine.alive() == {mine.id("a"), mine.id("b")}


def test_a_submission_that_hangs_is_found_again_and_made_once(slurm, tmp_path):
    with Acquired(slurm, tmp_path, command_timeout_s=1.0) as mine:
        mine.acquire("a", "b")
        slurm.signal_controller(signal.SIGSTOP)
        mine.poll()
        assert mine.allocator._ledger.doubtful
        slurm.signal_controller(signal.SIGCONT)
        mine.running("a", "b")
        assert mine.alive() == {mine.id("a"), mine.id("b")}
        mine.allocator.release("a")
        mine.until(lambda: mine.alive() == {mine.id("b")}, "a is released")


def test_what_slurm_has_forgotten_is_gone(slurm, tmp_path):
    with Acquired(slurm, tmp_path) as mine:
        mine.acquire("a")
        mine.running("a")
        slurm.signal_controller(signal.SIGKILL)
        slurm.start_controller(forgetful=True)
        mine.until(lambda: mine.gone, "it is gone")
        assert "does not list it any more" in mine.gone[0].reason


def test_several_nodes_run_an_agent_each(slurm, tmp_path):
    with Acquired(slurm, tmp_path, size=Allotment(nodes=3), program="#!/bin/sh\necho on $SLURM_NODEID\nexec sleep 600\n"
                  ) as mine:
        mine.acquire("a")
        mine.running("a")
        until(lambda: sorted(mine.allocator._desk.words(mine.id("a")).splitlines()) == ["on 0", "on 1", "on 2"],
              "all three have begun")


def test_the_watcher_asks_ever_more_rarely_while_nothing_happens(slurm, tmp_path):
    with Acquired(slurm, tmp_path, least_watch_s=0.05, most_watch_s=0.4) as mine:
        assert mine.allocator.period_s > 0.9        # nothing to ask about
        mine.acquire("a")
        assert mine.allocator.period_s <= 0.05
        mine.running("a")
        pauses = set()
        mine.until(lambda: pauses.add(mine.allocator._pause_s) or math.isclose(max(pauses), 0.4), "it has slowed down")
        assert len(pauses) > 2
        mine.acquire("b")
        mine.poll()
        assert mine.allocator.period_s <= 0.05


@pytest.mark.everything
def test_a_walltime_that_slurm_enforces(slurm, tmp_path):
    """Minutes are Slurm's smallest walltime, so this takes more than one."""
    with Acquired(slurm, tmp_path, size=Allotment(walltime_s=30.0)) as mine:
        mine.acquire("a")
        mine.running("a")
        begin = time.monotonic()
        while not mine.gone and time.monotonic() < begin + 180.0:
            mine.poll()
            time.sleep(0.2)
        assert "Slurm ended it at its walltime" in mine.gone[0].reason
