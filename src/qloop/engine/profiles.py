"""Layer 1, what is known of circuits on QPUs: told by the runtime for each structure, copied into the tasks' rows."""

from __future__ import annotations

import math

from qloop.engine.state import Quantum, State
from qloop.model.commands import Command, Refused
from qloop.model.events import QuantumSubmitted, StructureProfiled
from qloop.policies.columns import COLD, INF, TASK_COLUMNS, Row
from qloop.policies.fits import FIT, UNKNOWN, default_fits, no_visits

MOST_STRUCTURES = 4096      # of which profiles are kept; the one told of longest ago is forgotten


def note(state: State, event: StructureProfiled, out: list[Command]) -> int:
    """Keep what the runtime tells; returns the QPU's row if waiting tasks are to be bound again, -1 if not.

    They are if the circuit cannot run there any more, or can again.
    """
    row = state.qpu_ids.get(event.qpu, -1)
    told = (event.loss, event.stale_s, event.compile_s, event.bind_s, event.load_s, event.mitigation_s)
    fine = all(map(math.isfinite, told)) and min(told[2:]) >= 0.0 and (event.loss >= 0.0 or event.loss == UNKNOWN)
    if row < 0 or not fine:
        why = f"there is no QPU named {event.qpu}" if row < 0 else "its numbers must be finite, and none negative"
        out.append(Refused(event.structure, "invalid", f"the profile of a structure was not taken: {why}"))
        return -1
    known = state.profiles.pop(event.structure, {})
    state.profiles[event.structure] = known
    before, known[row] = known.get(row), event
    if len(state.profiles) > MOST_STRUCTURES:
        del state.profiles[next(iter(state.profiles))]
    if not event.unfit and (before is None or not before.unfit):
        return -1
    for task in state.by_row:
        if task is not None and task.wish.structure == event.structure:
            fill(state, task)
    return row


def blocks(state: State, structure: str) -> Row:
    """The cells behind the columns of a task's row."""
    known = state.profiles.get(structure) if structure else None
    if known is None:
        return default_fits(state.qpu_rows)
    cells: Row = []
    for q, qpu in enumerate(state.qpu_rows):
        told = known.get(q)
        if told is None:
            cells += (UNKNOWN, 0.0, 0.0, 0.0, qpu[COLD], 0.0)
        else:
            cells += (INF if told.unfit else told.loss, told.stale_s, told.compile_s, told.bind_s, told.load_s,
                      told.mitigation_s)
    return cells


def fill(state: State, task: Quantum) -> None:
    """Bring a task's row up to date."""
    cells = blocks(state, task.wish.structure)
    state.tasks[task.row][TASK_COLUMNS:] = cells


def widen(state: State) -> None:
    """A QPU is new: all rows of sessions and tasks get its block."""
    for row in state.flows:
        row += no_visits(1)
    for row in state.tasks:
        row += [UNKNOWN] + [0.0] * (FIT - 1)
    for task in state.by_row:
        if task is not None:
            fill(state, task)


def unfit(state: State, wish: QuantumSubmitted, rows: list[int]) -> str:
    """Why the wish's circuit can run on none of the QPUs in these rows; empty if it can, or nothing is known."""
    known = state.profiles.get(wish.structure) if wish.structure else None
    if known is None or not rows:
        return ""
    reasons = [f"{known[q].qpu}: {known[q].unfit}" for q in rows if q in known and known[q].unfit]
    return "; ".join(reasons) if len(reasons) == len(rows) else ""
