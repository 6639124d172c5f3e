"""What QPUs do by themselves: they come online, and their calibration windows come and go."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from qloop.errors import QpuError
from qloop.model.commands import StartCalibration
from qloop.model.events import CalibrationDue, CalibrationEnded, QpuJoined, QpuLeft
from qloop.model.limits import NEVER, SECOND
from qloop.qpus.protocol import Window
from qloop.qpus.remote import Qpu, RemoteQpu
from qloop.runtime.core import Core
from qloop.runtime.quantum import QuantumSide
from qloop.runtime.timers import Timers


class Environment:
    """Announces QPUs and their windows to the engine."""

    def __init__(self, qpus: Mapping[str, Qpu], quantum: QuantumSide, core: Core, timers: Timers) -> None:
        self.qpus, self.quantum, self.core, self.timers = qpus, quantum, core, timers
        quantum.remote.rejoin = self.leave_for

    def begin(self) -> None:
        """All QPUs come online."""
        for name in self.qpus:
            self.join(name)

    def join(self, name: str) -> None:
        """One QPU comes online."""
        qpu = self.qpus[name]
        if isinstance(qpu, RemoteQpu):
            self.quantum.epochs[name] = self.quantum.remote.calibration(name).epoch
        window, about = qpu.next_window(self.timers.clock.now()), qpu.describe()
        epoch = self.quantum.epochs[name]
        self.core.post(QpuJoined(name, about.n_qubits, about.cold_s, epoch, _begin(window), _gap(qpu, window)))
        self._schedule(name, window)

    def leave_for(self, name: str, seconds: float, reason: str) -> None:
        """A QPU takes no tasks: what waits for it is moved, and after so many seconds it is tried again."""
        self.core.post(QpuLeft(name, reason))
        again = threading.Thread(target=self._rejoin, args=(name, seconds), name=f"qloop-back-{name}", daemon=True)
        self.timers.at(self.timers.clock.now() + round(seconds * SECOND), again.start)     # joining asks the provider

    def _rejoin(self, name: str, seconds: float) -> None:
        """Try whether a QPU takes tasks again."""
        try:
            self.join(name)
        except QpuError as error:
            self.leave_for(name, seconds, str(error))

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


def _gap(qpu: Qpu, window: Window | None) -> int:
    """Time from the end of one window to the next."""
    if window is None:
        return NEVER
    end = window.begin_ns + window.length_ns
    after = qpu.next_window(end)
    return NEVER if after is None else after.begin_ns - end
