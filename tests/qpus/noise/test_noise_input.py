"""What noise gate by gate refuses, and in which words; how a twin with it is named, opened and told apart."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import pickle
import subprocess
import sys
from typing import Any

import msgspec
import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

from qloop.errors import InvalidInput, MissingExtra, UnknownName
from qloop.qpus.catalog import open_qpu
from qloop.qpus.noise.noisy import TRAJECTORY_QUBITS
from qloop.qpus.protocol import Request
from qloop.qpus.twin import TwinQpu
from tests.qpus.snapshots_for_tests import line

THETA = np.full((1, 16), 0.3)
H = SparsePauliOp(["ZZII", "IXXI"], [1.0, 0.5])


def test_an_unknown_noise_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no noise named 'densty'. Did you mean 'density'\? Choose one of: aer, "
                                          r"density, surrogate\."):
        TwinQpu(line(4), noise="densty")


def test_without_aer_the_extra_is_named_and_the_reference_works(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def without(name: str, *more: Any) -> Any:
        return None if name == "qiskit_aer" else real(name, *more)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(MissingExtra, match=r"Noise by Aer's model needs .* pip install 'qloop\[aer\]'"):
        TwinQpu(line(4), noise="aer")
    twin = TwinQpu(line(4), noise="density")
    assert twin.evaluate(twin.compile(efficient_su2(4, reps=1), H), Request(THETA, 0, ())).values


def test_too_many_qubits_say_what_is_possible() -> None:
    wide = QuantumCircuit(7)
    wide.h(0)
    with pytest.raises(InvalidInput, match=r"'density' can be computed for up to 6 qubits of a device, and the circuit "
                                           r"uses 7. Use noise='surrogate' or 'aer'\."):
        TwinQpu("hanoi", noise="density").compile(wide, None)
    wide = QuantumCircuit(TRAJECTORY_QUBITS + 1)
    with pytest.raises(InvalidInput, match=r"'aer' can be computed for up to 16 qubits .* uses 17. Use noise='surr"):
        TwinQpu("hanoi", noise="aer").compile(wide, None)


def test_qubits_that_compiling_adds_are_counted() -> None:
    twin = TwinQpu(line(12), noise="density")
    program = twin.compile(QuantumCircuit(6), SparsePauliOp("ZZZZZZ"), seed=1)
    placed = program.isa.placed
    wider = dataclasses.replace(placed, places=tuple(range(8)), last_wait_ns=(0.0,) * 8)
    grown = dataclasses.replace(program, isa=msgspec.structs.replace(program.isa, placed=wider))
    kept = np.prod([1.0 - 2.0 * (0.01, 0.02)[place % 2] for place in placed.places])
    assert twin.evaluate(program, Request(np.zeros((1, 0)), 0, ())).values[0] == pytest.approx(kept)
    with pytest.raises(InvalidInput, match=r"uses 8. Compiling the circuit's 6 has brought in others. Use noise='surr"):
        twin.evaluate(grown, Request(np.zeros((1, 0)), 0, ()))


def test_counts_need_their_qubits() -> None:
    twin = TwinQpu(line(5), noise="density")
    circuit = QuantumCircuit(3)
    circuit.x(0)
    program = twin.compile(circuit, SparsePauliOp("IIZ"))
    with pytest.raises(InvalidInput, match=r"qubit 1 is not read out\. The circuit was compiled to measure its observ"):
        twin.evaluate(program, Request(np.zeros((1, 0)), 10, (bytes(32),), counts=True))


@pytest.mark.parametrize("noise", ["aer", "density"])
def test_requests_are_checked_as_under_the_surrogate(noise: str) -> None:
    twin = TwinQpu(line(4), noise=noise)
    program = twin.compile(efficient_su2(4, reps=1), H)
    with pytest.raises(InvalidInput, match="takes 16 parameters"):
        twin.evaluate(program, Request(THETA[:, :3], 0, ()))
    with pytest.raises(InvalidInput, match="1 rows and 0 digests"):
        twin.evaluate(program, Request(THETA, 10, ()))


def test_names_tell_the_noise_and_share_the_twins_life() -> None:
    plain, noisy = TwinQpu(line(4), drift="x1", seed=3), TwinQpu(line(4), drift="x1", seed=3, noise="density")
    assert noisy.describe().name == "twin-line?noise=density"
    assert "gate by gate (density)" in noisy.describe().note
    assert plain.describe().name == "twin-line"
    assert "gate by gate" not in plain.describe().note
    assert noisy.snapshot_at(10**15) == plain.snapshot_at(10**15)
    assert open_qpu("twin-hanoi?noise=density&drift=x2").describe().name == "twin-hanoi?noise=density&drift=x2"
    with pytest.raises(UnknownName, match="no noise named 'aerr'"):
        open_qpu("twin-hanoi?noise=aerr")


def test_a_program_that_travels_gives_the_same_values() -> None:
    twin = TwinQpu(line(4), noise="aer", drift="x4")
    program = twin.compile(efficient_su2(4, reps=1), H, seed=1)
    request = Request(THETA, 500, (hashlib.sha256(b"x").digest(),), at_ns=10**13)
    found = twin.evaluate(program, request).values
    assert pickle.loads(pickle.dumps(twin)).evaluate(program, request).values == found
    isa = pickle.loads(pickle.dumps(program.isa))
    assert isa == program.isa
    assert twin.compile(efficient_su2(4, reps=1), H, seed=1).fingerprint == program.fingerprint


def test_bits_do_not_depend_on_the_process_or_its_threads() -> None:
    code = ("import numpy as np\nfrom qiskit.circuit.library import efficient_su2\n"
            "from qiskit.quantum_info import SparsePauliOp\nfrom qloop.qpus.protocol import Request\n"
            "from qloop.qpus.twin import TwinQpu\nt = TwinQpu('torino', noise='aer')\nc = efficient_su2(8, reps=2)\n"
            "p = t.compile(c, SparsePauliOp(['ZIIIIIIZ', 'XXIIIIII'], [1, .5]), seed=1)\n"
            "r = np.full((1, c.num_parameters), .3)\nprint(t.evaluate(p, Request(r, 0, ())).values[0].hex(), "
            "t.evaluate(p, Request(r, 99, (bytes(32),))).values[0].hex())")
    found = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                            env={"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "PATH": ""}).stdout
             for threads in ("1", "2")}
    assert len(found) == 1
    assert "0x" in found.pop()


def test_what_is_compiled_ahead_or_laid_out_anew_keeps_its_circuit() -> None:
    twin, circuit = TwinQpu(line(4), noise="density", drift="x4"), efficient_su2(4, reps=1)
    program, later = twin.compile(circuit, H, seed=1), 2 * 10**13
    function, arguments = twin.relayout(program, later)
    isa = function(*arguments)
    fresh = twin.laid_out(program, isa, later)
    assert fresh.isa.placed in (isa.placed, program.isa.placed)
    assert twin.evaluate(fresh, Request(THETA, 0, (), at_ns=later)).values
    piece = TwinQpu(line(4), noise="density").ahead(circuit, program.structure, H, 1)
    assert piece is not None
    assert piece.function(*piece.arguments).placed == program.isa.placed
