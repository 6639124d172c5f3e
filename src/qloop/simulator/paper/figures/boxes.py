"""Box plots of very many values: quartiles, whiskers of 1.5 interquartile ranges, and the outliers beyond, thinned.

Outliers that would be drawn on top of each other are drawn once, so a figure of a million values stays small.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.trace.drawing.style import FAINT, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
STEPS = 120         # outliers that can be told apart in a decade (logarithmic) or a range (linear)
REFERENCE: Mapping[str, Any] = {"marker": "D", "markersize": 4.2, "markerfacecolor": "white",
                                "markeredgecolor": "black", "markeredgewidth": 0.9, "linestyle": "none", "zorder": 5}


def statistics(values: Floats, log: bool) -> dict[str, Any]:
    """What `Axes.bxp` draws."""
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    reach = 1.5 * (high - low)
    inside = values[(values >= low - reach) & (values <= high + reach)]
    return {"q1": low, "med": middle, "q3": high, "whislo": inside.min(), "whishi": inside.max(),
            "fliers": thinned(values[(values < low - reach) | (values > high + reach)], log)}


def thinned(values: Floats, log: bool) -> Floats:
    """One value of each group that a reader could not tell apart."""
    if not len(values):
        return values
    scale = np.log10(values) if log else values / max(float(values.max()), 1e-300)
    _, first = np.unique(np.rint(scale * STEPS), return_index=True)
    return np.asarray(values[np.sort(first)])


def draw(ax: Axes, places: Sequence[float], groups: Sequence[Floats], colour: str, width: float = 0.7,
         log: bool = False) -> None:
    """A box for each group of values; groups without values are left out."""
    known = [(place, statistics(values, log)) for place, values in zip(places, groups, strict=True) if len(values)]
    if not known:
        return
    thin: dict[str, Any] = {"color": FAINT, "linewidth": 0.7}
    ax.bxp([box for _, box in known], positions=[place for place, _ in known], widths=width, patch_artist=True,
           manage_ticks=False, boxprops={"facecolor": colour, "edgecolor": INK, "linewidth": 0.5},
           medianprops={"color": INK, "linewidth": 1.1}, whiskerprops=thin, capprops=thin,
           flierprops={"marker": "o", "markersize": 1.3, "markerfacecolor": colour, "markeredgecolor": "none",
                       "alpha": 0.7})


def reference_box(ax: Axes, place: float, quartiles: Sequence[float], p95: float, width: float) -> None:
    """The reference's quartiles as an open box, and its 95 % quantile as a bar."""
    low, middle, high = quartiles
    ax.bxp([{"q1": low, "med": middle, "q3": high, "whislo": low, "whishi": p95, "fliers": []}], positions=[place],
           widths=width, patch_artist=True, manage_ticks=False,
           boxprops={"facecolor": "white", "edgecolor": "black", "linewidth": 0.8},
           medianprops={"color": "black", "linewidth": 1.1},
           whiskerprops={"color": "black", "linewidth": 0.6, "linestyle": ":"},
           capprops={"color": "black", "linewidth": 0.9})
