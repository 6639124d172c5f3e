"""IBM's sessions: a QPU for one session alone while it is active, and no calibration inside.

The first task queues like any other, first in, first out. From its start the QPU serves nobody else, until the session
closes, has had no task for HOLD_IDLE seconds (the interactive time to live), or HOLD_MAX seconds have passed (the
maximum one); its next task queues again. A calibration that becomes due meanwhile begins when the session lets go
(`quiet`). Source: IBM Quantum documentation, execution modes and their FAQ; docs/concepts/baselines.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.columns import HOLD, HOLD_IDLE, INF, Row, Table
from qloop.policies.place import fits
from qloop.policies.tenure import ends, holder, join, next_of


def enter(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Sessions stand in line in the order in which they came, or came back after they let their QPU go."""
    return join(tasks, flows, qpus, totals, i, now, totals[HOLD_IDLE])


def scan(tasks: Table, flows: Table, qpus: Table, totals: Row, entries: Sequence[int], q: int,
         now: float, u: float) -> int:
    """The holder's next task, which no window stops; on a free QPU the first session in line, if its task fits."""
    idle = totals[HOLD_IDLE]
    k = next_of(tasks, flows, qpus, totals, entries, q, now, idle)
    if k < 0 or holder(flows, qpus, totals, q, now, idle) >= 0:
        return k
    return k if fits(tasks[entries[k]], qpus[q], now) else HOLD


def quiet_until(flows: Table, qpus: Table, totals: Row, q: int, now: float) -> float:
    """When the session that holds QPU q lets it go, in s, if nothing happens before; -inf if nobody holds it."""
    row = holder(flows, qpus, totals, q, now, totals[HOLD_IDLE])
    return ends(flows[row], totals, totals[HOLD_IDLE]) if row >= 0 else -INF
