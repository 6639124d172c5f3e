"""The estimator against Qiskit's own, on random pubs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.primitives import BaseEstimatorV2, StatevectorEstimator
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import Pauli, SparseObservable, SparsePauliOp, Statevector

from qloop.qiskit import EstimatorV2
from tests.loops.primitives.world import memory, start
from tests.qpus.circuits_for_tests import circuits, observable


@pytest.fixture(scope="module")
def estimator() -> Iterator[EstimatorV2]:
    with memory() as runtime, EstimatorV2(runtime=runtime) as made:
        yield made


def array_of(shape: tuple[int, ...], n_qubits: int, seed: int) -> ObservablesArray:
    """Observables, some of which are equal."""
    kinds = [observable(n_qubits, seed + k, n_terms=1 + k * 4) for k in range(3)]
    kinds.append(SparsePauliOp(["I" * n_qubits], [0.5]))
    chosen = np.empty(shape, dtype=object)
    for where in np.ndindex(shape):
        chosen[where] = kinds[int(np.random.default_rng([seed, *where]).integers(len(kinds)))]
    return ObservablesArray(chosen)


def same(ours, pubs, **options):
    mine, reference = ours.run(pubs, **options).result(), StatevectorEstimator().run(pubs).result()
    assert len(mine) == len(reference)
    for one, other in zip(mine, reference, strict=True):
        assert one.data.shape == other.data.shape
        assert one.data.evs.shape == other.data.evs.shape
        assert one.data.evs.dtype == other.data.evs.dtype
        np.testing.assert_allclose(one.data.evs, other.data.evs, atol=1e-9, rtol=0)
        assert not one.data.stds.any()
        assert one.metadata["circuit_metadata"] == other.metadata["circuit_metadata"]


@settings(max_examples=40, deadline=None)
@given(circuit=circuits(max_qubits=4, max_gates=12), seed=st.integers(0, 999), plain=st.booleans(),
       shapes=mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3, min_side=0))
def test_random_pubs_have_qiskits_values(estimator, circuit, seed, plain, shapes):
    wish, given_shape = shapes.input_shapes
    values = start(seed, *given_shape, circuit.num_parameters)
    if not circuit.num_parameters and not plain:
        pub = (circuit, array_of(wish, circuit.num_qubits, seed))
    elif plain:
        pub = (circuit, array_of(wish, circuit.num_qubits, seed), BindingsArray({tuple(circuit.parameters): values}))
    else:
        pub = EstimatorPub.coerce((circuit, array_of(wish, circuit.num_qubits, seed), values))
    if len(circuit.parameters) == 0 and plain:
        pub = (circuit, array_of(wish, circuit.num_qubits, seed), values)
    same(estimator, [pub], precision=0.0)


@settings(max_examples=15, deadline=None)
@given(made=st.lists(circuits(max_qubits=3, max_gates=8), max_size=4), seed=st.integers(0, 99))
def test_several_pubs_keep_their_order(estimator, made, seed):
    same(estimator, [(c, observable(c.num_qubits, seed), start(seed, 2, c.num_parameters)) for c in made])


def test_every_form_of_observable_is_read_as_qiskit_reads_it(estimator):
    circuit = QuantumCircuit(2)
    circuit.ry(0.3, 0)
    circuit.cx(0, 1)
    circuit.rx(1.1, 1)
    forms = ["XY", Pauli("-ZZ"), {"ZI": 0.5, Pauli("IZ"): 2}, SparsePauliOp(["XX", "ZZ"], [1, -2]),
             SparseObservable.from_list([("YY", 0.3), ("II", 1.0)])]
    same(estimator, [(circuit, form) for form in forms])
    same(estimator, [(circuit, forms), (circuit, [[form] for form in forms]), (circuit, np.array(forms, dtype=object)),
                     (circuit, [SparsePauliOp("XX").paulis, ["ZZ"]]), (circuit, [])])


def test_projectors_have_their_own_values(estimator):
    """Qiskit's reference cannot do them; their values are probabilities."""
    circuit = QuantumCircuit(3)
    for qubit, angle in enumerate((0.4, 1.3, 2.2)):
        circuit.ry(angle, qubit)
    wish = [SparseObservable.from_label(label) for label in ("001", "1+0", "rlI", "Z-1")]
    found = estimator.run([(circuit, wish)]).result()[0].data.evs
    state = Statevector(circuit)
    expected = [state.expectation_value(SparsePauliOp.from_sparse_observable(one)).real for one in wish]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert found[0] == pytest.approx(np.cos(1.1)**2 * np.cos(0.65)**2 * np.sin(0.2)**2)


def test_forms_of_parameter_values(estimator):
    a, b, v = Parameter("b"), Parameter("a"), ParameterVector("v", 11)
    circuit = QuantumCircuit(2)
    circuit.rx(a, 0)
    circuit.ry(b * 2 - a, 1)
    for k in (10, 2):
        circuit.rz(v[k] / 3, k % 2)
        circuit.rxx(v[k], 0, 1)
    single = QuantumCircuit(1)
    single.rx(a.sin(), 0)
    vector = ParameterVector("w", 3)
    turning = QuantumCircuit(5, global_phase=vector[1])
    turning.rx(vector[0] + vector[2], 3)
    names = {"a": start(1, 3), ("b", v[10]): start(2, 3, 2), "v[2]": start(3, 3, 1)}
    same(estimator, [(turning, "IYIII", {vector: start(7, 2, 3)}), (turning, "IYIII", start(8, 3)),
                     (circuit, "ZX", names), (circuit, "ZX", start(4, 4).tolist()), (circuit, "YY", start(5, 2, 3, 4)),
                     (single, "Z", 0.3), (single, "Z", [0.3]), (single, "Z", [0.3, 0.5]), (single, "Z", [[0.3], [0.5]]),
                     (single, "Z", {a: np.array([[0.1, 0.2]])}), (single, ["Z", "Y"], start(6, 2, 1, 1))])


def test_precision_buys_shots_and_bounds_the_errors(estimator):
    """z-scores over many seeds: errors of single strings are the errors, of sums they are never too small."""
    circuit = QuantumCircuit(2)
    circuit.ry(0.9, 0)
    circuit.cx(0, 1)
    wish = ["ZI", "XX", SparsePauliOp(["ZZ", "XX", "YY", "II"], [1.0, -0.5, 0.25, 3.0])]
    exact = estimator.run([(circuit, wish)]).result()[0].data.evs
    data = [estimator.run([(circuit, wish)], precision=0.02).result()[0] for _ in range(60)]
    assert {(one.metadata["shots"], one.metadata["target_precision"]) for one in data} == {(2500, 0.02)}
    scores = np.array([(one.data.evs - exact) / np.maximum(one.data.stds, 1e-12) for one in data])
    assert np.abs(scores).max() < 5.0
    assert 0.6 < scores[:, 0].std() < 1.4
    assert scores[:, 2].std() < 1.1
    assert 0.0 < data[0].data.stds[0] <= 0.02


def test_the_pubs_precision_goes_before_the_runs_and_that_before_the_defaults():
    circuit = QuantumCircuit(1)
    circuit.h(0)
    with memory() as runtime, EstimatorV2(runtime=runtime, shots=70) as ours:
        def shots(pub, precision=None):
            return ours.run([pub], precision=precision).result()[0].metadata["shots"]

        assert ours.session.shots == 70
        assert shots((circuit, "Z")) == 70
        ours.options.default_precision = 0.1
        assert shots((circuit, "Z")) == 100
        assert shots((circuit, "Z"), 0.2) == 25
        assert shots((circuit, "Z", None, 0.5), 0.2) == 4
        assert shots((circuit, "Z", None, 0.0), 0.2) == 0
        assert shots((circuit, "Z", None, 0.3)) == 12      # ceil(11.1)
        ours.options.default_precision = None
        ours.options.default_shots = 5
        assert shots((circuit, "Z")) == 5
        assert isinstance(ours, BaseEstimatorV2)
