"""Circuit cutting gives the whole circuit's value, whatever is cut and in whatever order results come."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motif_sites import Late, runtime
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp, Statevector

from qloop.errors import InvalidInput
from qloop.miniapps.motifs import circuit_cutting, cutting, dense
from qloop.miniapps.motifs.cutting_circuits import circuits_of, values_from
from qloop.miniapps.motifs.cutting_fragments import evaluate, grouped
from qloop.miniapps.motifs.drawn import drawn_circuit, drawn_observable
from qloop.miniapps.motifs.site import InProcess

SEEDS = st.integers(0, 2**20)


def values_of(plan: cutting.Cut, shots: int = 0, seed: int = 0) -> dict[cutting.Key, tuple[float, ...]]:
    """Every subexperiment, evaluated in a random order."""
    order = list(enumerate(cutting.keys(plan)))
    random.Random(seed).shuffle(order)
    return {key: evaluate(plan.fragments[key.fragment], key.maps, shots, (seed << 20) + n) for n, key in order}


@settings(max_examples=25, deadline=None)
@given(n=st.integers(4, 8), layers=st.integers(1, 3), seed=SEEDS, wires=st.booleans())
def test_recombined_values_are_exact(n: int, layers: int, seed: int, wires: bool) -> None:
    circuit, observable = drawn_circuit(n, layers, seed, 0, line=True), drawn_observable(n, 3, seed, 0)
    plan = cutting.cut(circuit, observable, (n + 1) // 2, wires=wires)
    assert plan.widest <= (n + 1) // 2
    assert cutting.recombine(plan, values_of(plan, seed=seed)) == pytest.approx(
        dense.value_of(circuit, observable), abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS, angle=st.floats(-3, 3),
       gate=st.sampled_from(["rzz", "rxx", "ryy", "crx", "cx", "cz", "swap", "iswap"]))
def test_every_kind_of_gate_can_be_cut(seed: int, angle: float, gate: str) -> None:
    circuit = QuantumCircuit(2)
    circuit.ry(0.3 + seed % 7, range(2))
    getattr(circuit, gate)(*((angle,) if gate in ("rzz", "rxx", "ryy", "crx") else ()), 0, 1)
    circuit.rx(0.2 + seed % 5, range(2))
    observable = drawn_observable(2, 4, seed, 0)
    plan = cutting.cut_between(circuit, observable, "AB")
    assert [one.n_qubits for one in plan.fragments] == [1, 1]
    assert cutting.recombine(plan, values_of(plan)) == pytest.approx(dense.value_of(circuit, observable), abs=1e-9)


def test_wires_are_cut_where_that_is_cheaper() -> None:
    circuit = QuantumCircuit(5)     # two blocks that share a qubit, with many gates each
    for _ in range(3):
        for first, second in itertools.combinations(range(3), 2):
            circuit.ry(0.4, first)
            circuit.cx(first, second)
    for _ in range(3):
        for first, second in itertools.combinations(range(2, 5), 2):
            circuit.rx(0.7, second)
            circuit.cx(first, second)
    observable = SparsePauliOp.from_list([("ZIZIZ", 0.5), ("IXXIY", 0.5)])
    plan = cutting.cut(circuit, observable, 3)
    assert (plan.wires, len(plan.coefficients)) == (1, 1)
    assert plan.overhead == pytest.approx(16.0)     # of a wire; a cx costs 9
    assert cutting.recombine(plan, values_of(plan)) == pytest.approx(dense.value_of(circuit, observable), abs=1e-9)


def test_a_cx_costs_nine_and_fragments_need_the_cuts_that_touch_them_alone() -> None:
    circuit = QuantumCircuit(6)
    for qubit in range(6):
        circuit.ry(0.3 + qubit, qubit)
    for qubit in range(5):
        circuit.cx(qubit, qubit + 1)
    plan = cutting.cut_between(circuit, SparsePauliOp("ZZZZZZ"), "AABBCC")
    assert plan.overhead == pytest.approx(9.0**2)
    assert [one.touches for one in plan.fragments] == [(0,), (0, 1), (1,)]
    assert len(cutting.keys(plan)) == 6 + 36 + 6
    assert cutting.terms_of(plan) == 36


def test_a_missing_subexperiment_is_told() -> None:
    plan = cutting.cut(drawn_circuit(4, 2, 0, 0, line=True), drawn_observable(4, 1, 0, 0), 2)
    values = values_of(plan)
    del values[cutting.keys(plan)[3]]
    with pytest.raises(InvalidInput, match=r"1 of 12 subexperiments are missing, Key\(fragment=0, maps=\(3,\)\)"):
        cutting.recombine(plan, values)


def test_sampled_values_scatter_as_the_standard_error_says() -> None:
    circuit, observable = drawn_circuit(4, 2, 4, 0, line=True), SparsePauliOp.from_list([("IZZI", 1.0)])
    plan = cutting.cut(circuit, observable, 2)
    exact = dense.value_of(circuit, observable)
    found = []
    for seed in range(120):
        values = values_of(plan, 500, seed)
        found.append((cutting.recombine(plan, values) - exact) / cutting.standard_error(plan, values, 500))
    assert abs(np.mean(found)) < 0.4        # 4.4 standard errors of the mean of 120
    assert 0.75 < np.std(found) < 1.3


@settings(max_examples=40, deadline=None)
@given(labels=st.lists(st.text("IXYZ", min_size=3, max_size=3), min_size=1, max_size=8))
def test_groups_can_be_measured_together_and_hold_everything_once(labels: list[str]) -> None:
    strings = [dense.masks(label) for label in labels]
    groups = grouped(strings)
    assert sorted(member for members in groups.values() for member in members) == list(range(len(labels)))
    for members in groups.values():
        for column in zip(*(labels[member] for member in members), strict=True):
            assert len(set(column) - {"I"}) <= 1


def test_results_are_put_together_by_key_whatever_ends_first() -> None:
    parameters = circuit_cutting.CircuitCutting(qubits=8, widest=4, batch=3, seed=6)
    with runtime() as r:
        site = Late(r)
        result = circuit_cutting.run(parameters, site)
    assert len(site.ran) == 4
    assert site.ran == sorted(site.ran, reverse=True)
    assert result.holds
    assert abs(result.values["exact"]) > 1e-3


def test_what_cannot_be_cut_is_refused_before_anything_runs() -> None:
    circuit, observable = drawn_circuit(4, 2, 0, 0, line=True), drawn_observable(4, 1, 0, 0)
    with pytest.raises(InvalidInput, match="observable has 5 qubits, the circuit 4"):
        cutting.cut(circuit, drawn_observable(5, 1, 0, 0), 2)
    with pytest.raises(InvalidInput, match="parts are to have 1 qubits"):
        cutting.cut(circuit, observable, 1)
    with pytest.raises(InvalidInput, match="3 labels for 4 qubits"):
        cutting.cut_between(circuit, observable, "AAB")
    measured = circuit.copy()
    measured.measure_all()
    with pytest.raises(InvalidInput, match="leave out measurements"):
        cutting.cut(measured, observable, 2)
    plan = cutting.cut(circuit, observable, 2)
    with pytest.raises(InvalidInput, match="2 maps are given for 1 cuts"):
        evaluate(plan.fragments[0], (0, 0))


def test_too_many_cuts_are_refused() -> None:
    circuit = QuantumCircuit(6)
    for _ in range(8):
        for first, second in itertools.combinations(range(6), 2):
            circuit.cx(first, second)
    with pytest.raises(InvalidInput, match=r"cuts to have parts of 2 qubits|No way is found"):
        cutting.cut(circuit, SparsePauliOp("ZZZZZZ"), 2)


@pytest.mark.parametrize("widest", [4, 8])
def test_the_planner_decides_and_the_value_is_the_same(widest: int) -> None:
    parameters = circuit_cutting.CircuitCutting(qubits=8, widest=widest, how="planned", seed=6)
    with runtime() as r:
        result = circuit_cutting.run(parameters, Late(r))
    assert result.holds
    assert result.values["widest"] <= widest
    if widest < 8:
        assert result.values["cut"] == 1.0
        tasks = [task for task in result.tasks if task.stage == "subexperiments"]
        assert len(tasks) == result.values["tasks"] >= 2


def _two_blocks() -> tuple[QuantumCircuit, SparsePauliOp]:
    """Blocks that share a qubit: its wire is cut, which takes resets."""
    circuit = QuantumCircuit(5)
    for first, second in (*itertools.combinations(range(3), 2), *itertools.combinations(range(2, 5), 2)):
        circuit.ry(0.4 + first, first)
        circuit.rx(0.7, second)
        circuit.cx(first, second)
    return circuit, SparsePauliOp.from_list([("ZIZIZ", 0.5), ("IXXIY", 0.3), ("YIZIX", 0.2)])


@pytest.mark.parametrize("wires", [True, False])
def test_circuits_for_qpus_have_the_values_of_their_subexperiments(wires: bool) -> None:
    circuit, observable = (_two_blocks() if wires
                           else (drawn_circuit(4, 2, 3, 0, line=True), drawn_observable(4, 4, 3, 0)))
    plan = (cutting.cut(circuit, observable, 3) if wires else cutting.cut_between(circuit, observable, "AABB"))
    assert plan.wires == int(wires)
    for key in cutting.keys(plan):
        fragment, found = plan.fragments[key.fragment], {}
        for made, reading in circuits_of(fragment, key.maps):
            chances = Statevector(made.remove_final_measurements(inplace=False)).probabilities()
            counts = {f"{index:0{made.num_qubits}b}": chance for index, chance in enumerate(chances)}
            found.update(values_from(counts, reading))
        wanted = evaluate(fragment, key.maps)
        assert [found[number] for number in range(len(wanted))] == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("qpus", [("exact",), ("twin-torino",)])
def test_subexperiments_run_on_qpus(qpus: tuple[str, ...]) -> None:
    parameters = circuit_cutting.CircuitCutting(qubits=4, widest=2, depth=2, terms=2, shots=1000, where="qpu")
    with runtime(*qpus, clock="virtual") as r:
        result = circuit_cutting.run(parameters, InProcess(r))
    assert result.holds, result.checks
    assert sum(task.kind == "quantum" for task in result.tasks) >= 12


def test_a_sign_that_was_turned_or_a_value_too_large_does_not_pass() -> None:
    assert all(check.holds for check in circuit_cutting.checks(-0.3, -0.5, 0.01, noisy=True))
    assert [check.holds for check in circuit_cutting.checks(0.3, -0.5, 0.01, noisy=True)] == [True, False]
    assert [check.holds for check in circuit_cutting.checks(-0.6, -0.5, 0.01, noisy=True)] == [False, True]
    assert not circuit_cutting.checks(0.4, 0.5, 0.01, noisy=False)[0].holds


def test_qpus_cannot_give_exact_values_of_parts() -> None:
    with pytest.raises(InvalidInput, match="They run subexperiments, and with shots"):
        circuit_cutting.CircuitCutting(where="qpu")
