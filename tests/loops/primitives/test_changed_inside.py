"""Gates hold arrays and operators of their own; who changes one in place gets what Qiskit's estimator would give."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import AnnotatedOperation, ControlModifier, Gate, Parameter
from qiskit.circuit.library import HamiltonianGate, PauliEvolutionGate, PermutationGate, UnitaryGate, XGate
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparseObservable, SparsePauliOp, Statevector

from qloop.loops.primitives.circuits import Album
from qloop.loops.primitives.copies import detached
from qloop.qiskit import EstimatorV2
from tests.loops.primitives.world import memory

FLIP = np.array([[0, 1], [1, 0]], dtype=complex)
WISH = ["ZII", "IZI", "IIZ", "XYZ", "YIX"]


class Turn(Gate):
    """A gate as a user writes it: what it does is an attribute, which Qiskit knows nothing of."""

    def __init__(self) -> None:
        super().__init__("turn", 1, [])
        self.angles = np.array([0.3])
        self.guard = (none for none in ())      # which nothing can copy

    @property
    def definition(self) -> QuantumCircuit:
        made = QuantumCircuit(1)
        made.rx(float(self.angles[0]), 0)
        return made

    @definition.setter
    def definition(self, value: object) -> None:
        pass


def turned() -> Gate:
    made = QuantumCircuit(1, name="turned")
    made.rx(0.3, 0)
    return made.to_gate()


def evolution() -> PauliEvolutionGate:
    return PauliEvolutionGate(SparsePauliOp(["XY"]), 0.3)


def write(array: Any, values: Any) -> None:
    array[...] = values


# Each gate, and what is done to it in place.
INSIDE: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "matrix": (lambda: UnitaryGate(FLIP.copy()), lambda g: write(g.params[0], np.eye(2))),
    "hamiltonian": (lambda: HamiltonianGate(FLIP.copy(), 0.4), lambda g: write(g.params[0], np.eye(2))),
    "permutation": (lambda: PermutationGate([1, 0]), lambda g: write(g.params[0], [0, 1])),
    "evolution's coefficient": (evolution, lambda g: write(g.operator.coeffs, 2.0)),
    "evolution's letters": (evolution, lambda g: setattr(g.operator, "paulis", SparsePauliOp("YZ").paulis)),
    "evolution's operator": (evolution, lambda g: setattr(g, "operator", SparsePauliOp("ZX"))),
    "evolution's time": (evolution, lambda g: g.params.__setitem__(0, 0.7)),
    "one of several": (lambda: PauliEvolutionGate([SparsePauliOp("XX"), SparsePauliOp("ZZ")], 0.3),
                       lambda g: write(g.operator[0].coeffs, 2.0)),
    "controlled evolution": (lambda: AnnotatedOperation(evolution(), ControlModifier(1, 0)),
                             lambda g: write(g.base_op.operator.coeffs, 2.0)),
    "control state": (lambda: AnnotatedOperation(turned(), ControlModifier(1)),
                      lambda g: setattr(g.modifiers[0], "ctrl_state", 0)),
    "definition": (lambda: turned(), lambda g: g.definition.h(0)),
    "controlled definition": (lambda: turned().control(1), lambda g: g.definition.h(0)),
    "a user's own": (Turn, lambda g: write(g.angles, 0.9)),
}


def holding(gate: Any, depth: int) -> QuantumCircuit:
    """A circuit in which that very gate stands, within so many others."""
    places = list(range(gate.num_qubits))
    made = QuantumCircuit(gate.num_qubits)
    made.append(gate, places, copy=False)
    for level in range(depth):
        outer = Gate(f"level {level}", gate.num_qubits, [])
        outer.definition = made
        made = QuantumCircuit(gate.num_qubits)
        made.append(outer, places, copy=False)
    whole = QuantumCircuit(3)
    for qubit in range(3):
        whole.ry(0.3 + 0.5 * qubit, qubit)
    for item in made.data:
        whole.append(item.operation, places, copy=False)
    return whole


def inner(circuit: QuantumCircuit, depth: int) -> Any:
    gate = circuit.data[-1].operation
    for _ in range(depth):
        gate = gate.definition.data[0].operation
    return gate


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("name", INSIDE)
def test_the_estimator_follows_qiskits(name, depth):
    make, change = INSIDE[name]
    made = holding(make(), depth)
    with memory() as runtime, EstimatorV2(runtime=runtime) as ours:
        def agree() -> np.ndarray:
            expected = StatevectorEstimator().run([(made, WISH)]).result()[0].data.evs
            found = ours.run([(made, WISH)]).result()[0].data.evs
            np.testing.assert_allclose(found, expected, atol=1e-9)
            return np.asarray(found)

        before = agree()
        agree()         # now it was recognised, and Qiskit has made all definitions that it keeps
        change(inner(made, depth))
        after = agree()
    if name != "matrix":        # of which Qiskit keeps a copy that nobody can reach
        assert np.abs(after - before).max() > 1e-6


@pytest.mark.parametrize("name", INSIDE)
def test_a_copy_shares_nothing(name):
    make, change = INSIDE[name]
    for depth in (0, 1):
        made = holding(make(), depth)
        kept, before = detached(made), Statevector(made)
        change(inner(made, depth))
        assert Statevector(kept).equiv(before)


def test_evolutions_are_recognised():
    """Symbolic coefficients, observables and times among them: a loop pays for its circuit once."""
    made, t = QuantumCircuit(2), Parameter("t")
    for operator in (SparsePauliOp("XX"), SparsePauliOp(["ZZ"], np.array([Parameter("c")])), SparseObservable("YY"),
                     [SparsePauliOp("XI"), SparsePauliOp("IX")]):
        made.append(PauliEvolutionGate(operator, t), [0, 1], copy=False)
    made.append(holding(evolution(), 1).to_gate(), [0, 1, 2][:3]) if made.num_qubits == 3 else None
    album = Album()
    first = album.recognise(made)
    assert album.recognise(made) is first
    made.data[1].operation.operator.coeffs[0] = Parameter("d")
    assert album.recognise(made) is not first


def test_many_copies_of_one_gate_are_one():
    """A definition that stands in two places of the next, thirty levels deep, is copied once for each level."""
    gate = turned()
    for level in range(30):
        outer = QuantumCircuit(1)
        outer.append(gate, [0], copy=False)
        outer.append(gate, [0], copy=False)
        gate = Gate(f"level {level}", 1, [])
        gate.definition = outer
    gc.collect()
