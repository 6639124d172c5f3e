"""The least runs of a cut's side: every term follows from them, and they are as few as can be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.circuit import Measure
from qiskit.circuit.library import CXGate, RZZGate, SwapGate, UnitaryGate, iSwapGate
from qiskit.quantum_info import random_unitary

from qloop.errors import InvalidInput
from qloop.planner.sides import Branching, Reading, branches_of, branching, joined, reading


def _basis(operation: Any) -> Any:
    from qiskit_addon_cutting.qpd import QPDBasis

    return QPDBasis.from_instruction(operation)


def _wire() -> Any:
    from qiskit_addon_cutting.instructions import Move

    return _basis(Move())


def _end(basis: Any, end: int) -> list[Any]:
    return [choice[end] for choice in basis.maps]


def _density(seed: int) -> np.ndarray[Any, Any]:
    vector = np.random.Generator(np.random.Philox(key=seed)).normal(size=(2, 2)).view(np.complex128).ravel()
    return np.outer(vector, vector.conj())


def _run(terms: Any, state: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A term applied to a density matrix by its own branches."""
    done = np.zeros((2, 2), dtype=np.complex128)
    for sign, operator in branches_of(terms):
        done += sign * operator @ state @ operator.conj().T
    return done


@given(st.integers(0, 10**6), st.integers(0, 1))
@settings(max_examples=15, deadline=None)
def test_terms_of_any_gate_follow_from_the_runs(seed: int, end: int) -> None:
    basis = _basis(UnitaryGate(random_unitary(4, seed=seed)))
    side, state = branching(_end(basis, end), first=False), _density(seed)
    ran = np.array([operator @ state @ operator.conj().T for operator in side.operators])
    for term, weights in zip(_end(basis, end), side.mixing, strict=True):
        np.testing.assert_allclose(np.einsum("r,rij->ij", weights, ran), _run(term, state), atol=1e-10)


@pytest.mark.parametrize(("operation", "runs"), [(CXGate(), 4), (RZZGate(0.4), 4), (iSwapGate(), 16), (SwapGate(), 16)])
def test_runs_are_as_many_as_channels_are_independent(operation: Any, runs: int) -> None:
    basis = _basis(operation)
    for end in (0, 1):
        side = branching(_end(basis, end), first=False)
        assert len(side.operators) == runs
        assert len(side.operators) < sum(len(branches_of(term)) for term in _end(basis, end))


def test_at_the_begin_only_what_becomes_of_zero_counts() -> None:
    assert len(branching(_end(_basis(CXGate()), 0), first=True).operators) == 1
    assert len(branching(_end(_basis(CXGate()), 1), first=True).operators) == 4
    assert len(branching(_end(_wire(), 1), first=True).operators) == 4


def test_a_wire_is_read_off_one_run_upstream() -> None:
    side = reading(_end(_wire(), 0))
    assert side.letters == "IXYZ"
    state = _density(3)
    flip, turn = np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]])
    paulis = {"I": np.eye(2), "X": flip, "Y": turn, "Z": np.diag([1, -1])}
    values = np.array([np.trace(paulis[letter] @ state).real for letter in side.letters])
    for term, weights in zip(_end(_wire(), 0), side.mixing, strict=True):
        assert weights @ values == pytest.approx(np.trace(_run(term, state)).real, abs=1e-12)


def test_a_diagonal_gate_at_the_end_needs_two_letters() -> None:
    assert reading(_end(_basis(RZZGate(0.4)), 0)).letters == "IZ"


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_both_ends_joined_are_the_gate(seed: int) -> None:
    """Fed with product states and asked for product effects, the joined ends give what the gate gives."""
    matrix = random_unitary(4, seed=seed).data
    basis = _basis(UnitaryGate(matrix))
    left, right = (branching(_end(basis, end), first=False) for end in (0, 1))
    states, effects = (_density(seed + 1), _density(seed + 2)), (_density(seed + 3), _density(seed + 4))
    values = [np.array([np.trace(effect @ operator @ state @ operator.conj().T).real for operator in side.operators])
              for side, state, effect in zip((left, right), states, effects, strict=True)]
    got = values[0] @ joined(left, right, np.array(basis.coeffs)) @ values[1]
    both = matrix @ np.kron(states[1], states[0]) @ matrix.conj().T
    assert got == pytest.approx(np.trace(np.kron(effects[1], effects[0]) @ both).real, rel=1e-8, abs=1e-8)


def test_kinds_of_sides_are_told_apart() -> None:
    assert isinstance(branching([[]], first=False), Branching)
    assert isinstance(reading([[]]), Reading)


def test_an_instruction_that_is_no_side_is_refused() -> None:
    with pytest.raises(InvalidInput, match="neither a gate, a measurement nor a reset"):
        branches_of([Measure()])
