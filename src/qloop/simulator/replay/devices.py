"""The QPUs of a trace: their width, what a cold start costs there, and their calibration windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qloop.model.limits import NEVER
from qloop.simulator.replay.pauses import Pause, pauses
from qloop.trace import schema as ev
from qloop.trace.index import OPEN
from qloop.trace.reader import Trace

Ints = NDArray[np.int64]
ANY_WIDTH = 2**31


def seconds(ns: int) -> float:
    """ns as the policies' seconds."""
    return ns * 1e-9


@dataclass(frozen=True)
class Devices:
    """Arrays over QPUs as in `Work`, their names, what operators did to them, and what had to be assumed, in words.

    `assumed` is True where no window was recorded or announced, so that its length is that of another QPU's, or 0.
    `like` names the recorded QPU that each one is like.
    """

    names: tuple[str, ...]
    width: Ints
    cold_s: NDArray[np.float64]
    epoch: Ints
    window_ns: Ints
    every_ns: Ints
    gap_ns: Ints
    length_ns: Ints
    assumed: NDArray[np.bool_]
    pauses: tuple[tuple[Pause, ...], ...]
    forecast: NDArray[np.float64]
    chunks: Ints
    like: tuple[str, ...]
    notes: tuple[str, ...]

    def chosen(self, rows: Sequence[int], names: Sequence[str]) -> Devices:
        """These rows (one may come twice) under these names."""
        at = list(rows)
        return Devices(tuple(names), self.width[at], self.cold_s[at], self.epoch[at], self.window_ns[at],
                       self.every_ns[at], self.gap_ns[at], self.length_ns[at], self.assumed[at],
                       tuple(self.pauses[q] for q in at), self.forecast[at], self.chunks[at],
                       tuple(self.like[q] for q in at),
                       self.notes)


def devices(trace: Trace) -> Devices:
    """The QPUs in the order in which they came online, then any others that the trace names."""
    online: dict[str, ev.QpuOnline] = {}
    plans: dict[str, list[int]] = {}
    for event in trace.events:
        if isinstance(event, ev.QpuOnline):
            online.setdefault(event.qpu, event)
        if isinstance(event, (ev.QpuOnline, ev.CalibrationEnd)) and event.window_at_ns is not None:
            plans.setdefault(event.qpu, []).append(event.window_at_ns)
    names = tuple(dict.fromkeys([*online, *trace.qpus]))
    listed = {info.name: info.n_qubits for info in trace.header.qpus}
    told = [online.get(name, ev.QpuOnline(0, 0, qpu=name)) for name in names]
    spans = {name: [(b, e) for b, e in trace.index.qpus[name].calibrations if e < OPEN] for name in names
             if name in trace.index.qpus}
    last = {name: rows[-1][1] - rows[-1][0] for name, rows in spans.items() if rows}
    lengths = [last.get(event.qpu) or event.window_length_ns or next(iter(last.values()), 0) for event in told]
    begins, every, gaps, unplanned = [], [], [], False
    for name, event, length in zip(names, told, lengths, strict=True):
        seen = [b for b, _ in spans.get(name, [])]
        unplanned |= bool(seen) and name not in plans
        begin, step = _plan(sorted(set(plans.get(name, seen))), event.window_gap_ns, length)
        begins.append(begin)
        every.append(step)
        gaps.append(event.window_gap_ns or (step - length if step else NEVER))
    notes = (*(["windows count as planned for when they began"] if unplanned else []),
             *_joined_late(trace, told))
    return Devices(
        names, np.array([event.qubits or listed.get(event.qpu, 0) or ANY_WIDTH for event in told], np.int64),
        np.array([event.cold_s for event in told]), np.array([event.epoch for event in told], np.int64),
        padded(begins), np.array(every, np.int64), np.array(gaps, np.int64), np.array(lengths, np.int64),
        np.array([name not in last and not event.window_length_ns for name, event in zip(names, told, strict=True)]),
        pauses(trace, names),
        np.array([forecast(event) for event in told]), np.array([event.chunks for event in told], np.int64), names,
        notes)


def forecast(event: ev.QpuOnline) -> list[float]:
    """What a QPU is expected to drift, as policies see it."""
    return [seconds(event.calibrated_ns), event.aging_per_h, event.drift_sd, event.drift_relax_s, event.idle_share]


def _plan(begins: list[int], gap: int | None, length: int) -> tuple[list[int], int]:
    """The planned begins, and the time between two of them after the last one (0: there are no more)."""
    if not begins:
        return [], 0
    steps = np.diff(begins)
    every = gap + length if gap is not None else int(steps.min()) if steps.size else 0
    if every and all(step % every == 0 for step in steps.tolist()):
        return begins[:1], every
    return begins, 0


def _joined_late(trace: Trace, told: Iterable[ev.QpuOnline]) -> list[str]:
    """A note if QPUs came when work had begun."""
    began = next((event.t for event in trace.events if isinstance(event, ev.Submitted)), 0)
    late = [event.qpu for event in told if event.t > began]
    names = ", ".join(late)
    return [f"{names} came online during the run; in the replay they are there from the start"] if late else []


def padded(rows: Sequence[Sequence[int]]) -> Ints:
    """Rows of different length as one table, filled up with NEVER; at least one column."""
    table = np.full((len(rows), max([1, *map(len, rows)])), NEVER, np.int64)
    for q, row in enumerate(rows):
        table[q, :len(row)] = row
    return table
