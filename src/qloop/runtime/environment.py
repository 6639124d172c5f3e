"""What QPUs do by themselves: they come online, and their calibration windows come and go."""

from __future__ import annotations

from collections.abc import Mapping

from qloop.model.commands import StartCalibration
from qloop.model.events import CalibrationDue, CalibrationEnded, QpuJoined
from qloop.model.limits import NEVER
from qloop.qpus.protocol import LocalQpu, Window
from qloop.runtime.core import Core
from qloop.runtime.quantum import QuantumSide
from qloop.runtime.timers import Timers


class Environment:
    """Announces QPUs and their windows to the engine."""

    def __init__(self, qpus: Mapping[str, LocalQpu], quantum: QuantumSide, core: Core, timers: Timers) -> None:
        self.qpus, self.quantum, self.core, self.timers = qpus, quantum, core, timers

    def begin(self) -> None:
        """All QPUs come online."""
        for name in self.qpus:
            self.join(name)

    def join(self, name: str) -> None:
        """One QPU comes online."""
        qpu = self.qpus[name]
        window, about = qpu.next_window(self.timers.clock.now()), qpu.describe()
        self.core.post(QpuJoined(name, about.n_qubits, about.cold_s, 0, _begin(window), _gap(qpu, window)))
        self._schedule(name, window)

    def calibrate(self, now: int, command: StartCalibration) -> None:
        """The window begins; its end brings a new epoch."""
        self.timers.at(now + command.length_ns, lambda: self._calibrated(command.qpu))

    def _calibrated(self, name: str) -> None:
        self.quantum.epochs[name] += 1
        window = self.qpus[name].next_window(self.timers.clock.now())
        self.core.post(CalibrationEnded(name, self.quantum.epochs[name], _begin(window)))
        self._schedule(name, window)

    def _schedule(self, name: str, window: Window | None) -> None:
        if window is not None:
            self.timers.at(window.begin_ns, lambda: self.core.post(CalibrationDue(name, window.length_ns)))


def _begin(window: Window | None) -> int:
    return NEVER if window is None else window.begin_ns


def _gap(qpu: LocalQpu, window: Window | None) -> int:
    """Time from the end of one window to the next."""
    if window is None:
        return NEVER
    end = window.begin_ns + window.length_ns
    after = qpu.next_window(end)
    return NEVER if after is None else after.begin_ns - end
