"""An adapter to the scripted provider: a `RemoteQpu` that goes wrong where the plan says so.

Its values come from an exact QPU, so that what a faulty wire delivers can be compared with what it should.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import msgspec

from qloop.errors import QpuError
from qloop.model.evaluation import SimulatorId
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import Program, QpuDescription, QpuResult, Request, Window
from qloop.qpus.remote import (
    Calibration,
    CredentialsRefused,
    Duplicate,
    NotAccepted,
    NotReady,
    Phase,
    Reading,
    RemoteDescription,
    Unanswered,
)
from qloop.testing.provider import Ledger, Provider, Wire

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


class ScriptedRemoteQpu:
    """The adapter: a `RemoteQpu` over a `Provider`. `settle_s` and `call_s` as in `RemoteDescription`."""

    def __init__(self, provider: Provider, *, name: str = "remote", settle_s: float = 0.05, call_s: float = 5.0,
                 poll_s: float = 0.01, seconds: float = 2.0) -> None:
        self.provider, self.name = provider, name
        self.about = RemoteDescription("scripted", settle_s, call_s, poll_s)
        self.seconds = seconds
        self.closed = 0
        self._inner = ExactQpu(name)
        self._hung = threading.Event()

    def describe(self) -> QpuDescription:
        """An exact QPU far away."""
        return msgspec.structs.replace(self._inner.describe(), name=self.name, kind="remote",
                                       recovery=self.provider.recovery)

    def remote(self) -> RemoteDescription:
        """How to deal with it."""
        return self.about

    def calibration(self) -> Calibration:
        """The provider's present one."""
        self._strike("calibration")
        epoch = self.provider.read().epoch
        return Calibration(epoch, f"calibration {epoch}")

    def compile(self, circuit: QuantumCircuit, observable: SparsePauliOp | None, *,
                simulator: SimulatorId | None = None, seed: int = 0) -> Program:
        """As the exact QPU does, for the present epoch."""
        inner = self._inner.compile(circuit, observable, simulator=simulator, seed=seed)
        return Compiled(inner, self.provider.read().epoch)

    def duration(self, program: Program, request: Request) -> int:
        """`seconds` for each task."""
        return round(self.seconds * 1e9)

    def next_window(self, after_ns: int) -> Window | None:
        """None."""
        return None

    def submit(self, program: Program, request: Request, token: str) -> str:
        """Ask for the request to be run."""
        self._inner.evaluate(own(program), request)     # a request that cannot be one is refused before it is sent
        wrong = self._strike("submit")
        if wrong is Wire.NOT_SENT:
            raise Unanswered("The connection broke")
        copies, hidden = (2 if wrong is Wire.DOUBLED else 1), (self.provider.late if wrong is Wire.LATE else 0)
        name = self.provider.take(token, copies, hidden)
        if not name:
            raise Duplicate(f"There is a task {token} already")
        if wrong in (Wire.REPLY_LOST, Wire.LATE, Wire.DOUBLED):
            raise Unanswered("The connection broke before the reply came")
        self._spoil(wrong)
        return name

    def find(self, token: str) -> tuple[str, ...]:
        """What bears the token, once it has arrived."""
        self._spoil(self._strike("find"), Wire.NOT_SENT)
        return tuple(task.id for task in self.provider.read().tasks if task.token == token and not task.hidden)

    def status(self, task: str) -> Reading:
        """Where a task stands."""
        wrong = self._strike("status")
        self._spoil(wrong, Wire.NOT_SENT)
        forced = {Wire.FAILED: "failed", Wire.FAILED_UNRUN: "failed"}.get(wrong) if wrong else None
        found = self.provider.look(task, forced)
        if wrong is Wire.FAILED_UNRUN:
            self.provider.change(lambda ledger: _unrun(ledger, task))
            return Reading(Phase.FAILED, "the QPU went offline before it ran", executed=False)
        if found is None or wrong is Wire.GONE:
            return Reading(Phase.GONE, "no such task")
        if wrong is Wire.UNKNOWN_WORD:
            return Reading(Phase.UNKNOWN, "simmering")
        if wrong is Wire.BACKWARDS:
            return Reading(Phase.QUEUED, "as before", position=3)
        reason = "the circuit melted" if found.phase == "failed" else ""
        return Reading(Phase(found.phase), reason, executed=found.executed)

    def result(self, task: str, program: Program, request: Request) -> QpuResult:
        """The result of a task that is done."""
        wrong = self._strike("result")
        self._spoil(wrong, Wire.NOT_SENT)
        found = next((one for one in self.provider.read().tasks if one.id == task), None)
        if found is None:
            raise QpuError(f"There is no task {task}", "The provider never had it", "Look its id up")
        if found.phase != "done" or wrong is Wire.NO_RESULT:
            raise NotReady("There is no result yet")
        inner = self._inner.evaluate(own(program), request)
        result = msgspec.structs.replace(inner, qpu=self.name, epoch=found.epoch, token=found.token)
        return spoiled(result, wrong)

    def cancel(self, task: str) -> None:
        """Drop a task that has not ended."""
        wrong = self._strike("cancel")
        self._spoil(wrong, Wire.NOT_SENT)
        if wrong is not Wire.IGNORED:
            self.provider.look(task, "cancelled")

    def close(self) -> None:
        """Count how often."""
        self.closed += 1

    def release(self) -> None:
        """Let calls that hang return."""
        self._hung.set()

    def _strike(self, verb: str) -> Wire | None:
        """The faults that any verb may have."""
        wrong = self.provider.fault(verb)
        match wrong:
            case Wire.REFUSED:
                raise QpuError(f"QPU {self.name} refused to {verb}", "Its script says so")
            case Wire.BUSY:
                raise NotAccepted("Too many requests", retry_after_s=0.01)
            case Wire.OFFLINE:
                raise NotAccepted("The QPU is offline", "maintenance", offline=True, retry_after_s=0.05)
            case Wire.CREDENTIALS:
                raise CredentialsRefused("The token has expired", "", "Renew it and resume")
            case Wire.CRASHED:
                raise ZeroDivisionError("the adapter has a bug")
        return wrong

    def _spoil(self, wrong: Wire | None, unsent: Wire | None = None) -> None:
        """The faults after a call was carried out."""
        if wrong is Wire.HANG:
            self._hung.wait()
        if wrong is Wire.TRUNCATED:
            json.loads('{"id": "jo')
        if wrong is not None and wrong in (unsent, Wire.REPLY_LOST):
            raise Unanswered("The connection broke")


class Compiled:
    """The exact QPU's program, and the calibration that it was compiled for."""

    def __init__(self, inner: Program, epoch: int) -> None:
        self.inner, self.epoch = inner, epoch

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def own(program: Program) -> Program:
    """The exact QPU's program."""
    return program.inner if isinstance(program, Compiled) else program


def spoiled(result: QpuResult, wrong: Wire | None) -> QpuResult:
    """The result with a fault."""
    replace = msgspec.structs.replace
    if wrong is Wire.NOT_A_NUMBER:
        return replace(result, values=(float("nan"), *result.values[1:]))
    if wrong is Wire.WRONG_SHOTS:
        return replace(result, values=result.values[:-1],
                       counts=tuple({**row, next(iter(row)): 0} for row in result.counts))
    return replace(result, token="another") if wrong is Wire.FOREIGN else result


def _unrun(ledger: Ledger, task: str) -> None:
    for one in ledger.tasks:
        if one.id == task:
            one.executed = False
