"""Programs with a Slurm pilot that die without its end: no allocation is left without an owner."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from qloop.pilots.allocator import Allotment
from qloop.testing.pilot_drive import PilotDrive

from .listed import listed
from .waiting import until

pytestmark = pytest.mark.ci
ONE = Allotment(cores=1)
PROGRAM = """
import sys, time
from qloop.pilots.allocator import Allotment
from qloop.pilots.slurm import SlurmPilot
from qloop.pilots.slurm_options import SlurmOptions
conf, folder, size = sys.argv[1:]
pilot = SlurmPilot("orphan", options=SlurmOptions(slurm_conf=conf, folder=folder, least_watch_s=0.1),
                   allotment=Allotment(cores=int(size)), host="127.0.0.1")
pilot.start(1)
while not pilot.poll(0.1) and size == "1":
    pass
print("begun", flush=True)
while True:
    pilot.poll(1.0)
"""


def test_a_program_that_is_killed_leaves_no_allocation_behind(slurm, tmp_path):
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(slurm.conf), str(tmp_path), "1"],
                               stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    assert program.stdout.readline() == "begun\n"
    assert len(listed(slurm, "orphan")) == 1
    program.kill()
    program.wait()
    program.stdout.close()
    until(lambda: not listed(slurm, "orphan"), "its allocations are cancelled")


def test_what_a_dead_pilot_left_in_the_queue_is_cancelled_by_the_next_one(slurm, slurm_pilot, tmp_path):
    """Program and engine process are killed at once, as by a crash of the machine, while the allocation waits."""
    slurm.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(slurm.conf), str(tmp_path / "shared"), "2"],
                                   stdout=subprocess.PIPE, text=True)
        assert program.stdout is not None
        assert program.stdout.readline() == "begun\n"
        until(lambda: list(listed(slurm, "orphan").values()) == ["PENDING"], "it waits")
        [owner] = (tmp_path / "shared").glob("orphan-*/owner.json")
        pids = [int(pid) for pid in json.loads(owner.read_text())["begun"]]
        assert program.pid in pids
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        program.wait()
        program.stdout.close()
        assert list(listed(slurm, "orphan").values()) == ["PENDING"]
        with PilotDrive(slurm_pilot("heir", allotment=ONE, partition="low")) as heir:
            until(lambda: heir.listen() == [] and not listed(slurm, "orphan"), "the heir has cancelled it")
            assert [found.name[:5] for found in (tmp_path / "shared").iterdir()] == ["heir-"]
    finally:
        slurm.run("scontrol", "update", "PartitionName=main", "State=UP")
