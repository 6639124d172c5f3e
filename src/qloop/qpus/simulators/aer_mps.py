"""Aer's matrix product states: milliseconds where entanglement is low by construction, and refused elsewhere.

Aer 0.17 and 0.18 drop, in each decomposition, every Schmidt coefficient below 1e-8 and do not report it (their log
tells of `truncation_threshold` and `max_bond_dimension` only). So the error is bounded before the circuit is admitted,
for all parameters at once: with no other truncation, a decomposition at bond dimension D loses at most
`w = 2 D 1e-16` of weight, and N of them leave an infidelity of at most `(N sqrt(w))**2`. D is bounded by the operator
Schmidt ranks of the gates across each cut. A circuit whose bound exceeds `MAX_INFIDELITY` is refused; no evaluation
needs a check of its own. LAPACK's decomposition is used: Aer's own leaves errors of 1e-11.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from qloop.qpus.simulators.aer_state import amplitudes_by, run
from qloop.qpus.simulators.circuits import pauli_sum, template
from qloop.qpus.simulators.contract import Theta
from qloop.qpus.simulators.lowering import ROTATIONS, Gate, Lowered
from qloop.qpus.simulators.pauli import Term
from qloop.qpus.simulators.sampling import Basis, bases_of
from qloop.qpus.simulators.statevector import StateSimulation
from qloop.qpus.simulators.versions import installed

MAX_INFIDELITY = 1e-9
_DROPPED_WEIGHT = 1e-16
_AMPLITUDE_QUBITS = 20
_RANK_TWO = (*(name for name in ROTATIONS if len(name) == 3), "cx", "cz")


class AerMps:
    """`AerSimulator(method="matrix_product_state")` on circuits that entangle neighbours on a line only."""

    name = "aer_mps"

    def version(self) -> str | None:
        """The installed version of Qiskit Aer."""
        return installed("qiskit-aer", "qiskit_aer")

    def refusal(self, lowered: Lowered, terms: tuple[Term, ...] | None) -> str:
        """Why the truncation error cannot be shown to stay below 1e-9; empty if it can."""
        for gate in lowered.gates:
            if len(gate.qubits) > 2 or (len(gate.qubits) == 2 and abs(gate.qubits[0] - gate.qubits[1]) != 1):
                return (f"it needs gates between neighbouring qubits only, and {gate.name!r} acts on "
                        f"{', '.join(map(str, gate.qubits))}")
        bound = infidelity_bound(lowered)
        if bound > MAX_INFIDELITY:
            return (f"its truncation error can only be bounded by {bound:.2g}, more than {MAX_INFIDELITY:g} "
                    f"(bond dimension up to {max_bond(lowered):,})")
        return ""

    def forecast(self, lowered: Lowered, terms: tuple[Term, ...] | None, sampled: bool) -> float:
        """A millisecond, then a decomposition of two neighbours for each two-qubit gate; shots are slow."""
        bond = float(max_bond(lowered))
        wide = sum(len(gate.qubits) == 2 for gate in lowered.gates)
        spent = 1.2e-3 + 3e-6 * len(lowered.gates) + wide * (1e-5 + 5e-9 * min(2 * bond, 1e6) ** 3)
        if sampled:
            narrow = lowered.n_qubits <= _AMPLITUDE_QUBITS
            return spent + (4e-7 * 2.0**lowered.n_qubits if narrow else 0.4 * len(bases_of(terms or ())[1] or (None,)))
        return spent + len(terms or ()) * (2e-5 + 1e-9 * lowered.n_qubits * min(bond, 1e6) ** 3)

    def compile(self, lowered: Lowered, terms: tuple[Term, ...] | None, threads: int) -> MpsSimulation:
        """The circuit with one parameter for each angle."""
        return MpsSimulation(lowered, terms or (), threads)


class MpsSimulation:
    """Expectation values by contraction; shots from the amplitudes while those are few, else by Aer's own sampling.

    Aer samples shot after shot (0.1 to 0.4 s for 4,096), with a seed drawn from the row's generator.
    """

    def __init__(self, lowered: Lowered, terms: tuple[Term, ...], threads: int) -> None:
        from qiskit_aer import AerSimulator

        self._simulator = AerSimulator(
            method="matrix_product_state", max_parallel_threads=threads, mps_omp_threads=1, mps_lapack=True,
            matrix_product_state_truncation_threshold=0.0)
        self._lowered, self._terms = lowered, terms
        self._exact: Any = template(lowered)
        self._exact.save_expectation_value(pauli_sum(terms, lowered.n_qubits), range(lowered.n_qubits))

    def expectation(self, theta: Theta) -> float:
        """The exact expectation value, up to the bound that admitted the circuit."""
        bound = self._exact.assign_parameters(self._lowered.angles(theta).tolist())
        return float(run(self._simulator, bound, shots=1).data(0)["expectation_value"])

    def estimate(self, theta: Theta, shots: int, random: np.random.Generator) -> float:
        """The expectation value from shots in each basis."""
        if self._lowered.n_qubits <= _AMPLITUDE_QUBITS:
            return self._by_amplitudes.estimate(theta, shots, random)
        total, measured = self._measured
        for basis, circuit in measured:
            counts = self._sample(circuit, theta, shots, random)
            total += sum(_value(basis, int(bits, 2)) * times for bits, times in sorted(counts.items())) / shots
        return total

    def counts(self, theta: Theta, shots: int, random: np.random.Generator) -> dict[str, int]:
        """Bit strings from shots."""
        if self._lowered.n_qubits <= _AMPLITUDE_QUBITS:
            return self._by_amplitudes.counts(theta, shots, random)
        return dict(sorted(self._sample(_read_out(self._lowered), theta, shots, random).items()))

    @cached_property
    def _by_amplitudes(self) -> StateSimulation:
        return StateSimulation(self._lowered, self._terms, amplitudes_by(self._simulator, self._lowered))

    @cached_property
    def _measured(self) -> tuple[float, list[tuple[Basis, Any]]]:
        constant, bases = bases_of(self._terms)
        return constant, [(basis, _measured(self._lowered, basis)) for basis in bases]

    def _sample(self, circuit: Any, theta: Theta, shots: int, random: np.random.Generator) -> dict[str, int]:
        bound = circuit.assign_parameters(self._lowered.angles(theta).tolist())
        seed = int(random.integers(2**31))
        counts: dict[str, int] = run(self._simulator, bound, shots=shots, seed_simulator=seed).get_counts(0)
        return counts


def infidelity_bound(lowered: Lowered) -> float:
    """An upper bound of `1 - |<exact|computed>|**2`, the same for all parameters."""
    decompositions = sum(len(gate.qubits) == 2 for gate in lowered.gates)
    return float(decompositions**2 * 2 * max_bond(lowered) * _DROPPED_WEIGHT)


def max_bond(lowered: Lowered) -> int:
    """An upper bound of the Schmidt rank across every cut of the line, at every moment and for all parameters."""
    n_qubits = lowered.n_qubits
    logs = [0.0] * (n_qubits + 1)
    for gate in lowered.gates:
        low, high = min(gate.qubits), max(gate.qubits)
        for cut in range(low + 1, high + 1):
            logs[cut] += _log_rank(gate)
    for cut in range(1, n_qubits + 1):
        logs[cut] = min(logs[cut], logs[cut - 1] + 1.0)
    for cut in range(n_qubits - 1, -1, -1):
        logs[cut] = min(logs[cut], logs[cut + 1] + 1.0)
    return int(2.0 ** min(max(logs), 1000.0))


def _log_rank(gate: Gate) -> float:
    """log2 of a bound of the gate's operator Schmidt rank."""
    return 1.0 if gate.name in _RANK_TWO else 2.0 * (len(gate.qubits) - 1)


def _measured(lowered: Lowered, basis: Basis) -> Any:
    """The circuit, turned to a basis, all qubits read out."""
    circuit = template(lowered, lowered.n_qubits)
    for qubit in range(lowered.n_qubits):
        if basis.y >> qubit & 1:
            circuit.sdg(qubit)
        if (basis.x | basis.y) >> qubit & 1:
            circuit.h(qubit)
    circuit.measure(range(lowered.n_qubits), range(lowered.n_qubits))
    return circuit


def _read_out(lowered: Lowered) -> Any:
    """The circuit with its own measurements."""
    circuit = template(lowered, lowered.n_clbits)
    for qubit, clbit in lowered.readout:
        circuit.measure(qubit, clbit)
    return circuit


def _value(basis: Basis, outcome: int) -> float:
    return sum(-weight if (outcome & mask).bit_count() % 2 else weight for mask, weight in basis.terms)
