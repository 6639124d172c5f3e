"""The device under its name: `qml.device("qloop.session")`, and PennyLane's own suite for devices."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENTRY = "qloop.loops.pennylane.device:SessionDevice"

# Tests of the suite that ask for what the device refuses, each with the reason.
NOT_FOR_A_QPU = {
    "TestStateMeasurement::test_custom_state_measurement": "measures the state",
    "TestStateMeasurement::test_sample_measurement_with_shots": "measures the state; expects another message",
    "TestTemplates::test_BasisRotation": "measures the state",
    "TestTemplates::test_FlipSign": "measures the state",
    "TestTemplates::test_MottonenStatePreparation_state": "measures the state",
    "TestCapabilities::test_supports_broadcasting": "is for devices of the old interface; needs pytest-mock",
}
# The suite imports this library to repeat tests that fail by chance; without shots nothing is by chance.
FLAKY = "def flaky(*given, **settings):\n    return given[0] if given and callable(given[0]) else lambda test: test\n"


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """An environment in which the device is registered, as an installed qloop registers it."""
    about = tmp_path / "qloop_pennylane-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: qloop-pennylane\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text(f"[pennylane.plugins]\nqloop.session = {ENTRY}\n")
    (tmp_path / "flaky.py").write_text(FLAKY)
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def test_the_entry_point_that_is_tested_is_the_one_that_is_installed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pennylane.plugins"] == {"qloop.session": ENTRY}


def test_a_device_by_name(surroundings: dict[str, str], tmp_path: Path):
    program = ("import pennylane as qml\n"
               "dev = qml.device('qloop.session', wires=2, seed=4, qpu='exact')\n"
               "node = qml.QNode(lambda x: (qml.RX(x, 0), qml.expval(qml.Z(0)))[1], dev)\n"
               "print(dev.name, len(dev.wires), node(0.0))\n"
               "dev.close()\n")
    done = subprocess.run([sys.executable, "-c", program], env=surroundings, cwd=tmp_path, capture_output=True,
                          text=True)
    assert done.stdout.split() == ["qloop.session", "2", "1.0"], done.stderr


@pytest.mark.ci
def test_pennylanes_suite_for_devices(surroundings: dict[str, str], tmp_path: Path):
    import pennylane.devices.tests as suite

    folder = Path(suite.__file__).parent
    left_out = " and ".join(f"not {name.rpartition('::')[2]}" for name in NOT_FOR_A_QPU)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", folder / "pytest.ini", folder, "--device=qloop.session", "--shots=None",
         "-k", left_out, "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=short"],
        env=surroundings, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 370
    print(f"PennyLane's suite for devices: {done.stdout.strip().splitlines()[-1]}")
