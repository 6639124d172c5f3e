"""A circuit made ready to be cut: checked, without barriers and measurements, in gates on one and two qubits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qloop.errors import InvalidInput
from qloop.qpus.simulators.lowering import lower
from qloop.qpus.simulators.pauli import Term, terms_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

_SILENT = ("barrier", "delay", "id")
_MARKS = ("qpd_2q", "cut_wire")
_DEEPEST = 20


def prepared(circuit: QuantumCircuit) -> QuantumCircuit:
    """The same unitary in gates on one and two qubits, without barriers and final measurements.

    `InvalidInput` for what is no static circuit, has free parameters, or has wider gates without a definition.
    """
    circuit = _static(circuit)
    for _ in range(_DEEPEST):
        wide = [item.operation for item in circuit.data if _is_wide(item.operation)]
        if not wide:
            break
        if any(getattr(operation, "definition", None) is None for operation in wide):
            raise InvalidInput(f"The gate {wide[0].name!r} on {wide[0].num_qubits} qubits cannot be taken apart",
                               "It has no definition", "Write the circuit in gates on one and two qubits")
        circuit = circuit.decompose(gates_to_decompose=list({operation.name for operation in wide}))
    bare = circuit.copy_empty_like()
    for item in circuit.data:
        if item.operation.name not in _SILENT:
            bare.append(item)
    return bare


def checked_terms(observable: SparsePauliOp, circuit: QuantumCircuit) -> tuple[Term, ...]:
    """The observable's terms; `InvalidInput` as `terms_of`, or for an observable without any."""
    terms = terms_of(observable, circuit.num_qubits)
    if not terms:
        raise InvalidInput("The observable is zero", "There is nothing to estimate", "Give one with terms")
    return terms


def _static(circuit: Any) -> QuantumCircuit:
    """The circuit without its final measurements; checked by the lowering that every simulator here uses."""
    marked = any(getattr(item.operation, "name", "") in _MARKS for item in getattr(circuit, "data", ()))
    if not marked:
        lower(circuit)
    if circuit.num_parameters:
        raise InvalidInput(f"The circuit has {circuit.num_parameters} free parameters",
                           "What a cut costs and how its parts join depends on angles",
                           "Bind them: circuit.assign_parameters(values)")
    if circuit.num_clbits:
        circuit = circuit.remove_final_measurements(inplace=False)
    if circuit.num_clbits:
        bare = circuit.copy_empty_like()
        bare.data = [item for item in circuit.data if item.operation.name != "measure"]
        circuit = _without_bits(bare)
    return circuit


def _without_bits(circuit: QuantumCircuit) -> QuantumCircuit:
    """The gates of a circuit on qubits alone."""
    from qiskit import QuantumCircuit

    plain = QuantumCircuit(circuit.qubits)
    for item in circuit.data:
        plain.append(item.operation, item.qubits)
    return plain


def _is_wide(operation: Any) -> bool:
    return bool(operation.num_qubits > 2 and operation.name not in _SILENT)
