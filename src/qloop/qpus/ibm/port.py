"""What an IBM QPU needs of whoever runs its tasks: the service, or the local testing mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from qloop.qpus.ibm.compiling import Compiled
from qloop.qpus.ibm.program import Ask
from qloop.qpus.remote import Calibration, Reading

if TYPE_CHECKING:
    from qiskit.transpiler import Target


class Facts(msgspec.Struct, frozen=True):
    """What a backend is; `rep_delay_ns` stands before each shot."""

    backend: str
    n_qubits: int
    basis_gates: tuple[str, ...]
    rep_delay_ns: int
    note: str


class Port(Protocol):
    """The verbs of `RemoteQpu`, on compiled circuits."""

    def facts(self) -> Facts:
        """What the backend is; asks the provider once."""

    def calibration(self) -> Calibration:
        """The present calibration, asked for anew."""

    def target(self) -> tuple[Target, int]:
        """The device as of the calibration that was seen last, and its epoch."""

    def submit(self, compiled: Compiled, ask: Ask, tag: str) -> str:
        """Submit once; the provider's id."""

    def find(self, tag: str) -> tuple[str, ...]:
        """Ids of the tasks that bear the tag, the first one first."""

    def reading(self, task: str) -> Reading:
        """Where a task stands."""

    def answer(self, task: str) -> Any:
        """The primitive result of a task that is done; `NotReady`."""

    def ran_on(self, task: str) -> tuple[Calibration, bool]:
        """The calibration that a task ran on, and whether that is known (or only the best guess)."""

    def cancel(self, task: str) -> None:
        """Ask for a task to be dropped."""

    def close(self) -> None:
        """Let go of sessions and connections."""
