"""P4 and P5 at IBM: a client that is killed around a submission finds its task by the tag, and buys nothing twice."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from tests.qpus.ibm.client_of_service import ANGLES
from tests.qpus.ibm.server import IbmServer

CLIENT = Path(__file__).with_name("client_of_service.py")
ROOT = Path(__file__).resolve().parents[3]


def _client(account_file: Path, journal: Path, life: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", "tests.qpus.ibm.client_of_service", account_file, journal, life],
                            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.ci
@pytest.mark.skipif(tuple(map(int, version("qiskit-ibm-runtime").split(".")[:2])) < (0, 49),
                    reason="in a process of its own, an earlier client cannot be pointed at the scripted service")
@pytest.mark.parametrize("when", ["queued", "reply on its way", "second task"])
def test_a_killed_client_goes_on_with_the_task_that_it_has(when: str, server: IbmServer, account_file: Path,
                                                           tmp_path: Path) -> None:
    journal, world = tmp_path / "run.qloop", server.world
    if when == "reply on its way":
        server.fault("POST", "/jobs$", delay=30.0)
    else:
        world.hold = when == "queued"
    first = _client(account_file, journal, "first")
    _until(lambda: len(world.tasks) == (2 if when == "second task" else 1))
    time.sleep(0.3 if when == "queued" else 0.0)
    first.kill()
    first.communicate(timeout=60)
    world.hold = False
    bought = list(world.tasks)
    second = _client(account_file, journal, "again")
    out, err = second.communicate(timeout=120)
    assert second.returncode == 0, err
    assert np.allclose([float(word) for word in out.split()], np.cos(ANGLES), atol=0.2)
    assert list(world.tasks)[:len(bought)] == bought
    assert len(world.tasks) == len(ANGLES), "nothing was bought twice"
