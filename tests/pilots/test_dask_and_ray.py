"""Pilots on real Dask and real Ray: the conformance suite, losses, and clusters that are not ours.

One cluster of each serves all conformance checks, as it would serve many users; the checks of losses make their own.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import msgspec
import pytest

from qloop.errors import InvalidInput, MissingExtra, UnknownName
from qloop.model.states import Outcome
from qloop.pilots import dask, ray
from qloop.pilots.allocator import Allotment
from qloop.pilots.dask import DaskPilot
from qloop.pilots.payload import open_value
from qloop.pilots.protocol import Ended, Joined, Left, PilotError
from qloop.pilots.ray import RayPilot
from qloop.pilots.reach import towards
from qloop.pilots.spec import spec_of
from qloop.testing import pilot_conformance as suite
from qloop.testing import pilot_tasks as tasks
from qloop.testing.pilot_drive import PilotDrive

from .processes import PATIENCE_S, all_gone, below, parent

ROOT = Path(__file__).resolve().parents[2]
ENGINES = {"dask": DaskPilot, "ray": RayPilot}
# What depends on the engine at all; the rest of the suite is between the hub and the agents.
OF_THE_ENGINE = ("workers_join_under_names_of_their_own", "workers_come_and_go_as_told",
                 "a_task_sees_its_own_gpus_alone", "stop_ends_what_runs_and_tells_once")


class Cluster:
    """Somebody else's cluster, in a process of its own that ends with its stdin."""

    def __init__(self, engine: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-m", f"{__package__}.cluster", engine], cwd=ROOT, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def works(self) -> bool:
        """Whether its owner can still use it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("work\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip() == "42"

    def close(self) -> None:
        with self.process:
            assert self.process.stdin is not None
            self.process.stdin.close()


@pytest.fixture(scope="module", params=ENGINES)
def cluster(request):
    pytest.importorskip("distributed" if request.param == "dask" else "ray")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_AUTH_MODE", "token")        # else Ray keeps one in the home of whoever runs this
        patched.setenv("RAY_AUTH_TOKEN", "0123456789abcdef" * 4)
        made = Cluster(request.param)
        yield request.param, made
        made.close()


def joined_to(cluster) -> partial:
    """How to make a pilot on it."""
    engine, made = cluster
    return partial(ENGINES[engine], address=made.address, most_nodes=4)


@pytest.mark.ci
@pytest.mark.parametrize("check", [getattr(suite, name, None) or next(c for c in suite.CHECKS if c.__name__ == name)
                                   for name in OF_THE_ENGINE], ids=lambda check: check.__name__)
def test_pilots_on_a_cluster_that_exists_conform(cluster, check):
    check(joined_to(cluster))
    assert cluster[1].works()       # it is nobody's but its owner's


@pytest.mark.everything
@pytest.mark.parametrize("check", [check for check in suite.CHECKS if check.__name__ not in OF_THE_ENGINE],
                         ids=lambda check: check.__name__)
def test_they_conform_in_all(cluster, check):
    check(joined_to(cluster))


@pytest.mark.ci
def test_a_cluster_of_our_own_leaves_another_alone(cluster):
    """It is on this machine already; neither is it joined, nor does it end with ours."""
    engine, made = cluster
    with PilotDrive(ENGINES[engine](), 1) as drive:
        theirs = below(made.process.pid)
        assert agent_of(drive) not in theirs
        assert open_value(drive.call(tasks.add, 1)) == 2
        assert made.works()
    assert made.works()


def agent_of(drive: PilotDrive) -> int:
    """The process id of the first worker's agent."""
    return parent(parent(open_value(drive.call(tasks.my_pid))))


@pytest.mark.ci
@pytest.mark.parametrize("engine", ENGINES)
def test_the_loss_of_an_engines_worker_loses_its_tasks_once(engine):
    """A cluster of our own, from nothing; its process that holds the agent is killed; later the engine itself is."""
    pytest.importorskip("distributed" if engine == "dask" else "ray")
    with PilotDrive(ENGINES[engine](cores=2, most_nodes=2), 2) as drive:
        assert {event.node for event in drive.events if isinstance(event, Joined)} == {f"{engine}-1"}
        attempt = drive.submit(tasks.sleep, 600.0, worker=drive.workers()[1])
        drive.began(attempt)
        agent = agent_of(drive)
        gone = set(drive.workers())
        os.kill(parent(agent), signal.SIGKILL)
        assert drive.ended(attempt).outcome is Outcome.LOST
        assert drive.index(Left, attempt[0]) < drive.index(Ended, attempt[0])
        drive.until(lambda: len(drive.workers()) == 2, "others have joined")
        assert gone.isdisjoint(drive.workers())
        assert all_gone([agent])
        assert open_value(drive.call(tasks.add, 1)) == 2
        attempt = drive.submit(tasks.sleep, 600.0)
        drive.began(attempt)
        everything = below(drive.pilot._engine.pid)
        assert len(everything) > 3
        os.kill(drive.pilot._engine.pid, signal.SIGKILL)
        with pytest.raises(PilotError, match="has ended"):
            drive.until(lambda: False, "an error")
        assert (drive.ended(attempt).outcome, drive.ends(attempt), drive.workers()) == (Outcome.LOST, 1, [])
    assert all_gone(everything)


@pytest.mark.ci
def test_a_scheduler_that_dies_takes_its_agents_with_it():
    pytest.importorskip("distributed")
    made = Cluster("dask")
    try:
        with PilotDrive(DaskPilot(address=made.address), 1) as drive:
            attempt = drive.submit(tasks.sleep, 600.0)
            drive.began(attempt)
            everything = below(made.process.pid)
            made.process.kill()
            assert drive.ended(attempt).outcome is Outcome.LOST
            assert drive.ends(attempt) == 1
            assert all_gone(everything)
    finally:
        made.close()


@pytest.mark.ci
@pytest.mark.parametrize(("make", "words"), [
    (partial(DaskPilot, address="tcp://127.0.0.1:9"), "no Dask scheduler at 'tcp://127.0.0.1:9'"),
    (partial(DaskPilot, gpus=999), "cannot give 999 GPUs more"),
])
def test_an_engine_that_cannot_give_anything_is_told(make, words):
    pytest.importorskip("distributed")
    with make() as pilot:
        pilot.start(1)
        with pytest.raises(PilotError, match=words):
            end = time.monotonic() + PATIENCE_S
            while time.monotonic() < end:
                pilot.poll(1.0)


@pytest.mark.parametrize(("address", "host", "advertise"), [
    ("", "127.0.0.1", ""), ("auto", "127.0.0.1", ""), ("tcp://127.0.0.1:8786", "127.0.0.1", ""),
    ("tcp://[::1]:8786", "127.0.0.1", ""), ("localhost:6379", "127.0.0.1", ""), ("192.0.2.77:6379", "0.0.0.0", None),
    ("tcp://no-such-host.invalid:8786", "0.0.0.0", "")])
def test_a_hub_listens_where_its_agents_are(address, host, advertise):
    found = towards(address)
    assert found["host"] == host
    if advertise is None:       # an address of this machine, if it has a way there at all
        assert found["advertise"] in ("", *own_addresses())
    else:
        assert found["advertise"] == advertise


def own_addresses() -> list[str]:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.77", 6379))
            return [probe.getsockname()[0]]
    except OSError:
        return []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pilot_is_opened_as_it_is_wished_for(engine):
    word = {"dask": "dask:2-7@tcp://127.0.0.1:8786", "ray": "ray:2-7@127.0.0.1:6379"}[engine]
    room = {"dask": dask, "ray": ray}[engine]
    wish = msgspec.structs.replace(spec_of(word), cores=3, gpus=1, memory_bytes=10**9, walltime_s=60.0, name="mine")
    pilot = room.open_pilot(wish)
    assert (pilot.name, pilot.kind) == ("mine", engine)
    assert pilot._allotment == Allotment(cores=3, memory_bytes=10**9, gpus=1, workers=3, walltime_s=60.0)
    assert pilot._most == 9     # three nodes of three workers are the fewest for seven
    pilot.stop()
    with pytest.raises(UnknownName, match="option of a"):
        room.open_pilot(msgspec.structs.replace(wish, options={"partition": "main"}))


@pytest.mark.parametrize("make", ENGINES.values())
@pytest.mark.parametrize("how", [{"address": "nowhere"}, {"address": 5}, {"cores": -1}, {"gpus": -1},
                                 {"memory_bytes": 1.5}, {"most_nodes": 0}])
def test_what_can_never_work_is_refused(make, how):
    with pytest.raises(InvalidInput):
        make(**how)


@pytest.mark.parametrize(("room", "make", "extra"), [(dask, DaskPilot, "dask"), (ray, RayPilot, "ray")])
def test_a_missing_engine_says_what_to_install(monkeypatch, room, make, extra):
    monkeypatch.setattr(room, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=rf"qloop\[{extra}\]"):
        make()
