"""P4 and P5 with real deaths: a loop on a remote QPU is killed -9 again and again, over a faulty wire, and goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import qloop
from qloop.qpus.protocol import Recovery
from qloop.testing.provider import Provider
from tests.runtime.two_qubits import ENERGY, circuit, runtime

from .remote_driver import ITERATIONS


@pytest.mark.ci
@pytest.mark.parametrize("recovery", [Recovery.TOKEN, Recovery.CLIENT_ID, Recovery.TAG])
def test_a_loop_that_is_killed_again_and_again_buys_each_shot_once(tmp_path: Path, recovery: Recovery) -> None:
    answer, deaths = "", 0
    for life in range(41):
        words = [sys.executable, "-m", "tests.promises.remote_driver", str(tmp_path), recovery, str(life)]
        child = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        if child.returncode == 0:
            answer = child.stdout.strip().splitlines()[-1]
            break
        assert child.returncode == -9, child.stderr
        deaths += 1
    assert deaths >= 2, "the children died too late to show anything"
    with runtime("exact") as platform, qloop.Session("vqe", runtime=platform) as session:
        near = session.minimize(circuit(), ENERGY, [0.3, -0.2], optimizer="nelder-mead", maxiter=ITERATIONS)
    _, x, nfev, results = answer.split()
    assert bytes.fromhex(x) == near.x.tobytes(), "the same parameters as without a death, to the last bit"
    assert int(nfev) == near.nfev
    tasks = [task for task in Provider(file=tmp_path / "provider.json").read().tasks if task.phase != "cancelled"]
    assert len(tasks) == sum(task.executed for task in tasks) == int(results)
    assert len({task.token for task in tasks}) == len(tasks)
