"""How policies look: the same colour and mark in every figure of the evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from qloop.simulator.analysis.statistics import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito for the six main ones, Tol's "muted" for the rest: colour-blind readers tell them apart, and by marks
COLOURS: Mapping[str, str] = MappingProxyType({
    "efaas": "#0072B2", "fifo": "#D55E00", "faas": "#E69F00", "reservation": "#6B6B6B", "session": "#CC79A7",
    "pilot": "#009E73", "fairshare": "#882255", "batch": "#44AA99", "sjf": "#999933", "easy": "#DDAA33",
    "lottery": "#AA4499", "sfq": "#332288", "drfq": "#117733", "paper_score": "#000000",
    "efaas_expected": "#56B4E9", "efaas-no-chunks": "#0072B2", "efaas-chunks-1": "#0072B2",
    "efaas-anticipating": "#0072B2"})
MARKS: Mapping[str, str] = MappingProxyType({
    "efaas": "o", "fifo": "s", "faas": "D", "reservation": "v", "session": "^", "pilot": "P", "fairshare": "X",
    "batch": "<", "sjf": ">", "easy": "d", "lottery": "*", "sfq": "h", "drfq": "p", "paper_score": "8",
    "efaas_expected": "H", "efaas-no-chunks": "x",
    "efaas-chunks-1": "+", "efaas-anticipating": "1"})
GRID: Mapping[str, Any] = MappingProxyType({"color": "#E5E5E5", "linewidth": 0.5})


def colour(name: str) -> str:
    """The colour of a policy."""
    return COLOURS.get(name, "#999999")


def mark(name: str) -> str:
    """The mark of a policy."""
    return MARKS.get(name, ".")


def line(ax: Axes, name: str, at: list[float], found: list[Interval], factor: float = 1.0) -> None:
    """A policy's means over x with their intervals."""
    means = [factor * one.mean for one in found]
    low = [max(0.0, factor * (one.mean - one.low)) if one.low == one.low else 0.0 for one in found]
    high = [max(0.0, factor * (one.high - one.mean)) if one.high == one.high else 0.0 for one in found]
    strong = name == "efaas"
    ax.errorbar(at, means, yerr=[low, high], color=colour(name), marker=mark(name), markersize=4.2 if strong else 3.2,
                linewidth=1.8 if strong else 1.0, elinewidth=0.7, capsize=1.6, label=name, zorder=4 if strong else 3)


def plain_log(ax: Axes, axis: str) -> None:
    """A logarithmic axis with plain numbers, and few of them."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    chosen = ax.xaxis if axis == "x" else ax.yaxis
    (ax.set_xscale if axis == "x" else ax.set_yscale)("log")
    chosen.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    chosen.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    chosen.set_minor_formatter(NullFormatter())
