"""Long random runs of the hostile world, and the same run under another hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.policies.chosen import LONG

from .campaign import campaign, fingerprint

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", LONG)
def test_promises_hold_in_random_runs(name: str) -> None:
    world = campaign(name, seed=11, steps=500)
    assert len(world.tasks) > 40
    assert sum(task.attempts > 1 for task in world.tasks.values()) > 0


@pytest.mark.ci
@pytest.mark.parametrize("name", LONG)
def test_promises_hold_in_long_random_runs(name: str) -> None:
    for seed in range(100, 110):
        campaign(name, seed, 1000)


def test_the_same_events_give_the_same_run_under_any_hash_seed() -> None:
    here = fingerprint(campaign("efaas", 3, 400))
    for hash_seed in ("0", "1", "4242"):
        program = [sys.executable, "-m", "tests.engine.campaign", "efaas", "3", "400"]
        told = subprocess.run(program, cwd=ROOT, check=True, capture_output=True, text=True,
                              env={**os.environ, "PYTHONHASHSEED": hash_seed})
        assert told.stdout.strip() == here
