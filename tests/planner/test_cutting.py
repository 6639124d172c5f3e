"""A cut circuit gives the exact value: for random circuits, observables, partitions, splits and orders of arrival."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qloop.errors import InvalidInput
from qloop.planner.cutting import Cut, cut_circuit
from qloop.planner.effort import runs_of, terms_of
from qloop.planner.runs import recombine, run_task, tasks_of
from qloop.planner.whole import whole_circuit

from .drawn import CHEAP, GATES, circuit_of, exact, labels_of, line, observable_of

FEW = 5_000


def _value(cut: Cut, order: Any = None, depths: Any = None) -> float:
    tasks = list(tasks_of(cut, depths))
    if order is not None:
        order.shuffle(tasks)
    return recombine(cut, {task.key: run_task(task) for task in tasks})


def _small(cut: Cut) -> bool:
    return runs_of(cut) < FEW


@given(st.integers(0, 10**6), st.integers(2, 5), st.integers(1, 3), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_the_value_is_exact_in_any_order(seed: int, n_qubits: int, blocks: int, order: Any) -> None:
    circuit, observable = circuit_of(seed, n_qubits, 12), observable_of(seed, n_qubits)
    cut = cut_circuit(circuit, observable, labels_of(seed, n_qubits, blocks))
    assume(_small(cut))
    assert _value(cut, order) == pytest.approx(exact(circuit, observable), abs=1e-10)


@given(st.integers(0, 10**6), st.integers(2, 4))
@settings(max_examples=12, deadline=None)
def test_any_two_qubit_gate_can_be_cut(seed: int, n_qubits: int) -> None:
    circuit, observable = circuit_of(seed, n_qubits, 6, GATES), observable_of(seed, n_qubits)
    cut = cut_circuit(circuit, observable, labels_of(seed, n_qubits, 2))
    assume(_small(cut))
    assert _value(cut) == pytest.approx(exact(circuit, observable), abs=1e-8)


@given(st.integers(0, 10**6), st.integers(4, 7), st.integers(2, 4))
@settings(max_examples=15, deadline=None)
def test_what_find_cuts_marks_is_exact(seed: int, n_qubits: int, widest: int) -> None:
    from qiskit_addon_cutting import DeviceConstraints, OptimizationParameters, find_cuts

    circuit, observable = circuit_of(seed, n_qubits, 14, ("cx", "rzz", "cp")), observable_of(seed, n_qubits)
    marked, _ = find_cuts(circuit, OptimizationParameters(seed=1, max_backjumps=20), DeviceConstraints(widest))
    cut = cut_circuit(marked, observable)
    assume(_small(cut))
    assert max(fragment.tree.n_qubits for fragment in cut.fragments) <= widest
    assert _value(cut) == pytest.approx(exact(circuit, observable), abs=1e-10)


def test_a_wire_cut_is_exact_and_reads_its_upstream_once() -> None:
    from qiskit_addon_cutting.instructions import CutWire

    plain = circuit_of(7, 3, 9)
    marked = plain.copy()
    marked.append(CutWire(), [1])
    for circuit in (plain, marked):
        circuit.rx(0.4, 1)
    observable = observable_of(7, 3)
    cut = cut_circuit(marked, observable)
    assert sorted(fragment.tree.n_qubits for fragment in cut.fragments) == [1, 3]
    upstream, downstream = sorted(cut.fragments, key=lambda fragment: -fragment.tree.n_qubits)
    assert (upstream.branched, upstream.letters) == ((), (4,))
    assert downstream.tree.shape()[0] == 4
    assert cut.overhead == pytest.approx(16)
    assert _value(cut) == pytest.approx(exact(plain, observable), abs=1e-12)


@given(st.integers(0, 10**6), st.integers(0, 2), st.integers(0, 2))
@settings(max_examples=20, deadline=None)
def test_splitting_changes_nothing(seed: int, first: int, second: int) -> None:
    circuit, observable = line(4, 2, seed)
    cut = cut_circuit(circuit, observable, [0, 0, 1, 1])
    depths = [min(depth, len(fragment.tree.points)) for depth, fragment in
              zip((first, second), cut.fragments, strict=True)]
    assert _value(cut, depths=depths) == pytest.approx(_value(cut), abs=1e-13)


@given(st.integers(0, 10**6), st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_a_whole_circuit_takes_the_same_way(seed: int, n_qubits: int) -> None:
    circuit, observable = circuit_of(seed, n_qubits, 12, CHEAP), observable_of(seed, n_qubits)
    assert _value(whole_circuit(circuit, observable)) == pytest.approx(exact(circuit, observable), abs=1e-12)


def test_barriers_measurements_idle_qubits_constants_and_wide_gates_are_borne() -> None:
    bare, dressed = QuantumCircuit(5), QuantumCircuit(5, 5)
    for circuit in (bare, dressed):
        circuit.h(0)
        if circuit is dressed:
            circuit.barrier()
        circuit.ccx(0, 1, 2)
        circuit.cx(2, 3)
    dressed.measure(range(5), range(5))
    observable = SparsePauliOp(["IIIII", "ZZIIX", "XIIIZ", "IZZII"], [0.5, 1.0, 3.0, 0.7])
    cut = cut_circuit(dressed, observable, [0, 0, 0, 1, 2])
    assert _value(cut) == pytest.approx(exact(bare, observable), abs=1e-12)


def test_parts_that_never_meet_need_no_cut() -> None:
    circuit, observable = QuantumCircuit(4), SparsePauliOp(["ZZZZ", "IIXX"], [1.0, 2.0])
    for qubit in (0, 2):
        circuit.ry(0.4 + qubit, qubit)
        circuit.cx(qubit, qubit + 1)
    cut = cut_circuit(circuit, observable, [0, 0, 1, 1])
    assert cut.overhead == 1
    assert runs_of(cut) == 2
    assert _value(cut) == pytest.approx(exact(circuit, observable), abs=1e-12)


@pytest.mark.parametrize("layers", [1, 2])
def test_counts_against_the_subexperiments_that_the_addon_generates(layers: int) -> None:
    """The sum has 6^k terms; each fragment has so many circuits there, of which ours are at most 4^k, run once."""
    from qiskit_addon_cutting import generate_cutting_experiments, partition_problem

    circuit, observable = line(4, layers)
    cut = cut_circuit(circuit, observable, [0, 0, 1, 1])
    problem = partition_problem(circuit, [0, 0, 1, 1], observable.paulis)
    experiments, coefficients = generate_cutting_experiments(problem.subcircuits, problem.subobservables, math.inf)
    assert terms_of(cut) == len(coefficients) == 6**layers
    groups = 1      # all strings are of Z, so that one basis measures them
    assert {len(made) for made in experiments.values()} == {6**layers * groups}
    assert runs_of(cut) <= 2 * 4**layers
    assert cut.overhead == pytest.approx(sum(abs(weight) for weight, _ in coefficients) ** 2)


def _ran() -> tuple[Cut, dict[Any, Any]]:
    circuit, observable = line(4, 1)
    cut = cut_circuit(circuit, observable, [0, 0, 1, 1])
    return cut, {task.key: run_task(task) for task in tasks_of(cut, [1, 1])}


def test_missing_doubled_unknown_and_spoiled_values_are_refused() -> None:
    cut, found = _ran()
    key = next(iter(found))
    without = {other: values for other, values in found.items() if other != key}
    with pytest.raises(InvalidInput, match=r"Values of fragment 0 are missing, such as those of choices \(0,\)"):
        recombine(cut, without)
    whole = {task.key: run_task(task) for task in tasks_of(cut)}
    with pytest.raises(InvalidInput, match="given twice"):
        recombine(cut, {**found, **whole})
    with pytest.raises(InvalidInput, match=r"The key \(9, \(\)\) names no fragment"):
        recombine(cut, {**found, (9, ()): found[key]})
    with pytest.raises(InvalidInput, match="has no choices"):
        recombine(cut, {**found, (0, (99,)): found[key]})
    for spoiled in (np.full_like(found[key], np.nan), found[key][..., :-1]):
        with pytest.raises(InvalidInput, match="are not finite"):
            recombine(cut, {**found, key: spoiled})


def test_depths_that_are_not_there_are_refused() -> None:
    cut, _ = _ran()
    for depths in ([9, 0], [-1, 0], [0]):
        with pytest.raises(InvalidInput, match="cannot be split at depths"):
            tasks_of(cut, depths)


def test_bad_circuits_labels_and_observables_are_refused() -> None:
    from qiskit.circuit import Parameter

    circuit, observable = line(3, 1)
    with pytest.raises(InvalidInput, match="2 labels are given for 3 qubits"):
        cut_circuit(circuit, observable, [0, 1])
    with pytest.raises(InvalidInput, match="acts on 2 qubits, the circuit has 3"):
        cut_circuit(circuit, SparsePauliOp("ZZ"), [0, 1, 1])
    with pytest.raises(InvalidInput, match="The observable is zero"):
        cut_circuit(circuit, SparsePauliOp("ZZZ", 0.0), [0, 1, 1])
    with pytest.raises(InvalidInput, match=r"must be a qiskit\.QuantumCircuit, not str"):
        cut_circuit("circuit", observable, [0, 1, 1])
    free = circuit.copy()
    free.rx(Parameter("t"), 0)
    with pytest.raises(InvalidInput, match="1 free parameters"):
        cut_circuit(free, observable, [0, 1, 1])
    late = QuantumCircuit(2, 1)
    late.measure(0, 0)
    late.h(0)
    with pytest.raises(InvalidInput, match="follows a measurement"):
        cut_circuit(late, SparsePauliOp("ZZ"), [0, 1])
