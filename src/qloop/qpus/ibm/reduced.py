"""A compiled circuit and its noise, cut to the qubits that it uses.

Aer would carry all qubits of a fake backend, and its noise model all their errors: 10 s an evaluation for 4 qubits of
133. What the circuit does not touch has no effect on it (the calibration data know no crosstalk), so it is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from qloop.errors import MissingExtra
from qloop.qpus.ibm.compiling import Compiled

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.transpiler import Target


def used_qubits(compiled: Compiled) -> tuple[int, ...]:
    """The device's numbers of the qubits that the circuit or its observable touches, at least one."""
    circuit = compiled.circuit
    used = {circuit.find_bit(bit).index for item in circuit.data if item.operation.name != "barrier"
            for bit in item.qubits}
    if compiled.observable is not None:
        for pauli in compiled.observable.paulis:
            used.update(int(k) for k in (pauli.x | pauli.z).nonzero()[0])
    return tuple(sorted(used)) or (0,)


def cut(compiled: Compiled) -> tuple[Compiled, tuple[int, ...]]:
    """The same circuit and observable on the qubits used only, in their order, and the device's numbers of these."""
    qubits = used_qubits(compiled)
    observable = compiled.observable
    if observable is not None:
        from qiskit.quantum_info import PauliList, SparsePauliOp

        paulis, keep = observable.paulis, list(qubits)
        observable = SparsePauliOp(PauliList.from_symplectic(paulis.z[:, keep], paulis.x[:, keep]), observable.coeffs)
    circuit = _cut_circuit(compiled.circuit, qubits)
    return msgspec.structs.replace(compiled, circuit=circuit, observable=observable), qubits


def simulator_of(target: Target, qubits: tuple[int, ...]) -> Any:
    """An Aer simulator with the noise of these qubits of a device; `MissingExtra` without Aer."""
    try:
        from qiskit_aer import AerSimulator
        from qiskit_aer.noise import NoiseModel
    except ImportError as error:
        raise MissingExtra("The local testing mode of IBM's QPUs", "aer") from error
    part = _cut_target(target, qubits)
    model = NoiseModel.from_backend(_backend_of(part))
    return AerSimulator(noise_model=model, n_qubits=len(qubits),
                        basis_gates=["rz", "sx", "x", "id", "cx", "cz", "ecr", "rzz", "rx", *model.basis_gates])


def _cut_circuit(circuit: QuantumCircuit, qubits: tuple[int, ...]) -> QuantumCircuit:
    from qiskit import QuantumCircuit

    place = {circuit.qubits[qubit]: k for k, qubit in enumerate(qubits)}
    small = QuantumCircuit(len(qubits))
    for register in circuit.cregs:
        small.add_register(register)
    for item in circuit.data:
        inside = [place[bit] for bit in item.qubits if bit in place]
        if item.operation.name == "barrier":
            small.barrier(inside or range(len(qubits)))
        else:
            small.append(item.operation, inside, item.clbits)
    return small


def _cut_target(target: Target, qubits: tuple[int, ...]) -> Target:
    from qiskit.transpiler import Target

    place = {qubit: k for k, qubit in enumerate(qubits)}
    properties = target.qubit_properties
    part = Target(num_qubits=len(qubits), dt=target.dt,
                  qubit_properties=[properties[qubit] for qubit in qubits] if properties else None)
    for name in target.operation_names:
        if not isinstance(operation := target.operation_from_name(name), type) and target[name]:
            inside = {tuple(place[qubit] for qubit in key): value for key, value in target[name].items()
                      if key is not None and all(qubit in place for qubit in key)}
            if inside:
                part.add_instruction(operation, inside, name=name)
    return part


def _backend_of(target: Target) -> Any:
    """The least of a backend that Aer makes a noise model from."""
    from qiskit.providers import BackendV2, Options

    class Part(BackendV2):  # type: ignore[misc]
        """A part of a device."""

        def __init__(self) -> None:
            super().__init__(name="part")

        @property
        def target(self) -> Target:
            """The part."""
            return target

        @property
        def max_circuits(self) -> None:
            """No bound."""

        @classmethod
        def _default_options(cls) -> Options:
            return Options()

        def run(self, run_input: object, **options: object) -> None:
            """Nothing runs here."""
            raise NotImplementedError

    return Part()
