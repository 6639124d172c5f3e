"""Circuits and observables are recognised, so that a loop is fast; who changes them in place gets other results."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.circuit import Gate, Parameter
from qiskit.circuit.library import (
    DiagonalGate,
    Initialize,
    PauliEvolutionGate,
    PauliGate,
    PermutationGate,
    RYGate,
    StatePreparation,
    UnitaryGate,
    XGate,
)
from qiskit.quantum_info import Pauli, PauliList, SparsePauliOp, Statevector

from qloop.loops.primitives.circuits import KEPT, Album, unchanged
from qloop.loops.primitives.observables import Catalogue, fingerprint
from qloop.qiskit import EstimatorV2, SamplerV2
from tests.loops.primitives.world import ENERGY, circuit, memory


def composite() -> QuantumCircuit:
    inner = QuantumCircuit(2, name="inner")
    inner.rx(0.3, 0)
    inner.cx(0, 1)
    made = QuantumCircuit(2)
    made.append(inner.to_gate(), [0, 1])
    return made


def plain() -> QuantumCircuit:
    made = QuantumCircuit(2)
    made.rx(0.3, 0)
    made.cx(0, 1)
    made.ry(0.4, 1)
    return made


CHANGES: dict[str, tuple[Callable[[], QuantumCircuit], Callable[[QuantumCircuit], object]]] = {
    "a gate more": (plain, lambda c: c.x(1)),
    "another gate": (plain, lambda c: c.data.__setitem__(0, c.data[0].replace(operation=RYGate(0.3)))),
    "another qubit": (plain, lambda c: c.data.__setitem__(2, c.data[2].replace(qubits=[c.qubits[0]]))),
    "another angle": (plain, lambda c: c.data.__setitem__(0, c.data[0].replace(params=[0.3000001]))),
    "another order": (plain, lambda c: setattr(c, "data", list(c.data)[::-1])),
    "a gate less": (plain, lambda c: c.data.pop()),
    "another definition": (composite, lambda c: c.data[0].operation.definition.x(0)),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_circuit_that_was_changed(name):
    build, change = CHANGES[name]
    made = build()
    wish = ["ZI", "IZ", "XY"]
    with memory() as runtime, EstimatorV2(runtime=runtime) as ours:
        def values():
            return ours.run([(made, wish)]).result()[0].data.evs

        before = values()
        change(made)
        after = values()
        state = Statevector(made)
        np.testing.assert_allclose(after, [state.expectation_value(Pauli(p)).real for p in wish], atol=1e-9)
        assert np.abs(after - before).max() > 1e-9


def named(angle: float) -> Gate:
    made = QuantumCircuit(1, name="same")
    made.rx(angle, 0)
    return made.to_gate()


TIME = Parameter("t")
# Pairs of gates that look alike: the same name, the same number of qubits and parameters.
ALIKE: dict[str, tuple[Callable[[], Gate], Callable[[], Gate]]] = {
    "evolution": (lambda: PauliEvolutionGate(SparsePauliOp("ZZ"), TIME),
                  lambda: PauliEvolutionGate(SparsePauliOp("XX"), TIME)),
    "its coefficient": (lambda: PauliEvolutionGate(SparsePauliOp("ZZ"), TIME),
                        lambda: PauliEvolutionGate(SparsePauliOp("ZZ", [2.0]), TIME)),
    "unitary": (lambda: UnitaryGate(np.eye(2)), lambda: UnitaryGate(np.array([[0, 1], [1, 0]]))),
    "definition": (lambda: named(0.1), lambda: named(0.2)),
    "controlled definition": (lambda: named(0.1).control(1), lambda: named(0.2).control(1)),
    "control state": (lambda: XGate().control(2, ctrl_state=0), lambda: XGate().control(2, ctrl_state=3)),
    "annotated": (lambda: named(0.1).control(1, annotated=True), lambda: named(0.2).control(1, annotated=True)),
    "state": (lambda: StatePreparation([1, 0]), lambda: StatePreparation([0, 1])),
    "initialize": (lambda: Initialize([1, 0]), lambda: Initialize([0, 1])),
    "diagonal": (lambda: DiagonalGate([1, 1]), lambda: DiagonalGate([1, -1])),
    "permutation": (lambda: PermutationGate([0, 1]), lambda: PermutationGate([1, 0])),
    "letters": (lambda: PauliGate("XY"), lambda: PauliGate("ZZ")),
}


@pytest.mark.parametrize("name", ALIKE)
def test_gates_that_look_alike_are_told_apart(name):
    """A circuit that is gone leaves its address to the next one, which may differ in nothing but a gate's inside."""
    def with_gate(make: Callable[[], Gate]) -> QuantumCircuit:
        gate, made = make(), QuantumCircuit(3)
        made.append(gate, list(range(gate.num_qubits)))
        return made

    one, other = map(with_gate, ALIKE[name])
    if name != "diagonal":      # which differs from its own copy, and so is looked at each time
        assert unchanged(one.copy(), one)
    assert not unchanged(one.copy(), other)


def test_parameters_that_were_bound_in_place():
    made = circuit()
    with memory() as runtime, EstimatorV2(runtime=runtime) as ours:
        assert ours.run([(made, ENERGY, [0.1, 0.2])]).result()[0].data.evs == pytest.approx(1.4775, abs=1e-3)
        made.assign_parameters({made.parameters[0]: np.pi}, inplace=True)
        found = ours.run([(made, ENERGY, [0.2])]).result()[0].data.evs
        assert found == pytest.approx(np.cos(0.2) - 0.5)


def test_registers_that_came_later():
    made = QuantumCircuit(2, 1)
    made.x(0)
    made.measure(0, 0)
    with memory() as runtime, SamplerV2(runtime=runtime) as ours:
        assert list(ours.run([made], shots=2).result()[0].data) == ["c"]
        made.add_register(ClassicalRegister(3, "more"))
        data = ours.run([made], shots=2).result()[0].data
        assert {name: bits.get_counts() for name, bits in data.items()} == {"c": {"1": 2}, "more": {"000": 2}}
        made.add_register(ClassicalRegister(name="alias", bits=[made.clbits[0]]))
        assert list(ours.run([made], shots=2).result()[0].data) == ["c", "more", "alias"]


def test_a_change_after_run_does_not_matter():
    """The task was accepted: what the circuit was then is what runs, on whichever QPU."""
    made, wish = circuit(), SparsePauliOp(["ZI", "IZ"], [1.0, 0.5])
    theta = np.array([0.1, 0.2])
    with memory("exact") as runtime, EstimatorV2(runtime=runtime) as ours:
        call = ours.run([(made, wish, theta)])
        made.x(0)
        wish.coeffs[0] = 99.0
        theta[:] = 3.0
        assert call.result()[0].data.evs == pytest.approx(np.cos(0.2) + 0.5 * np.cos(0.1))


def test_an_observable_that_was_changed():
    made, wish = circuit(), SparsePauliOp(["ZI", "IZ"], [1.0, 0.5])
    with memory() as runtime, EstimatorV2(runtime=runtime) as ours:
        def at():
            return float(ours.run([(made, wish, [0.1, 0.2])]).result()[0].data.evs)

        assert at() == pytest.approx(np.cos(0.2) + 0.5 * np.cos(0.1))
        wish.coeffs[1] = -3.0
        assert at() == pytest.approx(np.cos(0.2) - 3.0 * np.cos(0.1))
        wish.paulis[0] = Pauli("IZ")
        assert at() == pytest.approx(-2.0 * np.cos(0.1))


def test_a_loop_is_prepared_once(monkeypatch):
    """Equal observables are the same one, whoever made them; a circuit is recognised by the object and its content."""
    made = circuit()
    measured = made.measure_all(inplace=False)
    with memory() as runtime, EstimatorV2(runtime=runtime) as ours, SamplerV2(ours.session) as sampler:
        prepared: list[object] = []
        prepare = runtime.prepare
        monkeypatch.setattr(runtime, "prepare", lambda *wish: (prepared.append(wish), prepare(*wish))[1])
        for k in range(20):
            wish = SparsePauliOp(["ZI", "IZ"], [1.0, 0.5]) if k % 2 else {"IZ": 0.5, "ZI": 1.0}
            ours.run([(made, [wish, "XX"], [0.1 * k, 0.2])]).result()
            sampler.run([(measured, [0.1 * k, 0.2])], shots=5).result()
        assert len(prepared) == 3


def test_the_album_knows_what_it_saw_and_forgets_the_oldest():
    album, made = Album(), [circuit() for _ in range(KEPT + 1)]
    first = album.recognise(made[0])
    assert album.recognise(made[0]) is first
    for one in made[1:-1]:
        album.recognise(one)
    assert album.recognise(made[0]) is first
    second = album.recognise(made[-1])
    assert album.recognise(made[0]) is first
    assert album.recognise(made[-1]) is second
    assert len(album._known) == KEPT


def test_fingerprints_tell_apart_what_differs_and_join_what_is_equal():
    different = ["ZZ", "ZI", ["ZZ"], [["ZZ"]], ["ZZ", "ZI"], [["ZZ", "ZI"]], Pauli("ZZ"), Pauli("-ZZ"),
                 SparsePauliOp("ZZ"), SparsePauliOp("ZZ", [2.0]), SparsePauliOp(["Z", "Z"]), SparsePauliOp(["Z"]),
                 SparsePauliOp("XX"), SparsePauliOp("YY"), PauliList(["ZZ"]), PauliList(["-ZZ"])]
    names = [fingerprint(one) for one in different]
    assert len(set(names)) == len(names)
    assert fingerprint(SparsePauliOp(["ZZ", "XX"])) == fingerprint(SparsePauliOp(["ZZ", "XX"]))
    for unknown in ({"ZZ": 1.0}, SparsePauliOp(["Z"], [Parameter("a")]), [{"Z": 1}], 3, None):
        assert fingerprint(unknown) is None
    catalogue = Catalogue()
    assert catalogue.read(["ZZ", "XX"]) is catalogue.read(["ZZ", "XX"])
    assert catalogue.read({"ZZ": 1.0}) is not catalogue.read({"ZZ": 1.0})
