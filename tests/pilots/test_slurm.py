"""The Slurm pilot on a real Slurm: what befalls its allocations, and what becomes of tasks."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from qloop.model.needs import Share
from qloop.model.states import Outcome
from qloop.pilots.allocator import Allotment
from qloop.pilots.payload import open_value, pack
from qloop.pilots.protocol import Ended, Joined, Left, PilotError
from qloop.testing import pilot_tasks as tasks
from qloop.testing.pilot_drive import PATIENCE_S, PilotDrive

from .listed import id_of, listed
from .processes import all_gone, parent
from .waiting import until

pytestmark = pytest.mark.ci
ONE = Allotment(cores=1)


def lost_then_replaced(drive, attempt, others=0):
    """The attempt is LOST once, after its worker has left; another worker comes and works."""
    ended = drive.ended(attempt)
    assert ended.outcome is Outcome.LOST
    assert drive.index(Left, attempt[0]) < drive.events.index(ended)
    drive.until(lambda: len(drive.workers()) == 1 + others, "another worker has come")
    assert attempt[0] not in drive.workers()
    assert open_value(drive.call(tasks.add, 1, worker=drive.workers()[-1])) == 2
    assert drive.ends(attempt) == 1
    return ended


def test_from_nothing_to_several_and_back_to_nothing(slurm, slurm_pilot):
    """Workers fill the nodes that there are before another is asked for; the last one takes its node along."""
    with PilotDrive(slurm_pilot(), 0) as drive:
        assert not listed(slurm, "slurm")
        for count in (1, 1, 2):
            drive.pilot.grow(count)
        drive.until(lambda: len(drive.workers()) == 4, "four workers")
        nodes = [event.node for event in drive.events if isinstance(event, Joined)]
        assert sorted(nodes.count(node) for node in set(nodes)) == [2, 2]
        assert len(listed(slurm, "slurm")) == 2
        assert all(open_value(drive.call(tasks.add, k, worker=worker)) == k + 1
                   for k, worker in enumerate(drive.workers()))
        first, *rest = drive.workers()
        drive.pilot.release(first)
        drive.until(lambda: len(drive.workers()) == 3, "one is released")
        for worker in rest:
            drive.pilot.release(worker)
        drive.until(lambda: not drive.workers(), "all are released")
        until(lambda: not listed(slurm, "slurm"), "the allocations are given back")
        drive.pilot.grow(1)
        drive.until(lambda: len(drive.workers()) == 1, "it comes back from nothing")
        assert open_value(drive.call(tasks.add, 1)) == 2


def test_an_allocation_that_somebody_cancels_is_replaced_and_its_task_is_lost_once(slurm, slurm_pilot):
    with PilotDrive(slurm_pilot(allotment=ONE), 2) as drive:
        attempts = [drive.submit(tasks.sleep, 600.0, worker=worker) for worker in drive.workers()]
        drive.began(attempts[0])
        drive.began(attempts[1])
        slurm.run("scancel", sorted(listed(slurm, "slurm"))[0])
        drive.until(lambda: drive.ends(attempts[0]) + drive.ends(attempts[1]) == 1, "one is lost")
        gone = next(attempt for attempt in attempts if drive.ends(attempt))
        lost_then_replaced(drive, gone, others=1)


def test_a_requeued_allocation_is_a_new_attempt_under_the_same_id(slurm, slurm_pilot):
    with PilotDrive(slurm_pilot(allotment=ONE)) as drive:
        before = id_of(slurm, "slurm")
        attempt = drive.submit(tasks.sleep, 600.0)
        drive.began(attempt)
        slurm.run("scontrol", "requeue", before)
        lost_then_replaced(drive, attempt)
        assert id_of(slurm, "slurm") == before
        assert "Restarts=1" in slurm.run("scontrol", "show", "job", before)


def test_a_node_that_goes_down_under_a_task(slurm, slurm_pilot):
    """Slurm cannot reach it and starts the allocation elsewhere, while the old agent works on: it is fenced."""
    with PilotDrive(slurm_pilot(allotment=ONE), patience_s=3 * PATIENCE_S) as drive:
        pid = drive.call(tasks.my_pid)
        attempt = drive.submit(tasks.sleep, 600.0)
        drive.began(attempt)
        before = id_of(slurm, "slurm")
        node = slurm.run("squeue", "--noheader", "--array", f"--jobs={before}", "--format=%N").strip()
        agent = parent(parent(open_value(pid)))
        slurm.lose_node(node)
        slurm.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=lost")
        until(lambda: listed(slurm, "slurm").get(before) == "PENDING" or len(listed(slurm, "slurm")) > 1, "requeued")
        drive.until(lambda: drive.ends(attempt) or listed(slurm, "slurm").get(before) == "RUNNING", "it runs elsewhere")
        lost_then_replaced(drive, attempt)
        assert all_gone([agent, open_value(pid)])       # nobody told them but the hub
        slurm.start_node(node)


def test_near_its_walltime_an_allocation_takes_no_tasks_and_another_comes(slurm, slurm_pilot):
    """It ends by itself, before Slurm would end it: no attempt is lost that was given to it in time."""
    with PilotDrive(slurm_pilot(allotment=Allotment(cores=1, walltime_s=12.0))) as drive:
        first, begin = drive.workers()[0], time.monotonic()
        while first in drive.workers():
            assert time.monotonic() < begin + PATIENCE_S
            ended = drive.call(tasks.sleep, 0.05, worker=first)
            assert ended.outcome is Outcome.OK or first not in drive.workers()
        assert time.monotonic() - begin < 12.0
        drive.until(lambda: len(drive.workers()) == 1, "another comes")
        assert open_value(drive.call(tasks.add, 1)) == 2
        ends = [event.outcome for event in drive.events if isinstance(event, Ended)]
        assert ends.count(Outcome.OK) >= len(ends) - 1


def test_what_cannot_end_before_the_walltime_is_lost_and_told(slurm, slurm_pilot):
    with PilotDrive(slurm_pilot(allotment=Allotment(cores=1, walltime_s=12.0))) as drive:
        ended = lost_then_replaced(drive, drive.submit(tasks.sleep, 600.0))
        assert "walltime" in ended.error
        states = slurm.run("squeue", "--noheader", "--array", "--states=all", "--format=%j %T").splitlines()
        assert not [line for line in states if line.startswith("qloop-slurm-") and "TIMEOUT" in line]


def test_every_node_of_an_allocation_has_an_agent_and_the_last_one_takes_it_along(slurm, slurm_pilot):
    with PilotDrive(slurm_pilot(allotment=Allotment(nodes=2, cores=2)), 4) as drive:
        assert len(listed(slurm, "slurm")) == 1
        hosts = {open_value(drive.call(where, worker=worker)) for worker in drive.workers()}
        assert len(hosts) == 2
        assert len({event.node for event in drive.events if isinstance(event, Joined)}) == 2
        for worker in drive.workers():
            drive.pilot.release(worker)
        drive.until(lambda: not drive.workers(), "all are released")
        until(lambda: not listed(slurm, "slurm"), "the allocation is given back")


def where():
    """The node of this worker, by Slurm's word."""
    return os.environ["SLURMD_NODENAME"]


def test_nobody_can_read_the_token(slurm, slurm_pilot, tmp_path):
    """Neither in what Slurm keeps, nor on any command line, nor where tasks look."""
    with PilotDrive(slurm_pilot()) as drive:
        [folder] = (tmp_path / "shared").iterdir()
        token = (folder / "token").read_text()
        shown = slurm.run("scontrol", "write", "batch_script", id_of(slurm, "slurm"), "-")
        assert "qloop.pilots.slurm_inside" in shown
        assert token not in shown + slurm.run("scontrol", "show", "job", id_of(slurm, "slurm"))
        assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if token in told(path)]
        assert token not in open_value(drive.call(environment_text))
    assert not folder.exists()


def told(path):
    """A command line, if the process is still there."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def environment_text():
    """All that a task finds in its environment."""
    return repr(dict(os.environ))


def test_several_pilots_at_once_and_the_end_of_one(slurm, slurm_pilot):
    """Cancelling one leaves the others, and what is not ours."""
    foreign = slurm.run("sbatch", "--parsable", "--output=/dev/null", text="#!/bin/sh\nsleep 600\n").strip()
    with PilotDrive(slurm_pilot("north", allotment=ONE)) as north, PilotDrive(slurm_pilot("south", allotment=ONE)
                                                                               ) as south:
        busy = north.submit(tasks.sleep, 600.0)
        north.began(busy)
        south.pilot.stop()
        until(lambda: not listed(slurm, "south"), "south is gone")
        assert list(listed(slurm, "north").values()) == ["RUNNING"]
        assert north.listen(0.2) == []
        north.pilot.abort(*busy)
        assert north.ended(busy).outcome is Outcome.CANCELLED
        north.until(lambda: len(north.workers()) == 1, "another comes")
        assert open_value(north.call(tasks.add, 1)) == 2
    assert slurm.run("squeue", "--noheader", f"--jobs={foreign}", "--format=%T").strip() == "RUNNING"
    slurm.run("scancel", foreign)


def test_while_the_controller_is_away_tasks_go_on(slurm, slurm_pilot):
    with PilotDrive(slurm_pilot(allotment=ONE, command_timeout_s=1.0)) as drive:
        busy = drive.submit(tasks.sleep, 2.0)
        slurm.signal_controller(signal.SIGTERM)
        assert drive.ended(busy).outcome is Outcome.OK
        assert open_value(drive.call(tasks.add, 1)) == 2
        assert len(drive.workers()) == 1
        slurm.start_controller()
        slurm.until(lambda: list(listed(slurm, "slurm").values()) == ["RUNNING"], "Slurm is back")
        assert not [event for event in drive.events if isinstance(event, Left)]


@pytest.mark.parametrize(("options", "size", "words"), [
    ({"partition": "nope"}, {}, "invalid partition specified: nope"),
    ({"partition": "short"}, {"walltime_s": 600.0}, "Requested time limit is invalid"),
    ({}, {"cores": 64}, "More processors requested than permitted"),
])
def test_a_pilot_that_slurm_refuses_says_so_in_slurms_words(slurm_pilot, options, size, words):
    pilot = slurm_pilot(allotment=Allotment(**size), **options)
    with pytest.raises(PilotError) as caught:
        PilotDrive(pilot)
    assert words in str(caught.value)
    assert "change the pilot's options" in str(caught.value)


def test_an_agent_that_cannot_start_ends_the_pilot_with_its_words(slurm_pilot):
    with pytest.raises(PilotError, match="no_such_module_here"):
        PilotDrive(slurm_pilot(setup=("set -e", "python3 -c 'import no_such_module_here'")))


def test_ranks_run_through_srun_inside_of_the_allocation(slurm_pilot):
    pytest.importorskip("mpi4py")
    with PilotDrive(slurm_pilot()) as drive:
        worker = drive.workers()[0]
        drive.pilot.run(worker, "ranks", 1, pack(ranks_and_sum), share=Share(cores=2, ranks=2), limit_s=50.0)
        ended = drive.ended((worker, "ranks", 1))
        assert open_value(ended) == (2, 3)


def ranks_and_sum():
    """How many ranks there are, and the sum of rank + 1 over them."""
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    return world.Get_size(), world.allreduce(world.Get_rank() + 1)
