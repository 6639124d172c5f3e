"""From a PUB of the sampler to quantum tasks, and from their counts to Qiskit's result."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qloop.errors import InvalidInput
from qloop.loops.primitives import asking
from qloop.loops.primitives.asking import Part
from qloop.loops.primitives.bits import Register, packed, registers_of
from qloop.loops.primitives.circuits import Album, Known, Prepared, narrowed
from qloop.loops.primitives.options import shots_of
from qloop.loops.primitives.parameters import bound
from qloop.runtime.client import Client

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.primitives import PrimitiveResult, SamplerPubResult

FORM = "Give a circuit, (circuit, values) or (circuit, values, shots)"
WHOLE = b"whole"        # the key of a circuit that is prepared without an observable


@dataclass(slots=True, eq=False)
class Plan:
    """A PUB, checked and prepared; no parts if the circuit measures nothing."""

    shape: tuple[int, ...]
    registers: tuple[Register, ...]
    parts: list[Part]
    shots: int
    about: Any

    def result(self) -> SamplerPubResult:
        """The bits from the tasks' counts."""
        from qiskit.primitives import BitArray, DataBin, SamplerPubResult

        rows = [(counts, digest) for part in self.parts if part.outcome is not None and part.ticket is not None
                for counts, digest in zip(part.outcome.counts, part.ticket.identities, strict=True)]
        arrays = packed(rows, self.registers, self.shots, int(np.prod(self.shape)))
        data = {register.name: BitArray(array.reshape(*self.shape, *array.shape[1:]), register.size)
                for register, array in zip(self.registers, arrays, strict=True)}
        return SamplerPubResult(DataBin(**data, shape=self.shape),
                                {**asking.told(self.parts), "shots": self.shots, "circuit_metadata": self.about})


@dataclass(slots=True, eq=False)
class Desk:
    """Where PUBs become plans; `shots` for PUBs without a number of their own."""

    client: Client
    session: str
    album: Album
    shots: int
    drop_idle: bool

    def plan(self, pub: Any) -> Plan:
        """Check a PUB and prepare its circuit; raises `InvalidInput` or `Refused`, and nothing was bought."""
        circuit, values, wish = opened(pub)
        shots = self.shots if wish is None else shots_of(wish)
        known = self.album.recognise(circuit)
        thetas, shape = bound(values, known.names)
        registers = registers_of(known, self._narrow(known))
        check_names([register.name for register in registers])
        if not registers:
            warnings.warn("A circuit has no classical registers, so its result is empty; add measurements",
                          UserWarning, stacklevel=5)
        measured = any(place is not None for register in registers for place in register.places)
        parts = asking.parts(self._prepared(known), thetas, shots, counts=True) if measured else []
        return Plan(shape, registers, parts, shots, circuit.metadata)

    def _prepared(self, known: Known) -> Prepared:
        found = known.prepared.get(WHOLE)
        if found is None:
            circuit = narrowed(known, sorted(known.active)) if self._narrow(known) else known.circuit
            found = known.keep(WHOLE, Prepared(self.client.prepare(self.session, circuit, None)))
        return found

    def _narrow(self, known: Known) -> bool:
        """Whether to leave out qubits that nothing touches, and classical bits that nothing writes."""
        circuit = known.circuit
        return self.drop_idle and (len(known.active) < circuit.num_qubits or len(known.readout) < circuit.num_clbits)


def opened(pub: Any) -> tuple[QuantumCircuit, Any, Any]:
    """Circuit, values and shots of anything that Qiskit takes for a PUB."""
    from qiskit import QuantumCircuit
    from qiskit.primitives.containers.sampler_pub import SamplerPub

    if isinstance(pub, SamplerPub):
        return pub.circuit, pub.parameter_values, pub.shots
    if isinstance(pub, QuantumCircuit):
        return pub, None, None
    if not isinstance(pub, Sequence) or not 1 <= len(pub) <= 3:
        size = f" of {len(pub)}" if isinstance(pub, tuple | list) else ""
        raise InvalidInput(f"It is a {type(pub).__name__}{size}", "A call takes a list of PUBs", FORM)
    circuit, values, shots = (*pub, None, None)[:3]
    if not isinstance(circuit, QuantumCircuit):
        raise InvalidInput(f"Its circuit is a {type(circuit).__name__}", "A call takes a list of PUBs", FORM)
    return circuit, values, shots


def check_names(names: Sequence[str]) -> None:
    """`InvalidInput` for a register that Qiskit's DataBin has no place for, before anything is bought."""
    from qiskit.primitives import DataBin

    for name in names:
        if name == "shape" or hasattr(DataBin, name):
            raise InvalidInput(f"A classical register is named {name!r}", "Results in Qiskit's DataBin cannot have "
                               "that name", "Give the register another one")


def result(plans: Sequence[Plan], asked: Sequence[Part], session: str) -> PrimitiveResult[SamplerPubResult]:
    """Qiskit's result of a call."""
    from qiskit.primitives import PrimitiveResult

    return PrimitiveResult([plan.result() for plan in plans], asking.summary(asked, session))
