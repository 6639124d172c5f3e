"""Distributions: against SciPy's own, their moments, the round trip of quantile and probability, and fixed draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import stats

from qloop.simulator.paper.draws import uniforms
from qloop.simulator.workload.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    Geometric,
    LogNormal,
    Pareto,
    TruncatedNormal,
    Uniform,
    Weibull,
)

CONTINUOUS: tuple[Any, ...] = (
    Exponential(3.0), Uniform(1.0, 5.0), Gamma(3.0, 1.0), Gamma(3.0, 6.0), LogNormal(2.0, 0.3), LogNormal(2.0, 4.0),
    Weibull(3.0, 0.7), Weibull(3.0, 4.0), Pareto(3.0, 3.5), TruncatedNormal(5.0, 2.0), TruncatedNormal(-3.0, 1.5),
    TruncatedNormal(1.0, 1.0, 0.5, 4.0), TruncatedNormal(9.0, 1.0, 0.0, 7.5))
STEPPED: tuple[Any, ...] = (
    Constant(2.5), Geometric(1.0), Geometric(12.5), Empirical((3.0, 1.0, 2.0)), Empirical((5.0, 1.0, 1.0)),
    Empirical((3.0, 1.0, 2.0), (1.0, 0.0, 4.0)))
ALL = CONTINUOUS + STEPPED


def of_scipy(one: Any) -> Any:
    """The same distribution by SciPy's parameters."""
    match one:
        case Exponential(mean):
            return stats.expon(scale=mean)
        case Uniform(low, high):
            return stats.uniform(low, high - low)
        case Gamma(mean, sd):
            return stats.gamma((mean / sd) ** 2, scale=sd**2 / mean)
        case LogNormal(mean, sd):
            s = math.sqrt(math.log(1 + (sd / mean) ** 2))
            return stats.lognorm(s, scale=mean * math.exp(-s * s / 2))
        case Weibull(mean, shape):
            return stats.weibull_min(shape, scale=mean / math.gamma(1 + 1 / shape))
        case Pareto(mean, shape):
            return stats.pareto(shape, scale=mean * (shape - 1) / shape)
        case TruncatedNormal(center, sd, low, high):
            return stats.truncnorm((low - center) / sd, (high - center) / sd, center, sd)
    raise AssertionError(one)


@pytest.mark.parametrize("one", CONTINUOUS, ids=repr)
def test_they_are_those_of_scipy(one: Distribution) -> None:
    theirs, u = of_scipy(one), np.linspace(0.0005, 0.9995, 301)
    np.testing.assert_allclose(one.quantile(u), theirs.ppf(u), rtol=1e-9)
    x = theirs.ppf(u) * 1.01
    np.testing.assert_allclose(one.cdf(x), theirs.cdf(x), rtol=1e-9)
    assert one.mean == pytest.approx(theirs.mean(), rel=1e-9)
    assert one.variance == pytest.approx(theirs.var(), rel=1e-7)


def test_the_geometric_one_is_that_of_scipy() -> None:
    one, theirs, u = Geometric(12.5), stats.geom(1 / 12.5), np.linspace(0.0005, 0.9995, 301)
    assert np.array_equal(one.quantile(u), theirs.ppf(u))
    assert (one.mean, one.variance) == pytest.approx((theirs.mean(), theirs.var()))
    x = np.linspace(-1.0, 60.0, 200)
    np.testing.assert_allclose(one.cdf(x), theirs.cdf(x), atol=1e-14)


@pytest.mark.parametrize("one", ALL, ids=repr)
def test_draws_have_the_moments_and_the_shape(one: Distribution) -> None:
    n = 20_000
    drawn = one.quantile(uniforms(11, 40, 0, n))
    fourth = float(np.mean((drawn - drawn.mean()) ** 4))
    assert abs(drawn.mean() - one.mean) <= 4.0 * math.sqrt(one.variance / n) + 1e-12
    assert abs(drawn.var() - one.variance) <= 5.0 * math.sqrt(max(fourth - one.variance**2, 0.0) / n) + 1e-12
    if one in CONTINUOUS:
        assert stats.kstest(drawn, one.cdf).pvalue > 0.001


@pytest.mark.parametrize("one", ALL, ids=repr)
def test_nothing_is_negative_or_beyond_numbers(one: Distribution) -> None:
    drawn = one.quantile(np.array([0.0, 2.0**-53, 0.5, 1.0 - 2.0**-53]))
    assert np.isfinite(drawn).all()
    assert (drawn >= 0.0).all()
    assert one.cdf(np.array([-1.0, 1e18])).tolist() == [0.0, 1.0]


U = st.floats(0.0, 1.0 - 2.0**-53)
MEAN = st.floats(1e-3, 1e6)
ANY: st.SearchStrategy[Any] = st.one_of(
    st.builds(Exponential, MEAN), st.builds(Constant, MEAN), st.builds(Geometric, st.floats(1.0, 1e4)),
    st.builds(Weibull, MEAN, st.floats(0.3, 20.0)), st.builds(Pareto, MEAN, st.floats(1.05, 20.0)),
    st.builds(lambda mean, cv: Gamma(mean, cv * mean), MEAN, st.floats(0.01, 3.0)),
    st.builds(lambda mean, cv: LogNormal(mean, cv * mean), MEAN, st.floats(0.01, 10.0)),
    st.builds(lambda low, width: Uniform(low, low + width), MEAN, MEAN),
    st.builds(lambda z, sd: TruncatedNormal(z * sd, sd), st.floats(-5.0, 5.0), MEAN),
    st.builds(lambda values: Empirical(tuple(values)), st.lists(MEAN, min_size=1, max_size=9)),
    st.builds(lambda rows: Empirical(tuple(v for v, _ in rows), tuple(w for _, w in rows)),
              st.lists(st.tuples(MEAN, st.floats(0.01, 5.0)), min_size=1, max_size=9)))


@given(ANY, st.lists(U, min_size=2, max_size=8))
def test_more_luck_is_never_less_of_a_draw(one: Distribution, u: list[float]) -> None:
    drawn = one.quantile(np.array(sorted(u)))
    assert (np.diff(drawn) >= -1e-13 * drawn[1:]).all()


@given(ANY, st.floats(0.001, 0.999))
@example(Uniform(low=262144.0, high=262144.001), 0.5)
def test_the_probability_of_a_quantile_leads_back(one: Distribution, u: float) -> None:
    x = one.quantile(np.array([u]))
    at, before = one.cdf(x * (1.0 + 1e-12))[0], one.cdf(x * (1.0 - 1e-9))[0]
    assert before - 1e-6 <= u <= at + 1e-9
    if not isinstance(one, Constant | Empirical | Geometric):
        near = 4.0 * np.spacing(np.abs(x))      # of a narrow distribution far from 0, a last bit is much probability
        assert one.cdf(x - near)[0] - 1e-8 <= u <= one.cdf(x + near)[0] + 1e-8


@given(st.integers(0, 2**60), MEAN, st.floats(1.0, 10.0))
def test_a_larger_mean_is_met_with_the_same_luck(key: int, mean: float, factor: float) -> None:
    u = uniforms(key, 40, 0, 20)
    for family in (Exponential, lambda m: LogNormal(m, 0.5 * m), lambda m: Gamma(m, 2.0 * m)):
        assert (family(mean * factor).quantile(u) >= family(mean).quantile(u) * (1.0 - 1e-12)).all()


def test_without_a_second_moment_the_variance_is_infinite() -> None:
    assert Pareto(1.0, 2.0).variance == math.inf
    assert Pareto(1.0, 2.1).variance == pytest.approx(of_scipy(Pareto(1.0, 2.1)).var())


def test_equal_weights_are_no_weights() -> None:
    values = tuple(float(v) for v in np.random.Generator(np.random.Philox(3)).permutation(40))
    u = (np.arange(4000) + 0.5) / 4000
    assert np.array_equal(Empirical(values).quantile(u), Empirical(values, (2.0,) * 40).quantile(u))
    assert Empirical((3.0, 1.0), (0.0, 2.0)).quantile(np.array([0.0, 0.999])).tolist() == [1.0, 1.0]
