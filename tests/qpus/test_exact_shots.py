"""Shots: means and variances by closed formulas, groupings, draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import Pauli, SparsePauliOp, Statevector

from qloop.model.evaluation import generator
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import Request
from qloop.qpus.simulators import aer_mps
from qloop.qpus.simulators.circuits import pauli_sum
from qloop.qpus.simulators.pauli import terms_of
from qloop.qpus.simulators.sampling import bases_of, draw
from tests.qpus.circuits_for_tests import observable, truth


def keys(n: int) -> tuple[bytes, ...]:
    return tuple((1000 + k).to_bytes(32, "little") for k in range(n))


def variance_of_one_shot_each(circuit: QuantumCircuit, op: SparsePauliOp, theta: np.ndarray) -> float:
    """The sum over measured bases of the variance of that basis' part of the observable."""
    state, total = Statevector(circuit.assign_parameters(theta)), 0.0
    for basis in bases_of(terms_of(op, op.num_qubits))[1]:
        part = sum(pauli_sum(tuple(t for t in terms_of(op, op.num_qubits) if _in(t, basis)), op.num_qubits))
        total += float((state.expectation_value(part @ part) - state.expectation_value(part) ** 2).real)
    return total


def _in(term, basis) -> bool:
    y, x = term.x & term.z, term.x & ~term.z
    return (term.support, term.coefficient) in basis.terms and not (x & ~basis.x or y & ~basis.y)


@pytest.mark.parametrize("name", ["qulacs", "aer_statevector", "aer_mps"])
@pytest.mark.parametrize("shots", [16, 1000])
def test_estimates_have_the_right_mean_and_variance(name, shots):
    rows = 200 if name == "qulacs" else 40
    circuit, op = efficient_su2(3, reps=1, entanglement="linear"), observable(3, 4)
    theta = np.random.default_rng(2).normal(size=circuit.num_parameters)
    program = ExactQpu(simulators=[name]).compile(circuit, op)
    request = Request(np.tile(theta, (rows, 1)), shots, keys(rows))
    values = np.array(ExactQpu().evaluate(program, request).values)
    variance = variance_of_one_shot_each(circuit, op, theta) / shots
    assert abs(values.mean() - truth(circuit, op, theta)) < 5 * np.sqrt(variance / rows)
    # The sample variance of near-normal values has relative standard deviation sqrt(2 / (rows - 1)).
    assert abs(values.var(ddof=1) / variance - 1) < 5 * np.sqrt(2 / (rows - 1))


@pytest.mark.parametrize("name", ["qulacs", "aer_mps"])
@pytest.mark.parametrize("shots", [50, 20_000])
def test_counts_follow_the_born_rule(name, shots):
    circuit = efficient_su2(4, reps=1, entanglement="linear")
    theta = np.random.default_rng(5).normal(size=circuit.num_parameters)
    program = ExactQpu(simulators=[name]).compile(circuit, None)
    counts = ExactQpu().evaluate(program, Request(theta[None], shots, keys(1), counts=True)).counts[0]
    for bits, p in Statevector(circuit.assign_parameters(theta)).probabilities_dict().items():
        assert abs(counts.get(bits, 0) - shots * p) < 5 * np.sqrt(shots * p * (1 - p)) + 5
    assert sum(counts.values()) == shots


def test_wide_matrix_product_states_are_sampled_by_aer_itself(monkeypatch):
    monkeypatch.setattr(aer_mps, "_AMPLITUDE_QUBITS", 0)
    test_estimates_have_the_right_mean_and_variance("aer_mps", 100)
    test_counts_follow_the_born_rule("aer_mps", 500)


def test_both_ways_of_drawing_agree_with_the_weights():
    weights = np.array([0.0, 2.0, 1.0, 0.0, 1.0] + [0.0] * 123)
    for shots in (400, 40_000):  # inversion, multinomial
        outcomes, times = draw(weights, shots, generator(bytes(32)))
        assert set(outcomes) <= {1, 2, 4}
        assert times.sum() == shots
        assert abs(times[list(outcomes).index(1)] / shots - 0.5) < 5 * np.sqrt(0.25 / shots)


def test_the_same_key_draws_the_same_shots_and_another_draws_others():
    circuit = efficient_su2(4, reps=1)
    program = ExactQpu().compile(circuit, observable(4, 9))
    theta = np.random.default_rng(0).normal(size=(3, circuit.num_parameters))
    theta[1] = theta[2] = theta[0]
    a, b = keys(2)
    first, second, third = ExactQpu().evaluate(program, Request(theta, 64, (a, b, a))).values
    assert first == third
    assert first != second


@settings(max_examples=50, deadline=None)
@given(labels=st.lists(st.text("IXYZ", min_size=4, max_size=4), min_size=1, max_size=20, unique=True))
def test_bases_hold_every_string_once_and_only_strings_that_commute_qubit_wise(labels):
    terms = terms_of(SparsePauliOp(labels, np.arange(1, len(labels) + 1)), 4)
    constant, bases = bases_of(terms)
    assert constant == sum(k + 1 for k, label in enumerate(labels) if label == "IIII")
    placed = sorted(coefficient for basis in bases for _, coefficient in basis.terms)
    assert placed == [k + 1 for k, label in enumerate(labels) if label != "IIII"]
    by_coefficient = dict(zip(range(1, len(labels) + 1), labels, strict=True))
    for basis in bases:
        for qubit in range(4):
            letters = {by_coefficient[int(c)][3 - qubit] for _, c in basis.terms} - {"I"}
            assert len(letters) <= 1
            assert ("X" in letters) == bool(basis.x >> qubit & 1)
            assert ("Y" in letters) == bool(basis.y >> qubit & 1)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_terms_round_trip(seed):
    op = observable(4, seed)
    assert pauli_sum(terms_of(op, 4), 4).simplify().equiv(op.simplify())


def test_a_y_measurement_is_not_an_x_measurement():
    circuit = QuantumCircuit(1)
    circuit.rx(-np.pi / 2, 0)
    program = ExactQpu().compile(circuit, SparsePauliOp(Pauli("Y")))
    assert ExactQpu().evaluate(program, Request(np.zeros((1, 0)), 10, keys(1))).values == (1.0,)
