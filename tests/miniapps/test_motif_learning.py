"""The pipeline's references are exact: labels, the model's own functions, and the bound on compression."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motif_sites import runtime
from qiskit.quantum_info import Statevector, partial_trace

from qloop.miniapps.motifs import dense, learning, pipeline
from qloop.miniapps.motifs.site import InProcess

SEEDS = st.integers(0, 2**20)


@settings(max_examples=5, deadline=None)
@given(features=st.integers(1, 3), layers=st.integers(1, 2), seed=SEEDS)
def test_labels_are_the_teachers_and_away_from_its_border(features: int, layers: int, seed: int) -> None:
    data = learning.made_data(features, layers, 12, 10, seed)
    for points, labels in ((data.train, data.train_labels), (data.test, data.test_labels)):
        values = learning.outputs(features, layers, data.teacher, points)
        assert np.abs(values).min() >= learning.MARGIN
        assert learning.accuracy(values, labels) == 1.0
    assert (len(data.train), len(data.test)) == (12, 10)


@settings(max_examples=5, deadline=None)
@given(features=st.integers(1, 2), layers=st.integers(1, 3), seed=SEEDS)
def test_a_classifier_is_a_sum_of_products_of_cosines_and_sines(features: int, layers: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    weights = generator.uniform(-3, 3, learning.weights_of(features, layers))
    points = generator.uniform(-3, 3, (40, features))
    values, functions = learning.outputs(features, layers, weights, points), learning._products(points)
    found, *_ = np.linalg.lstsq(functions, values, rcond=None)
    assert np.allclose(functions @ found, values, atol=1e-9)


@settings(max_examples=8, deadline=None)
@given(qubits=st.integers(2, 4), spread=st.floats(0, 1), seed=SEEDS, encoder=SEEDS)
def test_no_encoder_keeps_more_than_the_bound(qubits: int, spread: float, seed: int, encoder: int) -> None:
    latent, layers = qubits - 1, 1
    samples = learning.angles(latent, 5, seed)
    circuit = learning.compressor(qubits, latent, layers, spread, seed)
    weights = np.random.default_rng(encoder).uniform(-3, 3, circuit.num_parameters - latent)
    observable = learning.trash_is_zero(qubits, latent)
    states = [dense.bound(circuit, [*row, *weights]) for row in samples]
    kept = np.mean([dense.value_of(one, observable) for one in states])
    assert kept <= learning.best_compression(qubits, latent, layers, spread, seed, samples) + 1e-9
    trash = partial_trace(Statevector(states[0]), list(range(latent)))
    assert dense.value_of(states[0], observable) == pytest.approx(trash.data[0, 0].real, abs=1e-12)


def test_states_of_a_small_space_can_be_kept_in_full_and_others_not() -> None:
    samples = learning.angles(1, 6, 3)
    assert learning.best_compression(3, 1, 1, 0.0, 3, samples) == pytest.approx(1.0)
    assert learning.best_compression(3, 1, 1, 0.5, 3, samples) < 0.99


def test_the_encoder_can_undo_what_made_the_states() -> None:
    samples, seed = learning.angles(1, 4, 3), 3
    circuit = learning.compressor(3, 1, 1, 0.0, seed)
    (hidden,) = np.random.Generator(learning.philox(seed, learning.STATE_STREAM)).uniform(-np.pi, np.pi, (1, 3))
    weights = [*(-hidden), 0.0, 0.0, 0.0]
    observable = learning.trash_is_zero(3, 1)
    assert all(dense.value_of(dense.bound(circuit, [*row, *weights]), observable) == pytest.approx(1.0)
               for row in samples)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_both_trainings_come_near_to_what_is_classically_the_best(seed: int) -> None:
    with runtime() as r:
        result = pipeline.run(pipeline.Pipeline(seed=seed), InProcess(r))
    assert result.holds
    assert result.values["compression"] > 0.95
    assert result.values["accuracy"] == result.values["exact_accuracy"]


def test_a_training_that_was_cut_short_is_told() -> None:
    parameters = pipeline.Pipeline(iterations=1, starts=1, behind=0.0)
    with runtime() as r:
        result = pipeline.run(parameters, InProcess(r))
    assert not result.holds
    assert next(check for check in result.checks if check.name == "worst test value").holds
