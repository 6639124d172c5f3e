"""P4: a loop that is killed goes on where it died, buys no shot again, and ends bit by bit where it would have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from .kill_driver import Plan, Report

ROOT = Path(__file__).parents[2]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def campaign(plan: Plan) -> Report:
    command = [sys.executable, "-m", "tests.promises.kill_driver", msgspec.json.encode(plan).decode()]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **ONE_THREAD}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=Report)


def check(report: Report, plan: Plan) -> None:
    assert report.wrong == []
    assert report.kills >= plan.kills + report.boundaries, "fewer kills than planned"
    assert report.commits >= report.evaluations / 3, "the loop hardly wrote: its boundaries prove little"
    x = np.frombuffer(bytes.fromhex(report.x))
    assert np.isfinite(x).all()
    assert np.ptp(x) > 0.1, "the loop did not move"


@pytest.mark.parametrize(("optimizer", "qpu"), [("spsa", "exact"), ("nelder-mead", "exact"), ("cobyla", "exact"),
                                                ("spsa", "twin")])
def test_a_few_kills(tmp_path, optimizer, qpu):
    plan = Plan(str(tmp_path), optimizer, qpu, kills=3, stride=12)
    check(campaign(plan), plan)


@pytest.mark.ci
@pytest.mark.parametrize(("optimizer", "qpu"), [
    ("spsa", "exact"), ("nelder-mead", "exact"), ("cobyla", "exact"), ("spsa", "twin"),
    pytest.param("nelder-mead", "twin", marks=pytest.mark.everything),
    pytest.param("cobyla", "twin", marks=pytest.mark.everything)])
def test_fifty_kills_and_every_commit_boundary(tmp_path, optimizer, qpu):
    plan = Plan(str(tmp_path), optimizer, qpu, kills=50, stride=1, seed=2)
    report = campaign(plan)
    check(report, plan)
    assert report.boundaries == 2 * report.commits
    assert report.overpaid <= report.kills * 8
