"""Changing over at a chunk edge under efaas: a loop in progress goes before the rest of a long NORMAL task."""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.columns import (
    AGING,
    CLASS,
    DEFICIT,
    EARLIER,
    ESTIMATE,
    HOLD,
    LAST_NORMAL_AT,
    LONGEST,
    MEASURED,
    READY_AT,
    STARTED_AT,
    WAITING,
    WINDOW_AT,
    Row,
    Table,
)
from qloop.policies.efaas import HOT, NORMAL, accrue, first_fitting, settle


def never(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], i: int, q: int,
          now: float) -> int:
    """Whoever runs goes on."""
    return HOLD


def switch(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], i: int, q: int,
           now: float) -> int:
    """The lane of the HOT task that takes QPU q from NORMAL task i at its chunk edge; HOLD: it goes on.

    NORMAL to which the rest is owed goes on, with what it runs now already paid; however long NORMAL has not been
    dispatched, because until now it was served here. And so does a task that was overdue here when it began, or it
    would have a chunk in AGING seconds; and one that could not be continued after the other one before the next
    calibration window, because its shots would be lost.
    """
    task = tasks[i]
    if task[CLASS] != NORMAL or totals[WAITING + HOT] <= 0.0 or was_overdue(task, qpus[q], totals):
        return HOLD
    accrue(totals, now)
    ran = now - task[STARTED_AT]
    rest = task[ESTIMATE] - ran if task[ESTIMATE] > ran else 0.0
    if totals[DEFICIT] - ran >= rest:
        return HOLD
    lane = first_fitting(tasks, flows, qpus[q], heads, HOT, now)
    if lane < 0 or now + tasks[heads[lane]][ESTIMATE] + rest > qpus[q][WINDOW_AT]:
        return HOLD
    return lane


def was_overdue(task: Row, qpu: Row, totals: Row) -> bool:
    """Whether the NORMAL task had waited for AGING seconds, in which this QPU served no NORMAL, when it began here."""
    since = task[READY_AT] if task[READY_AT] > qpu[LAST_NORMAL_AT] else qpu[LAST_NORMAL_AT]
    return task[STARTED_AT] >= since + totals[AGING]


def pause(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """Task i stands aside after `MEASURED` seconds: NORMAL has had them; they are charged when the attempt is over."""
    task = tasks[i]
    accrue(totals, now)
    task[EARLIER] += task[MEASURED]
    if totals[LONGEST] < task[MEASURED]:
        totals[LONGEST] = task[MEASURED]
    if task[CLASS] == NORMAL:
        settle(totals, totals[DEFICIT] - task[MEASURED])
        qpus[q][LAST_NORMAL_AT] = now
