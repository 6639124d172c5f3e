"""Gates of Qiskit's library: the sandbox reads what Qiskit itself can read, and reads it the same."""

from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Instruction, library
from qiskit.quantum_info import Operator

from qloop.errors import InvalidInput
from qloop.intake.reader import Reader

from .circuits import packed

# What the constructors take; the first that fits is used.
ARGUMENTS: tuple[tuple[Any, ...], ...] = (
    (), (1,), (2,), (3,), (0.1,), (0.1, 0.2), (0.1, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4), ([1, 0],), (np.eye(2),),
    (np.eye(4),), ("XY",), (2, [1, 2]), ([0.1, 0.2],), ([np.eye(2)] * 2,), ([1, 1],), (2, 1), ("a & b",),
    (library.XGate(),))


def _made() -> Iterator[QuantumCircuit]:
    """A circuit for each class of instruction that can be made of simple arguments."""
    for kind in vars(library).values():
        if inspect.isclass(kind) and issubclass(kind, Instruction):
            yield from _first(kind)


def _first(kind: type[Instruction]) -> Iterator[QuantumCircuit]:
    for arguments in ARGUMENTS:
        try:
            gate = kind(*arguments)
            circuit = QuantumCircuit(gate.num_qubits, gate.num_clbits, name=kind.__name__)
            circuit.append(gate, range(gate.num_qubits), range(gate.num_clbits))
        except Exception:
            continue
        yield circuit
        return


def _by_qiskit(data: bytes) -> QuantumCircuit | None:
    try:
        return qpy.load(io.BytesIO(data))[0]
    except Exception:
        return None


def test_every_gate_that_qiskit_reads_is_read_the_same(reader: Reader) -> None:
    read = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        circuits = [*_made()]
    for circuit in circuits:
        data = packed(circuit)
        wanted = _by_qiskit(data)
        try:
            found = reader.read(data)
        except InvalidInput:
            assert wanted is None, circuit.name
            continue
        assert wanted is not None, circuit.name
        assert [gate.name for gate in found.data] == [gate.name for gate in wanted.data]
        assert _same(found, wanted), circuit.name
        read.append(circuit.name)
    assert len(read) > 60


def _same(found: QuantumCircuit, wanted: QuantumCircuit) -> bool:
    try:
        return bool(Operator(found) == Operator(wanted))
    except Exception:       # what is no unitary, or has wrong arguments all the same
        return repr(found.data[0].operation.params) == repr(wanted.data[0].operation.params)
