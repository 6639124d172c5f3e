"""The twin: an emulated QPU made from a real device's calibration snapshot.

It has the device's topology, gate set, errors and timing. A circuit is compiled to the device once, which gives its
ESP and its length; noise-free values come from the logical circuit, so that a 133-qubit device costs no more than the
circuit's own qubits. Its noise is frozen, so that every calibration epoch has the snapshot's errors, or it drifts with
the run's time (`qloop.qpus.drift`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.model.evaluation import SimulatorId
from qloop.model.limits import MAX_SHOTS
from qloop.qpus import surrogate
from qloop.qpus.caches.ahead import Piece
from qloop.qpus.caches.cache import Counts
from qloop.qpus.caches.keys import RELAYOUT_ABOVE
from qloop.qpus.caches.twins import MITIGATION_CIRCUITS, CachePlan, TwinCaches
from qloop.qpus.calibration import Ages, ages
from qloop.qpus.device import Device
from qloop.qpus.drift.absences import Plan
from qloop.qpus.drift.drifted import Drifted
from qloop.qpus.drift.life import RECALIBRATE_ABOVE, LifePlan
from qloop.qpus.drift.model import Drift
from qloop.qpus.forecast import Fit, Forecast, stale_s
from qloop.qpus.isa import Isa, check_width, compile_isa, compile_placed
from qloop.qpus.noise.noisy import GateByGate, check_noisy_width, gate_by_gate
from qloop.qpus.protocol import Absence, LocalQpu, Program, QpuDescription, QpuResult, Recovery, Request, Window
from qloop.qpus.snapshot import Snapshot
from qloop.qpus.twin_checks import check_kinds, checked, rep_delay_ns
from qloop.qpus.twin_options import MAX_SEED, nanoseconds, whole
from qloop.qpus.twin_program import TwinProgram, reading_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

TASK_OVERHEAD_S = 2.0
"""Seconds that each quantum task costs besides its shots: IBM's own rule for its QPUs is `2 s + executions *
(rep_delay + circuit length)` (IBM Quantum documentation, "Workload usage")."""

COLD_S = 1.0
"""Seconds that a session's first shot on a QPU costs besides, to load its circuit. No provider publishes it: our own
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
    name (up to a '?'), and the run's time. `noise` is "surrogate", "aer" (Aer's model, gate by gate) or "density" (the
    same for few qubits, without Aer). A task with 0 shots returns the noisy value without shot noise and takes the time
    of `nominal_shots`. `exact` computes the noise-free values. `caches` says what is kept between tasks. With
    `mitigate_readout` the readout's errors are measured once in each epoch, and values are corrected by them. Raises
    `UnknownName` for a snapshot, profile, rule or noise, `InvalidInput` for impossible times and plans, `MissingExtra`
    for Aer's noise where Aer is not installed.
    """

    def __init__(self, snapshot: str | Snapshot, *, seed: int = 0, name: str = "", exact: LocalQpu | None = None,
                 task_overhead_s: float = TASK_OVERHEAD_S, rep_delay_s: float | None = None, cold_s: float = COLD_S,
                 calibration_interval_s: float = CALIBRATION_INTERVAL_S,
                 calibration_length_s: float | tuple[float, float] = CALIBRATION_LENGTH_S,
                 nominal_shots: int = NOMINAL_SHOTS, caches: CachePlan | None = None, drift: str | Drift = "none",
                 maintenance: Plan = (), outside: Plan = (), failures: Plan = (), recalibrate: str = "interval",
                 recalibrate_above: float = RECALIBRATE_ABOVE, mitigate_readout: bool = False,
                 noise: str = "surrogate") -> None:
        data = checked(snapshot)
        check_kinds(name, exact, caches, mitigate_readout)
        self._name = name or f"twin-{data.name}{'' if noise == 'surrogate' else f'?noise={noise}'}"
        self._noise = gate_by_gate(noise, mitigate_readout)
        self._compile = compile_isa if self._noise is None else compile_placed
        self._device, self._exact = Device(data), exact or _exact_qpu()
        self._overhead_ns = nanoseconds("task_overhead_s", task_overhead_s, 0, 10**15)
        self._rep_delay_ns = rep_delay_ns(data, rep_delay_s)
        self._cold_s = nanoseconds("cold_s", cold_s, 0, 10**15) * 1e-9
        self._nominal_shots, self._mitigate = whole("nominal_shots", nominal_shots, 1, MAX_SHOTS), mitigate_readout
        plan = LifePlan(drift=drift, maintenance=maintenance, outside=outside, failures=failures,
                        recalibrate=recalibrate, above=recalibrate_above, interval_s=calibration_interval_s,
                        length_s=calibration_length_s)
        self._life = Drifted(data, whole("seed", seed, 0, MAX_SEED), self._name.partition("?")[0], plan)
        self._caches = TwinCaches(self._name, data.name, caches or CachePlan())

    def fingerprint(self) -> str:
        """What tells it from other twins of its name: a hash of its snapshot, seed and options, caches excepted."""
        parts = (*self._life.source, self._overhead_ns, self._rep_delay_ns, self._cold_s, self._nominal_shots,
                 self._mitigate, "" if self._noise is None else self._noise.noise)
        return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()[:24]

    @property
    def device(self) -> Device:
        """The working part of the device."""
        return self._device

    def describe(self) -> QpuDescription:
        """What this QPU is; `n_qubits` counts the qubits that circuits can use."""
        snapshot, usable = self._device.snapshot, self._device.n_qubits
        noise = "noise drifts from" if self._life.drift.on else "noise frozen at"
        note = (f"emulated {snapshot.device} ({snapshot.processor}), {usable} of {snapshot.n_qubits} qubits usable, "
                f"{noise} {snapshot.taken}{f', gate by gate ({self._noise.noise})' if self._noise else ''}")
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
        check_noisy_width(self._noise, getattr(circuit, "num_qubits", 1))
        ideal = self._exact.compile(circuit, observable, simulator=simulator, seed=seed)
        reading, kept = reading_of(circuit, observable), circuit.copy()
        key = self._caches.key(ideal.structure, seed)
        isa = self._caches.isa.get(key)
        if isa is None:
            isa = self._compile(kept, reading.qubits, self._device, seed)
            self._caches.isa.put(key, isa)
        return TwinProgram(kept, ideal, self._exact, reading, isa, key)

    def ahead(self, circuit: QuantumCircuit, structure: str, observable: SparsePauliOp | None, seed: int = 0,
              ) -> Piece | None:
        """The compiling of a circuit as a piece of work for another process; None if it is compiled."""
        key = self._caches.key(structure, seed)
        if self._caches.isa.peek(key) is not None or not self._device.fits(circuit.num_qubits):
            return None
        return Piece(self._compile, (circuit, reading_of(circuit, observable).qubits, self._device, seed),
                     partial(self._caches.isa.put, key))

    def is_stale(self, program: Program, now_ns: int) -> bool:
        """Whether another layout is worth looking for: a new epoch has changed ln ESP by more than `RELAYOUT_ABOVE`."""
        own = _own(program)
        if self._life.epoch_at(now_ns) == own.key.layout_epoch:
            return False
        return abs(self._life.ln_esp(own.isa, now_ns) - own.isa.success.ln_esp) > RELAYOUT_ABOVE

    def relayout(self, program: Program, now_ns: int) -> tuple[Callable[..., Isa], tuple[Any, ...]]:
        """The search for a layout by the device's errors at a time, as a function and its arguments."""
        own = _own(program)
        device = Device(self._life.snapshot_at(now_ns))
        return self._compile, (own.circuit, own.reading.qubits, device, own.key.seed)

    def laid_out(self, program: Program, isa: Isa, now_ns: int) -> TwinProgram:
        """The program on the better of its present layout and this one, for the epoch of that time."""
        own, epoch = _own(program), self._life.epoch_at(now_ns)
        key = self._caches.key(own.structure, own.key.seed, epoch)
        if isa.success.ln_esp <= self._life.ln_esp(own.isa, now_ns):
            self._caches.isa.put(key, own.isa)
            return dataclasses.replace(own, key=key)
        self._caches.isa.put(key, isa)
        return dataclasses.replace(own, isa=isa, key=key, laid_out_ns=now_ns)

    def laid_out_ns(self, program: Program) -> int:
        """The time by whose errors the program was laid out; 0 for the layout that `compile` found."""
        return _own(program).laid_out_ns

    def laid_out_again(self, program: Program, at_ns: int) -> TwinProgram:
        """The program on the layout that the search found at a time, for the epoch of that time."""
        own, (function, arguments) = _own(program), self.relayout(program, at_ns)
        key = self._caches.key(own.structure, own.key.seed, self._life.epoch_at(at_ns))
        return dataclasses.replace(own, isa=function(*arguments), key=key, laid_out_ns=at_ns)

    def set_up(self, program: Program, request: Request, expected_ns: int) -> int:
        """Nanoseconds that cold caches cost before this task: loading its circuit, measuring its readout's errors.

        Without a waveform cache, loading takes as long as the policy reckoned. The circuit is in use until its task
        ends: only then the time begins after which it is not loaded any more.
        """
        own = _own(program)
        cold = self._caches.load_ns(own.key, request.epoch, request.at_ns, expected_ns)
        if self._mitigate and not request.counts:
            shots = request.shots or self._nominal_shots
            cold += self._caches.measure_ns(own.isa.measured, request.epoch, self._rep_delay_ns, shots)
        self._caches.in_use(own.key, request.epoch, request.at_ns + cold + self.duration(own, request))
        return cold

    def cache_counts(self) -> dict[str, Counts]:
        """What the caches `isa`, `waveform` and `mitigation` did so far."""
        return self._caches.counts()

    def duration(self, program: Program, request: Request) -> int:
        """Nanoseconds: `overhead + rows * groups * shots * (circuit length + rep delay)`; counts are one group."""
        own = _own(program)
        shots = request.shots or self._nominal_shots
        circuits = len(request.thetas) * (1 if request.counts else len(own.groups))
        return self._overhead_ns + circuits * shots * (math.ceil(own.isa.length_ns) + self._rep_delay_ns)

    def evaluate(self, program: Program, request: Request) -> QpuResult:
        """Expectation values or counts under the twin's noise at `request.at_ns`, one for each row of `thetas`.

        Pure: every draw comes from the row's digest. `shots` 0 gives the value without shot noise, under the surrogate
        `ESP*E + (1-ESP)*tr(H)/2^n`. With values come the noise-free ones as `ideal`. `InvalidInput` if the request does
        not fit the program.
        """
        own = _own(program)
        thetas = own.checked(request)
        head = (self._name, request.epoch, request.shots, str(own.simulator))
        if self._noise is not None:
            return self._gate_by_gate(self._noise, own, thetas, request, head)
        esp = self._life.esp(own.isa, request.at_ns)
        if request.counts:
            return QpuResult(*head, counts=surrogate.counts(own, self._exact, request, thetas, esp))
        gain = math.exp(-own.isa.success.ln_readout) if self._mitigate else 1.0
        values, ideal = surrogate.expectation(own, self._exact, request, thetas, esp, gain)
        return QpuResult(*head, values=values, ideal=ideal)

    def _gate_by_gate(self, noise: GateByGate, own: TwinProgram, thetas: NDArray[np.float64], request: Request,
                      head: tuple[str, int, int, str]) -> QpuResult:
        """The request under noise "aer" or "density", on the device as it is at `request.at_ns`."""
        snapshot = self._life.snapshot_at(request.at_ns)
        if request.counts:
            return QpuResult(*head, counts=noise.counts(own, thetas, request, snapshot))
        ideal = self._exact.evaluate(own.ideal, Request(thetas, 0, ())).values
        return QpuResult(*head, values=noise.values(own, thetas, request, snapshot), ideal=ideal)

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

    def fit(self, program: Program, epoch: int) -> Fit:
        """What is known of a compiled circuit in a calibration epoch."""
        own = _own(program)
        shots_ns = MITIGATION_CIRCUITS * self._nominal_shots * self._rep_delay_ns if self._mitigate else 0
        stale = 0.0 if epoch else stale_s(own.isa, self.calibration(), self._device.snapshot, self._life.drift)
        return Fit(-own.isa.success.ln_esp, stale, self._cold_s, shots_ns * 1e-9)

    def forecast(self, epoch: int) -> Forecast:
        """When the epoch's calibration was, and how errors are expected to grow since."""
        return self._life.forecast(epoch)

    @property
    def by_scheduler(self) -> bool:
        """Whether the run's scheduler says when it is calibrated."""
        return self._life.by_scheduler

    def calibrated(self, now_ns: int) -> None:
        """A calibration that the scheduler wished ends now, and a new epoch begins."""
        self._life.calibrated(now_ns)

    def snapshot_at(self, now_ns: int) -> Snapshot:
        """The device as it is at a time: the snapshot with its errors, T1 and T2 drifted, dates as they were."""
        return self._life.snapshot_at(now_ns)

    def calibration(self, now_ns: int = 0) -> Ages:
        """How old each calibrated parameter is at `now_ns`, taking the run to begin when the snapshot was taken."""
        return ages(self._device.snapshot, self._life, now_ns)


def _own(program: Program) -> TwinProgram:
    if not isinstance(program, TwinProgram):
        raise InvalidInput(f"A twin cannot run a {type(program).__name__}", "It was compiled elsewhere",
                           "Compile it with this QPU")
    return program


def _exact_qpu() -> LocalQpu:
    from qloop.qpus.exact import ExactQpu

    return ExactQpu(name="noise-free")
