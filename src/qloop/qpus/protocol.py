"""What a quantum resource must offer: the Qpu protocol, and its fast path for QPUs inside this process.

A provider's QPU is spoken to by `submit`, `find`, `status`, `result` and `cancel`, so that a lost reply can be
mended by the means it declares in `recovery`. A QPU inside this process is a pure function of the request: its
`evaluate` returns the result at once, and `duration` tells how long the emulated hardware would have taken.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.model.evaluation import SimulatorId

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp


class Recovery(enum.StrEnum):
    """How a submission whose reply was lost can be found again."""

    PURE = "pure"
    TOKEN = "token"
    CLIENT_ID = "client_id"
    TAG = "tag"
    NONE = "none"


class QpuDescription(msgspec.Struct, frozen=True):
    """What a QPU is: fixed for its life. `cold_s`: seconds of set-up that a session's first shot costs here."""

    name: str
    kind: str
    n_qubits: int
    recovery: Recovery
    note: str = ""
    device: str = ""
    calibrated_at: str = ""
    basis_gates: tuple[str, ...] = ()
    cold_s: float = 0.0
    emulated: bool = False


class Window(msgspec.Struct, frozen=True):
    """A calibration window: from `begin_ns` for `length_ns` the QPU runs no task; after it the epoch is new."""

    begin_ns: int
    length_ns: int


class Absence(msgspec.Struct, frozen=True):
    """From `begin_ns` to `end_ns` the QPU takes no tasks of ours, because of `reason`; NEVER as an end: for good."""

    begin_ns: int
    end_ns: int
    reason: str


class Request(msgspec.Struct, frozen=True):
    """One quantum task as a QPU sees it.

    `thetas` has shape (batch, parameters); `shots` 0 asks for exact expectation values; `digests` holds one
    evaluation key per row (32 bytes each), the source of the row's randomness; `counts` asks for bit strings.
    `at_ns` is when the attempt begins, in ns since the run's start: a QPU that drifts answers as it is then.
    """

    thetas: NDArray[np.float64]
    shots: int
    digests: tuple[bytes, ...]
    counts: bool = False
    epoch: int = 0
    at_ns: int = 0


class QpuResult(msgspec.Struct, frozen=True):
    """What came back: `values` (batch,) of expectation values or `counts` per row, and who made it.

    `ideal` (batch,) are the noise-free expectation values where the QPU, being emulated, knows them. `token` is that of
    the request, where a provider's answer names it; `net_ns` the QPU time that the provider says was used, 0 if it
    does not say.
    """

    qpu: str
    epoch: int
    shots: int
    simulator: str
    values: tuple[float, ...] = ()
    counts: tuple[dict[str, int], ...] = ()
    ideal: tuple[float, ...] = ()
    token: str = ""
    net_ns: int = 0


class Program(Protocol):
    """A circuit with its observable, compiled once for one QPU; parameters are bound at each evaluation."""

    @property
    def simulator(self) -> SimulatorId:
        """The simulator that was chosen, fixed for the session."""

    @property
    def structure(self) -> str:
        """The hash of circuit and observable with symbolic parameters."""

    @property
    def n_parameters(self) -> int:
        """How many parameters one evaluation takes."""


@runtime_checkable
class LocalQpu(Protocol):
    """A QPU inside this process (exact, twin): pure, so a lost call is simply made again."""

    def describe(self) -> QpuDescription:
        """What this QPU is."""

    def compile(self, circuit: QuantumCircuit, observable: SparsePauliOp | None, *,
                simulator: SimulatorId | None = None, seed: int = 0) -> Program:
        """Compile once; `simulator` forces the journaled choice of an earlier run. `InvalidInput` if it cannot."""

    def duration(self, program: Program, request: Request) -> int:
        """Nanoseconds the emulated hardware needs for the request, all overheads included; 0 if not emulated."""

    def evaluate(self, program: Program, request: Request) -> QpuResult:
        """Run the request. A pure function of (program, request)."""

    def next_window(self, after_ns: int) -> Window | None:
        """The first calibration window that begins at or after `after_ns`; None if there is none."""


@runtime_checkable
class Caching(Protocol):
    """A QPU whose circuits can be compiled beside the loop, and whose caches cost time while they are cold."""

    def ahead(self, circuit: QuantumCircuit, structure: str, observable: SparsePauliOp | None, seed: int = 0) -> Any:
        """The compiling of a circuit as a `qloop.qpus.caches.ahead.Piece`; None if there is nothing to do."""

    def is_stale(self, program: Program, now_ns: int) -> bool:
        """Whether a new epoch makes it worth while to look for another layout."""

    def relayout(self, program: Program, now_ns: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The search for another layout, as a function and its arguments."""

    def laid_out(self, program: Program, isa: Any, now_ns: int) -> Program:
        """The program on the better of its present layout and the one that was found."""

    def set_up(self, program: Program, request: Request, expected_ns: int) -> int:
        """Nanoseconds that cold caches cost before this task; `expected_ns` is what the policy reckoned with."""


@runtime_checkable
class Away(Protocol):
    """What a `LocalQpu` offers besides, if it is not always there."""

    def next_absence(self, after_ns: int) -> Absence | None:
        """The absence that a time falls into, or else the first one after it; None if there is none any more."""

    def epoch_at(self, now_ns: int) -> int:
        """The calibration epoch at a time: maintenance may begin a new one as a calibration does."""


@runtime_checkable
class Renewed(Protocol):
    """What a `LocalQpu` offers besides, if the scheduler may say when it is calibrated."""

    @property
    def by_scheduler(self) -> bool:
        """Whether it does; the QPU then plans no windows."""

    def calibrated(self, now_ns: int) -> None:
        """A calibration ends at this time, later than any before: a new epoch begins."""
