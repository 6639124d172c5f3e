"""Numbers as a person reads them: shares in percent, times in the unit that fits, intervals in that of their mean."""

from __future__ import annotations

import math
from dataclasses import replace

from qloop.simulator.analysis.measures import measure_named
from qloop.simulator.analysis.statistics import Interval

TIMES = ((2 * 86_400.0, 86_400.0, "d"), (2 * 3_600.0, 3_600.0, "h"), (120.0, 60.0, "min"), (1.0, 1.0, "s"),
         (1e-3, 1e-3, "ms"), (0.0, 1e-6, "us"))
RATES = ((0.5, 1.0, "/s"), (0.5 / 60.0, 1 / 60.0, "/min"), (0.0, 1 / 3_600.0, "/h"))


def scale(value: float, unit: str) -> tuple[float, str]:
    """What to divide by, and what the unit is then called."""
    if unit == "share":
        return 0.01, "%"
    if unit in ("s", "1/s"):
        size = abs(value)
        if not size or not math.isfinite(size):
            return 1.0, "s" if unit == "s" else "/s"
        return next((factor, name) for least, factor, name in (TIMES if unit == "s" else RATES) if size >= least)
    return 1.0, ""


def shown(value: float, unit: str, digits: int = 3) -> str:
    """A value with its unit; an en dash for nan."""
    if math.isnan(value):
        return "–"
    factor, name = scale(value, unit)
    return f"{_number(value / factor, digits)} {name}".strip()


def shown_interval(found: Interval, unit: str, digits: int = 3) -> str:
    """A mean with its unit and interval, "3.2 % [2.1, 4.3]"; the mean alone where there is none."""
    if not math.isfinite(found.half):
        return shown(found.mean, unit, digits)
    factor, _ = scale(found.mean or found.high, unit)
    name = scale(found.mean or found.high, unit)[1]
    low, mean, high = (_number(value / factor, digits) for value in (found.low, found.mean, found.high))
    return f"{f'{mean} {name}'.strip()} [{low}, {high}]"


def shown_measure(found: Interval, name: str, digits: int = 3) -> str:
    """The interval of a measure over replications, in the measure's unit, within what the measure can be."""
    return shown_interval(possible(found, name), measure_named(name).unit, digits)


def possible(found: Interval, name: str) -> Interval:
    """The interval of a measure without what the measure cannot be: below 0, and above 1 for a share.

    Student's interval is symmetric and knows no bounds. Nothing is lost: the true value is not in the part that is cut.
    """
    most = 1.0 if measure_named(name).unit == "share" else math.inf
    if not math.isfinite(found.half):
        return found
    return replace(found, low=max(0.0, found.low), high=min(most, found.high))


def _number(value: float, digits: int) -> str:
    """So many significant digits, no exponent where it can be read without."""
    if value == 0.0 or not math.isfinite(value):
        return "0" if value == 0.0 else str(value)
    size = math.floor(math.log10(abs(value)))
    if size < -4 or size > 8:
        return f"{value:.{digits - 1}e}"
    rounded = round(value, digits - 1 - size)
    return f"{rounded:,.{max(0, digits - 1 - size)}f}"
