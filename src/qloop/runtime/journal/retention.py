"""Which runs retention removes: the rule, the same for every store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from qloop.errors import InvalidInput

NS_PER_DAY: Final = 86_400 * 10**9


def beyond(ended: Sequence[tuple[str, int]], now_ns: int, keep_days: float | None, keep_runs: int | None) -> list[str]:
    """The ids of ended runs that a bound excludes, the last to end first.

    `ended` holds (run, Unix time in ns of its end), the last to end first; a bound of None excludes nothing.
    """
    if keep_days is not None and not keep_days >= 0:
        raise InvalidInput(f"keep_days is {keep_days}", "", "Give a number of days from 0")
    if keep_runs is not None and keep_runs < 0:
        raise InvalidInput(f"keep_runs is {keep_runs}", "", "Give a number of runs from 0")
    return [run for nth, (run, at_ns) in enumerate(ended)
            if (keep_days is not None and now_ns - at_ns > keep_days * NS_PER_DAY)
            or (keep_runs is not None and nth >= keep_runs)]
