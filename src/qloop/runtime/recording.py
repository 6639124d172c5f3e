"""Writes the trace of a live run: what the engine was told and what it answered, as events of `trace.schema`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec

from qloop.engine.engine import Engine
from qloop.engine.state import Quantum
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import NEVER
from qloop.model.states import Outcome as Ending
from qloop.model.states import Service, SessionState, TaskState
from qloop.policies.columns import BOUND, COLD, EPOCH, ONLINE, QUBITS, WEIGHT
from qloop.runtime.guess_runs import squash_reason
from qloop.runtime.recording_edges import Edges
from qloop.runtime.ticket import ClassicalTicket, QuantumTicket, Ticket
from qloop.trace import schema as tr
from qloop.trace.recorder import Recorder

CLOSE: dict[SessionState, tr.CloseReason] = {
    SessionState.CLOSED: "closed", SessionState.CANCELLED: "cancelled", SessionState.EXPIRED: "expired"}
OUTCOME: dict[Ending, tr.Outcome] = {
    Ending.OK: "done", Ending.FAILED: "failed", Ending.LOST: "failed", Ending.CANCELLED: "cancelled"}

OPERATOR: dict[Service, tr.OperatorWish] = {
    Service.ON: "", Service.PAUSED: "paused", Service.DRAINED: "drained", Service.RETIRED: "retired"}


class Recording:
    """The witness of a core. `tickets` finds the ticket of a task; `kinds` the (kind, optimum) of a session.

    `compiled` says whether a task's circuit is compiled for a QPU, `whole` whether tasks run in one piece on a QPU.
    `log` is what the engine was told and answered; it grows without end, and is kept only where no file is written.
    """

    def __init__(self, recorder: Recorder, engine: Engine, tickets: Callable[[str], Ticket | None],
                 kinds: dict[str, tuple[tr.SessionKind, float | None]]) -> None:
        self.recorder, self.engine, self.tickets, self.kinds = recorder, engine, tickets, kinds
        self.compiled: Callable[[Ticket, str], bool] = lambda ticket, qpu: True
        self.whole: Callable[[str], bool] = lambda qpu: False
        self.log: list[tuple[int, ev.Event, tuple[cmd.Command, ...]]] = []
        self._running: dict[str, tuple[Ticket, int]] = {}
        self._calls: dict[tuple[str, int], tuple[ClassicalTicket, str]] = {}
        self._placed: dict[str, str] = {}
        self._off: set[str] = set()
        self.edges = Edges(recorder, self._running, self._left)

    def __call__(self, now: int, event: ev.Event, commands: list[cmd.Command]) -> None:
        """Record one event and what it caused."""
        if not self.recorder.streams:
            self.log.append((now, event, tuple(commands)))
        self.edges.before(now)
        refused = {command.subject for command in commands if isinstance(command, cmd.Refused)}
        self._event(now, event, refused)
        if isinstance(event, ev.ChunkEnded):
            self.edges.ended(now, event, commands)
        for command in commands:
            self._command(now, command)
        if isinstance(event, ev.QuantumSubmitted) and event.task not in refused:
            self._enqueued(now, event.task)

    def _event(self, now: int, event: ev.Event, refused: set[str]) -> None:
        emit = self.recorder.emit
        match event:
            case ev.QuantumSubmitted() if event.task not in refused:
                self._submitted(now, event)
            case ev.StructureProfiled() if event.structure not in refused:
                emit(tr.Profiled, now, **msgspec.structs.asdict(event))
            case ev.QuantumEnded():
                self._qpu_end(now, event)
            case ev.SessionOpened() if event.session not in refused:
                self._opened(now, event)
            case ev.CalibrationEnded() if event.qpu not in refused:
                emit(tr.CalibrationEnd, now, qpu=event.qpu, epoch=event.epoch,
                     window_at_ns=_planned(event.window_at_ns), window_length_ns=event.window_length_ns)
            case ev.QpuJoined() if event.qpu not in refused:
                emit(tr.QpuOnline, now, qpu=event.qpu, qubits=event.qubits, cold_s=event.cold_s, epoch=event.epoch,
                     window_at_ns=_planned(event.window_at_ns), window_gap_ns=_planned(event.window_gap_ns),
                     window_length_ns=event.window_length_ns, calibrated_ns=event.calibrated_ns,
                     aging_per_h=event.aging_per_h, drift_sd=event.drift_sd, drift_relax_s=event.drift_relax_s,
                     idle_share=event.idle_share, chunks=not self.whole(event.qpu))
                self._off.discard(event.qpu)
                self._service(now, event.qpu)
            case ev.QpuLeft():
                self._lost(now, event.qpu)
                self._service(now, event.qpu, event.reason)
            case ev.QpuPaused() | ev.QpuResumed() | ev.QpuDrained() | ev.QpuRetired():
                self._service(now, event.qpu)
            case ev.TenantSet() if event.tenant not in refused:
                emit(tr.TenantTerms, now, tenant=event.tenant, weight=event.weight, window_s=event.window_s,
                     qpu_quota_s=_quota(event.qpu_quota_s), cpu_quota_s=_quota(event.cpu_quota_s),
                     lowered=event.lowered)
            case ev.ClassicalEnded():
                self._cpu_end(now, (event.task, event.attempt))
            case ev.WorkerLeft():
                for key in [key for key, (_, worker) in self._calls.items() if worker == event.worker]:
                    self._cpu_end(now, key)
            case _:
                pass

    def _submitted(self, now: int, event: ev.QuantumSubmitted) -> None:
        """A task, or a guess, whose parameters are ready only when it is wanted."""
        ticket, emit = self.tickets(event.task), self.recorder.emit
        where: dict[str, Any] = {"session": event.session, "iteration": event.iteration, "task": event.task}
        if event.speculative:
            emit(tr.SpeculationLaunched, now, **where)
        else:
            emit(tr.ParamsReady, min(now, ticket.ready_ns) if ticket is not None else now, **where)
        emit(tr.Submitted, now, **where, width=event.width, estimate_s=event.estimate_s, cpu_s=event.cpu_s,
             weight=event.weight, pin=event.pin, structure=event.structure)

    def _command(self, now: int, command: cmd.Command) -> None:
        emit = self.recorder.emit
        match command:
            case cmd.StartQuantum():
                self._qpu_begin(now, command)
            case cmd.TaskEnded():
                self._task_ended(now, command)
            case cmd.KeepQuantum():
                ticket = self.tickets(command.task)
                if isinstance(ticket, QuantumTicket):
                    self.committed(now, ticket)
            case cmd.StartCalibration():
                emit(tr.CalibrationBegin, now, qpu=command.qpu)
            case cmd.SessionEnded():
                emit(tr.SessionClosed, now, session=command.session, reason=CLOSE[command.state])
            case cmd.StartClassical():
                self._cpu_begin(now, command)
            case _:
                pass

    def _service(self, now: int, name: str, reason: str = "") -> None:
        """The QPU takes work from now on, or no longer does: told once for each change."""
        state = self.engine.state
        row = state.qpu_ids.get(name, -1)
        takes = row >= 0 and state.qpu_rows[row][ONLINE] > 0.0
        if row < 0 or takes == (name not in self._off):
            return
        qpu, cells = state.qpus[row], state.qpu_rows[row]
        if takes:
            self._off.discard(name)
            self.recorder.emit(tr.QpuOnline, now, qpu=name, qubits=int(cells[QUBITS]), cold_s=cells[COLD],
                               epoch=int(cells[EPOCH]))
            return
        self._off.add(name)
        wish: tr.OperatorWish = OPERATOR[qpu.service] if qpu.online or qpu.service is Service.RETIRED else ""
        self.recorder.emit(tr.QpuOffline, now, qpu=name, reason=reason or qpu.reason, operator=wish)

    def _opened(self, now: int, event: ev.SessionOpened) -> None:
        """A session with the TTLs that hold for it."""
        kind, optimum = self.kinds.get(event.session, ("loop", None))
        limits = self.engine.state.limits
        self.recorder.emit(
            tr.SessionOpened, now, session=event.session, tenant=event.tenant, weight=event.weight,
            tenant_weight=self._tenant_weight(event.tenant), session_kind=kind,
            label=event.session.rpartition(".")[2], optimum=optimum,
            interactive_ttl_ns=event.interactive_ttl_ns or limits.interactive_ttl_ns,
            max_ttl_ns=event.max_ttl_ns or limits.max_ttl_ns)

    def _where(self, ticket: Ticket) -> dict[str, Any]:
        return {"session": ticket.session, "iteration": ticket.iteration, "task": ticket.id}

    def _enqueued(self, now: int, task_id: str) -> None:
        """The task waits: say in which lane, and why there."""
        task, ticket = self.engine.state.everything.get(task_id), self.tickets(task_id)
        if not isinstance(task, Quantum) or ticket is None or task.state is not TaskState.READY:
            return
        bound = int(self.engine.state.tasks[task.row][BOUND])
        qpu = self.engine.state.qpus[bound].id if bound >= 0 else ""
        if qpu:
            self._place(now, ticket, qpu, task.terms, task.attempt + 1)
        self.recorder.emit(tr.Enqueued, now, **self._where(ticket), qpu=qpu, attempt=task.attempt + 1,
                           class_="hot" if task.hot else "normal")

    def _place(self, now: int, ticket: Ticket, qpu: str, terms: tuple[tuple[str, float], ...], attempt: int) -> None:
        self._placed[ticket.id] = qpu
        cost: dict[str, float | None] = dict(terms)
        self.recorder.emit(tr.Placed, now, **self._where(ticket), qpu=qpu, attempt=attempt, cost=cost,
                           caches={"isa": self.compiled(ticket, qpu), "waveform": cost.get("load", 0.0) == 0.0})

    def _qpu_begin(self, now: int, command: cmd.StartQuantum) -> None:
        ticket = self.tickets(command.task)
        if ticket is None:
            return
        if self._placed.pop(command.task, "") != command.qpu and not command.resumed:
            self._place(now, ticket, command.qpu, command.terms, command.attempt)
            self._placed.pop(command.task)
        # The ticket itself: a cancelled task leaves the table of tickets before its QPU is free.
        self._running[command.qpu] = ticket, command.attempt
        self.recorder.emit(tr.QpuBegin, now, **self._where(ticket), qpu=command.qpu, attempt=command.attempt,
                           class_="hot" if command.hot else "normal",
                           speculative=isinstance(ticket, QuantumTicket) and ticket.speculative)

    def _qpu_end(self, now: int, event: ev.QuantumEnded) -> None:
        """The end of the attempt that the QPU runs; any other is a late report, which the engine ignores too."""
        ticket, attempt = self._running.get(event.qpu, (None, 0))
        if ticket is not None and (ticket.id, attempt) == (event.task, event.attempt):
            self._left(now, event.qpu, OUTCOME[event.outcome])

    def _lost(self, now: int, qpu: str) -> None:
        """What an offline QPU ran is lost."""
        if qpu in self._running:
            self._left(now, qpu, "failed")

    def _left(self, now: int, qpu: str, outcome: tr.Outcome, cut: bool = False) -> None:
        """The attempt leaves its QPU."""
        ticket, attempt = self._running.pop(qpu)
        if not isinstance(ticket, QuantumTicket):
            return
        got = ticket.outcome
        self.recorder.emit(tr.QpuEnd, now, **self._where(ticket), qpu=qpu, attempt=attempt,
                           shots=ticket.shots * len(ticket.thetas), epoch=0 if got is None else got.epoch,
                           outcome="cancelled" if ticket.done else outcome, overhead_ns=ticket.cold_ns,
                           late_ns=ticket.late_ns, cut=cut)

    def _task_ended(self, now: int, command: cmd.TaskEnded) -> None:
        ticket = self.tickets(command.task)
        if not isinstance(ticket, QuantumTicket):
            return
        where = self._where(ticket)
        if ticket.speculative:
            if command.state is not TaskState.DONE:
                self.squashed(now, ticket, squash_reason(command.reason))
        elif command.state is TaskState.CANCELLED:
            self.recorder.emit(tr.TaskCancelled, now, **where, reason=command.reason)
        elif command.state is TaskState.FAILED:
            self.recorder.emit(tr.TaskFailed, now, **where, attempt=max(1, ticket.attempt), reason=command.reason)
        elif ticket.outcome is not None:
            self.result(now, ticket)

    def committed(self, now: int, ticket: QuantumTicket) -> None:
        """A guess is wanted; its values are there if it is done."""
        where = self._where(ticket)
        self.recorder.emit(tr.ParamsReady, min(now, ticket.ready_ns), **where)
        self.recorder.emit(tr.SpeculationCommitted, now, **where)
        if ticket.done:
            self.result(now, ticket)

    def squashed(self, now: int, ticket: QuantumTicket, reason: str) -> None:
        """Nobody will want a guess."""
        why = cast(tr.SquashReason, reason)
        self.recorder.emit(tr.SpeculationSquashed, now, **self._where(ticket), reason=why)

    def result(self, now: int, ticket: QuantumTicket) -> None:
        """The loop has its values."""
        got = ticket.outcome
        self.recorder.emit(tr.Result, now, **self._where(ticket), attempt=max(1, ticket.attempt), qpu=got.qpu,
                           epoch=got.epoch, shots=got.shots * len(ticket.thetas), values=got.values,
                           noiseless=got.ideal, source=got.source)

    def _cpu_begin(self, now: int, command: cmd.StartClassical) -> None:
        ticket = self.tickets(command.task)
        if not isinstance(ticket, ClassicalTicket):
            return
        if command.cold:
            self.recorder.emit(tr.ColdStart, now, worker=command.worker, session=ticket.session)
        self._calls[command.task, command.attempt] = ticket, command.worker
        self.recorder.emit(tr.CpuBegin, now, session=ticket.session, task=command.task, worker=command.worker,
                           iteration=ticket.iteration)

    def _cpu_end(self, now: int, key: tuple[str, int]) -> None:
        """An attempt leaves its worker, once; one that was given up before has nothing to report any more."""
        ticket, worker = self._calls.pop(key, (None, ""))
        if ticket is not None:
            self.recorder.emit(tr.CpuEnd, now, session=ticket.session, task=ticket.id, worker=worker,
                               iteration=ticket.iteration)

    def _tenant_weight(self, tenant: str) -> float:
        state = self.engine.state
        return float(state.flows[state.tenants[tenant]][WEIGHT])

    def note(self, now: int, session: str, what: str, values: dict[str, Any]) -> None:
        """A loop tells of its iteration's begin or end."""
        if what == "iteration_begin":
            self.recorder.emit(tr.IterationBegin, now, session=session, iteration=values["iteration"])
        elif what == "iteration_end":
            self.recorder.emit(tr.IterationEnd, now, session=session, **values)


def _quota(seconds: float) -> float:
    """A quota as traces write it: -1 for none."""
    return seconds if seconds < float("inf") else -1.0


def _planned(at_ns: int) -> int | None:
    """A time that may not come, as traces write it."""
    return None if at_ns >= NEVER else at_ns
