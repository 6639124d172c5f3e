"""From a PUB of the estimator to quantum tasks, and from their outcomes to Qiskit's result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.loops.primitives import asking
from qloop.loops.primitives.asking import Part
from qloop.loops.primitives.circuits import Album, Known, Prepared, narrowed
from qloop.loops.primitives.observables import Catalogue, Observable, Observables
from qloop.loops.primitives.options import precision_of, shots_for
from qloop.loops.primitives.parameters import bound
from qloop.runtime.client import Client

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.primitives import PrimitiveResult, PubResult
    from qiskit.quantum_info import SparsePauliOp

FORM = "Give (circuit, observables), (circuit, observables, values) or (circuit, observables, values, precision)"


@dataclass(slots=True, eq=False)
class Share:
    """One observable's tasks: which elements of the PUB they fill, and with which of their rows; None for all, each."""

    observable: Observable
    parts: list[Part]
    elements: NDArray[np.intp] | None = None
    rows: NDArray[np.intp] | None = None


@dataclass(slots=True, eq=False)
class Plan:
    """A PUB, checked and prepared."""

    shape: tuple[int, ...]
    shares: list[Share]
    precision: float
    about: Any

    def parts(self) -> list[Part]:
        """All its tasks."""
        return [part for share in self.shares for part in share.parts]

    def result(self) -> PubResult:
        """The values from the tasks' outcomes."""
        from qiskit.primitives import DataBin, PubResult

        size = int(np.prod(self.shape))
        evs, stds = np.zeros(size), np.zeros(size)
        for share in self.shares:
            values = np.concatenate([_values(part) for part in share.parts])
            errors = np.concatenate([share.observable.errors(_values(part), part.taken()) for part in share.parts])
            where, rows = share.elements, share.rows
            evs[slice(None) if where is None else where] = values if rows is None else values[rows]
            stds[slice(None) if where is None else where] = errors if rows is None else errors[rows]
        data = DataBin(evs=evs.reshape(self.shape), stds=stds.reshape(self.shape), shape=self.shape)
        return PubResult(data, {"target_precision": self.precision, "circuit_metadata": self.about,
                                **asking.told(self.parts())})


@dataclass(slots=True, eq=False)
class Desk:
    """Where PUBs become plans; `shots` for PUBs without a precision of their own, 0: exact."""

    client: Client
    session: str
    album: Album
    catalogue: Catalogue
    shots: int
    drop_idle: bool

    def plan(self, pub: Any) -> Plan:
        """Check a PUB and prepare its circuits; raises `InvalidInput` or `Refused`, and nothing was bought."""
        circuit, wish, values, precision = opened(pub)
        shots = self.shots if precision is None else shots_for(precision_of(precision))
        known = self.album.recognise(circuit)
        if known.readout:
            raise InvalidInput("The circuit measures qubits", "An expectation value is of the state before that",
                               "Use circuit.remove_final_measurements(inplace=False)")
        observables = self.catalogue.read(wish)
        check_width(known, observables)
        thetas, given = bound(values, known.names)
        shape = broadcast(observables.index.shape, given)
        target = float(precision) if precision is not None else 1.0 / float(np.sqrt(shots)) if shots else 0.0
        return Plan(shape, self._shares(known, observables, thetas, given, shape, shots), target, circuit.metadata)

    def _shares(self, known: Known, observables: Observables, thetas: NDArray[np.float64], given: tuple[int, ...],
                shape: tuple[int, ...], shots: int) -> list[Share]:
        if 0 in shape:
            return []
        if len(observables.distinct) == 1 and given == shape:
            only = observables.distinct[0]
            return [Share(only, asking.parts(self._prepared(known, only), thetas, shots))]
        which = np.broadcast_to(observables.index, shape).ravel()
        sets = np.broadcast_to(np.arange(len(thetas)).reshape(given), shape).ravel()
        order = np.argsort(which, kind="stable")
        bounds = np.searchsorted(which[order], np.arange(len(observables.distinct) + 1))
        shares = []
        for k, observable in enumerate(observables.distinct):
            elements = order[bounds[k]:bounds[k + 1]]
            needed, rows = np.unique(sets[elements], return_inverse=True)
            wanted = asking.parts(self._prepared(known, observable), thetas[needed], shots)
            shares.append(Share(observable, wanted, elements, rows))
        return shares

    def _prepared(self, known: Known, observable: Observable) -> Prepared:
        """The circuit with this observable, compiled now if it was not yet."""
        found = known.prepared.get(observable.key)
        if found is not None:
            return found
        circuit, operator = self._reduced(known, observable.operator)
        structure = self.client.prepare(self.session, circuit, operator)
        return known.keep(observable.key, Prepared(structure))

    def _reduced(self, known: Known, operator: SparsePauliOp) -> tuple[QuantumCircuit, SparsePauliOp]:
        """Without the qubits that stay in |0> and that nobody asks about."""
        from qiskit.quantum_info import PauliList, SparsePauliOp

        x, z = operator.paulis.x, operator.paulis.z
        kept = sorted(known.active.union(np.flatnonzero((x | z).any(axis=0)).tolist())) or [0]
        if not self.drop_idle or len(kept) == known.circuit.num_qubits:
            return known.circuit, operator
        paulis = PauliList.from_symplectic(z[:, kept], x[:, kept])
        return narrowed(known, kept), SparsePauliOp(paulis, operator.coeffs)


def _values(part: Part) -> NDArray[np.float64]:
    assert part.outcome is not None
    return np.array(part.outcome.values, dtype=np.float64)


def opened(pub: Any) -> tuple[QuantumCircuit, Any, Any, Any]:
    """Circuit, observables, values and precision of anything that Qiskit takes for a PUB."""
    from qiskit import QuantumCircuit
    from qiskit.primitives.containers.estimator_pub import EstimatorPub

    if isinstance(pub, EstimatorPub):
        return pub.circuit, pub.observables, pub.parameter_values, pub.precision
    if isinstance(pub, QuantumCircuit) or not isinstance(pub, Sequence) or not 2 <= len(pub) <= 4:
        size = f" of {len(pub)}" if isinstance(pub, tuple | list) else ""
        raise InvalidInput(f"It is a {type(pub).__name__}{size}", "A call takes a list of PUBs", FORM)
    circuit, wish, values, precision = (*pub, None, None)[:4]
    if not isinstance(circuit, QuantumCircuit):
        raise InvalidInput(f"Its circuit is a {type(circuit).__name__}", "", FORM)
    return circuit, wish, values, precision


def check_width(known: Known, observables: Observables) -> None:
    """`InvalidInput` unless the observables act on the circuit's qubits."""
    width = known.circuit.num_qubits
    if observables.distinct and observables.n_qubits != width:
        raise InvalidInput(f"The observables act on {observables.n_qubits} qubits, the circuit has {width}", "",
                           "Pad them with identities, or use observable.apply_layout(circuit.layout)")


def broadcast(observables: tuple[int, ...], sets: tuple[int, ...]) -> tuple[int, ...]:
    """The PUB's shape by NumPy's rules; `InvalidInput` if the two do not go together."""
    try:
        return np.broadcast_shapes(observables, sets)
    except ValueError:
        raise InvalidInput(f"The observables have shape {observables} and the parameter sets {sets}",
                           "Aligned at their last axes they must agree or be 1", "Reshape one of them") from None


def result(plans: Sequence[Plan], asked: Sequence[Part], session: str) -> PrimitiveResult[PubResult]:
    """Qiskit's result of a call."""
    from qiskit.primitives import PrimitiveResult

    return PrimitiveResult([plan.result() for plan in plans], asking.summary(asked, session))
