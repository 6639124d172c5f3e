"""Compiling a circuit to a device: once, with symbolic parameters, at a fixed seed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

from qloop.errors import InvalidInput
from qloop.qpus.device import Device
from qloop.qpus.esp import BARRIER, Operation, Success, schedule, success
from qloop.qpus.noise.placed import Placed, placed_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

LEVELS = (1, 2)
_SEED_BITS = 31
_FREE = ("reset", "global_phase")


class Use(msgspec.Struct, frozen=True):
    """An operation, where it acts (the device's own numbers), and how often a circuit has it there."""

    name: str
    qubits: tuple[int, ...]
    times: int


class Isa(msgspec.Struct, frozen=True):
    """A circuit on a device: where its qubits lie, how long one shot takes, how likely it succeeds.

    `layout` are the device's own numbers of the circuit's qubits at its begin, in their order; `measured` those that
    are read out at its end. `length_ns` holds gates and readout, without the repetition delay. `uses` counts each
    operation at each place, and `idle_ns` is how long each qubit waits, both in the device's own numbers. `placed` is
    the compiled circuit itself, where it was asked for.
    """

    layout: tuple[int, ...]
    measured: tuple[int, ...]
    length_ns: float
    success: Success
    one_qubit_gates: int
    two_qubit_gates: int
    uses: tuple[Use, ...] = ()
    idle_ns: tuple[tuple[int, float], ...] = ()
    placed: Placed | None = None


def compile_isa(circuit: QuantumCircuit, measured: tuple[int, ...], device: Device, seed: int,
                levels: tuple[int, ...] = LEVELS) -> Isa:
    """Place and translate a circuit of gates; `measured` are the circuit's qubits that will be read out.

    Qiskit's preset pass managers look for good qubits by the snapshot's errors but not by idle time, so each of
    `levels` is tried and the result with the highest ESP is kept (of equals the first). Only the device's largest
    connected working part is offered. All readouts begin together, after the last gate. The rotations that turn
    a measured basis are not counted. `InvalidInput` if the circuit is wider than the device.
    """
    return _best(circuit, measured, device, seed, levels)[0]


def compile_placed(circuit: QuantumCircuit, measured: tuple[int, ...], device: Device, seed: int) -> Isa:
    """What `compile_isa` finds, with the compiled circuit."""
    isa, compiled = _best(circuit, measured, device, seed, LEVELS)
    return msgspec.structs.replace(isa, placed=placed_of(compiled, circuit, measured, device))


def _best(circuit: QuantumCircuit, measured: tuple[int, ...], device: Device, seed: int,
          levels: tuple[int, ...]) -> tuple[Isa, QuantumCircuit]:
    """The result with the highest ESP, and its circuit on the device's working qubits."""
    check_width(circuit.num_qubits, device)
    from qiskit.transpiler import generate_preset_pass_manager

    whole, target = _with_readout(circuit, measured), device.target()
    found = []
    for level in levels:
        passes = generate_preset_pass_manager(optimization_level=level, target=target,
                                              seed_transpiler=seed & (1 << _SEED_BITS) - 1)
        compiled = passes.run(whole)
        found.append((_isa_of(compiled, device), compiled))
    return max(found, key=lambda pair: pair[0].success.ln_esp)


def check_width(width: int, device: Device) -> None:
    """Raise `InvalidInput` if a circuit of that many qubits cannot be placed on the device."""
    if device.fits(width):
        return
    broken = device.snapshot.n_qubits - device.n_qubits
    raise InvalidInput(
        f"The circuit has {width} qubits and does not fit {device.snapshot.device}, which has "
        f"{device.n_qubits}", f"{broken} of its {device.snapshot.n_qubits} qubits are broken or cut off"
        if broken else "", "Use a wider QPU or a smaller circuit")


def _isa_of(compiled: QuantumCircuit, device: Device) -> Isa:
    """What a compiled circuit costs on the device."""
    operations = _operations(compiled)
    timing = schedule(operations, device)
    sizes = [len(operation.qubits) for operation in operations if operation.name not in (BARRIER, "measure")]
    return Isa(
        layout=_initial_layout(compiled, device),
        measured=tuple(device.working[op.qubits[0]] for op in operations if op.name == "measure"),
        length_ns=timing.length_ns,
        success=success(operations, timing, device),
        one_qubit_gates=sizes.count(1),
        two_qubit_gates=sizes.count(2),
        uses=_uses(operations, device),
        idle_ns=tuple((device.working[qubit], idle) for qubit, idle in timing.idle_ns.items()),
    )


def _uses(operations: tuple[Operation, ...], device: Device) -> tuple[Use, ...]:
    """Every operation that can fail, counted, in order of name and place."""
    counted = Counter((op.name, op.qubits) for op in operations if op.name != BARRIER)
    return tuple(Use(name, tuple(device.working[qubit] for qubit in qubits), times)
                 for (name, qubits), times in sorted(counted.items()))


def _with_readout(circuit: QuantumCircuit, measured: tuple[int, ...]) -> QuantumCircuit:
    """The circuit's gates, then a barrier, then one readout for each measured qubit."""
    from qiskit import QuantumCircuit

    bare = QuantumCircuit(list(circuit.qubits), global_phase=circuit.global_phase)
    for item in circuit.data:
        if item.operation.name == "delay":
            raise InvalidInput("A twin cannot run a circuit with delays",
                               "its schedule starts every gate as soon as it can", "Remove the delays")
        if item.operation.name != "measure":
            bare.append(item.operation, item.qubits)
    if measured:
        from qiskit import ClassicalRegister

        bare.add_register(ClassicalRegister(len(measured), "readout"))
        bare.barrier()
        bare.measure(list(measured), range(len(measured)))
    return bare


def _operations(compiled: QuantumCircuit) -> tuple[Operation, ...]:
    """The compiled circuit as plain records; their angles do not matter here."""
    index: dict[Any, int] = {qubit: k for k, qubit in enumerate(compiled.qubits)}
    return tuple(Operation(item.operation.name, tuple(index[qubit] for qubit in item.qubits))
                 for item in compiled.data if item.operation.name not in _FREE)


def _initial_layout(compiled: QuantumCircuit, device: Device) -> tuple[int, ...]:
    """Where the circuit's qubits start, in the device's own numbering."""
    places = compiled.layout.initial_index_layout(filter_ancillas=True)
    return tuple(device.working[place] for place in places)
