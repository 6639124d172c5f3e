"""What a drifting device is like at a time: a pure function of seed, name, time, and the last calibration."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.qpus.drift.model import Drift
from qloop.qpus.drift.parameters import Parameters
from qloop.qpus.drift.processes import Telegraph, Wandering
from qloop.qpus.drift.streams import BLOCK, Stream
from qloop.qpus.drift.walk import GRID_NS, Draws, Process, Walk

MAX_RUN_S = 10 * 366 * 86400.0
"""The longest run whose drift is computed."""

_EPOCHS, _BLOCKS, _STATES = 4, 4, 8


class DriftState(msgspec.Struct, frozen=True):
    """How many times as large as in the snapshot everything is, at `as_of_ns`: the grid's last point or calibration.

    `errors` (2 * n_qubits + couplers,) in the order of `Parameters`, `t1` (n_qubits,) for T1 and T2 alike, `tls`
    (n_qubits,) whether a two-level system is active.
    """

    as_of_ns: int
    errors: NDArray[np.float64]
    t1: NDArray[np.float64]
    tls: NDArray[np.bool_]


class Drifting:
    """The drift of one QPU. Not for several threads at once."""

    def __init__(self, drift: Drift, parameters: Parameters, seed: int, name: str) -> None:
        self.drift, self.parameters = drift, parameters
        self._source = (seed, name)
        self._set_up()

    def _set_up(self) -> None:
        """Streams, processes, and empty caches."""
        drift, known, (seed, name) = self.drift, self.parameters, self._source
        n = known.n_qubits
        self._streams = {what: Stream(seed, name, what) for what in ("errors", "t1", "tls")}
        split = np.repeat([True, False], [known.readout_at, n])
        self._errors = Wandering(np.where(split, drift.sd, drift.readout_sd),
                                 np.where(split, drift.relax_s, drift.readout_relax_s))
        self._blocks: OrderedDict[int, NDArray[np.float64]] = OrderedDict()
        self._epochs: OrderedDict[int | None, Walk] = OrderedDict()
        self._states: OrderedDict[tuple[int | None, int], DriftState] = OrderedDict()
        self._t1 = self._since_begin(Wandering(np.full(n, drift.t1_sd), np.full(n, drift.t1_relax_s)), np.zeros(n),
                                     self._streams["t1"].normals(-1, 1, n)[0],
                                     lambda block: self._streams["t1"].normals(block, BLOCK, n))
        self._tls = self._since_begin(Telegraph(drift.tls_every_s, drift.tls_hold_s), np.zeros(n, dtype=np.bool_),
                                      self._streams["tls"].uniforms(-1, 1, n)[0],
                                      lambda block: self._streams["tls"].uniforms(block, BLOCK, n))

    def __getstate__(self) -> tuple[Any, ...]:
        return (self.drift, self.parameters, self._source)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.drift, self.parameters, self._source = state
        self._set_up()

    def _since_begin(self, process: Process, first: Any, draws: NDArray[np.float64], block: Draws) -> Walk:
        """A path that no calibration touches; when it was measured, it was as the snapshot says."""
        if self.drift.aged:
            first = process.step(first, draws, self.parameters.t1_ages)
        return Walk(0, first, process, block)

    def at(self, since_ns: int | None, now_ns: int) -> DriftState:
        """The state at a time whose last calibration ended at `since_ns` (None: before the run began).

        Constant between the points of the grid. `InvalidInput` for times outside the run, or beyond ten years.
        """
        check_time(now_ns)
        step = now_ns // GRID_NS
        as_of = max(step * GRID_NS, since_ns or 0)
        found = self._states.get((since_ns, as_of))
        if found is None:
            found = self._states[since_ns, as_of] = self._state(since_ns, as_of, step)
            while len(self._states) > _STATES:
                self._states.popitem(last=False)
        return found

    def _state(self, since_ns: int | None, as_of: int, step: int) -> DriftState:
        drift, known = self.drift, self.parameters
        errors = np.exp(self._walk(since_ns).at(step))
        hours = np.minimum(self.ages(since_ns, as_of)[:known.readout_at], drift.aging_limit_s) / 3600.0
        errors[:known.readout_at] *= 1.0 + drift.aging * hours
        tls = np.asarray(self._tls.at(step), dtype=np.bool_)
        t1 = np.exp(self._t1.at(step)) * np.where(tls, drift.tls_factor, 1.0)
        for array in (errors, t1):
            array.setflags(write=False)     # others hold them too
        return DriftState(as_of, errors, t1, tls.copy())

    def ages(self, since_ns: int | None, now_ns: int) -> NDArray[np.float64]:
        """How many seconds ago each error was calibrated."""
        if since_ns is not None:
            return np.full(self.parameters.size, (now_ns - since_ns) * 1e-9)
        return now_ns * 1e-9 + (self.parameters.error_ages if self.drift.aged else np.zeros(self.parameters.size))

    def _walk(self, since_ns: int | None) -> Walk:
        """The path of the errors' logarithms since a calibration."""
        walk = self._epochs.get(since_ns)
        if walk is None:
            first = np.zeros(self.parameters.size)
            if since_ns is None and self.drift.aged:
                first = np.asarray(self._errors.step(first, self._noise(-1)[0], self.parameters.error_ages))
            walk = self._epochs[since_ns] = Walk(since_ns or 0, first, self._errors, self._noise)
            while len(self._epochs) > _EPOCHS:
                self._epochs.popitem(last=False)
        self._epochs.move_to_end(since_ns)
        return walk

    def _noise(self, block: int) -> NDArray[np.float64]:
        """The normal numbers (60, errors) of a block, or of the run's begin (-1)."""
        if block not in self._blocks:
            rows = BLOCK if block >= 0 else 1
            self._blocks[block] = self._streams["errors"].normals(block, rows, self.parameters.size)
            while len(self._blocks) > _BLOCKS:
                self._blocks.popitem(last=False)
        return self._blocks[block]


def check_time(now_ns: int) -> None:
    """`InvalidInput` for times outside the run."""
    if not isinstance(now_ns, int | np.integer) or not 0 <= now_ns <= MAX_RUN_S * 1e9:
        raise InvalidInput(f"The drift at {now_ns!r:.40} ns is asked for",
                           f"It is known from the run's begin to {MAX_RUN_S:g} s later",
                           "Give a whole number of ns in between")
