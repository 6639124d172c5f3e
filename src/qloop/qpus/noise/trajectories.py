"""Aer's own simulator, shot by shot, where a density matrix would be too large.

Each shot is a state vector with errors drawn from the noise model. Aer's seed comes from the evaluation's digest, and
it runs on one thread, so that results are the same bits in every process.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.qpus.noise.aer_model import AerModel, wait_label
from qloop.qpus.noise.figures import Figures
from qloop.qpus.noise.placed import ROTATION, Placed
from qloop.qpus.noise.reading import Group, Readout
from qloop.qpus.simulators.aer_state import run
from qloop.qpus.simulators.circuits import pauli_sum
from qloop.qpus.simulators.pauli import Term
from qloop.qpus.twin_noise import stream

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

TRAJECTORIES = 1024
"""How many shots stand for an exact value."""

_X, _Y = 1, 2


class TrajectorySolver:
    """See `Solver`; an exact value is the mean over `TRAJECTORIES` shots, with its standard error."""

    def __init__(self, placed: Placed, figures: Figures, waits: tuple[tuple[int, float], ...],
                 groups: tuple[Group, ...]) -> None:
        from qiskit_aer import AerSimulator

        self._placed, self._groups, self._readout = placed, groups, Readout(placed.ends, figures.readout)
        self._ends = dict(placed.ends)
        self._aer = AerSimulator(method="statevector", max_parallel_threads=1,
                                 noise_model=AerModel(figures, waits).noise_model)

    def exact(self, angles: NDArray[np.float64]) -> tuple[float, float]:
        """Mean and standard error; the seed follows from the angles."""
        if not any(group.terms for group in self._groups):
            return 0.0, 0.0
        circuit = noisy_circuit(self._placed, angles)
        circuit.save_expectation_value(pauli_sum(self._terms(), self._placed.n_qubits),
                                       list(range(self._placed.n_qubits)), pershot=True)
        seed = _seed(hashlib.sha256(angles.tobytes()).digest(), "trajectories")
        data = run(self._aer, circuit, shots=TRAJECTORIES, seed_simulator=seed).data(0)
        each = np.asarray(data["expectation_value"], dtype=np.float64)
        return float(each.mean()), float(each.std(ddof=1) / np.sqrt(each.size))

    def estimate(self, angles: NDArray[np.float64], shots: int, digest: bytes) -> float:
        """The sum over groups from `shots` shots each."""
        total = 0.0
        for k, group in enumerate(self._groups):
            found = self._measured(angles, group.qubits, group.letters, shots, _seed(digest, f"noise {k}"))
            outcomes = np.array([int(bits, 2) for bits in found], dtype=np.int64)
            total += group.value(outcomes, np.array(list(found.values())) / shots)
        return total

    def counts(self, angles: NDArray[np.float64], readout: tuple[tuple[int, int], ...], n_clbits: int, shots: int,
               digest: bytes) -> dict[str, int]:
        """Bit strings of `shots` shots; `readout` are (qubit, clbit) pairs."""
        qubits = tuple(sorted({qubit for qubit, _ in readout}))
        found = self._measured(angles, qubits, (0,) * len(qubits), shots, _seed(digest, "noise"))
        merged: dict[str, int] = {}
        for bits, times in found.items():
            word = ["0"] * n_clbits
            for qubit, clbit in readout:
                word[n_clbits - 1 - clbit] = bits[len(qubits) - 1 - qubits.index(qubit)]
            merged["".join(word)] = merged.get("".join(word), 0) + int(times)
        return dict(sorted(merged.items()))

    def _measured(self, angles: NDArray[np.float64], qubits: tuple[int, ...], letters: tuple[int, ...], shots: int,
                  seed: int) -> dict[str, int]:
        """Aer's counts of these qubits, in these bases; the last qubit's bit comes first."""
        from qiskit import ClassicalRegister

        circuit = noisy_circuit(self._placed, angles)
        circuit.add_register(ClassicalRegister(len(qubits), "read"))
        for k, (qubit, basis) in enumerate(zip(qubits, letters, strict=True)):
            end = self._ends[qubit]
            if basis == _Y:
                circuit.sdg(end)
            if basis in (_X, _Y):
                circuit.h(end)
            circuit.measure(end, k)
        found: dict[str, int] = run(self._aer, circuit, shots=shots, seed_simulator=seed).get_counts()
        return dict(sorted(found.items()))

    def _terms(self) -> tuple[Term, ...]:
        """The observable on the used qubits, each string as much smaller as its readouts err."""
        found = []
        for group in self._groups:
            for term in group.terms:
                x = z = 0
                value = term.coefficient
                for qubit in group.qubits:
                    end = self._ends[qubit]
                    x |= (term.x >> qubit & 1) << end
                    z |= (term.z >> qubit & 1) << end
                    value *= self._readout.contrast(qubit) if term.support >> qubit & 1 else 1.0
                found.append(Term(x, z, value))
        return tuple(found)


def noisy_circuit(placed: Placed, angles: NDArray[np.float64]) -> QuantumCircuit:
    """The circuit on its used qubits, bound, waits as labelled `id` gates, as `AerModel.noise_model` expects it."""
    from qiskit import QuantumCircuit
    from qiskit.circuit.library import get_standard_gate_name_mapping

    known: dict[str, Any] = get_standard_gate_name_mapping()
    circuit = QuantumCircuit(placed.n_qubits)
    for step in placed.steps:
        for qubit, waited in zip(step.qubits, step.waited_ns, strict=True):
            _wait(circuit, qubit, waited)
        if step.name == ROTATION:
            circuit.rz(float(angles[step.slot]), step.qubits[0])
        else:
            circuit.append(known[step.name], step.qubits)
    for qubit, waited in enumerate(placed.last_wait_ns):
        _wait(circuit, qubit, waited)
    return circuit


def _wait(circuit: QuantumCircuit, qubit: int, ns: float) -> None:
    from qiskit.circuit.library import IGate

    if ns > 0.0:
        circuit.append(IGate(label=wait_label(ns)), [qubit])


def _seed(digest: bytes, purpose: str) -> int:
    """A seed for Aer: 31 bits of the purpose's own stream."""
    return int.from_bytes(stream(digest, purpose)[:4], "little") >> 1
