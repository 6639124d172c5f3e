"""Fitted distributions beside what was measured: the cumulative distribution, and quantiles against quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qloop.errors import InvalidInput
from qloop.trace.datasets.families import Parameters, families
from qloop.trace.datasets.fit import Fit, Fitted
from qloop.trace.datasets.samples import Sample, fitted_to
from qloop.trace.drawing.style import FAINT, GROUPS, INK, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS, SHOWN, POINTS = 24, 3, 2000


def draw(pairs: Sequence[tuple[Sample, Fitted]]) -> Figure:
    """A row for each sample: its cumulative distribution with the three best fits, and the quantiles of the best.

    MissingExtra without matplotlib; InvalidInput for more than 24 samples.
    """
    if not 0 < len(pairs) <= MOST_ROWS:
        raise InvalidInput(f"{len(pairs)} samples are to be drawn", f"A figure holds 1 to {MOST_ROWS}",
                           "Name a column or fewer sizes")
    with styled():
        figure = new_figure(8.5, 2.1 * len(pairs) + 0.3)
        grid = figure.subplots(len(pairs), 2, squeeze=False)
        for (sample, fitted), (left, right) in zip(pairs, grid, strict=True):
            _cumulative(left, sample, fitted)
            _quantiles(right, sample, fitted)
    return figure


def _cumulative(axes: Any, sample: Sample, fitted: Fitted) -> None:
    """Steps of what was measured, lines of what was fitted."""
    values = np.sort(sample.values)
    axes.step(values, np.arange(1, len(values) + 1) / len(values), where="post", color=INK, linewidth=1.2,
              label=f"measured, n = {len(values)}")
    low, high = values[0], values[-1]
    x = np.linspace(max(1e-12, low - 0.05 * (high - low)), high + 0.05 * (high - low), 400)[None, :]
    for one, colour in zip(fitted.fits[:SHOWN], GROUPS, strict=False):
        if one.record["kind"] != "constant":
            parameters = parameters_of(one, sample)
            share = families()[one.record["kind"]].cdf(x, parameters)
            axes.plot(x[0], share[0], color=colour, linewidth=1.0, label=f"{one.record['kind']}, p = {one.ad_p:.2g}")
    axes.set_title(sample.name, loc="left")
    axes.set_xlabel(fitted_to(sample))
    axes.set_ylabel("share at most")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _quantiles(axes: Any, sample: Sample, fitted: Fitted) -> None:
    """What was measured against the best fit: a straight line where it fits."""
    if not fitted.fits or fitted.fits[0].record["kind"] == "constant":
        axes.text(0.5, 0.5, "all values are equal" if fitted.fits else "no family fits", ha="center", va="center")
        axes.set_axis_off()
        return
    best = fitted.fits[0]
    values = np.sort(sample.values)
    places = np.unique(np.linspace(0, len(values) - 1, min(len(values), POINTS)).astype(int))
    shares = ((places + 0.5) / len(values))[None, :]
    expected = families()[best.record["kind"]].quantile(shares, parameters_of(best, sample))[0]
    axes.plot([values[0], values[-1]], [values[0], values[-1]], color=FAINT, linewidth=0.8)
    axes.plot(expected, values[places], ".", markersize=3, color=GROUPS[0])
    axes.set_xlabel(f"quantile of {best.record['kind']}")
    axes.set_ylabel("measured")
    if fitted.rejected:
        axes.set_title("rejected: use the values themselves", loc="left", color=GROUPS[5])


def parameters_of(one: Fit, sample: Sample) -> Parameters:
    """The parameters of a fit, which its sample gives again."""
    return families()[one.record["kind"]].fit(np.sort(sample.values)[None, :])
