"""A verdict on a claim, and what it follows from: numbers with 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

from qloop.simulator.paper.run import Estimate

HOLDS, IN_PART, ARTEFACT, FAILS = "holds", "holds in part", "artefact", "does not hold"
UNDECIDED = "not decided by this run"
OPEN = "The intervals of this run do not tell: give more replications."
VERDICTS = (HOLDS, IN_PART, ARTEFACT, FAILS, UNDECIDED)


@dataclass(frozen=True, slots=True)
class Finding:
    """A claim, the verdict of this run, why it is so, and the numbers, a sentence each."""

    title: str
    claim: str
    verdict: str
    why: str
    evidence: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.verdict == UNDECIDED and not self.why:
            object.__setattr__(self, "why", OPEN)


def inside(found: Estimate, low: float, high: float) -> bool | None:
    """Whether the interval lies within these bounds (True), beyond them (False), or across one (None)."""
    least, most = found.mean - found.half, found.mean + found.half
    if not (isfinite(least) and isfinite(most)):
        return None
    if low <= least and most <= high:
        return True
    return False if most < low or least > high else None


def below(found: Estimate, bound: float = 0.0) -> bool | None:
    """Whether the interval lies below the bound; one that begins at it does not."""
    least, most = found.mean - found.half, found.mean + found.half
    if not (isfinite(least) and isfinite(most)):
        return None
    return True if most < bound else False if least >= bound else None


def above(found: Estimate, bound: float = 0.0) -> bool | None:
    """Whether the interval lies above the bound; one that ends at it does not."""
    return below(Estimate(-found.mean, found.half), -bound)


def every(decided: Iterable[bool | None]) -> bool | None:
    """True if all are; False if one is not; None if that is open."""
    known = list(decided)
    if any(one is False for one in known):
        return False
    return None if None in known else True


def plain(decided: bool | None, yes: str = HOLDS, no: str = FAILS) -> str:
    """The verdict for a question of one answer."""
    return UNDECIDED if decided is None else yes if decided else no


def percent(found: Estimate, digits: int = 1) -> str:
    """A share as percent with its interval."""
    return f"{100 * found.mean:.{digits}f} {_half(100 * found.half, digits)}%"


def points(found: Estimate, digits: int = 2) -> str:
    """A difference of shares in percentage points with its interval."""
    return f"{100 * found.mean:+.{digits}f} {_half(100 * found.half, digits)}points"


def seconds(found: Estimate) -> str:
    """A time with its interval."""
    return f"{found.mean:,.0f} {_half(found.half, 0)}s"


def relative(found: Estimate) -> str:
    """A relative difference with its interval."""
    return f"{100 * found.mean:+.1f} {_half(100 * found.half, 1)}%"


def _half(half: float, digits: int) -> str:
    return f"± {half:,.{digits}f} " if isfinite(half) else "± ? "
