"""Whatever dies, every attempt ends exactly once, and workers leave and end in the order of the rules."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from functools import partial

import pytest

from qloop.model.states import Outcome
from qloop.pilots.local import LocalPilot
from qloop.pilots.payload import open_value
from qloop.pilots.protocol import Began, Ended, Joined, Left
from qloop.testing import pilot_tasks as tasks
from qloop.testing.agents_here import HerePilot
from qloop.testing.pilot_drive import PilotDrive

from .processes import children_of

WISHES = ((tasks.add, 1.0), (tasks.sleep, 0.05), (tasks.die, signal.SIGKILL), (tasks.leave_at_once, 1),
          (tasks.raise_value_error, "no"), (tasks.chatter, 200_000), (tasks.sleep, 600.0))


def kill_an_agent(drive: PilotDrive, rng: random.Random) -> None:
    """Not before its workers have joined: three allocations in a row without a worker are the end of a pilot."""
    engine = drive.pilot._engine.pid if isinstance(drive.pilot, HerePilot) else 0
    if engine and len(drive.workers()) >= size_of(drive) and (agents := children_of(engine)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(agents), signal.SIGKILL)


def size_of(drive: PilotDrive) -> int:
    """How many workers the pilot means to have; who is released may have died a moment before, and been replaced."""
    pilot = drive.pilot
    return pilot._crew.size if isinstance(pilot, LocalPilot) else pilot._supply.target


def one_step(drive: PilotDrive, rng: random.Random, running: dict[str, tuple[str, str, int]]) -> None:
    """A task for whoever is free, or a misfortune."""
    free = [worker for worker in drive.workers() if worker not in running]
    chance = rng.random()
    if chance < 0.6 and free:
        function, argument = rng.choice(WISHES)
        worker = rng.choice(free)
        limit = 0.3 if argument == 600.0 and rng.random() < 0.5 else 0.0
        running[worker] = drive.submit(function, argument, worker=worker, limit_s=limit)
    elif chance < 0.8 and running:
        drive.pilot.abort(*running[rng.choice(sorted(running))])
    elif chance < 0.9 and drive.workers():
        drive.pilot.release(rng.choice(drive.workers()))
        if size_of(drive) < 4:
            drive.pilot.grow(1)
    elif chance < 0.93:
        kill_an_agent(drive, rng)
    drive.listen(0.02)


@pytest.mark.ci
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [partial(HerePilot, cores=2, most_nodes=3), LocalPilot], ids=["agents", "local"])
def test_every_attempt_ends_once_whatever_dies(make, seed):
    rng = random.Random(seed)
    running: dict[str, tuple[str, str, int]] = {}
    submitted = []
    with PilotDrive(make(), 4) as drive:
        for _ in range(150):
            before = set(running.values())
            one_step(drive, rng, running)
            submitted += set(running.values()) - before
            over = {(event.worker, event.task, event.attempt) for event in drive.events if isinstance(event, Ended)}
            running = {worker: attempt for worker, attempt in running.items() if attempt not in over}
        for attempt in running.values():
            drive.pilot.abort(*attempt)
        for attempt in submitted:
            drive.ended(attempt)
        drive.until(lambda: len(drive.workers()) == size_of(drive), "all workers are there again")
        assert open_value(drive.call(tasks.add, 1)) == 2
        assert len(submitted) > 20
        assert [drive.ends(attempt) for attempt in submitted] == [1] * len(submitted)
        check_order(drive.events)


def check_order(events) -> None:
    joined, left = set(), set()
    for event in events:
        if isinstance(event, Joined):
            assert event.worker not in joined | left
            joined.add(event.worker)
        elif isinstance(event, Left):
            assert event.worker in joined
            joined.remove(event.worker)
            left.add(event.worker)
        elif isinstance(event, Began):
            assert event.worker in joined
        elif isinstance(event, Ended) and event.outcome in (Outcome.LOST, Outcome.CANCELLED):
            assert event.worker in left
        elif isinstance(event, Ended):
            assert event.worker in joined
