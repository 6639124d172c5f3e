"""Sampling overheads: closed formulas against the decompositions that are really used."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import (
    CHGate,
    CPhaseGate,
    CRXGate,
    CRYGate,
    CRZGate,
    CSGate,
    CSXGate,
    CXGate,
    CYGate,
    CZGate,
    DCXGate,
    ECRGate,
    RXXGate,
    RYYGate,
    RZXGate,
    RZZGate,
    SwapGate,
    UnitaryGate,
    XXPlusYYGate,
    iSwapGate,
)  # fmt: skip
from qiskit.quantum_info import random_unitary

from qloop.errors import InvalidInput
from qloop.planner.overheads import WIRE, any_gate, gate, rotation, shots_for, total

FIXED = {"cx": CXGate(), "cy": CYGate(), "cz": CZGate(), "ch": CHGate(), "ecr": ECRGate(), "swap": SwapGate(),
         "iswap": iSwapGate(), "dcx": DCXGate(), "cs": CSGate(), "csx": CSXGate()}
TURNED = (RXXGate, RYYGate, RZZGate, RZXGate, CRXGate, CRYGate, CRZGate, CPhaseGate)


def _decomposed(operation: object) -> float:
    from qiskit_addon_cutting.qpd import QPDBasis

    return float(QPDBasis.from_instruction(operation).overhead)


@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_gate_costs_what_its_decomposition_costs(name: str) -> None:
    assert gate(FIXED[name]) == pytest.approx(_decomposed(FIXED[name]), rel=1e-9)


def test_the_known_figures() -> None:
    from qiskit_addon_cutting.instructions import Move

    assert gate(CXGate()) == 9
    assert gate(iSwapGate()) == 49
    assert gate(SwapGate()) == 49
    assert gate(RZZGate(math.pi / 2)) == pytest.approx(9)
    assert gate(RZZGate(0.0)) == 1
    assert _decomposed(Move()) == WIRE == 16


@given(st.sampled_from(TURNED), st.floats(-7, 7))
def test_a_rotation_costs_what_its_decomposition_costs(kind: type, angle: float) -> None:
    # The reference takes a gate that turns by less than 1e-4 for the identity, whose overhead is 4e-4 more at most.
    assert gate(kind(angle)) == pytest.approx(_decomposed(kind(angle)), abs=5e-4)


@given(st.floats(-7, 7))
def test_a_rotation_costs_its_closed_formula(angle: float) -> None:
    assert gate(RZZGate(angle)) == rotation(angle) == (1 + 2 * abs(math.sin(angle))) ** 2


@given(st.integers(0, 10**6))
@settings(max_examples=40)
def test_any_gate_costs_what_its_decomposition_costs(seed: int) -> None:
    matrix = random_unitary(4, seed=seed).data
    assert any_gate(matrix) == pytest.approx(_decomposed(UnitaryGate(matrix)), rel=1e-6)


def test_a_gate_without_a_formula_is_taken_by_its_matrix() -> None:
    operation = XXPlusYYGate(0.7, 0.2)
    assert gate(operation) == pytest.approx(_decomposed(operation), rel=1e-7)


def test_local_gates_cost_nothing() -> None:
    local = np.kron(random_unitary(2, seed=1).data, random_unitary(2, seed=2).data)
    assert any_gate(local) == pytest.approx(1.0, abs=1e-6)


def test_an_unknown_angle_counts_with_its_worst() -> None:
    assert gate(RZZGate(Parameter("t"))) == 9


def test_overheads_of_a_circuit_multiply() -> None:
    circuit = QuantumCircuit(3)
    circuit.cx(0, 1)
    circuit.rzz(0.3, 1, 2)
    circuit.h(0)
    assert total(circuit, [0, 1], 2) == pytest.approx(9 * rotation(0.3) * 16**2)


def test_shots_grow_with_the_overhead_and_the_square_of_the_error() -> None:
    assert shots_for(1.0, 0.01) == 10_000
    assert shots_for(81.0, 0.01, 2.0) == 81 * 40_000


@pytest.mark.parametrize("error", [0.0, -1.0, math.nan, math.inf])
def test_an_error_that_cannot_be_reached_is_refused(error: float) -> None:
    with pytest.raises(InvalidInput, match="cannot be reached"):
        shots_for(9.0, error)


def test_what_cannot_be_cut_is_refused() -> None:
    circuit = QuantumCircuit(3)
    circuit.ccx(0, 1, 2)
    with pytest.raises(InvalidInput, match="'ccx' on 3 qubits cannot be cut"):
        gate(circuit.data[0].operation)
    with pytest.raises(InvalidInput, match=r"overhead of cutting 'xx_plus_yy' is not known.*Bind its parameters"):
        gate(XXPlusYYGate(Parameter("t")))
