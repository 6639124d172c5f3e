"""Qiskit Aer's noise model of a device, for the gates, waits and qubits that a placed circuit uses.

A gate errs by thermal relaxation over its own length, after as much depolarisation as makes the whole err as often as
the calibration says (Aer's `basic_device_gate_errors`): what a gate loses by relaxation is not counted twice. Where
the relaxation alone is more than the calibrated error, it alone remains. T2 counts up to 2 T1. A wait is thermal
relaxation, a readout flips a bit as often to the one side as to the other: snapshots know only the mean of both.
"""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Any

from qloop.errors import MissingExtra
from qloop.qpus.noise.aer_errors import Known, transfer_of_error
from qloop.qpus.noise.figures import Figures
from qloop.qpus.noise.transfer import Transfer

_NS = 1e-9


def check_aer() -> None:
    """`MissingExtra` if Aer is not installed."""
    from importlib.util import find_spec

    if find_spec("qiskit_aer") is None:
        raise MissingExtra("Noise by Aer's model", "aer")


class AerModel:
    """Aer's errors for one set of figures; qubits are the circuit's used ones."""

    def __init__(self, figures: Figures, waits: tuple[tuple[int, float], ...]) -> None:
        check_aer()
        self.figures, self.waits = figures, waits
        self._gates = {(name, tuple(qubits)): error for name, qubits, error in _gate_errors(figures)}
        self._waits = {(qubit, ns): _relaxation(figures, qubit, ns) for qubit, ns in waits}
        self._operations: Known = {}
        self._transfers: Known = {}

    @cached_property
    def noise_model(self) -> Any:
        """The `NoiseModel`: gates by name and place, a wait by the label `wait_label` of an `id` gate, readouts."""
        from qiskit_aer.noise import NoiseModel
        from qiskit_aer.noise.device import basic_device_readout_errors

        model = NoiseModel()
        for (name, qubits), error in self._gates.items():
            model.add_quantum_error(error, name, list(qubits), warnings=False)
        for (qubit, ns), error in self._waits.items():
            model.add_quantum_error(error, wait_label(ns), [qubit], warnings=False)
        for qubits, error in basic_device_readout_errors(target=_target(self.figures)):
            model.add_readout_error(error, qubits)
        return model

    def gate(self, name: str, qubits: tuple[int, ...]) -> Transfer | None:
        """The Pauli transfer matrix of what follows the ideal gate, the first qubit running fastest; None: nothing."""
        error = self._gates.get((name, qubits))
        return None if error is None else self._transfer((name, qubits), error)

    def wait(self, qubit: int, ns: float) -> Transfer:
        """The Pauli transfer matrix (4, 4) of a wait."""
        return self._transfer((qubit, ns), self._waits[qubit, ns])

    def _transfer(self, key: tuple[Any, ...], error: Any) -> Transfer:
        if key not in self._transfers:
            self._transfers[key] = transfer_of_error(error, self._operations)
        return self._transfers[key]


def wait_label(ns: float) -> str:
    """What marks an `id` gate as a wait of that length."""
    return f"wait {ns:.17g}"


def _gate_errors(figures: Figures) -> Any:
    from qiskit_aer.noise.device import basic_device_gate_errors

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return basic_device_gate_errors(target=_target(figures))


def _relaxation(figures: Figures, qubit: int, ns: float) -> Any:
    from qiskit_aer.noise import thermal_relaxation_error

    t1, t2 = figures.t1_ns[qubit], figures.t2_ns[qubit]
    return thermal_relaxation_error(t1, min(t2, 2.0 * t1), ns)


def _target(figures: Figures) -> Any:
    """The figures as a Qiskit target; times in seconds there."""
    from qiskit.circuit import Measure
    from qiskit.circuit.library import get_standard_gate_name_mapping
    from qiskit.transpiler import InstructionProperties, QubitProperties, Target

    known = get_standard_gate_name_mapping()
    target = Target(num_qubits=len(figures.t1_ns), qubit_properties=[
        QubitProperties(t1=t1 * _NS, t2=t2 * _NS) for t1, t2 in zip(figures.t1_ns, figures.t2_ns, strict=True)])
    for name in sorted({gate.name for gate in figures.gates}):
        target.add_instruction(known[name], {
            gate.qubits: InstructionProperties(gate.length_ns * _NS, gate.error)
            for gate in figures.gates if gate.name == name})
    target.add_instruction(Measure(), {
        (qubit,): InstructionProperties(0.0, error) for qubit, error in enumerate(figures.readout)})
    return target
