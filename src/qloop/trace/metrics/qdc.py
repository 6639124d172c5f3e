"""QDC, the duty cycle of the QPUs: each nanosecond of N QPUs over the horizon T is given to exactly one use.

Computed in integers, so that the parts sum to N*T exactly. Where intervals overlap the earlier of this list wins:
execution, calibration, offline, reserved but idle.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from qloop.trace.index import AttemptRow, QpuRow
from qloop.trace.intervals import Span, intersection, length, union
from qloop.trace.reader import Trace

PARTS = ("useful_hot", "useful_background", "speculation_waste", "failed", "overhead", "calibration", "offline",
         "reserved_idle", "idle")


class Qdc(msgspec.Struct, frozen=True):
    """Shares of N*T that sum to 1.

    `useful` = `useful_hot` + `useful_background` is committed execution, by the class of the task; an attempt that
    still runs at the horizon counts as useful unless it is a guess. `useful_loops` is the part of `useful` that
    belongs to loop sessions, whatever their class: it compares policies that know no hot class.
    """

    useful: float
    useful_loops: float
    useful_hot: float
    useful_background: float
    speculation_waste: float
    failed: float
    overhead: float
    calibration: float
    offline: float
    reserved_idle: float
    idle: float
    capacity_s: float


def qdc(trace: Trace) -> Qdc:
    """The duty cycle over [0, horizon) of all QPUs; all idle if there is no QPU or no time."""
    capacity = len(trace.qpus) * trace.horizon_ns
    if capacity == 0:
        return Qdc(0.0, 0.0, **dict.fromkeys(PARTS[:-1], 0.0), idle=1.0, capacity_s=0.0)
    parts = partition(trace)
    useful = parts["useful_hot"] + parts["useful_background"]
    shares = {name: parts[name] / capacity for name in PARTS}
    return Qdc(useful=useful / capacity, useful_loops=parts["useful_loops"] / capacity, **shares,
               capacity_s=capacity * 1e-9)


def partition(trace: Trace) -> dict[str, int]:
    """Nanoseconds of each part over all QPUs, and `useful_loops`, which is a part of the useful ones."""
    total: dict[str, int] = dict.fromkeys((*PARTS, "useful_loops"), 0)
    attempts: dict[str, list[AttemptRow]] = defaultdict(list)
    for attempt in trace.index.attempts:
        attempts[attempt.begun.qpu].append(attempt)
    loops = {name for name, session in trace.index.sessions.items() if session.kind == "loop"}
    for qpu in trace.qpus:
        busy = _execution(attempts[qpu], trace.horizon_ns, loops, total)
        _rest(trace.index.qpus.get(qpu, QpuRow()), busy, trace.horizon_ns, total)
    return total


def _execution(attempts: list[AttemptRow], horizon: int, loops: set[str], total: dict[str, int]) -> list[Span]:
    """Give the time of one QPU's attempts to its parts; what is left to others is outside the returned spans."""
    busy: list[Span] = []
    free_from = 0
    for attempt in sorted(attempts, key=lambda a: (a.begin, a.end)):
        begin, end = max(attempt.begin, free_from, 0), min(attempt.end, horizon)
        if begin >= end:
            continue
        free_from = end
        busy.append((begin, end))
        part = _part(attempt)
        useful = end - begin
        if part in ("useful_hot", "useful_background") and attempt.ended is not None:
            overhead = min(attempt.ended.overhead_ns, useful)
            total["overhead"] += overhead
            useful -= overhead
        total[part] += useful
        if part.startswith("useful") and attempt.task.session in loops:
            total["useful_loops"] += useful
    return busy


def _part(attempt: AttemptRow) -> str:
    """The part that an attempt's execution belongs to."""
    if attempt.ended is not None and not attempt.done:
        return "speculation_waste" if not attempt.wanted else "failed"
    if not attempt.wanted:
        return "speculation_waste"
    return "useful_hot" if attempt.begun.class_ == "hot" else "useful_background"


def _rest(row: QpuRow, busy: list[Span], horizon: int, total: dict[str, int]) -> None:
    """Give the time outside the attempts to calibration, offline, reserved and idle, in this order."""
    taken = union(busy)
    claims = (("calibration", row.calibrations), ("offline", row.offline), ("reserved_idle", row.reserved))
    for part, spans in claims:
        claimed = union(spans, 0, horizon)
        total[part] += length(claimed) - length(intersection(claimed, taken))
        taken = union([*taken, *claimed])
    total["idle"] += horizon - length(taken)
