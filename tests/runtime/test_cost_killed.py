"""A session with a budget that is killed at commit after commit: what it spent is journaled, and never too much."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec

from .cost_driver import BUDGET, CALLS, EACH, Report

ROOT = Path(__file__).parents[2]


def test_every_result_has_its_account_and_the_budget_holds_over_all_lives(tmp_path):
    done = subprocess.run([sys.executable, "-m", "tests.runtime.cost_driver", str(tmp_path)], cwd=ROOT,
                          capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    report = msgspec.json.decode(done.stdout, type=Report)
    assert report.wrong == []
    assert report.killed >= 10
    assert (report.spent, report.calls) == (CALLS * EACH, CALLS)
    assert BUDGET - EACH < report.spent <= BUDGET
