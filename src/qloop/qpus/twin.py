"""The twin: an emulated QPU made from a real device's calibration snapshot.

It has the device's topology, gate set, errors and timing. A circuit is compiled to the device once, which gives its
ESP and its length; noise-free values come from the logical circuit, so that a 133-qubit device costs no more than the
circuit's own qubits. Its noise is frozen, so that every calibration epoch has the snapshot's errors, or it drifts with
the run's time (`qloop.qpus.drift`).
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import numpy as np

from qloop.errors import InvalidInput
from qloop.model.evaluation import SimulatorId, generator
from qloop.qpus.calibration import Ages, ages
from qloop.qpus.device import Device
from qloop.qpus.drift.absences import Plan
from qloop.qpus.drift.drifted import Drifted
from qloop.qpus.drift.life import RECALIBRATE_ABOVE, LifePlan
from qloop.qpus.drift.model import Drift
from qloop.qpus.isa import Isa, check_width, compile_isa
from qloop.qpus.protocol import Absence, LocalQpu, Program, QpuDescription, QpuResult, Recovery, Request, Window
from qloop.qpus.snapshot import Snapshot
from qloop.qpus.snapshot_checks import check_snapshot
from qloop.qpus.snapshot_files import load_snapshot
from qloop.qpus.twin_noise import merged, random_counts, random_sum, stream
from qloop.qpus.twin_program import Reading, TwinProgram, reading_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

TASK_OVERHEAD_S = 2.0
"""Seconds that each quantum task costs besides its shots: IBM's own rule for its QPUs is `2 s + executions *
(rep_delay + circuit length)` (IBM Quantum documentation, "Workload usage")."""

COLD_S = 1.0
"""Seconds that a session's first shot on a QPU costs besides, to load its circuit. No vendor publishes it: our own
default, to be swept like the others."""

CALIBRATION_INTERVAL_S = 3600.0
CALIBRATION_LENGTH_S = 120.0
NOMINAL_SHOTS = 4096


class TwinQpu:
    """An emulated QPU (see `LocalQpu`) from a snapshot, given by name or as data.

    Times are in seconds: `task_overhead_s` once per task, `rep_delay_s` before each shot (default: the device's own),
    `cold_s` at a session's first shot (added by the runtime), a calibration of `calibration_length_s` (or drawn between
    two of them) every `calibration_interval_s` (0: never) or as `recalibrate` and `recalibrate_above` say. These,
    `drift`, `maintenance`, `outside` and `failures` are described at `LifePlan`; all of it follows from `seed`, the
    name (up to a '?'), and the run's time. A task with 0 shots returns the surrogate's exact value and takes the time
    of `nominal_shots`. `exact` computes the noise-free values. Raises `UnknownName` for a snapshot, profile or rule,
    `InvalidInput` for impossible times and plans.
    """

    def __init__(self, snapshot: str | Snapshot, *, seed: int = 0, name: str = "", exact: LocalQpu | None = None,
                 task_overhead_s: float = TASK_OVERHEAD_S, rep_delay_s: float | None = None, cold_s: float = COLD_S,
                 calibration_interval_s: float = CALIBRATION_INTERVAL_S,
                 calibration_length_s: float | tuple[float, float] = CALIBRATION_LENGTH_S,
                 nominal_shots: int = NOMINAL_SHOTS, cache_size: int = 64, drift: str | Drift = "none",
                 maintenance: Plan = (), outside: Plan = (), failures: Plan = (), recalibrate: str = "interval",
                 recalibrate_above: float = RECALIBRATE_ABOVE) -> None:
        data = load_snapshot(snapshot) if isinstance(snapshot, str) else snapshot
        check_snapshot(data, f"The snapshot {data.name!r}")
        if nominal_shots < 1 or cache_size < 1:
            raise InvalidInput(f"A twin cannot have {nominal_shots} nominal shots and a cache of {cache_size}", "",
                               "Give at least 1 of each")
        self._name = name or f"twin-{data.name}"
        self._device, self._exact = Device(data), exact or _exact_qpu()
        self._overhead_ns = _nanoseconds("task_overhead_s", task_overhead_s, 0, 10**15)
        self._rep_delay_ns = _rep_delay(data, rep_delay_s)
        self._cold_s = _nanoseconds("cold_s", cold_s, 0, 10**15) * 1e-9
        self._nominal_shots, self._cache_size = nominal_shots, cache_size
        plan = LifePlan(drift=drift, maintenance=maintenance, outside=outside, failures=failures,
                        recalibrate=recalibrate, above=recalibrate_above, interval_s=calibration_interval_s,
                        length_s=calibration_length_s)
        self._life = Drifted(data, seed, self._name.partition("?")[0], plan)
        self._isas: OrderedDict[tuple[str, int], Isa] = OrderedDict()
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_isas": OrderedDict(), "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    @property
    def device(self) -> Device:
        """The working part of the device."""
        return self._device

    def describe(self) -> QpuDescription:
        """What this QPU is; `n_qubits` counts the qubits that circuits can use."""
        snapshot, usable = self._device.snapshot, self._device.n_qubits
        noise = "noise drifts from" if self._life.drift.on else "noise frozen at"
        note = (f"emulated {snapshot.device} ({snapshot.processor}), {usable} of {snapshot.n_qubits} qubits usable, "
                f"{noise} {snapshot.taken}")
        return QpuDescription(self._name, "twin", usable, Recovery.PURE, note, snapshot.device, snapshot.taken,
                              snapshot.basis_gates, self._cold_s, emulated=True)

    def fits(self, width: int) -> bool:
        """Whether a circuit of that many qubits can be placed."""
        return self._device.fits(width)

    def compile(self, circuit: QuantumCircuit, observable: SparsePauliOp | None, *,
                simulator: SimulatorId | None = None, seed: int = 0) -> TwinProgram:
        """Compile once, for the device and for the noise-free simulator; `seed` is the transpiler's.

        Raises `InvalidInput` if the circuit does not fit the device or cannot be simulated.
        """
        check_width(getattr(circuit, "num_qubits", 1), self._device)
        ideal = self._exact.compile(circuit, observable, simulator=simulator, seed=seed)
        reading, kept = reading_of(circuit, observable), circuit.copy()
        return TwinProgram(kept, ideal, self._exact, reading, self._isa(kept, ideal.structure, reading, seed))

    def duration(self, program: Program, request: Request) -> int:
        """Nanoseconds: `overhead + rows * groups * shots * (circuit length + rep delay)`; counts are one group."""
        own = _own(program)
        shots = request.shots or self._nominal_shots
        circuits = len(request.thetas) * (1 if request.counts else len(own.groups))
        return self._overhead_ns + circuits * shots * (math.ceil(own.isa.length_ns) + self._rep_delay_ns)

    def evaluate(self, program: Program, request: Request) -> QpuResult:
        """Expectation values or counts under the surrogate noise at `request.at_ns`, one for each row of `thetas`.

        Pure: every draw comes from the row's digest. `shots` 0 gives `ESP*E + (1-ESP)*tr(H)/2^n` without shot noise.
        With values come the noise-free ones as `ideal`. `InvalidInput` if the request does not fit the program.
        """
        own = _own(program)
        thetas = own.checked(request)
        esp = self._life.esp(own.isa, request.at_ns)
        head = (self._name, request.epoch, request.shots, str(own.simulator))
        if request.counts:
            return QpuResult(*head, counts=tuple(self._counts(own, esp, row, request.shots, digest)
                                                 for row, digest in zip(thetas, request.digests, strict=True)))
        ideal = self._exact.evaluate(own.ideal, Request(thetas, 0, ())).values
        if request.shots:
            values = tuple(self._estimate(own, esp, row, request.shots, digest)
                           for row, digest in zip(thetas, request.digests, strict=True))
        else:
            values = tuple(esp * value + (1.0 - esp) * own.constant for value in ideal)
        return QpuResult(*head, values=values, ideal=ideal)

    def next_window(self, after_ns: int) -> Window | None:
        """The first calibration window that begins at or after `after_ns`."""
        return self._life.next_window(after_ns)

    def next_absence(self, after_ns: int) -> Absence | None:
        """The absence that a time falls into, or else the first one after it; None if there is none any more."""
        return self._life.next_absence(after_ns)

    def epoch_at(self, now_ns: int) -> int:
        """The calibration epoch at a time: how many windows, maintenances and failures have ended since the start."""
        return self._life.epoch_at(now_ns)

    def esp_at(self, program: Program, now_ns: int) -> float:
        """The ESP of a compiled circuit at a time, between 0 and 1."""
        return self._life.esp(_own(program).isa, now_ns)

    def snapshot_at(self, now_ns: int) -> Snapshot:
        """The device as it is at a time: the snapshot with its errors, T1 and T2 drifted, dates as they were."""
        return self._life.snapshot_at(now_ns)

    def calibration(self, now_ns: int = 0) -> Ages:
        """How old each calibrated parameter is at `now_ns`, taking the run to begin when the snapshot was taken."""
        return ages(self._device.snapshot, self._life, now_ns)

    def _isa(self, circuit: QuantumCircuit, structure: str, reading: Reading, seed: int) -> Isa:
        """The compiled circuit, from the cache if it was compiled before."""
        key = (structure, seed)
        with self._lock:
            if key in self._isas:
                self._isas.move_to_end(key)
                return self._isas[key]
        isa = compile_isa(circuit, reading.qubits, self._device, seed)
        with self._lock:
            self._isas[key] = isa
            while len(self._isas) > self._cache_size:
                self._isas.popitem(last=False)
        return isa

    def _estimate(self, own: TwinProgram, esp: float, row: np.ndarray[Any, Any], shots: int, digest: bytes) -> float:
        """One expectation value from `shots` shots in each group (the estimator of `twin_noise`)."""
        total = own.constant
        for k, (group, part) in enumerate(zip(own.groups, own.parts, strict=True)):
            random = generator(stream(digest, f"mixture {k}"))
            good = int(random.binomial(shots, esp))
            signal = 0.0
            if good:
                asked = Request(row[np.newaxis], good, (stream(digest, f"ideal {k}"),))
                signal = good * self._exact.evaluate(part, asked).values[0]
            total += (signal + random_sum(group, shots - good, random)) / shots
        return total

    def _counts(self, own: TwinProgram, esp: float, row: np.ndarray[Any, Any], shots: int,
                digest: bytes) -> dict[str, int]:
        """Bit strings of `shots` shots, of which Binomial(shots, ESP) are noise-free."""
        random = generator(stream(digest, "mixture"))
        good = int(random.binomial(shots, esp))
        noise = random_counts(own.reading.clbits, own.reading.n_clbits, shots - good, random)
        if not good:
            return merged({}, noise)
        asked = Request(row[np.newaxis], good, (stream(digest, "ideal"),), counts=True)
        return merged(self._exact.evaluate(own.ideal, asked).counts[0], noise)


def _own(program: Program) -> TwinProgram:
    if not isinstance(program, TwinProgram):
        raise InvalidInput(f"A twin cannot run a {type(program).__name__}", "It was compiled elsewhere",
                           "Compile it with this QPU")
    return program


def _exact_qpu() -> LocalQpu:
    from qloop.qpus.exact import ExactQpu

    return ExactQpu(name="noise-free")


def _nanoseconds(what: str, seconds: float, low: int, high: int) -> int:
    """Seconds as whole nanoseconds within bounds (ns)."""
    if not (math.isfinite(seconds) and low <= round(seconds * 1e9) <= high):
        raise InvalidInput(f"{what} is {seconds}", f"it must be from {low * 1e-9:g} to {high * 1e-9:g} seconds",
                           "Choose a value in that range")
    return round(seconds * 1e9)


def _rep_delay(snapshot: Snapshot, seconds: float | None) -> int:
    delay = snapshot.rep_delay_ns
    return delay.default if seconds is None else _nanoseconds("rep_delay_s", seconds, delay.low, delay.high)
