"""What if: another platform or faster thinking under the same recorded work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.replay.durations import Durations
from qloop.simulator.replay.recorded import Recorded

MOST_QPUS = 1000


@dataclass(frozen=True)
class Change:
    """What differs from the recording.

    `qpus`: so many QPUs (0: as recorded): the first of the recorded ones, or copies of them in turn. `add`: a further
    QPU like the one named; `drop`: without it. `think`: thinking takes so many times as long (0.5: half as long).
    """

    qpus: int = 0
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    think: float = 1.0

    @property
    def nothing(self) -> bool:
        """Whether it is the recorded platform."""
        return self == Change()

    def text(self) -> str:
        """It in words; empty for none."""
        parts = [f"{self.qpus} QPUs" if self.qpus else "", *(f"+{name}" for name in self.add),
                 *(f"-{name}" for name in self.drop), f"thinking x{self.think:g}" if self.think != 1.0 else ""]
        return ", ".join(part for part in parts if part)


def changed(recorded: Recorded, change: Change) -> Recorded:
    """The recorded work on the changed platform; InvalidInput or UnknownName for what cannot be."""
    if not (0.0 <= change.think <= 1e6):
        raise InvalidInput(f"Thinking cannot take {change.think!r} times as long", "",
                           "Give a number from 0 (no thinking) to 1000000; 0.5 means half as long")
    if change.nothing:
        return recorded
    rows, names = _rows(recorded, change)
    times = Durations(recorded.times.ns[:, rows], recorded.times.guessed[:, rows])
    sat = recorded.sittings
    follows = sat.after > 0
    delay = np.where(follows, np.rint(sat.delay_ns * change.think), sat.delay_ns).astype(np.int64)
    close = np.where(sat.close_ns > 0, np.rint(sat.close_ns * change.think), sat.close_ns).astype(np.int64)
    made = replace(recorded, devices=recorded.devices.chosen(rows, names), times=times,
                   sittings=replace(sat, delay_ns=delay, close_ns=close))
    _check_wide_enough(made)
    return made


def _rows(recorded: Recorded, change: Change) -> tuple[list[int], list[str]]:
    """Which recorded QPU each QPU of the changed platform is like, and the names."""
    known = recorded.devices.names
    for name in (*change.add, *change.drop):
        if name not in known:
            raise UnknownName("QPU in this trace", name, known)
    if not 0 <= change.qpus <= MOST_QPUS:
        raise InvalidInput(f"The number of QPUs is {change.qpus}", "", f"Give 1 to {MOST_QPUS}")
    rows = [q for q in range(len(known)) if known[q] not in change.drop]
    if not rows and (change.qpus or not change.add):
        raise InvalidInput("No QPU would be left", "", f"Keep one of: {', '.join(known)}")
    if change.qpus:
        rows = [rows[k % len(rows)] for k in range(change.qpus)]
    rows += [known.index(name) for name in change.add]
    return rows, _names([known[q] for q in rows])


def _names(like: Sequence[str]) -> list[str]:
    """A name for each QPU: the second of a kind is NAME+2."""
    made: list[str] = []
    for name in like:
        number = 1
        while (name if number == 1 else f"{name}+{number}") in made:
            number += 1
        made.append(name if number == 1 else f"{name}+{number}")
    return made


def _check_wide_enough(made: Recorded) -> None:
    """Refuse a platform on which a recorded task could never run."""
    widest = int(made.devices.width.max())
    needs = max((task.width for task in made.tasks), default=0)
    if needs > widest:
        raise InvalidInput(f"Tasks of {needs} qubits could not run", f"The widest QPU left has {widest}",
                           "Keep a wider QPU")
    gone = sorted({task.pin for task in made.tasks if task.pin and task.pin not in made.devices.names})
    if gone:
        raise InvalidInput(f"Sessions are pinned to {', '.join(gone)}", "It would not be there any more",
                           "Keep it")
