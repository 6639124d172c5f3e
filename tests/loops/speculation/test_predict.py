"""Predictors against closed cases: exact on planes, through the points, as wrong as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.loops.speculation.predict import Gaussian, _squares, fit, gaussian, linear


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 6), extra=st.integers(0, 10), seed=st.integers(0, 2**32))
def test_a_plane_is_predicted_exactly(n: int, extra: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    points, slope, offset = generator.normal(size=(n + 1 + extra, n)), generator.normal(size=n), generator.normal()
    model, new = linear(points, points @ slope + offset), 3 * generator.normal(size=(4, n))
    found = model.predict(new)
    assert found.values == pytest.approx(new @ slope + offset, abs=1e-8)
    assert np.all(found.sd < 1e-6) if extra else np.all(np.isinf(found.sd))


def test_too_few_points_leave_the_slope_flat_where_they_say_nothing() -> None:
    model = linear([[0.0, 0.0], [1.0, 0.0]], [1.0, 3.0])
    assert model.predict(np.array([[0.5, 7.0], [2.0, -4.0]])).values == pytest.approx([2.0, 5.0])
    assert linear([[0.3, 0.4]], [2.0]).predict(np.zeros((2, 2))).values == pytest.approx([2.0, 2.0])


def test_the_planes_errors_are_as_large_as_they_say() -> None:
    """Noise of sd 0.3 on a plane: of normalised errors at new points the variance is that of Student's t."""
    generator, errors = np.random.default_rng(8), []
    for _ in range(1500):
        points = generator.normal(size=(14, 3))
        values = points @ [1.0, -2.0, 0.5] + 0.3 * generator.standard_normal(14)
        new = generator.normal(size=(1, 3))
        found = linear(points, values).predict(new)
        truth = float((new @ [1.0, -2.0, 0.5])[0]) + 0.3 * generator.standard_normal()
        errors.append((truth - found.values[0]) / found.sd[0])
    assert np.var(errors) == pytest.approx(10 / 8, rel=0.15)    # t with 10 degrees of freedom
    assert abs(np.mean(errors)) < 0.1


def smooth(points: np.ndarray) -> np.ndarray:
    return np.asarray(np.sin(points[:, 0]) * np.cos(0.7 * points[:, 1]) + 0.2 * points[:, 0])


def test_the_process_goes_through_its_points_and_near_the_truth_between_them() -> None:
    generator = np.random.default_rng(2)
    points = generator.uniform(-1.5, 1.5, size=(40, 2))
    model = gaussian(points, smooth(points))
    assert model.predict(points).values == pytest.approx(smooth(points), abs=1e-4)
    inside = generator.uniform(-1.2, 1.2, size=(200, 2))
    found = model.predict(inside)
    assert np.max(np.abs(found.values - smooth(inside))) < 0.02
    assert np.mean(np.abs(found.values - smooth(inside)) <= 3 * found.sd + 1e-6) > 0.9
    far = model.predict(np.array([[60.0, 0.0]]))
    assert far.values[0] == pytest.approx(model.mean, abs=1e-6), "far away nothing is known"
    assert far.sd[0] > 10 * found.sd.mean()


def test_the_process_is_the_textbooks() -> None:
    """Against the formulas written out with a direct solve."""
    generator = np.random.default_rng(6)
    points, new = generator.normal(size=(9, 3)), generator.normal(size=(5, 3))
    values = generator.normal(size=9)
    model = gaussian(points, values)
    kernel = np.exp(-0.5 * _squares(points, points) / model.length**2) + model.noise * np.eye(9)
    cross = np.exp(-0.5 * _squares(new, points) / model.length**2)
    expected = values.mean() + cross @ np.linalg.solve(kernel, values - values.mean())
    variance = model.scale * np.maximum(
        1 + model.noise - np.sum(cross * np.linalg.solve(kernel, cross.T).T, axis=1), model.noise)
    found = model.predict(new)
    assert found.values == pytest.approx(expected, rel=1e-6, abs=1e-8)
    assert found.sd**2 == pytest.approx(variance, rel=1e-5, abs=1e-8)
    assert model.scale == pytest.approx((values - values.mean()) @ np.linalg.solve(kernel, values - values.mean()) / 9)


def test_noise_is_told_from_a_function() -> None:
    generator = np.random.default_rng(3)
    points = generator.uniform(-2, 2, size=(40, 1))
    clean = gaussian(points, np.sin(points[:, 0]))
    noisy = gaussian(points, np.sin(points[:, 0]) + 0.3 * generator.standard_normal(40))
    assert clean.noise < noisy.noise
    assert noisy.noise >= 1e-3
    new = np.linspace(-1.5, 1.5, 50)[:, None]
    assert np.max(np.abs(noisy.predict(new).values - np.sin(new[:, 0]))) < 0.3


@pytest.mark.parametrize("values", [np.full(5, 2.0), np.zeros(5)])
def test_flat_values_stay_flat(values: np.ndarray) -> None:
    points = np.random.default_rng(1).normal(size=(5, 2))
    for name in ("linear", "gp"):
        assert fit(name, points, values).predict(points + 1.0).values == pytest.approx(values)
    same = gaussian(np.zeros((3, 2)), [1.0, 1.2, 0.8])
    assert same.predict(np.zeros((1, 2))).values == pytest.approx([1.0])


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"Points of shape \(2, 1\) have values of shape \(3,\)"):
        linear([[0.0], [1.0]], [1.0, 2.0, 3.0])
    with pytest.raises(InvalidInput, match="m at least 1"):
        gaussian(np.empty((0, 2)), [])
    with pytest.raises(InvalidInput, match="values holds NaN"):
        gaussian([[0.0]], [np.nan])
    with pytest.raises(UnknownName, match=r"no predictor named 'gpp'\. Did you mean 'gp'"):
        fit("gpp", [[0.0]], [1.0])
    assert isinstance(fit("gp", [[0.0]], [1.0]), Gaussian)
