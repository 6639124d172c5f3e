"""Matrix product states: refused where the truncation error is not provably small, right where they are admitted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import Statevector, random_unitary

from qloop.errors import InvalidInput
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import Request
from qloop.qpus.simulators.aer_mps import MAX_INFIDELITY, AerMps, infidelity_bound, max_bond
from qloop.qpus.simulators.circuits import template
from qloop.qpus.simulators.lowering import lower
from tests.qpus.circuits_for_tests import observable, truth


def brickwork(n: int, depth: int, seed: int) -> QuantumCircuit:
    circuit = QuantumCircuit(n)
    for layer in range(depth):
        for k in range(layer % 2, n - 1, 2):
            circuit.unitary(random_unitary(4, seed=seed + 100 * layer + k), [k, k + 1])
    return circuit


@settings(max_examples=25, deadline=None)
@given(n=st.integers(2, 7), depth=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_the_bond_bound_holds_for_random_circuits(n, depth, seed):
    lowered = lower(brickwork(n, depth, seed))
    state = Statevector(template(lowered)).data
    for cut in range(1, n):
        singular = np.linalg.svd(state.reshape(2 ** (n - cut), 2**cut), compute_uv=False)
        assert (singular > 1e-12).sum() <= max_bond(lowered)


def test_the_bond_bound_is_reached_by_generic_circuits():
    lowered = lower(brickwork(6, 6, 1))
    singular = np.linalg.svd(Statevector(template(lowered)).data.reshape(8, 8), compute_uv=False)
    assert (singular > 1e-12).sum() == max_bond(lowered) == 8


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 10), reps=st.integers(1, 3),
       size=st.sampled_from([1e-9, 1e-7, 1e-3, 1.0]))
def test_admitted_circuits_have_the_state_vectors_values(seed, n, reps, size):
    """Angles near 1e-8 make Schmidt coefficients that Aer drops: the bound must cover them."""
    circuit, op = efficient_su2(n, reps=reps, entanglement="linear"), observable(n, seed)
    theta = size * np.random.default_rng(seed).normal(size=circuit.num_parameters)
    program = ExactQpu(simulators=["aer_mps"]).compile(circuit, op)
    computed = ExactQpu().evaluate(program, Request(theta[None], 0, ())).values[0]
    norm = np.abs(op.coeffs).sum()
    assert abs(computed - truth(circuit, op, theta)) <= 1e-9 * norm + 2 * norm * np.sqrt(infidelity_bound(
        lower(circuit))) * (size < 1e-3)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.sampled_from([3e-9, 3e-8, 1.0]))
def test_the_infidelity_stays_below_its_bound(seed, size):
    from qiskit_aer import AerSimulator

    circuit = efficient_su2(6, reps=2, entanglement="linear")
    lowered = lower(circuit)
    theta = size * np.random.default_rng(seed).normal(size=circuit.num_parameters)
    bound = template(lowered).assign_parameters(lowered.angles(theta).tolist())
    exact = Statevector(bound).data
    bound.save_statevector()
    simulator = AerSimulator(method="matrix_product_state", mps_lapack=True,
                             matrix_product_state_truncation_threshold=0.0)
    computed = np.array(simulator.run(bound, shots=1).result().data(0)["statevector"].data)
    overlap = abs(np.vdot(exact, computed)) ** 2 / np.vdot(computed, computed).real
    assert 1 - overlap <= infidelity_bound(lowered) + 1e-14 <= MAX_INFIDELITY


def test_high_entanglement_is_refused_with_its_bound():
    deep = brickwork(24, 24, 0)
    with pytest.raises(InvalidInput, match=r"aer_mps: its truncation error can only be bounded by .* more than 1e-09 "
                                           r"\(bond dimension up to 4,096\)"):
        ExactQpu(simulators=["aer_mps"]).compile(deep, None)
    assert "neighbouring" in AerMps().refusal(lower(efficient_su2(4, entanglement="full")), None)
    assert AerMps().refusal(lower(efficient_su2(100, reps=3, entanglement="linear")), None) == ""
