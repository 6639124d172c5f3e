"""What operators did to the QPUs of a recording, done again at the same times: no new tasks, what runs is finished.

Whatever else a replay changes, an operator comes when he came. An outage that nobody asked for is not replayed: what
it cost is in the recording only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qloop.model.limits import NEVER
from qloop.policies.columns import N_QPUS, ONLINE
from qloop.policies.reservation import let_go
from qloop.simulator.replay import memory as at
from qloop.simulator.replay.calibrations import bind_again
from qloop.simulator.replay.memory import ask
from qloop.trace import schema as ev
from qloop.trace.reader import Trace

OUT, BACK = at.OUT, at.BACK


class Pause(NamedTuple):
    """When a QPU took no new tasks, with the ranks of both events; `end_ns` NEVER: it did not come back."""

    begin_ns: int
    begin_rank: int
    end_ns: int
    end_rank: int
    operator: ev.OperatorWish
    reason: str


def pauses(trace: Trace, names: Sequence[str]) -> tuple[tuple[Pause, ...], ...]:
    """The pauses of each QPU in order; a QPU that joins while it is paused is paused throughout."""
    found: dict[str, list[Pause]] = {name: [] for name in names}
    for event in trace.events:
        if not isinstance(event, (ev.QpuOffline, ev.QpuOnline)) or event.qpu not in found:
            continue
        rows = found[event.qpu]
        last = rows[-1] if rows else None
        if isinstance(event, ev.QpuOnline):
            if last is not None and last.end_ns == NEVER:
                rows[-1] = last._replace(end_ns=event.t, end_rank=2 * event.seq)
        elif last is not None and event.operator and last.end_ns == event.t:
            rows[-1] = last._replace(end_ns=NEVER, end_rank=0)
        elif event.operator:
            rows.append(Pause(event.t, 2 * event.seq, NEVER, 0, event.operator, event.reason))
    return tuple(tuple(found[name]) for name in names)


def columns(rows: Sequence[Sequence[Pause]]) -> dict[str, NDArray[np.int64]]:
    """`out_ns`, `out_rank`, `back_ns`, `back_rank` and `retired_ns` of `Work`."""
    shape = (len(rows), max([1, *map(len, rows)]))
    tables = {name: np.full(shape, NEVER, np.int64) for name in ("out_ns", "out_rank", "back_ns", "back_rank")}
    gone = np.full(len(rows), NEVER, np.int64)
    for q, row in enumerate(rows):
        for k, pause in enumerate(row):
            for name, value in zip(tables, pause[:4], strict=True):
                tables[name][q, k] = value
            if pause.operator == "retired":
                gone[q] = pause.begin_ns
    return {**tables, "retired_ns": gone}


def plan_pauses(w: Any, r: Any) -> None:
    """Ask for all of them."""
    for q in range(len(w.qpu_width)):
        for k in range(len(w.out_ns[q])):
            if w.out_ns[q][k] < NEVER:
                ask(r, w.out_ns[q][k], OUT, q, w.out_rank[q][k])
            if w.back_ns[q][k] < NEVER:
                ask(r, w.back_ns[q][k], BACK, q, w.back_rank[q][k])


def take_out(p: Any, w: Any, r: Any, world: Any, q: int, now: int) -> None:
    """QPU q takes no new tasks: what waits for it moves. One that is retired does not calibrate any more either."""
    _, _, qpus, totals = world
    qpus[q][ONLINE] = 0.0
    totals[N_QPUS] -= 1.0
    if now >= w.retired_ns[q]:
        r.due[q], r.gone[q] = 0, 1
    r.log.append((now, OUT, -1, q, 0))
    bind_again(p, w, r, world, q, now)


def put_back(p: Any, w: Any, r: Any, world: Any, q: int, now: int) -> None:
    """QPU q takes tasks again."""
    _, flows, qpus, totals = world
    let_go(flows, qpus[q], q)
    qpus[q][ONLINE] = 1.0
    totals[N_QPUS] += 1.0
    r.log.append((now, BACK, -1, q, 0))
    bind_again(p, w, r, world, q, now)
