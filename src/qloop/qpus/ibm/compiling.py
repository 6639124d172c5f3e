"""Compiling for an IBM QPU: once for each calibration, seeded, with symbolic parameters."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from qloop.errors import InvalidInput, QpuError
from qloop.qpus.ibm.program import IbmProgram

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp
    from qiskit.transpiler import Target

_SEED_BITS = 31


class Compiled(msgspec.Struct, frozen=True):
    """A circuit on a device as of the calibration `epoch`.

    `columns` are the request's parameters that the compiled circuit still has, in its own order; `length_ns` holds
    gates and readout of one shot, `groups` the settings that an expectation value is measured in.
    """

    circuit: QuantumCircuit
    observable: SparsePauliOp | None
    columns: tuple[int, ...]
    length_ns: int
    groups: int
    epoch: int


class Compiler:
    """Compiled circuits by (structure, form, seed, epoch), the `size` latest of them.

    `target` yields the device's present target and the epoch that it was made from.
    """

    def __init__(self, target: Callable[[], tuple[Target, int]], optimization_level: int, size: int = 64) -> None:
        self._target, self._level, self._size = target, optimization_level, size
        self._kept: OrderedDict[tuple[str, bool, int, int], Compiled] = OrderedDict()
        self._lock = threading.Lock()
        self.compilations = 0

    def compiled(self, program: IbmProgram, counts: bool) -> Compiled:
        """The program's form for values or counts, compiled for the present calibration."""
        target, epoch = self._target()
        key = (program.structure, counts, program.seed, epoch)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = self._compile(program, counts, target, epoch)
        with self._lock:
            self.compilations += 1
            self._kept[key] = made
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return made

    def _compile(self, program: IbmProgram, counts: bool, target: Target, epoch: int) -> Compiled:
        from qiskit.transpiler import generate_preset_pass_manager

        check_width(program.n_qubits, target.num_qubits)
        source = program.counted if counts else program.body
        passes = generate_preset_pass_manager(optimization_level=self._level, target=target,
                                              seed_transpiler=program.seed & (1 << _SEED_BITS) - 1)
        circuit = _placed(passes, source)
        observable, groups = None, 1
        if not counts and program.observable is not None:
            observable = program.observable.apply_layout(circuit.layout)
            groups = len(program.observable.group_commuting(qubit_wise=True))
        column = {parameter: k for k, parameter in enumerate(source.parameters)}
        columns = tuple(column[parameter] for parameter in circuit.parameters)
        return Compiled(circuit, observable, columns, _length_ns(circuit, target, counts), groups, epoch)


def _placed(passes: Any, source: QuantumCircuit) -> QuantumCircuit:
    """The circuit on the device; `QpuError` if Qiskit finds no way, as where couplers are missing."""
    from qiskit.exceptions import QiskitError

    try:
        return passes.run(source)
    except QiskitError as error:
        raise QpuError("The circuit cannot be compiled for this QPU", f"{type(error).__name__}: {error.message}"[:400],
                       "Try another optimization_level, or another QPU") from error


def check_width(width: int, n_qubits: int) -> None:
    """Raise `InvalidInput` if a circuit of that many qubits cannot be placed."""
    if width > n_qubits:
        raise InvalidInput(f"The circuit has {width} qubits, the QPU {n_qubits}", "",
                           "Use a wider QPU or a smaller circuit")


def pub_of(compiled: Compiled, thetas: Any, counts: bool) -> list[tuple[Any, ...]]:
    """The request as PUBs: one for all rows (a circuit without parameters is sampled once for each row)."""
    rows = len(thetas)
    if not compiled.columns:
        if counts:
            return [(compiled.circuit,)] * rows
        return [(compiled.circuit, [compiled.observable] * rows)]
    names = tuple(parameter.name for parameter in compiled.circuit.parameters)
    bindings = {names: thetas[:, list(compiled.columns)]}
    return [(compiled.circuit, bindings)] if counts else [(compiled.circuit, compiled.observable, bindings)]


def _length_ns(circuit: QuantumCircuit, target: Target, counts: bool) -> int:
    """How long one shot takes: the schedule of gates, and the slowest readout for an expectation value."""
    seconds = float(circuit.estimate_duration(target, "s")) if circuit.size() else 0.0
    if not counts:
        used = [circuit.find_bit(bit).index for item in circuit.data for bit in item.qubits]
        seconds += max((_readout_s(target, qubit) for qubit in set(used)), default=0.0)
    return math.ceil(seconds * 1e9)


def _readout_s(target: Target, qubit: int) -> float:
    properties = target["measure"].get((qubit,)) if "measure" in target.operation_names else None
    return float(properties.duration or 0.0) if properties is not None else 0.0
