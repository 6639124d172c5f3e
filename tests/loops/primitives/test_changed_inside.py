"""Gates hold arrays and operators of their own; who changes one in place gets what Qiskit's estimator would give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import AnnotatedOperation, ControlModifier, Gate, Parameter
from qiskit.circuit.library import HamiltonianGate, PauliEvolutionGate, PermutationGate, UnitaryGate
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import Pauli, SparseObservable, SparsePauliOp, Statevector

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
    "definition": (lambda: turned(), lambda g: g.definition.h(0)),
    "controlled definition": (lambda: turned().control(1), lambda g: g.definition.h(0)),
    "a user's own": (Turn, lambda g: write(g.angles, 0.9)),
}
# Of these, too, only a copy that shares nothing with them can tell.
ANNOTATED: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]] = {
    "controlled evolution": (lambda: AnnotatedOperation(evolution(), ControlModifier(1, 0)),
                             lambda g: write(g.base_op.operator.coeffs, 2.0)),
    "control state": (lambda: AnnotatedOperation(turned(), ControlModifier(1)),
                      lambda g: setattr(g.modifiers[0], "ctrl_state", 0)),
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


@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("name", {**INSIDE, **ANNOTATED})
def test_a_copy_shares_nothing(name, depth):
    make, change = {**INSIDE, **ANNOTATED}[name]
    made, album = holding(make(), depth), Album()
    kept, before = detached(made), Statevector(made)
    known = album.recognise(made)
    assert album.recognise(made) is known
    change(inner(made, depth))
    assert Statevector(kept).equiv(before)
    assert (album.recognise(made) is known) == (name == "matrix")


def test_evolutions_of_every_form_are_recognised():
    """A loop pays for its circuit once."""
    made, t = QuantumCircuit(2), Parameter("t")
    for operator in (SparsePauliOp(["XX", "ZI"], [1.0, 0.5]), SparseObservable("YY"), Pauli("ZX"),
                     [SparsePauliOp("XI"), SparseObservable("IX")]):
        made.append(PauliEvolutionGate(operator, t), [0, 1], copy=False)
    album = Album()
    first = album.recognise(made)
    assert len(first.evolutions) == 4
    assert album.recognise(made) is first
    made.data[1].operation.operator.coeffs[0] = 3.0
    assert album.recognise(made) is not first


def test_a_gate_that_holds_its_circuit():
    gate, made = Turn(), QuantumCircuit(1)
    made.append(gate, [0], copy=False)
    made.append(gate, [0], copy=False)
    gate.home, gate.itself = made, gate
    with memory() as runtime, EstimatorV2(runtime=runtime) as ours:
        for angle in (0.3, 0.3, 0.9):
            write(gate.angles, angle)
            assert ours.run([(made, "Z")]).result()[0].data.evs == pytest.approx(np.cos(2.0 * angle))
