"""The tests of qiskit-algorithms for its own eigensolvers, with qloop's primitives in place of Qiskit's.

They are not part of the installed package, so its source distribution (300 kB) is fetched in the run
of this test; without a package index the test is skipped and says so.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from importlib import metadata
from pathlib import Path

import pytest

FILES = ("test_vqe", "test_sampling_vqe", "test_qaoa", "test_adapt_vqe")

LEFT_OUT = {
    "test_vqe.py::TestVQE::test_with_gradient_3":
        "P_BFGS forks the program; a runtime's threads stay in the process that made it",
    "test_sampling_vqe.py::TestSamplerVQE::test_auxops_1":
        "asks for a mean over 1,024 shots to five places, which only some random numbers give",
}

# Qiskit's primitives by the names under which the tests import them; 0 is the precision of its estimator too.
CONFTEST = '''
import qiskit.primitives

import qloop
from qloop.qiskit import EstimatorV2, SamplerV2

RUNTIME = qloop.Runtime(journal=":memory:")
MADE = []


class Estimator(EstimatorV2):
    def __init__(self, *, default_precision=0.0, seed=None):
        super().__init__(runtime=RUNTIME, default_precision=default_precision, seed=seed)
        MADE.append(self)


class Sampler(SamplerV2):
    def __init__(self, *, default_shots=1024, seed=None):
        super().__init__(runtime=RUNTIME, default_shots=default_shots, seed=seed)
        MADE.append(self)


qiskit.primitives.StatevectorEstimator = Estimator
qiskit.primitives.StatevectorSampler = Sampler


def pytest_terminal_summary(terminalreporter):
    bought = sum(made.session.usage()["results"] for made in MADE if made._own is not None)
    terminalreporter.write_line(f"qloop: {len(MADE)} primitives, {bought} results")


def pytest_unconfigure():
    RUNTIME.close()
'''


def _fetched(requirement: str, folder: Path, *options: str) -> Path:
    """The file of a distribution, fetched with pip; skips where it cannot be had."""
    folder.mkdir()
    done = subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation",
                           *options, "--dest", folder, requirement], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{requirement} cannot be fetched: {done.stderr.strip().splitlines()[-1:]}")
    return next(folder.iterdir())


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """The unpacked source distribution of the version that is installed, with our conftest."""
    version = metadata.version("qiskit-algorithms")
    archive = _fetched(f"qiskit-algorithms=={version}", tmp_path / "archive", "--no-binary", ":all:")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, filter="data")
    folder = tmp_path / f"qiskit_algorithms-{version}"
    (folder / "qiskit_algorithms").rename(folder / "not_the_installed_package")
    (folder / "conftest.py").write_text(CONFTEST)
    return folder


@pytest.mark.ci
def test_the_eigensolvers_own_tests(suite: Path, tmp_path: Path) -> None:
    ddt = _fetched("ddt>=1.7,<2", tmp_path / "ddt", "--only-binary", ":all:")   # a wheel of one module, used as it is
    folder = "test/minimum_eigensolvers"
    paths = os.pathsep.join([str(ddt), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *(f"{folder}/{name}.py" for name in FILES), "-q", "-p", "no:cacheprovider",
         "-p", "no:xdist", "-o", "faulthandler_timeout=120", *(f"--deselect={folder}/{name}" for name in LEFT_OUT)],
        cwd=suite, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout[-6000:]
    bought = re.search(r"qloop: (\d+) primitives, (\d+) results", done.stdout)
    assert bought is not None
    assert int(bought[1]) > 50
    assert int(bought[2]) > 2000
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) >= 87
    print(f"qiskit-algorithms: {done.stdout.strip().splitlines()[-1]}; {bought[0]}")
