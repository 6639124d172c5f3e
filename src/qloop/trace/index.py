"""The events of a trace joined into rows: sessions, steps, tasks, attempts, and intervals of QPUs and workers.

One pass over the events, one handler per kind; the table of handlers is total over the union (a test says so).
A *step* is all quantum tasks of one iteration of one session.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from qloop.trace import schema as ev

Span = tuple[int, int]
OPEN = 2**63 - 1
"""The end of an interval that never ended."""


@dataclass(slots=True)
class SessionRow:
    """One session; times in ns, None where it did not happen."""

    name: str
    tenant: str
    weight: float
    kind: str
    label: str
    optimum: float | None
    opened: int
    closed: int | None = None
    cpu: list[Span] = field(default_factory=list)
    energies: dict[int, ev.IterationEnd] = field(default_factory=dict)
    begins: dict[int, int] = field(default_factory=dict)
    last: int = 0
    tenant_weight: float = 1.0


@dataclass(slots=True)
class TaskRow:
    """One quantum task; times in ns, None where it did not happen."""

    name: str
    session: str
    iteration: int
    ready: int | None = None
    submitted: int | None = None
    network_up: int = 0
    enqueued: int | None = None
    launched: int | None = None
    committed: int | None = None
    squashed: str = ""
    by: str = ""
    results: list[ev.Result] = field(default_factory=list)


@dataclass(slots=True)
class AttemptRow:
    """One occupation of a QPU; `end` is `OPEN` if it was never seen to end."""

    task: TaskRow
    begun: ev.QpuBegin
    begin: int
    end: int = OPEN
    ended: ev.QpuEnd | None = None
    earlier: list[AttemptRow] = field(default_factory=list)     # its chunks before it stood aside
    kept: bool = False      # such a chunk, of an attempt that ended well

    @property
    def done(self) -> bool:
        """It ended well, whether or not its values were wanted."""
        return self.kept or (self.ended is not None and self.ended.outcome == "done")

    @property
    def wanted(self) -> bool:
        """It is on the committed path."""
        return not self.begun.speculative or self.task.committed is not None


@dataclass(slots=True)
class QpuRow:
    """What happened to one QPU besides its attempts: intervals in ns."""

    calibrations: list[Span] = field(default_factory=list)
    offline: list[Span] = field(default_factory=list)
    reserved: list[Span] = field(default_factory=list)
    charged_to: list[str] = field(default_factory=list)


@dataclass
class Index:
    """The rows of a trace. Open intervals end at `OPEN`."""

    sessions: dict[str, SessionRow] = field(default_factory=dict)
    tasks: dict[str, TaskRow] = field(default_factory=dict)
    attempts: list[AttemptRow] = field(default_factory=list)
    qpus: dict[str, QpuRow] = field(default_factory=dict)
    placements: list[ev.Placed] = field(default_factory=list)
    cold_starts: list[ev.ColdStart] = field(default_factory=list)
    transpiles: list[Span] = field(default_factory=list)
    failures: list[ev.TaskFailed] = field(default_factory=list)
    cancelled: set[str] = field(default_factory=set)

    @property
    def qpu_names(self) -> set[str]:
        """Every QPU that an event speaks of."""
        return set(self.qpus) | {attempt.begun.qpu for attempt in self.attempts}


def build_index(events: Iterable[ev.AnyEvent]) -> Index:
    """The rows of these events, which must be in order."""
    builder = _Builder()
    handlers = builder.handlers()
    for event in events:
        handlers[type(event)](event)
    builder.finish()
    return builder.index


class _Builder:
    """The state of the one pass: the rows, and which intervals are open."""

    def __init__(self) -> None:
        self.index = Index()
        self._running: dict[tuple[str, int], AttemptRow] = {}
        self._aside: dict[tuple[str, int], list[AttemptRow]] = {}
        self._open: dict[tuple[str, ...], int] = {}

    def handlers(self) -> dict[type, Callable[[Any], None]]:
        """The handler of each kind."""
        return {
            ev.SessionOpened: self._opened, ev.SessionClosed: self._closed,
            ev.IterationBegin: self._iteration_begin, ev.IterationEnd: self._iteration_end,
            ev.ParamsReady: self._ready, ev.Submitted: self._submitted, ev.Placed: self._placed,
            ev.TranspileBegin: self._transpile_begin, ev.TranspileEnd: self._transpile_end,
            ev.Enqueued: self._enqueued, ev.CalibrationBegin: self._calibration_begin,
            ev.CalibrationEnd: self._calibration_end, ev.QpuBegin: self._qpu_begin, ev.QpuEnd: self._qpu_end,
            ev.Result: self._result, ev.SpeculationLaunched: self._launched,
            ev.SpeculationCommitted: self._committed, ev.SpeculationSquashed: self._squashed,
            ev.CpuBegin: self._cpu_begin, ev.CpuEnd: self._cpu_end, ev.ColdStart: self.index.cold_starts.append,
            ev.QpuOffline: lambda e: self._begin("offline", e.qpu, t=e.t),
            ev.QpuOnline: lambda e: self._qpu(e.qpu).offline.append(self._end("offline", e.qpu, t=e.t)),
            ev.QpuReserved: lambda e: self._begin("reserved", e.qpu, e.session, t=e.t),
            ev.QpuReleased: lambda e: self._qpu(e.qpu).reserved.append(
                self._end("reserved", e.qpu, e.session, t=e.t)),
            # for the scheduler, and its replay
            ev.Profiled: lambda e: None, ev.TenantTerms: lambda e: None, ev.ChunkEnd: lambda e: None,
            ev.TaskFailed: self.index.failures.append, ev.TaskCancelled: lambda e: self.index.cancelled.add(e.task),
        }

    def finish(self) -> None:
        """End the intervals that are still open at `OPEN`."""
        for (kind, name, *_), begin in sorted(self._open.items()):
            if kind == "cpu" and name in self.index.sessions:
                self.index.sessions[name].cpu.append((begin, OPEN))
            elif kind in ("calibrations", "offline", "reserved"):
                getattr(self._qpu(name), kind).append((begin, OPEN))

    def _begin(self, *key: str, t: int) -> None:
        self._open[key] = t

    def _end(self, *key: str, t: int) -> Span:
        return self._open.pop(key, t), t

    def _qpu(self, name: str) -> QpuRow:
        row = self.index.qpus.get(name)
        if row is None:
            row = self.index.qpus[name] = QpuRow()
        return row

    def _task(self, e: ev.TaskEvent) -> TaskRow:
        row = self.index.tasks.get(e.task)
        if row is None:
            row = self.index.tasks[e.task] = TaskRow(e.task, e.session, e.iteration)
        return row

    def _opened(self, e: ev.SessionOpened) -> None:
        self.index.sessions[e.session] = SessionRow(
            e.session, e.tenant, e.weight, e.session_kind, e.label, e.optimum, e.t, last=e.t,
            tenant_weight=e.tenant_weight)

    def _closed(self, e: ev.SessionClosed) -> None:
        if e.session in self.index.sessions:
            self.index.sessions[e.session].closed = e.t

    def _iteration_begin(self, e: ev.IterationBegin) -> None:
        if e.session in self.index.sessions:
            self.index.sessions[e.session].begins.setdefault(e.iteration, e.t)

    def _iteration_end(self, e: ev.IterationEnd) -> None:
        if e.session in self.index.sessions:
            self.index.sessions[e.session].energies[e.iteration] = e

    def _ready(self, e: ev.ParamsReady) -> None:
        row = self._task(e)
        if row.ready is None:
            row.ready, row.iteration = e.t, e.iteration

    def _submitted(self, e: ev.Submitted) -> None:
        row = self._task(e)
        if row.submitted is None:
            row.submitted, row.network_up = e.t, e.network_ns

    def _placed(self, e: ev.Placed) -> None:
        self.index.placements.append(e)

    def _transpile_begin(self, e: ev.TranspileBegin) -> None:
        self._begin("transpile", e.task, t=e.t)

    def _transpile_end(self, e: ev.TranspileEnd) -> None:
        self.index.transpiles.append(self._end("transpile", e.task, t=e.t))

    def _enqueued(self, e: ev.Enqueued) -> None:
        row = self._task(e)
        if row.enqueued is None:
            row.enqueued = e.t

    def _calibration_begin(self, e: ev.CalibrationBegin) -> None:
        self._begin("calibrations", e.qpu, t=e.t)
        self._qpu(e.qpu).charged_to.append(e.session)

    def _calibration_end(self, e: ev.CalibrationEnd) -> None:
        self._qpu(e.qpu).calibrations.append(self._end("calibrations", e.qpu, t=e.t))

    def _qpu_begin(self, e: ev.QpuBegin) -> None:
        row = AttemptRow(self._task(e), e, e.t)
        row.earlier = self._aside.pop((e.task, e.attempt), row.earlier)
        self._running[e.task, e.attempt] = row
        self.index.attempts.append(row)

    def _qpu_end(self, e: ev.QpuEnd) -> None:
        row = self._running.pop((e.task, e.attempt), None)
        if row is not None:
            row.end, row.ended = e.t, e
            if e.paused:
                self._aside[e.task, e.attempt] = [*row.earlier, row]
            elif e.outcome == "done":
                for chunk in row.earlier:
                    chunk.kept = True

    def _result(self, e: ev.Result) -> None:
        self._task(e).results.append(e)
        if e.session in self.index.sessions:
            self.index.sessions[e.session].last = e.t

    def _launched(self, e: ev.SpeculationLaunched) -> None:
        row = self._task(e)
        row.launched = e.t

    def _committed(self, e: ev.SpeculationCommitted) -> None:
        row = self._task(e)
        row.committed, row.by, row.iteration = e.t, e.by, e.iteration

    def _squashed(self, e: ev.SpeculationSquashed) -> None:
        self._task(e).squashed = e.reason

    def _cpu_begin(self, e: ev.CpuBegin) -> None:
        self._begin("cpu", e.session, e.task, t=e.t)

    def _cpu_end(self, e: ev.CpuEnd) -> None:
        if e.session in self.index.sessions:
            self.index.sessions[e.session].cpu.append(self._end("cpu", e.session, e.task, t=e.t))
