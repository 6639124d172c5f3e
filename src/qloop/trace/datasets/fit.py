"""Which distribution fits measurements: maximum likelihood, goodness of fit, and the choice by BIC.

The parameters are estimated from the values that are tested, so the tables of Kolmogorov and of Anderson and Darling
would give p-values that are too large; here they come from a parametric bootstrap: samples of the fitted distribution
are drawn and fitted in the same way (Stute, Gonzalez Manteiga and Presedo Quindimil, Metrika 40, 243, 1993).
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.trace.datasets.families import Family, Parameters, families

Floats = NDArray[np.float64]

FEWEST, FEWEST_RESAMPLES, MOST_RESAMPLES = 5, 39, 100_000
LEVEL = 0.05
CELLS = 2_000_000       # values of bootstrap samples that are worked on at once
SHOWN = 1000            # most values of an empirical distribution


class Fit(msgspec.Struct, frozen=True):
    """One candidate: `record` as scenario files write it, and how well it fits.

    `ks` and `ad` are the statistics of Kolmogorov and Smirnov, and of Anderson and Darling; `ks_p` and `ad_p` the
    shares of samples of this distribution that lie farther from their own fit.
    """

    record: dict[str, Any]
    log_likelihood: float
    aic: float
    bic: float
    ks: float
    ks_p: float
    ad: float
    ad_p: float


class Fitted(msgspec.Struct, frozen=True):
    """All candidates for one sample, the best by BIC first.

    `rejected`: whether even the best has `ad_p` below 0.05 (or there is none); then use `empirical`, the values
    themselves (beyond 1000 values, as many quantiles). `left_out` says why a family is no candidate.
    """

    n: int
    mean: float
    sd: float
    fits: tuple[Fit, ...]
    rejected: bool
    empirical: dict[str, Any]
    left_out: dict[str, str]

    @property
    def best(self) -> dict[str, Any]:
        """The record to use: the best candidate, or the values themselves where it is rejected."""
        return self.empirical if self.rejected else self.fits[0].record


def fit(values: Floats, generator: np.random.Generator, resamples: int = 0) -> Fitted:
    """Fit all families to values (n,) that are not negative.

    `resamples` of the bootstrap: 0 takes 999 for small samples and fewer, at least 99, for large ones. Raises
    InvalidInput for fewer than 5 values, unless they are all equal, and for values that are negative or not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    _check(values, resamples)
    empirical = {"kind": "empirical", "values": _thinned(values)}
    about: dict[str, Any] = {"n": len(values), "mean": float(values.mean()), "sd": float(values.std()),
                             "empirical": empirical}
    if values.min() == values.max():
        never = Fit({"kind": "constant", "value": float(values[0])}, math.inf, -math.inf, -math.inf, 0.0, 1.0, 0.0, 1.0)
        return Fitted(**about, fits=(never,), rejected=False, left_out={})
    count = resamples or int(np.clip(400_000 // len(values), 99, 999))
    found, left_out = [], {"constant": "the values vary"}
    for family in families().values():
        reason = "a value is 0" if family.positive and values.min() <= 0.0 else ""
        made = None if reason else _candidate(family, values, generator, count)
        if made is None:
            left_out[family.kind] = reason or "its likelihood has no maximum within bounds"
        else:
            found.append(made)
    found.sort(key=lambda one: one.bic)
    return Fitted(**about, fits=tuple(found), rejected=not found or found[0].ad_p < LEVEL, left_out=left_out)


def _check(values: Floats, resamples: int) -> None:
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all() or values.min() < 0.0:
        raise InvalidInput("These values cannot be fitted", "They must be finite and not negative, in one row",
                           "Remove the others")
    if len(values) < FEWEST and values.min() < values.max():
        raise InvalidInput(f"{len(values)} values are too few to fit a distribution", "",
                           f"Give at least {FEWEST}, or use them as an empirical distribution")
    if resamples and not FEWEST_RESAMPLES <= resamples <= MOST_RESAMPLES:
        raise InvalidInput(f"The number of resamples is {resamples}", "",
                           f"Give {FEWEST_RESAMPLES} to {MOST_RESAMPLES:,}, or 0 for a number that suits the sample")


def _candidate(family: Family, values: Floats, generator: np.random.Generator, count: int) -> Fit | None:
    """The family's best member with its goodness of fit; None if there is none."""
    rows = np.sort(values)[None, :]
    parameters = family.fit(rows)
    if not all(np.isfinite(one).all() for one in parameters):
        return None
    likelihood = float(family.log_density(rows, parameters).sum())
    if not math.isfinite(likelihood):
        return None
    ks, ad = (float(one[0]) for one in distances(family.cdf(rows, parameters)))
    farther_ks, farther_ad, counted = _bootstrap(family, parameters, len(values), generator, count, (ks, ad))
    return Fit(family.record(parameters), likelihood, 2 * family.free - 2 * likelihood,
               family.free * math.log(len(values)) - 2 * likelihood,
               ks, (1 + farther_ks) / (1 + counted), ad, (1 + farther_ad) / (1 + counted))


def _bootstrap(family: Family, parameters: Parameters, n: int, generator: np.random.Generator, count: int,
               seen: tuple[float, float]) -> tuple[int, int, int]:
    """How many samples of the distribution are at least as far from their own fit: by KS, by AD; and of how many."""
    farther_ks = farther_ad = counted = 0
    while count > 0:
        block = min(count, max(1, CELLS // n))
        drawn = np.sort(family.quantile(generator.random((block, n)), parameters), axis=1)
        if family.positive:
            drawn = np.maximum(drawn, 1e-300)
        own = family.fit(drawn)
        ks, ad = distances(family.cdf(drawn, own))
        # A sample without a maximum (its cdf is NaN) is no sample of a fit, and is not counted.
        good = np.isfinite(ks) & np.isfinite(ad)
        farther_ks += int((ks[good] >= seen[0]).sum())
        farther_ad += int((ad[good] >= seen[1]).sum())
        counted += int(good.sum())
        count -= block
    return farther_ks, farther_ad, counted


def distances(probability: Floats) -> tuple[Floats, Floats]:
    """The statistics D and A^2 (samples,) of sorted rows of the cumulative distribution at the values (samples, n).

    A^2 = -n - (1/n) sum (2i - 1) (log F_i + log(1 - F_(n+1-i))) (Anderson and Darling, JASA 49, 765, 1954).
    """
    n = probability.shape[1]
    steps = np.arange(1, n + 1)
    ks = np.maximum(steps / n - probability, probability - (steps - 1) / n).max(axis=1)
    inner = np.clip(probability, 1e-300, 1 - 1e-16)
    ad = -n - ((2 * steps - 1) * (np.log(inner) + np.log1p(-inner[:, ::-1]))).sum(axis=1) / n
    return ks, ad


def _thinned(values: Floats) -> list[float]:
    """The values in order of size; of many, the quantiles at the middles of equal shares."""
    if len(values) <= SHOWN:
        return [float(value) for value in np.sort(values)]
    shares = (np.arange(SHOWN) + 0.5) / SHOWN
    return [float(value) for value in np.quantile(values, shares)]
