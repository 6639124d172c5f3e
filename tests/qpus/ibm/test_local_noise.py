"""The local testing mode cut to the qubits in use has the noise of the whole device, and is fast."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

from qloop.errors import QpuError
from qloop.qpus.ibm.local import fake_names
from qloop.qpus.ibm.opening import open_ibm
from qloop.qpus.ibm.reduced import cut, simulator_of, used_qubits
from qloop.qpus.protocol import Request
from tests.qpus.ibm.conftest import Open

NOISY = ("fake_cambridge", "fake_cusco", "fake_kyoto", "fake_rochester")  # by their data, some couplers are broken


def _density(simulator: object, circuit: QuantumCircuit) -> np.ndarray:
    bare = circuit.copy()
    bare.save_density_matrix()
    done = simulator.run(bare).result()  # type: ignore[attr-defined]
    return np.asarray(done.data(0)["density_matrix"])


@pytest.mark.parametrize("seed", range(3))
def test_the_noise_is_that_of_the_whole_device(seed: int, opened: Open) -> None:
    from qiskit.quantum_info import DensityMatrix, partial_trace
    from qiskit_aer import AerSimulator

    qpu = opened("ibm-local:fake_manila")
    backend = qpu._port._backend
    circuit = efficient_su2(3, reps=1).assign_parameters(np.random.default_rng(seed).uniform(-2, 2, 12))
    program = qpu.compile(circuit, SparsePauliOp("ZZZ"), seed=seed)
    compiled = qpu._compiler.compiled(program, counts=False)
    small, qubits = cut(compiled)
    assert len(qubits) == 3 == small.circuit.num_qubits
    whole = AerSimulator.from_backend(backend)
    whole.set_options(method="density_matrix")
    part = simulator_of(backend.target, qubits)
    part.set_options(method="density_matrix")
    others = [k for k in range(5) if k not in qubits]
    reference = partial_trace(DensityMatrix(_density(whole, compiled.circuit)), others).data
    assert np.abs(_density(part, small.circuit) - reference).max() < 1e-9
    ideal = DensityMatrix(small.circuit).data
    assert np.abs(reference - ideal).max() > 1e-3, "there is noise"


def test_readout_errors_are_those_of_the_qubits_used(opened: Open) -> None:
    qpu = opened("ibm-local:fake_manila", default_shots=100_000)
    target, circuit = qpu._port._backend.target, QuantumCircuit(1)
    program = qpu.compile(circuit, None, seed=3)
    (qubit,) = used_qubits(qpu._compiler.compiled(program, counts=True))
    request = Request(np.zeros((1, 0)), 0, (bytes(32),), counts=True)
    task = qpu.submit(program, request, "readout")
    while qpu.status(task).phase != "done":
        pass
    ones = qpu.result(task, program, request).counts[0].get("1", 0) / 100_000
    assert abs(ones - target["measure"][(qubit,)].error) < 0.02
    assert ones > 0.001


def test_a_device_of_133_qubits_is_as_fast_as_the_circuit(opened: Open) -> None:
    """By what is simulated, not by the clock: 4 qubits of 133."""
    qpu = open_ibm("ibm-local:fake_torino")
    program = qpu.compile(efficient_su2(4, reps=1), SparsePauliOp("ZZZZ"), seed=1)
    compiled = qpu._compiler.compiled(program, counts=False)
    small, qubits = cut(compiled)
    assert compiled.circuit.num_qubits == 133
    assert small.circuit.num_qubits == len(qubits) == small.observable.num_qubits == 4
    assert set(small.observable.paulis.to_labels()) == {"ZZZZ"}


def test_the_same_request_has_the_same_result_and_another_another(opened: Open) -> None:
    values = []
    for digest in (1, 1, 2):
        qpu = opened("ibm-local:fake_manila")
        program = qpu.compile(efficient_su2(2, reps=1), SparsePauliOp("ZX"), seed=1)
        request = Request(np.array([np.full(8, 0.3), np.full(8, 1.1)]), 3000, (bytes([digest]) * 32,) * 2)
        task = qpu.submit(program, request, "again")
        while qpu.status(task).phase != "done":
            pass
        values.append(qpu.result(task, program, request).values)
    assert values[0] == values[1] != values[2]


def _in_time() -> list[Any]:
    """All of them; a dozen, with those whose data are odd, in CI."""
    names = fake_names()
    first = {*NOISY, "fake_cairo", *names[::10]}
    return [pytest.param(name, marks=pytest.mark.ci if name in first else pytest.mark.everything) for name in names]


@pytest.mark.parametrize("name", _in_time())
def test_every_fake_backend_runs(name: str, opened: Open) -> None:
    qpu = opened(f"ibm-local:{name}")
    circuit = efficient_su2(min(2, qpu.describe().n_qubits), reps=1)
    observable = SparsePauliOp("Z" * circuit.num_qubits)
    if name == "fake_cairo":  # one of its couplers is in the data in one direction only
        with pytest.raises(QpuError, match=r"cannot be compiled for this QPU.*direction was swapped"):
            qpu.compile(circuit, observable, seed=1)
        return
    program = qpu.compile(circuit, observable, seed=1)
    request = Request(np.zeros((1, circuit.num_parameters)), 200, (bytes(32),))
    task = qpu.submit(program, request, "any")
    while qpu.status(task).phase not in ("done", "failed"):
        pass
    value = qpu.result(task, program, request).values[0]
    assert abs(value) <= 1.0 if name in NOISY else value > 0.4
