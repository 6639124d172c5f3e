"""When remote QPUs are there: they join with their provider's epoch, leave while they take no tasks, and come back."""

from __future__ import annotations

import threading

from qloop.errors import QpuError
from qloop.model.events import QpuJoined, QpuLeft
from qloop.model.limits import SECOND
from qloop.qpus.remote import NotAccepted, Unanswered
from qloop.runtime.core import Core
from qloop.runtime.remote.calls import bounded
from qloop.runtime.remote.side import OFFLINE_S, RemoteSide
from qloop.runtime.timers import Timers


class Presence:
    """Tells the engine which remote QPUs take tasks now."""

    def __init__(self, side: RemoteSide, core: Core, timers: Timers) -> None:
        self.side, self.core, self.timers = side, core, timers
        side.leave_for = self.leave_for

    def join(self, name: str) -> None:
        """The QPU comes online, in the calibration epoch that its provider says.

        One that does not answer, or takes no tasks, is known, offline, and tried again later. QpuError for one that
        refuses, as it does without credentials.
        """
        qpu = self.side.remote(name)
        about = bounded(qpu.remote().call_s, f"description of QPU {name}", qpu.describe)
        try:
            epoch = self.side.calibration(name).epoch
        except (NotAccepted, Unanswered) as error:
            self.core.post(QpuJoined(name, about.n_qubits, about.cold_s))
            self.leave_for(name, getattr(error, "retry_after_s", 0.0) or OFFLINE_S, str(error))
            return
        self.core.post(QpuJoined(name, about.n_qubits, about.cold_s, epoch))

    def leave_for(self, name: str, seconds: float, reason: str) -> None:
        """The QPU takes no tasks: what waits for it is moved, and after so many seconds it is tried again."""
        back = self.timers.clock.now() + round(seconds * SECOND)
        self.core.post(QpuLeft(name, reason, back))
        again = threading.Thread(target=self._try, args=(name, seconds), name=f"qloop-back-{name}", daemon=True)
        self.timers.at(back, again.start)       # it asks the provider

    def _try(self, name: str, seconds: float) -> None:
        """Try whether the QPU answers again."""
        if self.side.closing.is_set():
            return
        try:
            self.join(name)
        except QpuError as error:
            self.leave_for(name, seconds, str(error))
