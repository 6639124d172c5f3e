"""A replay's log as a trace of the same schema, so that every metric and figure of recorded runs works on it.

What a session did besides its quantum tasks (its classical steps, the ends of iterations with their energies) is
moved with the tasks: it happens as long after the session's tasks have ended as it did in the recording. Energies are
those that were recorded.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from qloop.model.limits import NEVER
from qloop.simulator.replay import memory as at
from qloop.simulator.replay.host import Log
from qloop.simulator.replay.recorded import Recorded
from qloop.simulator.replay.submissions import Submission
from qloop.trace import schema as ev
from qloop.trace.provenance import Header, QpuInfo, configuration_hash
from qloop.trace.reader import Trace

Placed = tuple[int, int, int, ev.AnyEvent]      # time, rank, number in the log, event
Carried = ev.IterationBegin | ev.IterationEnd | ev.CpuBegin | ev.CpuEnd | ev.ColdStart | ev.Result


def as_trace(recorded: Recorded, log: Log, header: Header, think: float = 1.0) -> Trace:
    """The trace of a replay; `think` scales what lies between a task's end and what follows from it."""
    found = [*_platform(recorded), *_Log(recorded, log).events(), *_carried(recorded, log, think)]
    found.sort(key=lambda entry: entry[:3])
    return Trace(header, tuple(msgspec.structs.replace(event, t=t, seq=n) for n, (t, _, _, event) in enumerate(found)))


def new_header(recorded: Recorded, policy: str, configuration: dict[str, Any], note: str) -> Header:
    """The header of a replay under another policy, or of another platform."""
    old = recorded.trace.header
    infos = {info.name: info for info in old.qpus}
    settings = {**old.configuration, **configuration, "policy": policy, "replay_of": old.configuration_hash}
    qpus = tuple(infos.get(name, QpuInfo(name, n_qubits=int(width)))
                 for name, width in zip(recorded.devices.names, recorded.devices.width, strict=True))
    return msgspec.structs.replace(
        old, policy=policy, clock="virtual", configuration=settings, configuration_hash=configuration_hash(settings),
        qpus=qpus, horizon_ns=0, started_at="", note=note)


def ends_of(recorded: Recorded, log: Log) -> dict[int, int]:
    """When each task ended in the replay, by number."""
    removed = {i: t for t, kind, i, _, _ in log if kind == at.REMOVED}
    return {**{i: t for t, kind, i, _, _ in log if kind == at.FINISH}, **removed}


def _platform(recorded: Recorded) -> Iterator[Placed]:
    """QPUs come online and sessions open, as they did."""
    about = recorded.devices
    told: dict[str, ev.QpuOnline] = {}
    for event in recorded.trace.events:
        if isinstance(event, ev.QpuOnline):     # later ones only end an outage or a pause
            told.setdefault(event.qpu, event)
    for q, name in enumerate(about.names):
        plain = ev.QpuOnline(0, 0, qpu=name, qubits=int(about.width[q]), cold_s=float(about.cold_s[q]))
        yield 0, 0, q, told.get(name, plain)
    for event in recorded.trace.events:
        if isinstance(event, ev.SessionOpened):
            yield event.t, 1, event.seq, event


class _Log:
    """The entries of a log as events."""

    def __init__(self, recorded: Recorded, log: Log) -> None:
        self.recorded, self.log = recorded, log
        self.starts = {i: t for t, kind, i, _, _ in reversed(log) if kind == at.START}
        self.chunks = Pieces()
        self.results = {event.task: event for event in recorded.trace.events if isinstance(event, ev.Result)}
        self.removed: set[int] = set()
        self.windows: Counter[int] = Counter()
        self.outs: Counter[int] = Counter()
        self.reasons = {event.session: event.reason for event in recorded.trace.events
                        if isinstance(event, ev.SessionClosed)}
        self.rows = recorded.trace.index.tasks
        self.hot: dict[int, ev.TaskClass] = {}
        self.placed: dict[int, str] = {}

    def events(self) -> Iterator[Placed]:
        """Every event with its place in the order."""
        for n, (t, kind, e, q, more) in enumerate(self.log):
            if kind in (at.DUE, at.CALIBRATED, at.CLOSE, at.OUT, at.BACK):
                made: Iterable[ev.AnyEvent] = self._beside(t, kind, e, q, more)
            else:
                made = self._of_task(t, kind, e, q, more)
            for event in made:
                yield event.t, 3, n, event

    def _beside(self, t: int, kind: int, e: int, q: int, more: int) -> Iterator[ev.AnyEvent]:
        if kind == at.CLOSE:
            name = self.recorded.sessions[e]
            yield ev.SessionClosed(t, 0, session=name, reason=self.reasons.get(name, "closed"))
        elif kind == at.DUE:
            yield ev.CalibrationBegin(t, 0, qpu=self.recorded.devices.names[q])
        elif kind in (at.OUT, at.BACK):
            yield self._service(t, kind == at.BACK, q)
        else:
            name = self.recorded.devices.names[q]
            self.windows[q] += 1
            epoch = int(self.recorded.devices.epoch[q]) + self.windows[q]
            yield ev.CalibrationEnd(t, 0, qpu=name, epoch=epoch, window_at_ns=None if more >= NEVER else more)

    def _service(self, t: int, back: bool, q: int) -> ev.QpuOffline | ev.QpuOnline:
        """An operator took QPU q out of service, or put it back."""
        about, name = self.recorded.devices, self.recorded.devices.names[q]
        if back:
            return ev.QpuOnline(t, 0, qpu=name, qubits=int(about.width[q]), cold_s=float(about.cold_s[q]),
                                epoch=int(about.epoch[q]) + self.windows[q])
        pause = about.pauses[q][self.outs[q]]
        self.outs[q] += 1
        return ev.QpuOffline(t, 0, qpu=name, reason=pause.reason, operator=pause.operator)

    def _of_task(self, t: int, kind: int, i: int, q: int, more: int) -> Iterator[ev.AnyEvent]:
        task = self.recorded.tasks[i]
        where: dict[str, Any] = {"session": task.session, "iteration": task.iteration, "task": task.name}
        qpu = self.recorded.devices.names[q] if q >= 0 else ""
        if kind == at.READY:
            yield from self._arrival(t, i, task, where, qpu, more)
        elif kind == at.START:
            if self.placed.pop(i, None) != qpu and more >= 0:
                yield _placed(t, where, qpu, more)
            attempt = self.chunks.begin(i, t, more)
            yield ev.QpuBegin(t, 0, **where, qpu=qpu, class_=self.hot[i], attempt=attempt)
        elif kind == at.PAUSED:
            attempt, cold = self.chunks.leave(i, t, True)
            yield ev.QpuEnd(t, 0, **where, qpu=qpu, attempt=attempt, outcome="cancelled", overhead_ns=cold, paused=True)
        elif kind == at.EDGE:
            yield ev.ChunkEnd(t, 0, **where, qpu=qpu, attempt=self.chunks.attempt[i])
        elif kind == at.AGAIN:
            self.chunks.drop(i)
        elif kind in (at.FINISH, at.CUT):
            yield from self._end(t, i, task, where, qpu, more, kind == at.CUT)
        else:
            self.removed.add(i)
            yield ev.TaskCancelled(t, 0, **where, reason="as in the recording")

    def _arrival(self, t: int, i: int, task: Submission, where: dict[str, Any], qpu: str, more: int,
                 ) -> Iterator[ev.AnyEvent]:
        """A task comes; `more` is its class (0: normal, 1: hot) and twice its set-up on the QPU it waits for, ns."""
        class_ = self.hot[i] = "hot" if more % 2 else "normal"
        row = self.rows[task.name]
        before = max(0, task.at - row.ready) if row.ready is not None else 0     # a guess was wanted only later
        yield ev.ParamsReady(max(0, t - before), 0, **where)
        yield ev.Submitted(t, 0, **where, network_ns=row.network_up, width=task.width, estimate_s=task.estimate_s,
                           cpu_s=task.cpu_s, weight=task.weight, pin=task.pin)
        if self.starts.get(i) != t:
            if qpu:
                self.placed[i] = qpu
                yield _placed(t, where, qpu, more // 2)
            yield ev.Enqueued(t, 0, **where, qpu=qpu, class_=class_)

    def _end(self, t: int, i: int, task: Submission, where: dict[str, Any], qpu: str, epoch: int,
             cut: bool) -> Iterator[ev.AnyEvent]:
        where["attempt"], cold = self.chunks.leave(i, t, False)
        unwanted = i in self.removed
        outcome: ev.Outcome = "cancelled" if unwanted else "failed" if task.failed else "done"
        known = epoch if outcome == "done" else 0
        yield ev.QpuEnd(t, 0, **where, qpu=qpu, shots=task.shots, epoch=known, outcome=outcome,
                        overhead_ns=cold, cut=cut)
        result = self.results.get(task.name)
        if outcome == "failed":
            yield ev.TaskFailed(t, 0, **where, reason="as in the recording")
        elif outcome == "done":
            later = 0 if result is None else max(0, result.t - task.end)
            yield ev.Result(t + later, 0, **where, qpu=qpu, epoch=epoch, shots=task.shots,
                            values=() if result is None else result.values,
                            noiseless=() if result is None else result.noiseless,
                            network_ns=0 if result is None else result.network_ns)


class Pieces:
    """The runs of each task in a log: which attempt they belong to, and their set-up, which comes first."""

    def __init__(self) -> None:
        self.attempt: Counter[int] = Counter()
        self._aside: set[int] = set()
        self._since: dict[int, int] = {}
        self._cold: dict[int, int] = {}

    def begin(self, i: int, t: int, cold: int) -> int:
        """Task i begins, or goes on; returns the number of its attempt."""
        self._since[i] = t
        if i not in self._aside:
            self.attempt[i] += 1
            self._cold[i] = cold
        self._aside.discard(i)
        return self.attempt[i]

    def leave(self, i: int, t: int, aside: bool) -> tuple[int, int]:
        """Task i leaves its QPU; the number of its attempt, and the set-up in this run, ns."""
        cold = min(self._cold[i], t - self._since[i]) if aside else self._cold[i]
        self._cold[i] -= cold
        if aside:
            self._aside.add(i)
        return self.attempt[i], cold

    def drop(self, i: int) -> None:
        """What stood aside begins anew."""
        self._aside.discard(i)


def _placed(t: int, where: dict[str, Any], qpu: str, cold_ns: int) -> ev.Placed:
    """The task is bound to a QPU, where a start costs so much set-up."""
    return ev.Placed(t, 0, **where, qpu=qpu, caches={"waveform": cold_ns == 0}, cost={"load": cold_ns * 1e-9})


def _carried(recorded: Recorded, log: Log, think: float) -> Iterator[Placed]:
    """What sessions did besides their quantum tasks, moved with these."""
    ends, scheduled = ends_of(recorded, log), {task.name for task in recorded.tasks}
    moves = {name: _Move(recorded, s, ends, think) for s, name in enumerate(recorded.sessions)}
    for event in recorded.trace.events:
        if not isinstance(event, Carried) or event.session not in moves:
            continue
        if not isinstance(event, ev.Result) or event.task not in scheduled:     # such results were known before
            t = moves[event.session].to(event.t, event.seq)
            if t is not None:
                yield t, 2, event.seq, event


class _Move:
    """Where a time of a session's recording lies in the replay."""

    def __init__(self, recorded: Recorded, s: int, ends: dict[int, int], think: float) -> None:
        sat = recorded.sittings
        rows = [int(i) for i in sat.ends[sat.first[s]:sat.first[s + 1]]]
        self.recorded = [(recorded.tasks[i].end, recorded.tasks[i].end_seq) for i in rows]
        self.think, self.replayed, latest = think, list[int](), 0
        for i in rows:
            latest = max(latest, ends.get(i, NEVER))
            self.replayed.append(latest)

    def to(self, t: int, seq: int) -> int | None:
        """The time in the replay, None if it does not come."""
        seen = bisect_right(self.recorded, (t, seq))
        if seen == 0:
            return t
        base = self.replayed[seen - 1]
        return None if base >= NEVER else base + round((t - self.recorded[seen - 1][0]) * self.think)
