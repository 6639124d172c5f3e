"""Fits find the parameters that made the values; p-values are uniform where the family is right; SciPy agrees."""

from math import gamma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qloop.errors import InvalidInput
from qloop.simulator.workload.distributions import parse
from qloop.trace.datasets.families import Family, families
from qloop.trace.datasets.fit import SHOWN, distances, fit

KNOWN = {
    "exponential": (stats.expon(scale=3.0), {"mean": 3.0}),
    "gamma": (stats.gamma(4.0, scale=0.5), {"mean": 2.0, "sd": 1.0}),
    "lognormal": (stats.lognorm(0.5, scale=2.0),
                  {"mean": 2 * np.exp(0.125), "sd": 2 * np.sqrt(np.exp(0.5) - np.exp(0.25))}),
    "weibull": (stats.weibull_min(2.5, scale=2.0), {"mean": 2 * gamma(1.4), "shape": 2.5}),
    "truncated_normal": (stats.truncnorm(-1.0, np.inf, loc=2.0, scale=2.0), {"center": 2.0, "sd": 2.0}),
}


def drawn(key: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=key))


def test_every_family_is_tested() -> None:
    assert set(KNOWN) == set(families())


@pytest.mark.parametrize("kind", KNOWN)
def test_a_fit_finds_the_parameters_and_the_family(kind: str) -> None:
    law, known = KNOWN[kind]
    values = law.ppf(drawn(1).random(4_000))
    found = fit(values, drawn(2), resamples=39)
    best = found.fits[0]
    assert best.record["kind"] == kind
    assert not found.rejected
    assert found.best == best.record
    for name, value in known.items():
        assert best.record[name] == pytest.approx(value, rel=0.1)


@pytest.mark.parametrize("kind", KNOWN)
def test_no_other_parameters_are_more_likely(kind: str) -> None:
    """The maximum is one: small steps in any direction lower the likelihood."""
    family, values = families()[kind], KNOWN[kind][0].ppf(drawn(3).random(300))[None, :]
    best = family.fit(values)
    top = family.log_density(values, best).sum()
    for step in np.linspace(0, 2 * np.pi, 16, endpoint=False):
        ways = (np.cos(step), np.sin(step)) if family.free == 2 else (np.sign(np.cos(step) + 0.1),)
        moved = tuple(one * (1 + 1e-3 * way) for one, way in zip(best, ways, strict=True))
        assert family.log_density(values, moved).sum() < top


@pytest.mark.parametrize("kind", KNOWN)
def test_cdf_density_and_quantile_are_those_of_scipy_and_of_scenario_files(kind: str) -> None:
    family, law = families()[kind], KNOWN[kind][0]
    values = np.sort(law.ppf(drawn(4).random(400)))[None, :]
    parameters = family.fit(values)
    record = family.record(parameters)
    same = parse(record)
    assert family.cdf(values, parameters)[0] == pytest.approx(same.cdf(values[0]), abs=1e-12)
    u = np.linspace(0.001, 0.999, 99)[None, :]
    assert family.quantile(u, parameters)[0] == pytest.approx(same.quantile(u[0]), rel=1e-9)
    x = values[0, 50:350:50]
    slope = (same.cdf(x * (1 + 1e-6)) - same.cdf(x * (1 - 1e-6))) / (2e-6 * x)
    assert np.exp(family.log_density(x[None, :], parameters))[0] == pytest.approx(slope, rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(families())), st.integers(0, 2**32), st.floats(1e-6, 1e6))
def test_the_unit_does_not_change_a_fit(kind: str, key: int, scale: float) -> None:
    family, values = families()[kind], KNOWN[kind][0].ppf(drawn(key).random(60))[None, :]
    one, two = family.cdf(values, family.fit(values)), family.cdf(values * scale, family.fit(values * scale))
    assert one == pytest.approx(two, abs=1e-7, nan_ok=True)


def test_the_statistics_are_those_of_scipy() -> None:
    values = np.sort(drawn(5).random(50))
    ks, ad = distances(values[None, :])
    assert ks[0] == pytest.approx(stats.kstest(values, "uniform").statistic)
    steps = np.arange(1, 51)
    by_hand = -50 - sum((2 * i - 1) * (np.log(values[i - 1]) + np.log(1 - values[50 - i])) for i in steps) / 50
    assert ad[0] == pytest.approx(by_hand)


def _p_values(family: Family, law: object, samples: int, n: int, resamples: int) -> np.ndarray:
    found = []
    for key in range(samples):
        made = fit(law.ppf(drawn(1000 + key).random(n)), drawn(key), resamples)
        found += [(one.ks_p, one.ad_p) for one in made.fits if one.record["kind"] == family.kind]
    return np.array(found)


@pytest.mark.parametrize("kind", ["exponential", "lognormal"])
def test_p_values_are_uniform_where_the_family_is_right(kind: str) -> None:
    """Kolmogorov's own tables would give p-values near 1 here, since the parameters are estimated."""
    p = _p_values(families()[kind], KNOWN[kind][0], samples=100, n=25, resamples=99)
    assert len(p) == 100
    for column in p.T:
        assert stats.kstest(column - 0.005, "uniform").pvalue > 0.01


def test_a_wrong_family_is_rejected() -> None:
    values = np.concatenate([drawn(6).normal(1.0, 0.01, 150), drawn(7).normal(5.0, 0.01, 150)])
    found = fit(values, drawn(8), 99)
    assert found.rejected
    assert found.fits[0].ad_p == 0.01
    assert found.best["kind"] == "empirical"
    assert found.best["values"] == sorted(values.tolist())


def test_values_that_never_vary_are_constant() -> None:
    found = fit(np.full(7, 2.5), drawn(9))
    assert (found.best, found.rejected, found.sd) == ({"kind": "constant", "value": 2.5}, False, 0.0)
    assert parse(found.best).mean == 2.5


def test_a_zero_leaves_out_the_families_that_have_none() -> None:
    found = fit(np.array([0.0, *drawn(10).exponential(1.0, 50)]), drawn(11), 99)
    assert set(found.left_out) >= {"gamma", "lognormal", "weibull"}
    assert found.left_out["gamma"] == "a value is 0"
    assert {one.record["kind"] for one in found.fits} <= {"exponential", "truncated_normal"}


def test_an_empirical_distribution_of_many_values_is_thinned() -> None:
    values = drawn(12).exponential(1.0, 5000)
    kept = fit(values, drawn(13), 39).empirical["values"]
    assert len(kept) == SHOWN
    assert np.mean(kept) == pytest.approx(values.mean(), rel=0.01)


def test_the_best_comes_first_and_the_same_seed_gives_the_same() -> None:
    values = drawn(14).gamma(2.0, 1.0, 80)
    one, two = (fit(values, drawn(15), 99) for _ in range(2))
    assert one == two
    assert [fitted.bic for fitted in one.fits] == sorted(fitted.bic for fitted in one.fits)
    for fitted in one.fits:
        free = families()[fitted.record["kind"]].free
        assert fitted.bic - fitted.aic == pytest.approx(free * (np.log(80) - 2))


@pytest.mark.parametrize(("values", "resamples", "told"), [
    ([], 0, "cannot be fitted"), ([1.0, -1.0, 2, 3, 4], 0, "not negative"), ([1.0, np.nan, 2, 3, 4], 0, "finite"),
    ([1.0, 2.0, 3.0], 0, "3 values are too few"), ([1.0, 2, 3, 4, 5], 3, "The number of resamples is 3"),
    ([1.0, 2, 3, 4, 5], -1, "The number of resamples is -1"),
])
def test_what_cannot_be_fitted_is_told(values: list[float], resamples: int, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        fit(np.array(values), drawn(16), resamples)
