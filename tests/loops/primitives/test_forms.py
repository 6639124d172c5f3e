"""Every way to write parameter values: taken or refused as by Qiskit's primitives, with the same results."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import real_amplitudes
from qiskit.primitives import StatevectorEstimator, StatevectorSampler

from qloop.errors import InvalidInput
from qloop.qiskit import EstimatorV2, SamplerV2
from tests.loops.primitives.world import memory


@pytest.fixture(scope="module")
def ours() -> Iterator[tuple[EstimatorV2, SamplerV2]]:
    with memory() as runtime, EstimatorV2(runtime=runtime) as estimator, SamplerV2(estimator.session) as sampler:
        yield estimator, sampler


def flipped() -> QuantumCircuit:
    made = QuantumCircuit(1)
    made.x(0)
    return made


def turned() -> QuantumCircuit:
    made = QuantumCircuit(1)
    made.ry(Parameter("x"), 0)
    return made


PI, THETA = np.pi, [0, 1, 1, 2, 3, 5]
SIX = real_amplitudes(2, reps=2)
NAMES = [parameter.name for parameter in SIX.parameters]
NONE = [None, [], [[]], (), ((),), ([],), [()], [(), (), ()], np.array([]), np.array([[]]), [np.array([])], {}, 0.3,
        [0.3], np.zeros((2, 3, 0)), np.zeros((0,))]
ONE = [None, [], PI, [PI], (PI,), np.array(PI), np.array([PI]), [[PI]], ((PI,),), np.array([[PI]]), [1, 2], [[1, 2]],
       [[1], [2]], {"x": 1}, {"x": [1]}, {"x": [1, 2]}, {"x": [[1], [2]]}, {("x",): [1]}, {("x",): [[1], [2]]},
       {"y": 1}, np.zeros((0,)), np.zeros((0, 1)), np.zeros((1, 0)), np.zeros((2, 1, 1))]
MANY = [None, [], 1.0, THETA, [THETA], tuple(THETA), (THETA,), np.array(THETA), [np.array(THETA)], [THETA, THETA],
        [[THETA, THETA]], THETA[:5], [THETA[:5]], {tuple(SIX.parameters): THETA}, {tuple(SIX.parameters): [THETA]},
        dict(zip(SIX.parameters, THETA, strict=True)), {name: [1.0] for name in NAMES},
        {name: [1.0, 2.0] for name in NAMES}, dict.fromkeys(NAMES[:5], 1.0), np.zeros((0, 6))]


def answer(primitive, pub):
    """The first result, or that it was refused: by qloop always as InvalidInput."""
    own = isinstance(primitive, EstimatorV2 | SamplerV2)
    refusals = (InvalidInput,) if own else (ValueError, TypeError, KeyError)
    try:
        return primitive.run([pub]).result()[0].data
    except refusals:
        return "refused"


@pytest.mark.parametrize(("made", "forms"), [(flipped(), NONE), (turned(), ONE), (SIX, MANY)],
                         ids=["no parameters", "one parameter", "six parameters"])
def test_parameter_values_in_every_form(ours, made, forms):
    estimator, sampler = ours
    width, measured = made.num_qubits, made.measure_all(inplace=False)
    taken = 0
    for values in forms:
        for wish in ("Z" * width, ["Z" * width, "X" * width]):
            mine = answer(estimator, (made, wish, values))
            reference = answer(StatevectorEstimator(), (made, wish, values))
            assert (mine == "refused") is (reference == "refused"), values
            if mine != "refused":
                assert mine.evs.shape == reference.evs.shape, values
                np.testing.assert_allclose(mine.evs, reference.evs, atol=1e-9)
                taken += 1
        mine, reference = answer(sampler, (measured, values)), answer(StatevectorSampler(), (measured, values))
        assert (mine == "refused") is (reference == "refused"), values
        assert mine == "refused" or mine.meas.array.shape == reference.meas.array.shape, values
    assert len(forms) < 2 * taken < 4 * len(forms)      # many are taken, and some are refused
