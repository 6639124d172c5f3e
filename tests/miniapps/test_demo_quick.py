"""The first lines of a user: what is shown is what ran, and it can be run again and resumed."""

import ast
import json
import os
import subprocess
import sys

import pytest

from qloop.cli import app
from qloop.miniapps.demo import quick
from qloop.qpus.exact import ExactQpu


@pytest.fixture
def home(tmp_path):
    return {**os.environ, "QLOOP_HOME": str(tmp_path / "home")}


def qloop(home, *words):
    done = subprocess.run([sys.executable, "-m", "qloop.cli", *words], capture_output=True, text=True, env=home)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_lines_are_about_ten():
    lines = [line for line in quick.PROGRAM.splitlines() if line]
    assert len(lines) <= 10
    ast.parse(quick.PROGRAM)


def test_it_runs_tells_and_can_be_resumed(home, tmp_path):
    told = json.loads(qloop(home, "demo", "--quick", "--json", "--out", str(tmp_path)))
    assert told["clock"] == "real"
    assert 0.0 <= told["energy"] - told["exact_energy"] < 1e-3
    assert told["iterations"] == 150
    assert told["overhead_us"] >= 0.0
    assert (tmp_path / "first-loop.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "first.py").read_text() == told["program"] == quick.PROGRAM
    again = ("import qloop, sys; s = qloop.Session.from_id(sys.argv[1]); print(s.usage()['results'])")
    done = subprocess.run([sys.executable, "-c", again, told["session"]], capture_output=True, text=True, env=home)
    assert done.stdout.split() == ["150"], done.stderr


def test_the_exact_energy_is_the_lowest_eigenvalue():
    from qiskit.quantum_info import SparsePauliOp

    assert quick.ground_energy(SparsePauliOp.from_list([("Z", 1.0), ("X", 1.0)])) == pytest.approx(-(2**0.5))


def test_the_bare_time_is_that_of_the_batches():
    from qiskit.circuit.library import real_amplitudes
    from qiskit.quantum_info import SparsePauliOp

    circuit, observable = real_amplitudes(3, reps=1), SparsePauliOp.from_list([("ZZZ", 1.0)])
    calls: list[int] = []

    class Counted(ExactQpu):
        def evaluate(self, program, request):
            calls.append(len(request.thetas))
            return super().evaluate(program, request)

    assert quick.bare_seconds(Counted(), circuit, observable, [2, 5, 2], [0.1] * circuit.num_parameters) > 0.0
    assert calls == [2, 5, 2] * quick.REPEATS


def test_a_folder_that_cannot_be_written_is_told(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert app.main(["demo", "--quick", "--json", "--out", str(tmp_path / "file")]) == 2
    assert "cannot be written" in json.loads(capsys.readouterr().out)["error"]["what"]
