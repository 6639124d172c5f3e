"""Lint and types are tests: a house rule that is not run is no rule."""

import subprocess
import sys

import pytest
from source_tree import ROOT


@pytest.mark.parametrize("command", [["ruff", "check", "--no-cache", "."], ["mypy"]], ids=lambda command: command[0])
def test_the_checker_has_nothing_to_say(command: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
