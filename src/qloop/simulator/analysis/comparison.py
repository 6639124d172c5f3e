"""Which of several policies or platforms is better: paired by replication, since they met the same sessions.

Under common random numbers a and b rise and fall together, so var(a - b) is smaller than var(a) + var(b), and fewer
replications tell them apart. Several comparisons at once: the intervals are Bonferroni's (all of them cover together
with at least `level`), the p-values are Holm's (1979).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.analysis.statistics import LEVEL, Floats, Interval, checked_level, student


@dataclass(frozen=True, slots=True)
class Comparison:
    """What b has more than a.

    `difference`: the mean of b - a with its interval. `p`: of Student's test that it is 0 (adjusted if several).
    `correlation` of a and b over replications. `reduction`: (var a + var b) / var(a - b), how many times as many
    replications it would have taken with draws of their own; infinite if all differences are alike. `comparisons`: how
    many were made at once.
    """

    a: str
    b: str
    mean_a: float
    mean_b: float
    difference: Interval
    p: float
    correlation: float
    reduction: float
    comparisons: int = 1

    @property
    def decided(self) -> bool:
        """Whether the interval of the difference leaves out 0."""
        return self.difference.low > 0.0 or self.difference.high < 0.0

    def __str__(self) -> str:
        return self.verdict()

    def verdict(self, quantity: str = "it", better: int = 0) -> str:
        """The comparison as a sentence; `better` as in `Measure`."""
        change = self.difference
        told = f"{change.mean:+.4g} [{change.low:+.4g}, {change.high:+.4g}]"
        if not self.decided:
            return f"{self.b} and {self.a} are not told apart in {quantity}: {told}, n = {change.n}"
        word = "higher" if change.mean > 0.0 else "lower"
        judged = "" if not better else ", better" if change.mean * better > 0.0 else ", worse"
        return f"{self.b} is {word}{judged} in {quantity} than {self.a}: {told}, n = {change.n}"


def paired(a: Sequence[float] | Floats, b: Sequence[float] | Floats, level: float = LEVEL,
           names: tuple[str, str] = ("a", "b")) -> Comparison:
    """b - a over the replications in which both exist, which are paired by their place.

    Raises InvalidInput if they are not equally many.
    """
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if left.shape != right.shape:
        raise InvalidInput(f"{names[0]} has {len(left)} replications and {names[1]} has {len(right)}",
                           "A comparison is paired: each replication of one with the same of the other",
                           "Run both with the same replications")
    both = ~(np.isnan(left) | np.isnan(right))
    difference = student(np.where(both, right - left, np.nan), level)
    left, right = left[both], right[both]
    gained, together = _reduction(left, right)
    return Comparison(*names, _mean(left), _mean(right), difference, _p_value(right - left), together, gained)


def compare_all(columns: Mapping[str, Sequence[float] | Floats], baseline: str | None = None,
                level: float = LEVEL) -> list[Comparison]:
    """Each column against the baseline, or each pair of them without one; intervals and p-values hold for all at once.

    Raises InvalidInput for fewer than two columns, UnknownName for a baseline that is none of them.
    """
    names = list(columns)
    if len(names) < 2:
        raise InvalidInput(f"There is nothing to compare {' '.join(names) or 'nothing'} with", "",
                           "Give at least two columns")
    if baseline is not None and baseline not in columns:
        raise UnknownName("baseline", baseline, names)
    pairs = [(baseline, name) for name in names if name != baseline] if baseline is not None else [
        (a, b) for n, a in enumerate(names) for b in names[n + 1:]]
    simultaneous = 1.0 - (1.0 - checked_level(level)) / len(pairs)
    found = [paired(columns[a], columns[b], simultaneous, (a, b)) for a, b in pairs]
    adjusted = holm([one.p for one in found])
    return [replace(one, p=p, comparisons=len(pairs)) for one, p in zip(found, adjusted, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for being several: the k-th smallest of m times m - k + 1, never falling, at most 1."""
    order = sorted(range(len(p_values)), key=lambda n: (np.isnan(p_values[n]), p_values[n]))
    m, worst = sum(not np.isnan(p) for p in p_values), 0.0
    adjusted = [float("nan")] * len(p_values)
    for place, n in enumerate(order[:m]):
        worst = max(worst, min(1.0, (m - place) * p_values[n]))
        adjusted[n] = worst
    return adjusted


def _p_value(differences: Floats) -> float:
    """Student's two-sided test of a mean of 0."""
    from scipy.stats import t

    n = len(differences)
    if n < 2:
        return float("nan")
    sd, mean = float(differences.std(ddof=1)), float(differences.mean())
    if sd == 0.0:
        return 1.0 if mean == 0.0 else 0.0
    return float(2.0 * t.sf(abs(mean) / (sd / n**0.5), n - 1))


def _reduction(left: Floats, right: Floats) -> tuple[float, float]:
    """(var a + var b) / var(a - b), and the correlation; nan where there is no spread."""
    if len(left) < 2:
        return float("nan"), float("nan")
    a, b, apart = (float(values.var(ddof=1)) for values in (left, right, right - left))
    if a + b == 0.0:
        return float("nan"), float("nan")
    together = (a + b - apart) / (2.0 * (a * b) ** 0.5) if a * b > 0.0 else float("nan")
    return (a + b) / apart if apart > 0.0 else float("inf"), together


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
