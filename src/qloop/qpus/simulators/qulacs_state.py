"""Qulacs: the fastest state vector for small and middle circuits, in two ways.

Up to `_FUSE_FROM` qubits a parametric circuit is built once and only its angles are set: the call is what costs. From
there the memory passes cost, so neighbouring one-qubit gates are multiplied to one (numpy, all at once) and a plain
circuit is built at every evaluation: a third less time on EfficientSU2.

Amplitudes do not depend on the number of threads, as no gate adds across amplitudes; sums are made in numpy.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.qpus.simulators.contract import Theta
from qloop.qpus.simulators.fusion import Block, fused, matrices
from qloop.qpus.simulators.lowering import ROTATIONS, Gate, Lowered
from qloop.qpus.simulators.observable import Amplitudes
from qloop.qpus.simulators.pauli import Term
from qloop.qpus.simulators.statevector import StateSimulation, memory_refusal
from qloop.qpus.simulators.versions import installed

_FUSE_FROM = 13
# Above this width two CNOTs and an RZ touch less memory than qulacs' own ZZ rotation.
_LADDER_FROM = 9
_ADDERS = {"x": "X", "y": "Y", "z": "Z", "h": "H", "s": "S", "sdg": "Sdag", "t": "T", "tdg": "Tdag", "sx": "sqrtX",
           "sxdg": "sqrtXdag", "cx": "CNOT", "cz": "CZ", "swap": "SWAP"}
_PAULI = {"rxx": 1, "ryy": 2, "rzz": 3}


class QulacsState:
    """The state vector of qulacs."""

    name = "qulacs"

    def version(self) -> str | None:
        """The installed version of qulacs."""
        return installed("qulacs")

    def refusal(self, lowered: Lowered, terms: tuple[Term, ...] | None) -> str:
        """Only memory can stop it."""
        return memory_refusal(lowered.n_qubits)

    def forecast(self, lowered: Lowered, terms: tuple[Term, ...] | None, sampled: bool) -> float:
        """A call, gates at about 1 ns an amplitude, and the observable at a few ns an amplitude and string."""
        masks, amplitudes = len({term.x for term in terms or ()}), 2.0**lowered.n_qubits
        return 5e-6 + len(lowered.gates) * (4e-7 + 1e-9 * amplitudes) + masks * 3e-9 * amplitudes

    def compile(self, lowered: Lowered, terms: tuple[Term, ...] | None, threads: int) -> StateSimulation:
        """The circuit in qulacs' form."""
        # Qulacs reads this once, at its first kernel; a value that the user set stands.
        os.environ.setdefault("QULACS_NUM_THREADS", str(threads))
        fuse = lowered.n_qubits >= _FUSE_FROM
        return StateSimulation(lowered, terms, _Fused(lowered) if fuse else _Parametric(lowered))


class _Parametric:
    """One parametric circuit whose angles are set at each call."""

    def __init__(self, lowered: Lowered) -> None:
        import qulacs

        self._state = qulacs.QuantumState(lowered.n_qubits)
        self._circuit = qulacs.ParametricQuantumCircuit(lowered.n_qubits)
        self._slots = range(lowered.angles.n_slots)
        self._lock = threading.Lock()
        for gate in lowered.gates:
            if gate.name in ROTATIONS:
                _add_parametric(self._circuit, gate, lowered.n_qubits)
            else:
                _add_fixed(self._circuit, gate)

    def __call__(self, angles: Theta) -> Amplitudes:
        with self._lock:
            # Qulacs rotates by exp(+i angle P / 2).
            deque(map(self._circuit.set_parameter, self._slots, (-angles).tolist()), maxlen=0)
            self._state.set_zero_state()
            self._circuit.update_quantum_state(self._state)
            return _vector(self._state)


class _Fused:
    """A plain circuit of few passes, built anew from matrices at each call."""

    def __init__(self, lowered: Lowered) -> None:
        import qulacs

        self._new = qulacs.QuantumCircuit
        self._n_qubits = lowered.n_qubits
        self._blocks, self._plan = fused(lowered)
        self._state = qulacs.QuantumState(lowered.n_qubits)
        self._lock = threading.Lock()

    def __call__(self, angles: Theta) -> Amplitudes:
        products = matrices(self._plan, angles)
        circuit = self._new(self._n_qubits)
        for block in self._blocks:
            _add_block(circuit, block, angles, products)
        with self._lock:
            self._state.set_zero_state()
            circuit.update_quantum_state(self._state)
            return _vector(self._state)


def bound_circuit(lowered: Lowered) -> Any:
    """A circuit without free parameters in qulacs' form, neighbouring one-qubit gates multiplied."""
    import qulacs

    blocks, plan = fused(lowered)
    angles = lowered.angles(np.empty(0))
    products = matrices(plan, angles)
    circuit = qulacs.QuantumCircuit(lowered.n_qubits)
    for block in blocks:
        _add_block(circuit, block, angles, products)
    return circuit


def _vector(state: Any) -> Amplitudes:
    """A fresh copy of the amplitudes."""
    vector: NDArray[np.complex128] = state.get_vector()
    return vector


def _add_parametric(circuit: Any, gate: Gate, n_qubits: int) -> None:
    """A rotation whose parameter is the next of the circuit; its slot has the same number."""
    if gate.name == "rzz" and n_qubits >= _LADDER_FROM:
        circuit.add_CNOT_gate(*gate.qubits)
        circuit.add_parametric_RZ_gate(gate.qubits[1], 0.0)
        circuit.add_CNOT_gate(*gate.qubits)
    elif gate.name in _PAULI:
        circuit.add_parametric_multi_Pauli_rotation_gate(list(gate.qubits), [_PAULI[gate.name]] * 2, 0.0)
    else:
        getattr(circuit, f"add_parametric_{gate.name.upper()}_gate")(gate.qubits[0], 0.0)


def _add_fixed(circuit: Any, gate: Gate) -> None:
    if gate.name == "matrix":
        circuit.add_dense_matrix_gate(list(gate.qubits), gate.matrix)
    elif gate.name == "ccx":
        import qulacs

        circuit.add_gate(qulacs.gate.TOFFOLI(*gate.qubits))
    else:
        getattr(circuit, f"add_{_ADDERS[gate.name]}_gate")(*gate.qubits)


def _add_block(circuit: Any, block: Block, angles: Theta, products: NDArray[np.complex128]) -> None:
    gate = block.gate
    if gate is None:
        circuit.add_dense_matrix_gate(block.qubit, products[block.product])
    elif gate.name == "rzz":
        circuit.add_CNOT_gate(*gate.qubits)
        circuit.add_RZ_gate(gate.qubits[1], -angles[gate.slot])
        circuit.add_CNOT_gate(*gate.qubits)
    elif gate.name in _PAULI:
        circuit.add_multi_Pauli_rotation_gate(list(gate.qubits), [_PAULI[gate.name]] * 2, -angles[gate.slot])
    elif gate.name in ROTATIONS:
        getattr(circuit, f"add_{gate.name.upper()}_gate")(gate.qubits[0], -angles[gate.slot])
    else:
        _add_fixed(circuit, gate)
