"""What QPUs do by themselves: they come and go, and so do their calibration windows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from qloop.model.commands import StartCalibration
from qloop.model.events import CalibrationDue, CalibrationEnded, QpuJoined, QpuLeft
from qloop.model.limits import NEVER
from qloop.qpus.protocol import Absence, Away, LocalQpu, Window
from qloop.qpus.remote import Qpu, RemoteQpu
from qloop.runtime.core import Core
from qloop.runtime.profiles import Profiles, forecast
from qloop.runtime.quantum import QuantumSide
from qloop.runtime.remote.presence import Presence
from qloop.runtime.timers import Timers


class Environment:
    """Announces QPUs, their windows and their absences to the engine.

    `stays` counts how often each QPU came online: what was planned for an earlier stay is not carried out any more.
    `note` is told of the end of each calibration, before the epoch is asked for.
    """

    def __init__(self, qpus: Mapping[str, Qpu], quantum: QuantumSide, core: Core, timers: Timers,
                 profiles: Profiles, note: Callable[[str, Qpu, int], None] = lambda name, qpu, now: None) -> None:
        self.qpus, self.quantum, self.core, self.timers, self.profiles = qpus, quantum, core, timers, profiles
        self.presence = Presence(quantum.remote, core, timers)
        self.stays: dict[str, int] = {}
        self.note = note

    def begin(self) -> None:
        """All QPUs come online."""
        for name in self.qpus:
            self.join(name)

    def join(self, name: str) -> None:
        """One QPU comes online, with the windows and the absences that are to come.

        One that is away just now leaves at once: so its name and its size are known, and tasks can wait for it.
        """
        now, qpu = self.timers.clock.now(), self.qpus[name]
        if isinstance(qpu, RemoteQpu):
            self.presence.join(name)
            return
        stay = self.stays[name] = self.stays.get(name, 0) + 1
        counted = self.quantum.epochs[name]
        self.quantum.epochs[name] = _epoch(qpu, now, counted)
        try:
            if self.quantum.epochs[name] > counted:     # it was calibrated while it was away
                self.quantum.programs.lay_out_anew(name, now)
        finally:        # whatever becomes of that: it is here
            self._arrive(name, stay, qpu, now)

    def _arrive(self, name: str, stay: int, qpu: LocalQpu, now: int) -> None:
        """Announce it, and plan what is to come."""
        window, about, epoch = qpu.next_window(now), qpu.describe(), self.quantum.epochs[name]
        ahead = forecast(qpu, epoch)
        arrival = QpuJoined(name, about.n_qubits, about.cold_s, epoch, _begin(window), _gap(qpu, window),
                            _length(window) or ahead.length_ns, ahead.calibrated_ns, ahead.aging_per_h, ahead.sd,
                            ahead.relax_s, ahead.idle_share, ahead.recalibrate_above, ahead.reference_loss)
        try:
            self.profiles.renew(name)
        finally:        # Ctrl-C too
            self.core.post(arrival)
            self._schedule(name, stay, window)
            self._plan_absence(name, stay, qpu, now)

    def _plan_absence(self, name: str, stay: int, qpu: LocalQpu, now: int) -> None:
        """Leave at once, or when the next absence begins."""
        absence = _absence(qpu, now)
        if absence is not None and absence.begin_ns <= now:
            self._leave(name, stay, absence)
        elif absence is not None:
            self.timers.at(absence.begin_ns, lambda: self._leave(name, stay, absence))

    def calibrate(self, now: int, command: StartCalibration) -> None:
        """The window begins; its end brings a new epoch."""
        stay = self.stays[command.qpu]
        self.timers.at(now + command.length_ns, lambda: self._calibrated(command.qpu, stay))

    def _leave(self, name: str, stay: int, absence: Absence) -> None:
        """An absence begins."""
        if self.stays[name] == stay:
            self.stays[name] += 1
            self.core.post(QpuLeft(name, absence.reason, absence.end_ns))
            self._await(name, absence)

    def _await(self, name: str, absence: Absence) -> None:
        """Come back when the absence is over; for good, never."""
        if absence.end_ns < NEVER:
            self.timers.at(absence.end_ns, lambda: self._return(name))

    def _return(self, name: str) -> None:
        """An absence is over; the next may have begun already."""
        now = self.timers.clock.now()
        absence = _absence(self.qpus[name], now)
        if absence is not None and absence.begin_ns <= now:
            self._await(name, absence)
        else:
            self.join(name)

    def _calibrated(self, name: str, stay: int) -> None:
        if self.stays[name] != stay:
            return      # the QPU left before the window was over
        now, qpu = self.timers.clock.now(), self.qpus[name]
        try:
            self.note(name, qpu, now)
        finally:        # whatever becomes of what follows, Ctrl-C too: the calibration is over
            self._begin_epoch(name, stay, qpu, now)

    def _begin_epoch(self, name: str, stay: int, qpu: Qpu, now: int) -> None:
        """Layouts and profiles are made anew, and the engine hears of it."""
        epoch = self.quantum.epochs[name] = _epoch(qpu, now, self.quantum.epochs[name] + 1)
        window = qpu.next_window(now)
        length_ns = _length(window) or forecast(qpu, epoch).length_ns
        try:
            self._renew(name, now)
        finally:
            self.core.post(CalibrationEnded(name, epoch, _begin(window), length_ns))
            self._schedule(name, stay, window)

    def _renew(self, name: str, now: int) -> None:
        """Look for better layouts, and tell what is known of circuits in the new epoch."""
        try:
            self.quantum.programs.lay_out_anew(name, now)
        finally:
            self.profiles.renew(name)

    def _schedule(self, name: str, stay: int, window: Window | None) -> None:
        if window is not None:
            self.timers.at(window.begin_ns, lambda: self._due(name, stay, window))

    def _due(self, name: str, stay: int, window: Window) -> None:
        if self.stays[name] == stay:
            self.core.post(CalibrationDue(name, window.length_ns))


def _absence(qpu: Qpu, now: int) -> Absence | None:
    """The QPU's present or next absence, if it is one that is away at times."""
    return qpu.next_absence(now) if isinstance(qpu, Away) else None


def _epoch(qpu: Qpu, now: int, counted: int) -> int:
    """The epoch that the QPU itself names, or the one that was counted; never one that is over."""
    if not isinstance(qpu, Away):
        return counted
    named = qpu.epoch_at(now)
    if named < counted:
        logging.getLogger("qloop").warning(
            "QPU %s names the calibration epoch %d after %d: epochs only grow, so it stays %d. Correct its epoch_at()",
            qpu.describe().name, named, counted, counted)
    return max(counted, named)


def _begin(window: Window | None) -> int:
    return NEVER if window is None else window.begin_ns


def _length(window: Window | None) -> int:
    return 0 if window is None else window.length_ns


def _gap(qpu: Qpu, window: Window | None) -> int:
    """Time from the end of one window to the next."""
    if window is None:
        return NEVER
    end = window.begin_ns + window.length_ns
    after = qpu.next_window(end)
    return NEVER if after is None else after.begin_ns - end
