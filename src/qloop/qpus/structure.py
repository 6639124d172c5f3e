"""The structure hash: what a circuit and its observable are, parameters left symbolic.

Equal for the same construction in any process; parameters count by name and order, never by their uuids. Composite
gates count by what they are made of, so an automatic name such as `circuit-17` does not matter.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from qloop.qpus.simulators.lowering import is_standard

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


def structure_hash(circuit: QuantumCircuit, observable: SparsePauliOp | None) -> str:
    """64 hexadecimal digits (SHA-256) for a valid circuit and observable; any gate, angle or term changes them."""
    hasher = hashlib.sha256(b"qloop structure 1")
    names = [parameter.name for parameter in circuit.parameters]
    _feed(hasher, "parameters", *names)
    _feed(hasher, "registers", circuit.num_qubits, *(register.size for register in circuit.cregs), circuit.num_clbits)
    _feed_body(hasher, circuit)
    if observable is not None:
        _feed(hasher, "observable", observable.num_qubits, observable.size)
        for array in (observable.paulis.x, observable.paulis.z, np.asarray(observable.coeffs, dtype=np.complex128)):
            hasher.update(np.ascontiguousarray(array).tobytes())
    return hasher.hexdigest()


def _feed(hasher: Any, *parts: object) -> None:
    """Add parts so that no two lists of parts run together to the same bytes."""
    for part in parts:
        content = part if isinstance(part, bytes) else str(part).encode()
        hasher.update(struct.pack("<I", len(content)) + content)


def _feed_body(hasher: Any, circuit: QuantumCircuit) -> None:
    index = {bit: k for bits in (circuit.qubits, circuit.clbits) for k, bit in enumerate(bits)}
    _feed(hasher, "body", len(circuit.data), _angle(circuit.global_phase))
    for item in circuit.data:
        _feed(hasher, *(index[bit] for bit in item.qubits), "->", *(index[bit] for bit in item.clbits))
        _feed_operation(hasher, item.operation)


def _feed_operation(hasher: Any, operation: Any) -> None:
    """A standard gate by name and parameters; others by their definition, their modifiers, or their matrix."""
    if hasattr(operation, "modifiers"):     # an AnnotatedOperation has no definition
        _feed(hasher, "annotated", *(repr(modifier) for modifier in operation.modifiers))
        _feed_operation(hasher, operation.base_op)
        return
    definition = None if is_standard(operation) else getattr(operation, "definition", None)
    params = getattr(operation, "params", [])
    _feed(hasher, "gate", getattr(operation, "ctrl_state", ""), len(params))
    if definition is None:
        _feed(hasher, type(operation).__name__, operation.name, *(_angle(param) for param in params))
        if not is_standard(operation) and hasattr(operation, "to_matrix"):      # a Clifford, a gate of a matrix alone
            _feed(hasher, _angle(np.asarray(operation.to_matrix())))
    else:
        _feed_body(hasher, definition)


def _angle(param: Any) -> bytes:
    """A parameter of a gate as bytes: exact for numbers and matrices, by its text for expressions."""
    if isinstance(param, int | float | np.floating | np.integer):
        return b"f" + struct.pack("<d", float(param))
    if isinstance(param, np.ndarray):
        return b"a" + str(param.shape).encode() + np.ascontiguousarray(param, dtype=np.complex128).tobytes()
    return b"e" + str(param).encode()
