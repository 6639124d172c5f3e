"""The Slurm of the tests itself: real, on loopback, alone, and gone with the test run."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qloop.errors import QloopError
from qloop.testing import slurm_conf
from qloop.testing.slurm_cluster import COMMANDS, SlurmCluster, found, missing

from .processes import alive, all_gone
from .waiting import until

PROGRAM = """
import sys, time
from qloop.testing.slurm_cluster import SlurmCluster
with SlurmCluster(nodes=1) as cluster:
    cluster.run("sbatch", "--output=/dev/null", text="#!/bin/sh\\necho $$ > " + sys.argv[1] + "\\nsleep 600\\n")
    print(cluster.folder, cluster._daemons.pid, flush=True)
    time.sleep(600)
"""


def below(pid):
    """The ids of a process and all its descendants."""
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        for thread in Path(f"/proc/{found[-1]}/task").iterdir():
            waiting += [int(child) for child in (thread / "children").read_text().split()]
    return found


def test_a_machine_without_slurm_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    assert found() == {}
    assert all(name in missing() for name in COMMANDS)
    assert "apt-get install slurmctld slurmd slurm-client munge" in missing()
    with pytest.raises(QloopError, match="not installed here"):
        SlurmCluster()


def test_free_ports_are_free_and_different():
    assert len(set(slurm_conf.free_ports(64))) == 64


def test_the_configuration_stays_on_loopback_and_in_its_folder(tmp_path):
    path = slurm_conf.write(tmp_path, nodes=["n1", "n2"], cores=3, memory_mib=100, node_timeout_s=5, min_age_s=7)
    lines = path.read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines
                  if "=" in line and not line.startswith(("#", "NodeName", "PartitionName")))
    assert values["SlurmctldHost"].endswith("(127.0.0.1)")
    nodes = [line for line in lines if line.startswith("NodeName=")]
    assert len(nodes) == 2
    assert all("NodeAddr=127.0.0.1" in line for line in nodes)
    assert all(str(tmp_path) in value for name, value in values.items()
               if name.endswith(("Location", "File", "SpoolDir")))
    assert "Name=qpu" in (tmp_path / "gres.conf").read_text()


@pytest.mark.ci
def test_it_runs_what_it_is_given_on_the_nodes_that_it_has(slurm):
    assert slurm.states() == {"n1": "idle", "n2": "idle", "n3": "idle"}
    names = slurm.run("srun", "--nodes=3", "--ntasks=3", "printenv", "SLURMD_NODENAME").split()
    assert sorted(names) == ["n1", "n2", "n3"]
    with pytest.raises(QloopError, match="invalid partition specified: nope"):
        slurm.run("sbatch", "--partition=nope", text="#!/bin/sh\n")


@pytest.mark.ci
def test_a_second_one_beside_it_is_another(slurm):
    with SlurmCluster(nodes=1, cores=1) as other:
        other.run("sbatch", "--output=/dev/null", text="#!/bin/sh\nsleep 600\n")
        assert other.conf != slurm.conf
        assert not slurm.run("squeue", "--noheader")
        assert list(other.states()) == ["n1"]
    assert not other.folder.exists()
    assert slurm.alive() == ["munged", "slurmctld", "slurmd.n1", "slurmd.n2", "slurmd.n3"]


@pytest.mark.ci
def test_a_test_run_that_is_killed_leaves_nothing_of_it(tmp_path):
    """Neither a daemon, nor what they had started."""
    if why := missing():
        pytest.skip(why)
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path / "pid")], stdout=subprocess.PIPE,
                               text=True)
    assert program.stdout is not None
    folder, keeper = program.stdout.readline().split()
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), "its allocation runs")
    pids = [*below(int(keeper)), int((tmp_path / "pid").read_text())]
    assert len(set(pids)) > 4
    assert all(alive(pid) for pid in pids)
    os.kill(program.pid, signal.SIGKILL)
    program.wait()
    program.stdout.close()
    assert all_gone(pids)
    until(lambda: not Path(folder).exists(), "its folder is removed")
