"""The sampler against Qiskit's own: registers, shapes, order of bits, and distributions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit, Parameter
from qiskit.primitives import BaseSamplerV2, StatevectorSampler
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qloop.qiskit import SamplerV2
from tests.loops.primitives.world import joint, memory, start
from tests.qpus.circuits_for_tests import circuits

SHOTS = 2000


@pytest.fixture(scope="module")
def sampler() -> Iterator[SamplerV2]:
    with memory() as runtime, SamplerV2(runtime=runtime) as made:
        yield made


@st.composite
def measured(draw, gates):
    """A circuit with some qubits measured into bits of several registers, in any order; some bits stay unwritten."""
    circuit = draw(gates).copy()
    sizes = draw(st.lists(st.integers(1, 10), min_size=1, max_size=3))
    for k, size in enumerate(sizes):
        circuit.add_register(ClassicalRegister(size, f"r{k}"))
    bits = draw(st.permutations(range(sum(sizes))))
    qubits = draw(st.lists(st.integers(0, circuit.num_qubits - 1), min_size=1, max_size=min(4, sum(sizes))))
    for qubit, bit in zip(qubits, bits, strict=False):
        circuit.measure(qubit, bit)
    return circuit


@st.composite
def basis_states(draw):
    """Circuits whose outcome is certain."""
    circuit = QuantumCircuit(draw(st.integers(1, 6)))
    for qubit in draw(st.lists(st.integers(0, circuit.num_qubits - 1), max_size=8)):
        circuit.x(qubit)
    return circuit


def distance(one, other) -> float:
    """Total variation between two counts."""
    shots = sum(one.values())
    return sum(abs(one[key] - other[key]) for key in {*one, *other}) / 2 / shots


def same_form(one, other):
    assert list(one.data) == list(other.data)
    assert one.data.shape == other.data.shape
    for mine, reference in zip(one.data.values(), other.data.values(), strict=True):
        assert (mine.shape, mine.num_shots, mine.num_bits) == (reference.shape, reference.num_shots, reference.num_bits)
        assert mine.array.shape == reference.array.shape
    assert one.metadata["shots"] == other.metadata["shots"]
    assert one.metadata["circuit_metadata"] == other.metadata["circuit_metadata"]


@settings(max_examples=40, deadline=None)
@given(circuit=measured(basis_states()), shots=st.integers(1, 40))
def test_certain_outcomes_are_equal_bit_by_bit(sampler, circuit, shots):
    one = sampler.run([circuit], shots=shots).result()[0]
    other = StatevectorSampler().run([circuit], shots=shots).result()[0]
    same_form(one, other)
    for mine, reference in zip(one.data.values(), other.data.values(), strict=True):
        np.testing.assert_array_equal(mine.array, reference.array)


@settings(max_examples=25, deadline=None)
@given(circuit=measured(circuits(max_qubits=4, max_gates=12)), seed=st.integers(0, 999),
       shape=array_shapes(min_dims=0, max_dims=3, max_side=2))
def test_random_pubs_have_qiskits_distribution(sampler, circuit, seed, shape):
    """At most 16 outcomes: 2000 shots twice are closer than .2 but once in 10^10 times."""
    values = start(seed, *shape, circuit.num_parameters)
    pub = (circuit, values) if circuit.num_parameters else (circuit,)
    one = sampler.run([pub], shots=SHOTS).result()[0]
    other = StatevectorSampler(seed=seed).run([pub], shots=SHOTS).result()[0]
    same_form(one, other)
    for where in np.ndindex(one.data.shape):
        assert distance(joint(one.data, where), joint(other.data, where)) < 0.2


def test_shots_come_in_random_order_and_registers_stay_together(sampler):
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(1, "left"), ClassicalRegister(1, "right"))
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1], [0, 1])
    data = sampler.run([circuit], shots=4000).result()[0].data
    left, right = data.left.array.ravel(), data.right.array.ravel()
    np.testing.assert_array_equal(left, right)
    first = left[:400].mean()
    assert abs(first - left.mean()) < 0.13     # 5 standard errors; sorted shots would have 0 there
    assert 1700 < np.count_nonzero(np.diff(left.astype(int))) < 2300


def test_parameters_by_name_with_expressions_and_many_dimensions(sampler):
    a, b = Parameter("b"), Parameter("a")
    circuit = QuantumCircuit(2)
    circuit.rx(a + 0 * b, 0)
    circuit.rx(2 * b, 1)
    circuit.measure_all()
    angles = np.array([0.0, np.pi])
    pub = (circuit, {a: np.broadcast_to(angles[:, None], (2, 2)), "a": np.broadcast_to(angles / 2, (2, 2))}, 7)
    bits = sampler.run([pub]).result()[0].data.meas
    assert bits.shape == (2, 2)
    assert [[bits.get_counts((i, j)) for j in range(2)] for i in range(2)] == [[{"00": 7}, {"10": 7}],
                                                                              [{"01": 7}, {"11": 7}]]
    empty = sampler.run([(circuit, np.zeros((0, 3, 2)))]).result()[0]
    assert empty.data.meas.array.shape == (0, 3, 1024, 1)
    assert empty.metadata["source"] is None


def test_shared_and_loose_bits(sampler):
    """Registers may share bits; a bit in no register is not in the result."""
    shared, loose = ClassicalRegister(2, "a"), Clbit()
    circuit = QuantumCircuit(QuantumRegister(3), [loose], shared)
    circuit.add_register(ClassicalRegister(name="b", bits=[shared[1], shared[0]]))
    circuit.x([0, 2])
    circuit.measure([0, 1], [shared[0], shared[1]])
    circuit.measure(2, loose)
    data = sampler.run([circuit], shots=3).result()[0].data
    assert list(data) == ["a", "b"]
    assert (data.a.get_counts(), data.b.get_counts()) == ({"01": 3}, {"10": 3})


def test_what_measures_nothing_costs_nothing(sampler):
    before = sampler.session.usage()["results"]
    with_bits = QuantumCircuit(2, 3)
    with_bits.h(0)
    bare = QuantumCircuit(1)
    with pytest.warns(UserWarning, match="no classical registers, so its result is empty"):
        results = sampler.run([with_bits, bare], shots=5).result()
    assert results[0].data.c.get_counts() == {"000": 5}
    assert list(results[1].data) == []
    assert sampler.session.usage()["results"] == before
    assert results.metadata["shots_bought"] == 0


def test_many_classical_bits_of_which_few_are_written(sampler):
    circuit = QuantumCircuit(2, 150)
    circuit.x(1)
    circuit.measure([0, 1], [3, 149])
    (found,) = sampler.run([circuit], shots=2).result()[0].data.c.get_counts()
    assert found == "1" + "0" * 149


def test_whose_shots_count():
    circuit = QuantumCircuit(1)
    circuit.measure_all()
    with memory() as runtime, SamplerV2(runtime=runtime) as ours:
        assert isinstance(ours, BaseSamplerV2)
        assert ours.default_shots == 1024
        ours.options.default_shots = 11
        found = ours.run([circuit, (circuit, None, 3), SamplerPub.coerce((circuit, None, 4))]).result()
        assert [one.metadata["shots"] for one in found] == [11, 3, 4]
        assert ours.run([circuit], shots=np.int64(6)).result()[0].metadata["shots"] == 6
    with memory() as runtime, SamplerV2(runtime=runtime, default_shots=9) as ours:
        assert ours.run([circuit]).result().metadata["shots_bought"] == 9
