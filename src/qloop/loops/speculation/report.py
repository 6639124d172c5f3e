"""What speculation came to, as a loop's result tells it."""

from __future__ import annotations

from typing import Any

import msgspec

from qloop.runtime.client import Speculated


class SpeculationReport(msgspec.Struct, frozen=True):
    """Guesses of a session: how many were launched, came true (`hits`), and were squashed, by reason.

    `wasted_s` and `useful_s` are QPU-seconds of squashed guesses and of all committed tasks; `masked_s` is the time by
    which guesses ran ahead of the loop. `reused`: squashed guesses that were asked for later and not evaluated again,
    whose time stays counted as wasted. `mode` "approximate" says that the loop took another course than it would have
    taken alone; `deviations` are then the largest differences of an angle (rad) of the guesses that it took.
    `trouble`: why no more was asked ahead, empty if all was well. `why_none`: why nothing was worth asking ahead.
    """

    mode: str
    depth: int
    width: int
    budget: float
    launched: int = 0
    hits: int = 0
    squashed: dict[str, int] = {}
    wasted_s: float = 0.0
    useful_s: float = 0.0
    masked_s: float = 0.0
    reused: int = 0
    deviations: tuple[float, ...] = ()
    trouble: str = ""
    why_none: str = ""

    @property
    def hit_rate(self) -> float:
        """Hits among the guesses whose fate is known; nan without any."""
        known = self.hits + sum(self.squashed.values())
        return self.hits / known if known else float("nan")

    @property
    def text(self) -> str:
        """One line for people."""
        known = Speculated(self.launched, self.hits, self.squashed, 0, self.wasted_s, self.useful_s, self.masked_s,
                           self.reused, self.trouble)
        return f"{self.mode}: {known.text}{f'; {self.why_none}' if self.why_none else ''}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {**msgspec.structs.asdict(self), "deviations": list(self.deviations)}
