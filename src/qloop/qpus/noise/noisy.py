"""A twin's noise, gate by gate: what the twin asks when it was opened with `noise="aer"` or `noise="density"`.

The model is Aer's (see `aer_model`), on the qubits that the compiled circuit uses. Where at most `EXACT_QUBITS` of
them are in use at a time, the noisy state is computed exactly, and shots are drawn from it; up to `TRAJECTORY_QUBITS`
Aer runs shot by shot.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput, UnknownName
from qloop.qpus.noise.aer_model import check_aer
from qloop.qpus.noise.density import MOST_QUBITS
from qloop.qpus.noise.evolution import plan_of
from qloop.qpus.noise.exact_solver import ExactSolver, aer_state, density_state, waits_of
from qloop.qpus.noise.figures import Figures, figures_of
from qloop.qpus.noise.placed import Placed
from qloop.qpus.noise.reading import Readout, group_of
from qloop.qpus.noise.trajectories import TrajectorySolver
from qloop.qpus.protocol import Request
from qloop.qpus.simulators.lowering import lower
from qloop.qpus.snapshot import Snapshot

if TYPE_CHECKING:
    from qloop.qpus.twin_program import TwinProgram

NOISES = ("surrogate", "aer", "density")
EXACT_QUBITS = 13
TRAJECTORY_QUBITS = 16
_KEPT = 16

Thetas = NDArray[np.float64]


class Solver(Protocol):
    """A circuit under the noise of one moment. Every method is a pure function of its arguments."""

    def exact(self, angles: NDArray[np.float64]) -> tuple[float, float]:
        """The observable's value without shot noise and without its constant, and its standard error."""

    def estimate(self, angles: NDArray[np.float64], shots: int, digest: bytes) -> float:
        """The same from so many shots in each group."""

    def counts(self, angles: NDArray[np.float64], readout: tuple[tuple[int, int], ...], n_clbits: int, shots: int,
               digest: bytes) -> dict[str, int]:
        """Bit strings of so many shots; `readout` are (qubit, clbit) pairs."""


class GateByGate:
    """One twin's noise of the kind "aer" or "density"; the models used last are kept by all that they depend on.

    With `mitigate` values are corrected for the readout's errors, string by string.
    """

    def __init__(self, noise: str, mitigate: bool = False) -> None:
        self.noise, self._mitigate = noise, mitigate
        self._set_up()

    def _set_up(self) -> None:
        self._solvers: OrderedDict[tuple[str, Placed, Figures], Solver] = OrderedDict()
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"noise": self.noise, "_mitigate": self._mitigate}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._set_up()

    def values(self, own: TwinProgram, thetas: Thetas, request: Request, snapshot: Snapshot) -> tuple[float, ...]:
        """One expectation value for each row of parameters, on the device as the snapshot has it."""
        if not request.shots:
            return tuple(value for value, _ in self.exact(own, thetas, snapshot))
        placed, solver = self._at(own, snapshot)
        return tuple(own.constant + solver.estimate(placed.angles(row), request.shots, digest)
                     for row, digest in zip(thetas, request.digests, strict=True))

    def exact(self, own: TwinProgram, thetas: Thetas, snapshot: Snapshot) -> tuple[tuple[float, float], ...]:
        """Per row the value without shot noise, and its standard error: 0 but where shots stand for it."""
        placed, solver = self._at(own, snapshot)
        found = (solver.exact(placed.angles(row)) for row in thetas)
        return tuple((own.constant + value, error) for value, error in found)

    def counts(self, own: TwinProgram, thetas: Thetas, request: Request,
               snapshot: Snapshot) -> tuple[dict[str, int], ...]:
        """Bit strings for each row; `InvalidInput` if a qubit is asked for that the compiled circuit does not use."""
        placed, solver = self._at(own, snapshot)
        lowered = lower(own.circuit)
        missing = sorted({qubit for qubit, _ in lowered.readout} - {qubit for qubit, _ in placed.ends})
        if missing:
            raise InvalidInput(f"Counts are asked for, and qubit {missing[0]} is not read out",
                               "The circuit was compiled to measure its observable", "Compile it without one")
        return tuple(solver.counts(placed.angles(row), lowered.readout, lowered.n_clbits, request.shots, digest)
                     for row, digest in zip(thetas, request.digests, strict=True))

    def _at(self, own: TwinProgram, snapshot: Snapshot) -> tuple[Placed, Solver]:
        """The compiled circuit, and its solver on the device as it is in a snapshot."""
        placed = own.isa.placed
        assert placed is not None
        key = own.structure, placed, figures_of(placed, snapshot)
        with self._lock:
            if key not in self._solvers:
                self._solvers[key] = self._make(own, placed, key[2])
                while len(self._solvers) > _KEPT:
                    self._solvers.popitem(last=False)
            self._solvers.move_to_end(key)
            return placed, self._solvers[key]

    def _make(self, own: TwinProgram, placed: Placed, figures: Figures) -> Solver:
        exactly = self.noise == "aer" and plan_of(placed).widest <= EXACT_QUBITS
        most = MOST_QUBITS if self.noise == "density" else TRAJECTORY_QUBITS
        if placed.n_qubits > most and not exactly:
            raise _too_wide(self.noise, most, placed.n_qubits, own.circuit.num_qubits)
        readout, observable = Readout(placed.ends, figures.readout), own.reading.observable
        parts = observable.observables if observable else ()
        groups = tuple(group_of(part, own.circuit.num_qubits) for part in parts)
        if self._mitigate:
            groups = tuple(readout.corrected(group) for group in groups)
        if self.noise == "aer" and not exactly:
            return TrajectorySolver(placed, figures, waits_of(placed), groups)
        state_of = (density_state if self.noise == "density" else aer_state)(placed, figures)
        return ExactSolver(state_of, readout, groups)


def gate_by_gate(noise: str, mitigate: bool) -> GateByGate | None:
    """The noise of that name; None for the surrogate.

    `UnknownName` for a kind of noise that there is not, `MissingExtra` for Aer's where Aer is not installed.
    """
    if noise not in NOISES:
        raise UnknownName("noise", noise, NOISES)
    if noise == "aer":
        check_aer()
    return None if noise == "surrogate" else GateByGate(noise, mitigate)


def check_noisy_width(noise: GateByGate | None, width: int) -> None:
    """Raise `InvalidInput` for a circuit that is too wide for this noise even before it is compiled."""
    most = MOST_QUBITS if noise and noise.noise == "density" else TRAJECTORY_QUBITS
    if noise and width > most:
        raise _too_wide(noise.noise, most, width, width)


def _too_wide(noise: str, most: int, used: int, width: int) -> InvalidInput:
    why = f"Compiling the circuit's {width} has brought in others" if used > width else ""
    return InvalidInput(f"Noise {noise!r} can be computed for up to {most} qubits of a device, and the circuit uses "
                        f"{used}", why, "Use noise='surrogate'" + (" or 'aer'" if noise == "density" else ""))
