"""Agents as real processes: who may join, what becomes of them when one side is gone, and of their allocations."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from qloop.errors import InvalidInput
from qloop.model.states import Outcome
from qloop.pilots.agent_pilot import AgentPilot
from qloop.pilots.allocator import TOKEN_VARIABLE, Allotment
from qloop.pilots.credential import new_credential
from qloop.pilots.payload import open_value
from qloop.pilots.protocol import Asked, Began, Ended, Joined, Left, PilotError
from qloop.testing import pilot_tasks as tasks
from qloop.testing.agents_here import HerePilot
from qloop.testing.pilot_drive import PATIENCE_S, PilotDrive

from .parallel import in_thread
from .processes import alive, all_gone, parent


def family(drive: PilotDrive) -> tuple[int, int, int]:
    """The process ids of the first worker, of its zygote, and of its agent."""
    worker = open_value(drive.call(tasks.my_pid))
    return worker, parent(worker), parent(parent(worker))


def test_all_goes_over_tls_when_the_hub_listens_off_loopback():
    with PilotDrive(HerePilot(host="0.0.0.0", advertise="127.0.0.1"), 2) as drive:
        values = bytes(range(256)) * 40_000
        assert open_value(drive.call(len, values)) == len(values)
        assert open_value(drive.call(bytes.upper, values)) == values.upper()
        environment = open_value(drive.call(lambda: dict(__import__("os").environ)))
        assert TOKEN_VARIABLE not in environment


def run_agent(hub: str, token: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "qloop.pilots.agent", "--hub", hub, "--name", "x", "--cores", "1"],
                          env={**os.environ, TOKEN_VARIABLE: token, **more}, capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False)


def test_an_agent_without_the_token_ends_with_words():
    with PilotDrive(HerePilot(), 0) as drive:
        hub = drive.pilot._hub.address
        for token, words, status in ((new_credential(60.0).text(), "its token is not this pilot's", 2),
                                     ("guess", "not a token", 2), ("", "it has been given none", 2)):
            task = in_thread(run_agent, hub, token)
            drive.until(task.done, "the agent has ended")
            assert (task.result().returncode, words in task.result().stderr) == (status, True), task.result().stderr
        task = in_thread(run_agent, hub, drive.pilot._hub.credential.text())
        drive.until(task.done, "the agent has ended")
        assert "no allocation 'x' is expected" in task.result().stderr
    assert "cannot be reached" in run_agent(hub, new_credential(60.0).text()).stderr


def test_an_agent_that_dies_is_made_again_and_its_task_is_lost_once():
    with PilotDrive(HerePilot(), 2) as drive:
        first, second = drive.workers()
        _, zygote, agent = family(drive)
        attempts = [drive.submit(tasks.sleep, 600.0, worker=worker) for worker in (first, second)]
        drive.began(attempts[0])
        os.kill(agent, signal.SIGKILL)
        for attempt in attempts:
            assert drive.ended(attempt).outcome is Outcome.LOST
            assert drive.index(Left, attempt[0]) < drive.index(Ended, attempt[0]) or attempt[0] == first
        drive.until(lambda: len(drive.workers()) == 2, "two others have joined")
        assert {first, second}.isdisjoint(drive.workers())
        assert open_value(drive.call(tasks.add, 1)) == 2
        assert [drive.ends(attempt) for attempt in attempts] == [1, 1]
        assert all_gone([zygote])


@pytest.mark.ci
def test_an_agent_that_is_silent_is_lost_and_ends_when_it_wakes():
    with PilotDrive(HerePilot(silence_s=1.5, most_nodes=2), 1) as drive:
        worker, _, agent = family(drive)
        attempt = drive.submit(tasks.sleep, 600.0)
        drive.began(attempt)
        os.kill(agent, signal.SIGSTOP)
        try:
            assert drive.ended(attempt).outcome is Outcome.LOST
            assert "silent" in drive.ended(attempt).error
        finally:
            os.kill(agent, signal.SIGCONT)
        assert all_gone([worker, agent])
        drive.until(lambda: len(drive.workers()) == 1, "another has joined")
        assert drive.ends(attempt) == 1


@pytest.mark.ci
def test_an_allocation_ends_in_good_order_before_its_walltime():
    """The worker that is free leaves first, the busy one when it is done; others come; nobody is killed."""
    with PilotDrive(HerePilot(cores=2, walltime_s=15.0, most_nodes=2), 2) as drive:
        first, second = drive.workers()
        _, _, agent = family(drive)
        attempt = drive.submit(tasks.sleep, 13.0, worker=second)
        drive.until(lambda: first not in drive.workers(), "the free worker has left")
        assert drive.ends(attempt) == 0
        assert drive.ended(attempt).outcome in (Outcome.OK, Outcome.LOST)
        drive.until(lambda: len(drive.workers()) == 2 and second not in drive.workers(), "others have joined")
        assert open_value(drive.call(tasks.add, 1)) == 2
        assert all_gone([agent])


@pytest.mark.ci
def test_allocations_that_never_work_are_not_made_for_ever():
    with HerePilot(more=["--no-such-option"]) as pilot:
        pilot.start(1)
        with pytest.raises(PilotError, match="no-such-option"):
            poll_until_it_raises(pilot)
        with pytest.raises(PilotError):
            pilot.poll(0.0)
        with pytest.raises(PilotError):
            pilot.grow(1)


def test_an_allocator_that_cannot_be_made_is_told():
    pilot = AgentPilot("x", allocator="qloop.testing.no_such_module:Allocator", settings={}, allotment=Allotment(),
                       most_nodes=1)
    with pilot:
        pilot.start(1)
        with pytest.raises(PilotError, match="No module named"):
            poll_until_it_raises(pilot)


@pytest.mark.ci
def test_an_environment_that_an_agent_lacks_is_told():
    with HerePilot(environments={"": ("numpy",)}) as pilot:
        welcome = pilot._fleet._welcome     # the agent's machine lacks what this one has
        pilot._fleet._welcome = msgspec.structs.replace(welcome, environments={"": ("no_such_module",)})
        pilot.start(1)
        with pytest.raises(PilotError, match="no_such_module"):
            poll_until_it_raises(pilot)


def poll_until_it_raises(pilot: AgentPilot) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        assert [event for event in pilot.poll(1.0) if not isinstance(event, (Began, Asked))] == []


def test_the_loss_of_the_engine_loses_each_task_once_and_hangs_nothing():
    with PilotDrive(HerePilot(), 1) as drive:
        worker, zygote, agent = family(drive)
        attempt = drive.submit(tasks.sleep, 600.0)
        drive.began(attempt)
        os.kill(drive.pilot._engine.pid, signal.SIGKILL)
        with pytest.raises(PilotError, match="process that acquires its allocations has ended"):
            drive.until(lambda: False, "an error")
        assert drive.ended(attempt).outcome is Outcome.LOST
        assert (drive.workers(), drive.ends(attempt)) == ([], 1)
        assert all_gone([worker, zygote, agent])
        folder = Path(drive.pilot._engine._folder)
        assert folder.exists()
    assert not folder.exists()


@pytest.mark.ci
def test_nodes_are_filled_before_others_are_acquired_and_given_back_when_empty():
    with PilotDrive(HerePilot(cores=2, most_nodes=2), 3) as drive:
        nodes = {event.worker: event.node for event in drive.events if isinstance(event, Joined)}
        assert sorted(list(nodes.values()).count(node) for node in set(nodes.values())) == [1, 2]
        with pytest.raises(InvalidInput, match="cannot have 2 more workers"):
            drive.pilot.grow(2)
        lonely = next(worker for worker, node in nodes.items() if list(nodes.values()).count(node) == 1)
        agent = parent(parent(open_value(drive.call(tasks.my_pid, worker=lonely))))
        drive.pilot.release(lonely)
        drive.until(lambda: len(drive.pilot._supply.allocations) == 1, "its node was given back")
        assert all_gone([agent])
        assert len(drive.workers()) == 2
        drive.pilot.grow(2)
        drive.until(lambda: len(drive.workers()) == 4, "a node was acquired")


def test_what_can_never_work_is_refused():
    for how in ({"cores": -1}, {"most_nodes": 0}, {"walltime_s": -1.0}, {"silence_s": 0.0}, {"workers": True}):
        with pytest.raises(InvalidInput):
            HerePilot(**how)


def test_nothing_outlives_a_program_that_is_killed():
    program = ("import sys; from qloop.testing.agents_here import HerePilot; from qloop.testing.pilot_drive import *; "
               "from qloop.testing import pilot_tasks as t; from qloop.pilots.payload import open_value; "
               "drive = PilotDrive(HerePilot(), 1); "
               "print(open_value(drive.call(t.my_pid)), drive.pilot._engine.pid, flush=True); sys.stdin.read()")
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        worker, engine = map(int, process.stdout.readline().split())
        below = [worker, parent(worker), parent(parent(worker)), engine]
        assert all(map(alive, below))
        process.kill()
    assert all_gone(below)
