"""TTNS, the time to the next shot: how long a loop waits for a QPU, in four readings.

With p = parameters ready, b and e = QPU begin and end, i and r = iteration begin and result:
start b-p, eq e-p, loop r-i, and the gap: first b of k+1 minus last committed e of k. Only the gap credits
speculation, and only its waiting part (gap minus think and network time) is anyone's to save.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from qloop.trace.metrics.distribution import NS, Distribution, describe
from qloop.trace.reader import Trace
from qloop.trace.steps import Step, gaps


class Ttns(msgspec.Struct, frozen=True):
    """TTNS in seconds. `first_*` are the iterations k = 0, which no other number holds."""

    start: Distribution
    eq: Distribution
    loop: Distribution
    gap: Distribution
    waiting: Distribution
    think: Distribution
    network: Distribution
    first_start: Distribution
    first_eq: Distribution
    first_loop: Distribution


def ttns(trace: Trace, sessions: str = "loop") -> Ttns:
    """TTNS over the sessions of a kind (`loop` or `background`), k = 0 apart; seconds."""
    table = {name: rows for name, rows in trace.steps.items() if rows and rows[0].session.kind == sessions}
    first = [step for rows in table.values() for step in rows if step.k == 0]
    later = [step for rows in table.values() for step in rows if step.k > 0]
    found = gaps(table)
    return Ttns(
        start=_start(later), eq=_eq(later), loop=_loop(later),
        gap=describe(g.gap * NS for g in found), waiting=describe(g.waiting * NS for g in found),
        think=describe(g.think * NS for g in found), network=describe(g.network * NS for g in found),
        first_start=_start(first), first_eq=_eq(first), first_loop=_loop(first))


def _start(rows: Iterable[Step]) -> Distribution:
    return describe((s.begin - s.ready) * NS for s in rows if s.begin is not None and s.ready is not None)


def _eq(rows: Iterable[Step]) -> Distribution:
    return describe((s.end - s.ready) * NS for s in rows if s.end is not None and s.ready is not None)


def _loop(rows: Iterable[Step]) -> Distribution:
    return describe((s.result - s.started) * NS for s in rows if s.result is not None and s.started is not None)
