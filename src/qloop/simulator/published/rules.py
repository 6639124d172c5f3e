"""Two decisions of the published model as functions of a policy: its placement, and a reservation of the platform."""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies import order
from qloop.policies.columns import (
    CALIBRATED_AT,
    COLD,
    FLOW,
    HOLD,
    INF,
    OWNER,
    QUBITS,
    RUNNING,
    TAU,
    WIDTH,
    Row,
    Table,
)
from qloop.policies.place import eligible, least_wait
from qloop.policies.record import Policy


def is_warm(qpu: Row, totals: Row, now: float) -> bool:
    """Whether the QPU's calibration is younger than tau."""
    return now - qpu[CALIBRATED_AT] < totals[TAU]


def place(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> float:
    """The published placement as a cost: t_calib where the calibration is older than tau, else nothing.

    Among equals the binder keeps the last QPU, which is the published rule. It adds the wait, which the published
    model has not.
    """
    if not eligible(tasks[i], qpus[q], q):
        return INF
    return 0.0 if is_warm(qpus[q], totals, now) else qpus[q][COLD]


def reserving() -> Policy:
    """First come, first served; a task that is wider than a QPU gets all of them at once, when all are idle."""
    return Policy("reserving", order.enter_fifo, pick, start, finish, least_wait, shared=True)


def pick(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], q: int,
         now: float, u: float) -> int:
    """The first in line; nobody passes a reservation that waits, and nobody runs beside one that is granted."""
    i = heads[0]
    if i < 0 or qpus[q][OWNER] >= 0.0:
        return HOLD
    return HOLD if tasks[i][WIDTH] > qpus[q][QUBITS] and totals[RUNNING] > 0.0 else 0


def start(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """A granted reservation owns every QPU."""
    if tasks[i][WIDTH] > qpus[q][QUBITS]:
        for qpu in qpus:
            qpu[OWNER] = tasks[i][FLOW]


def finish(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """It lets all of them go."""
    if q >= 0 and tasks[i][WIDTH] > qpus[q][QUBITS]:
        for qpu in qpus:
            qpu[OWNER] = -1.0
