"""Which of a snapshot's parameters wander together: one process for each qubit's and each coupler's gates."""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.qpus.calibration import Ages
from qloop.qpus.snapshot import Snapshot

Place = tuple[str, tuple[int, ...]]


class Parameters(msgspec.Struct, frozen=True):
    """The wandering errors of a device: first one for each qubit's gates, then each coupler's, then each readout.

    `couplers` are undirected: both directions of a gate wander together. `index` finds a gate or `measure` at a place
    (the device's own numbers). `error_ages` (2 * n_qubits + couplers,) and `t1_ages` (n_qubits,) are seconds since the
    measurement at the run's begin: of the oldest gate that errs at all, where several share a process.
    """

    n_qubits: int
    couplers: tuple[tuple[int, int], ...]
    index: dict[Place, int]
    error_ages: NDArray[np.float64]
    t1_ages: NDArray[np.float64]

    @property
    def readout_at(self) -> int:
        """Where the readouts begin."""
        return self.n_qubits + len(self.couplers)

    @property
    def size(self) -> int:
        """How many errors wander."""
        return 2 * self.n_qubits + len(self.couplers)


def parameters_of(snapshot: Snapshot, ages: Ages) -> Parameters:
    """The parameters of a checked snapshot with their ages at the run's begin."""
    n = snapshot.n_qubits
    couplers = tuple(sorted({(min(place), max(place)) for gate in snapshot.gates for place in gate.qubits
                             if len(place) == 2}))
    number = {pair: n + k for k, pair in enumerate(couplers)}
    index: dict[Place, int] = {("measure", (qubit,)): n + len(couplers) + qubit for qubit in range(n)}
    oldest = np.zeros(2 * n + len(couplers))
    oldest[n + len(couplers):] = ages.readout
    for gate in snapshot.gates:
        for place, error, age in zip(gate.qubits, gate.error.value, ages.gates[gate.name], strict=True):
            at = place[0] if len(place) == 1 else number[min(place), max(place)]
            index[gate.name, place] = at
            if error > 0.0:
                oldest[at] = max(oldest[at], age)
    return Parameters(n, couplers, index, oldest, np.asarray(ages.t1, dtype=np.float64))
