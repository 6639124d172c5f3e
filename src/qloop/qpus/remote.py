"""A QPU that somebody else runs: asked over a wire that may lose a request, a reply, or both.

An adapter translates a provider's client into the verbs of `RemoteQpu` and its failures into the errors below. It does
not wait, retry or remember: the runtime writes its intent into the journal before it asks, names it by a token, and
after a lost reply looks for that token before it asks again (`qloop.runtime.remote`).

What an adapter may raise: `NotAccepted` where the request is surely not there and may be sent again; `Unanswered` where
nobody knows; `CredentialsRefused`; any other `QpuError` where the provider has refused it for good. Every call must end
within the adapter's own time-out; one that does not is given up as `Unanswered`.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

import msgspec

from qloop.errors import QpuError
from qloop.qpus.protocol import LocalQpu, Program, QpuDescription, QpuResult, Request, Window

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

    from qloop.model.evaluation import SimulatorId


class Phase(enum.StrEnum):
    """Where a provider's task stands. UNKNOWN: it answered a word that the adapter does not know. GONE: it knows no
    task of this id. FAILED and CANCELLED: it has ended without a result, and nothing is to be expected of it.
    """

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"
    GONE = "gone"


class Reading(msgspec.Struct, frozen=True):
    """One look at a provider's task. `executed`: whether a FAILED one ran, so that its shots were bought; `position`:
    how many stand before it in the provider's queue, -1 if it does not say; `reason`: the provider's words.
    """

    phase: Phase
    reason: str = ""
    position: int = -1
    executed: bool = True


class Calibration(msgspec.Struct, frozen=True):
    """A remote QPU's present calibration: `epoch` is the Unix time of it in whole seconds, so that later ones are
    larger in every process; `taken` is the provider's own text of it.
    """

    epoch: int
    taken: str = ""


class NotAccepted(QpuError):
    """The request has surely not reached the QPU: it is sent again, after `retry_after_s` if that is known.

    `offline`: the QPU takes no tasks now, so that waiting tasks are better moved.
    """

    code = "not_accepted"

    def __init__(self, what: str, why: str = "", do: str = "", *, retry_after_s: float = 0.0,
                 offline: bool = False) -> None:
        super().__init__(what, why, do)
        self.retry_after_s, self.offline = retry_after_s, offline


class Unanswered(QpuError):
    """No answer, or none that can be read: the request may or may not have been carried out."""

    code = "unanswered"


class Duplicate(QpuError):
    """The provider has a task of this `client_id` already: `find` tells its id."""

    code = "duplicate"


class CredentialsRefused(QpuError):
    """The provider does not know who asks: nothing was carried out, and asking again would not help."""

    code = "credentials"


class NotReady(QpuError):
    """The task is said to be done, but its result is not there yet."""

    code = "not_ready"


class RemoteDescription(msgspec.Struct, frozen=True):
    """How to deal with a remote QPU, beside its `QpuDescription`.

    `settle_s`: after this long a task that the provider took is found by its token or tag (its lists may lag behind);
    `call_s`: no call may take longer; `poll_s`: the longest pause between two looks; `provider`: whose it is.
    """

    provider: str
    settle_s: float = 10.0
    call_s: float = 60.0
    poll_s: float = 10.0


@runtime_checkable
class RemoteQpu(Protocol):
    """A QPU that is spoken to by its provider's verbs; `describe().recovery` says how a lost reply is mended:

    - `token`: the provider takes the same token once; submitting again is safe, and answers the first one's id.
    - `client_id`: the token is the task's id; submitting again is refused, and `find` knows it.
    - `tag`: the token is a label; `find` lists what bears it, and submitting again makes another task.
    - `none`: nothing can be found; on doubt the task is held, and a person decides.
    """

    def describe(self) -> QpuDescription:
        """What this QPU is; it may ask the provider, once."""

    def remote(self) -> RemoteDescription:
        """How to deal with it."""

    def calibration(self) -> Calibration:
        """The calibration that a task submitted now would meet."""

    def compile(self, circuit: QuantumCircuit, observable: SparsePauliOp | None, *,
                simulator: SimulatorId | None = None, seed: int = 0) -> Program:
        """Compile once for the present calibration; `simulator` names the provider's software that is to run it."""

    def duration(self, program: Program, request: Request) -> int:
        """Predicted ns of QPU time that the request is billed for, queues excluded."""

    def next_window(self, after_ns: int) -> Window | None:
        """None: a provider's calibrations are met, not planned."""

    def submit(self, program: Program, request: Request, token: str) -> str:
        """Ask for the request to be run; returns the provider's id of the task."""

    def find(self, token: str) -> tuple[str, ...]:
        """The provider's ids of all tasks that bear the token, the first one first; empty if it knows none."""

    def status(self, task: str) -> Reading:
        """Where a task stands."""

    def result(self, task: str, program: Program, request: Request) -> QpuResult:
        """The result of a task that is done; its `epoch` is that of the calibration it ran on. `NotReady`."""

    def cancel(self, task: str) -> None:
        """Ask for a task to be dropped; the provider may be too late, so its status tells."""

    def close(self) -> None:
        """Let go of what is held at the provider: its session, connections. Closing twice is harmless."""




Qpu: TypeAlias = LocalQpu | RemoteQpu
"""Any quantum resource."""
