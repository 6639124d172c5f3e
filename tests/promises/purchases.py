"""What the tests of remote purchases share: a journal, a deal, and crashes at named points."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

from qloop.qpus.protocol import QpuResult, Recovery, Request
from qloop.qpus.remote import RemoteQpu
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.purchases import IntentInfo
from qloop.runtime.journal.rows import Run, SessionRow
from qloop.runtime.journal.sqlite import SqliteStore
from qloop.runtime.remote.answers import check_answer
from qloop.runtime.remote.buying import buy
from qloop.runtime.remote.deal import Deal, Wanted, unended
from qloop.runtime.ticket import QuantumTicket

DIGEST = (77).to_bytes(32, "big")
THETA = np.array([[0.4]])
VALUE = float(np.cos(0.4))
POINTS = ("begin", "intended", "sent", "answered", "accepted")


class Crash(BaseException):
    """The process dies here."""


def circuit() -> QuantumCircuit:
    made = QuantumCircuit(1)
    made.rx(Parameter("a"), 0)
    return made


@dataclass
class Lives:
    """One journal and one QPU, and the lives of a runtime between them."""

    file: Path
    qpu: RemoteQpu
    shots: int = 0
    counts: bool = False
    steps: list[str] = field(default_factory=list)
    ticket: QuantumTicket = field(init=False)
    closing: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        store = self.store()
        store.begin_run(Run("run", "loop.py", 0, 1, "real", "0.1.0"))
        store.put_session(SessionRow("s", "run", "ada", "vqe", 1))
        store.close()
        self.renew()

    def renew(self) -> None:
        """The ticket of a new life."""
        self.ticket = QuantumTicket("s/t", "s", thetas=THETA, shots=self.shots, counts=self.counts, digest=DIGEST)

    def store(self) -> Store:
        return SqliteStore(self.file)

    def live(self, crash_at: str = "") -> QpuResult | None:
        """One life that wants the evaluation; None if it crashed there."""
        store = self.store()
        name = self.qpu.describe().name
        observable = None if self.counts else SparsePauliOp("Z")
        program = self.qpu.compile(circuit(), observable)
        request = Request(THETA, self.shots, (DIGEST,), self.counts)
        crash = crash_at

        def step(point: str) -> None:
            self.steps.append(point)
            if point == crash:
                raise Crash(point)

        wanted = Wanted(self.ticket, "s", program, request, self.qpu.calibration().epoch,
                        lambda result: check_answer(name, result, request, observable), self.closing.is_set, lambda: 7)
        deal = Deal(store, name, self.qpu if crash != "sent" else Dying(self.qpu), wanted, step)
        try:
            result, intent = buy(deal, unended(store.intents("s", DIGEST)))
            assert intent.row.token in {known.row.token for known in store.intents("s")}
            return result
        except Crash:
            return None
        finally:
            store.close()

    def intents(self) -> list[IntentInfo]:
        store = self.store()
        try:
            return store.intents("s")
        finally:
            store.close()


class Dying:
    """A QPU whose caller dies while its request is on its way; whatever became of it, no reply is seen."""

    def __init__(self, inner: RemoteQpu) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def submit(self, *arguments: object) -> str:
        try:
            self.inner.submit(*arguments)       # type: ignore[arg-type]
        finally:
            raise Crash("sent")


RECOVERIES = (Recovery.TOKEN, Recovery.CLIENT_ID, Recovery.TAG, Recovery.NONE)
