"""The calibrations that the scheduler brought about: journaled, so that a resumed run has QPUs of the same epochs."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from qloop.qpus.protocol import Renewed
from qloop.qpus.remote import Qpu
from qloop.runtime.journal.protocol import Store
from qloop.runtime.lives import Life


class Calibrated(msgspec.Struct, frozen=True, tag="calibrated"):
    """A QPU was calibrated at a time of the run's clock, because the scheduler wished it."""

    qpu: str
    at_ns: int


class Calibrations:
    """Notes the calibrations of one run; those that could not be written are written with the next one."""

    def __init__(self, store: Store, run: str) -> None:
        self.store, self.run = store, run
        self._unwritten: list[bytes] = []

    def note(self, name: str, qpu: Qpu, now_ns: int) -> None:
        """A calibration is over: the QPU hears of it, and the journal, where it was not planned by the QPU itself.

        If the journal fails, it says so, but the QPU is calibrated all the same.
        """
        if not (isinstance(qpu, Renewed) and qpu.by_scheduler):
            return
        qpu.calibrated(now_ns)
        self._unwritten.append(msgspec.json.encode(Calibrated(name, now_ns)))
        self.store.append(self.run, self._unwritten)
        self._unwritten = []


def calibrate_again(store: Store, run: str, qpus: Mapping[str, Qpu]) -> None:
    """Tell the QPUs of a resumed run what happened in its earlier lives."""
    told: dict[str, Renewed] = {name: qpu for name, qpu in qpus.items()
                                if isinstance(qpu, Renewed) and qpu.by_scheduler}
    for entry in calibrations_of(store, run) if told else ():
        if entry.qpu in told:
            told[entry.qpu].calibrated(entry.at_ns)


def calibrations_of(store: Store, run: str) -> list[Calibrated]:
    """The calibrations of a run as written; one after the time at which the next life went on has not happened.

    One that was written twice, because the first write seemed to fail, is one.
    """
    found: list[Calibrated] = []
    for _, event in store.read_log(run):
        try:
            entry = msgspec.json.decode(event, type=Calibrated | Life)
        except msgspec.MsgspecError:        # the log is open to other entries
            continue
        if isinstance(entry, Calibrated):
            found.append(entry)
        else:
            found = [one for one in found if one.at_ns <= entry.begun_ns]
    return list(dict.fromkeys(found))
