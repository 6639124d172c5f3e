"""Every example runs as a user runs it, in a folder of its own, and says what it promises to say."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

# What stands in the output of each: numbers as groups, with the bounds they must keep.
SAID = {
    "budget.py": (r"paid in all: (\d+\.\d+) USD for 96 s, of which the QPU worked 74.8 s", (153.59, 153.61)),
    "first_loop.py": (r"energy (-\d\.\d+) after 3700 evaluations", (-2.4033, -2.402)),
    "ibm_hardware.py": (r"energy (-\d\.\d+) with noise", (-1.2, -0.9)),
    "many_loops_virtual.py": (r"efaas median wait for the QPU +(\d+\.\d) s", (0.0, 60.0)),
    "own_policy.py": (r"loop-\d ends at +(\d+) s", (10.0, 1000.0)),
    "qiskit_program.py": (r"energy (-\d\.\d+) hartree after \d+ calls", (-1.8573, -1.8572)),
    "resume_me.py": (r"resumed: (\d+) of \d+ evaluations came from the journal", (50.0, 139.0)),
    "scipy_cobyla.py": (r"H2: (-\d\.\d+) hartree", (-1.13731, -1.1369)),
    "watching_drift.py": (r"(\d+) calibrations, and epoch \d+ at the end", (2.0, 12.0)),
    "twin_vqe.py": (r"80 iterations of 2000 shots: (\d+\.\d) minutes of the virtual clock", (1.0, 30.0)),
}


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(SAID)


@pytest.mark.parametrize("name", sorted(SAID))
def test_the_example_runs(name: str, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, EXAMPLES / name], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    pattern, (low, high) = SAID[name]
    found = re.search(pattern, done.stdout)
    assert found is not None, done.stdout
    assert low <= float(found[1]) <= high
    assert not done.stderr
