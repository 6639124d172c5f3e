"""Folding changes nothing but noise, extrapolation is exact on its own laws, and readout errors can be undone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motif_sites import runtime
from qiskit.quantum_info import Operator

from qloop.errors import InvalidInput
from qloop.miniapps.motifs import dense, error_mitigation, mitigating
from qloop.miniapps.motifs.drawn import drawn_circuit
from qloop.miniapps.motifs.noise_model import NoiseModel, outcome_probabilities
from qloop.miniapps.motifs.site import InProcess

SCALES = (1, 3, 5)
NUMBERS = st.floats(-2, 2)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**20), scale=st.sampled_from([1, 3, 5, 7]))
def test_folding_keeps_the_unitary_and_multiplies_the_gates(seed: int, scale: int) -> None:
    circuit = drawn_circuit(3, 2, seed, 0)
    made = mitigating.folded(circuit, scale)
    assert Operator(made).equiv(Operator(circuit))
    assert sum(one.operation.name != "barrier" for one in made.data) == scale * len(circuit.data)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**20), share=st.floats(0.001, 0.1))
def test_depolarizing_a_folded_gate_is_that_often_depolarizing(seed: int, share: float) -> None:
    circuit = drawn_circuit(2, 1, seed, 0)
    noisy = outcome_probabilities(2, dense.operations(mitigating.folded(circuit, 3)), NoiseModel(share, 0, 0, 0))
    clean = dense.probabilities(dense.run(2, dense.operations(circuit)))
    assert np.allclose(noisy, (1 - share)**3 * clean + (1 - (1 - share)**3) / 4, atol=1e-12)


@pytest.mark.parametrize("scale", [0, 2, -1, 4])
def test_even_scales_are_refused(scale: int) -> None:
    with pytest.raises(InvalidInput, match="come in pairs"):
        mitigating.folded(drawn_circuit(2, 1, 0, 0), scale)


@settings(max_examples=40, deadline=None)
@given(at_zero=NUMBERS, slope=NUMBERS, curve=NUMBERS)
def test_rules_are_exact_on_their_own_laws(at_zero: float, slope: float, curve: float) -> None:
    straight = [at_zero + slope * x for x in SCALES]
    bent = [at_zero + slope * x + curve * x * x for x in SCALES]
    assert mitigating.extrapolated(SCALES, straight, "linear") == pytest.approx(at_zero, abs=1e-9)
    assert mitigating.extrapolated(SCALES, bent, "richardson") == pytest.approx(at_zero, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(at_zero=st.floats(0.05, 1), decay=st.floats(0.3, 1), sign=st.sampled_from([-1, 1]))
def test_exponential_decay_is_undone(at_zero: float, decay: float, sign: int) -> None:
    values = [sign * at_zero * decay**x for x in SCALES]
    if min(map(abs, values)) > mitigating.LEAST_SIGNAL:
        assert mitigating.extrapolated(SCALES, values, "exponential") == pytest.approx(sign * at_zero, rel=1e-6)


def test_values_that_change_their_sign_are_taken_as_a_line() -> None:
    values = [0.3, 0.1, -0.1]
    assert mitigating.extrapolated(SCALES, values, "exponential") == pytest.approx(0.4)


def test_values_that_grow_with_noise_are_left_alone() -> None:
    assert mitigating.extrapolated(SCALES, [0.3, 0.4, 0.5], "exponential") == pytest.approx(0.3)


def test_readout_errors_are_undone_in_the_limit_of_many_shots() -> None:
    program = dense.operations(drawn_circuit(3, 2, 5, 0))
    noise, masks, shots = NoiseModel(0, 0, 0.03, 0.08), [0b011, 0b110, 0b101], 10**8

    def counted(operations: tuple[dense.Operation, ...]) -> dict[str, int]:
        chances = outcome_probabilities(3, operations, noise)
        return {f"{k:03b}": round(shots * chance) for k, chance in enumerate(chances)}

    zeros, ones = (counted(dense.operations(one)) for one in error_mitigation.prepared(3))
    matrices = mitigating.assignments(zeros, ones)
    assert np.allclose(matrices[1], [[0.97, 0.08], [0.03, 0.92]], atol=1e-6)
    state = dense.run(3, program)
    exact = np.mean([dense.expectation(state, (dense.Term(0, mask),)) for mask in masks])
    raw = mitigating.mean_of(counted(program), masks)
    assert abs(raw - exact) > 0.02
    assert mitigating.corrected(counted(program), matrices, masks) == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize("rule", ["exponential", "linear", "richardson"])
@pytest.mark.parametrize("seed", [0, 1])
def test_mitigation_is_nearer_than_raw_values_over_seeds(rule: str, seed: int) -> None:
    with runtime() as r:
        result = error_mitigation.run(error_mitigation.ErrorMitigation(rule=rule, seed=seed), InProcess(r))
    values = result.values
    assert result.holds
    assert values["both_error"] < min(values["raw_error"], values["readout_error"])


def test_without_noise_there_is_nothing_to_gain_and_the_check_says_so() -> None:
    parameters = error_mitigation.ErrorMitigation(two_qubit=0.0, one_qubit=0.0, readout=0.0)
    with runtime() as r:
        result = error_mitigation.run(parameters, InProcess(r))
    assert [check.name for check in result.checks] == ["raw value without noise"]
    assert result.holds


def test_mitigation_that_makes_things_worse_does_not_pass() -> None:
    rows = np.array([[0.5, 0.5, 0.5, 0.2 + 0.01 * k] for k in range(5)])
    errors = np.abs(rows - 0.55)
    (check,) = error_mitigation.checks(error_mitigation.ErrorMitigation(), rows, errors, 0.55, noisy=True)
    assert not check.holds
