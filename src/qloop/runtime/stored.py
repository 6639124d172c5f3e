"""Outcomes as the journal keeps them."""

from __future__ import annotations

import msgspec

from qloop.runtime.journal.rows import ResultRow
from qloop.runtime.ticket import Outcome


class Stored(msgspec.Struct, array_like=True):
    """What the journal keeps of an outcome."""

    values: tuple[float, ...]
    counts: tuple[dict[str, int], ...] = ()
    ideal: tuple[float, ...] = ()
    net_ns: int = 0
    shots: int = -1     # of each evaluation; rows of earlier versions tell only the sum


def recall(row: ResultRow) -> Outcome:
    """The outcome that a journaled result holds."""
    stored = msgspec.msgpack.decode(row.value, type=Stored)
    rows = max(1, len(stored.values) or len(stored.counts))
    shots = row.shots // rows if stored.shots < 0 else stored.shots
    return Outcome(stored.values, stored.counts, stored.ideal, row.qpu, row.epoch, shots, row.simulator, "journal",
                   net_ns=stored.net_ns)
