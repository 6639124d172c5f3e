"""One purchase at a QPU that others run: what is wanted, and the means that all its steps share."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from qloop.errors import Held, QpuError
from qloop.qpus.protocol import Program, QpuResult, Request
from qloop.qpus.remote import RemoteQpu
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.purchases import ENDED_INTENT, IntentInfo, IntentState
from qloop.runtime.remote.calls import bounded
from qloop.runtime.ticket import QuantumTicket

T = TypeVar("T")

GOES_ON = "cancelled, but the provider goes on with it"        # the reason of such an intent
SLICE_S = 0.25      # how soon a pause notices that the runtime closes


class Lost(QpuError):
    """Surely nothing was bought, and another attempt, perhaps elsewhere, may succeed."""

    code = "lost"


class Left(QpuError):
    """Nobody waits any more; the intent stays in the journal for a later life of the run."""

    code = "left"


@dataclass(slots=True)
class Wanted:
    """What is to be bought, for whom; the ticket tells when nobody wants it any more.

    `epoch`: the calibration that the program was compiled for. `check` raises QpuError for a result that cannot be
    one, `closing` says whether the runtime closes, `kept` whether the session was left to be resumed, so that the task
    goes on at its provider.
    """

    ticket: QuantumTicket
    session: str
    program: Program
    request: Request
    epoch: int
    check: Callable[[QpuResult], None]
    closing: Callable[[], bool]
    now_ns: Callable[[], int]
    kept: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class Deal:
    """A purchase under way at the QPU of this name. `step` is called where a crash would matter (fault plans).

    `doubt`: a request of this intent, of this life or an earlier one, may have been carried out, and its task was not
    found yet. `late` are calls that hang, and may still carry a request out.
    """

    store: Store
    name: str
    qpu: RemoteQpu
    wanted: Wanted
    step: Callable[[str], None] = lambda name: None
    requests: int = 0
    doubt: bool = False
    late: list[threading.Thread] = field(default_factory=list)
    poll_s: float = field(init=False)
    settle_s: float = field(init=False)
    call_s: float = field(init=False)

    def __post_init__(self) -> None:
        about = self.qpu.remote()
        self.poll_s, self.settle_s, self.call_s = about.poll_s, about.settle_s, about.call_s

    def call(self, what: str, function: Callable[..., T], *arguments: object) -> T:
        """Ask the adapter, bounded in time."""
        return bounded(self.call_s, f"{what} of QPU {self.name}", function, *arguments, late=self.late.append)

    def hangs(self) -> bool:
        """Whether a call of this purchase still hangs."""
        self.late = [thread for thread in self.late if thread.is_alive()]
        return bool(self.late)

    def pause(self, seconds: float) -> None:
        """Wait, unless nobody wants the task any more."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0.0 and not self.wanted.closing():
            if self.wanted.ticket.wait_done(min(left, SLICE_S)):
                return

    def sleep(self, seconds: float) -> None:
        """Wait, though nobody wants the task any more."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0.0 and not self.wanted.closing():
            time.sleep(min(left, SLICE_S))

    def move(self, intent: IntentInfo, state: IntentState, *, provider: str = "", reason: str = "") -> IntentInfo:
        """Journal how the intent stands now; `Lost` if it has ended already, so that its result is to be looked up."""
        if not self.store.move_intent(intent.row.token, state, self.wanted.now_ns(), provider, reason):
            raise Lost(f"The intent {intent.row.token} has ended already")
        return IntentInfo(intent.row, state, provider or intent.provider, reason, 0)

    def hold(self, intent: IntentInfo, why: str) -> Held:
        """Journal that a person decides; the error that says so."""
        return held(self.move(intent, IntentState.HELD, reason=why))


def unended(intents: list[IntentInfo]) -> IntentInfo | None:
    """The intent of an evaluation that has not come to its end; there is at most one."""
    return next((intent for intent in intents if intent.state not in ENDED_INTENT), None)


def token_of(session: str, digest: bytes, nth: int) -> str:
    """The token of the nth purchase of an evaluation: the same in every life of the run, and no other's."""
    return "qloop-" + hashlib.sha256(f"{session}\0{digest.hex()}\0{nth}".encode()).hexdigest()[:24]


def held(intent: IntentInfo) -> Held:
    """The error that asks a person to decide."""
    token = intent.row.token
    return Held(f"Task {intent.row.task} is held: nobody can know whether its shots were bought", intent.reason,
                f"Look for {token} at the provider. If it is there under an id, run 'qloop intents adopt {token} ID', "
                f"or else 'qloop intents again {token}' (--journal FILE, if it lies elsewhere), and resume", token)
