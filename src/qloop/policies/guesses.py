"""Speculative tasks: the facts that hosts note of them, and what the fair policies make of them.

Facts of guesses are noted apart, because nothing of them may show in what policies see of other tasks: they count in no
backlog, make no session active, and a QPU that runs one is as good as free (BUSY is SPECULATING), until the guess is
committed and becomes a task like others.
"""

from __future__ import annotations

from qloop.policies.columns import (
    BUSY,
    CLASS,
    ESTIMATE,
    FLOW,
    FREE_AT,
    LAST_END,
    LAST_EPOCH,
    LAST_QPU,
    MEAN,
    MEASURED,
    PARENT,
    READY_AT,
    RUNNING,
    STARTED_AT,
    STEPS,
    USED,
    WAITING,
    Row,
    Table,
)
from qloop.policies.efaas import HOT
from qloop.policies.fits import note_visit
from qloop.policies.ledger import FIRST_ESTIMATE, SMOOTHING
from qloop.policies.quota import QPU_SECONDS, use
from qloop.policies.shares import add, debt, dominant, forget

SPECULATIVE = 2         # class of speculative tasks: behind all others
SPECULATING = 0.5       # BUSY of a QPU whose task gives way to any other


def note_guess(tasks: Table, flows: Table, i: int, now: float) -> None:
    """Speculative task i became ready; its session is no more active for it."""
    task = tasks[i]
    flow = flows[int(task[FLOW])]
    task[READY_AT], task[CLASS] = now, float(SPECULATIVE)
    if task[ESTIMATE] <= 0.0:
        task[ESTIMATE] = flow[MEAN] if flow[MEAN] > 0.0 else FIRST_ESTIMATE


def guess_started(tasks: Table, qpus: Table, i: int, q: int, now: float) -> None:
    """Speculative task i began on QPU q, which others may have at once."""
    tasks[i][STARTED_AT] = now
    qpus[q][BUSY], qpus[q][FREE_AT] = SPECULATING, now


def guess_kept(tasks: Table, qpus: Table, totals: Row, i: int, q: int) -> None:
    """Speculative task i, which runs on QPU q, is committed: the QPU is busy for the rest of it."""
    task = tasks[i]
    qpus[q][BUSY], qpus[q][FREE_AT] = 1.0, task[STARTED_AT] + task[ESTIMATE]
    totals[RUNNING] += 1.0


def guess_dropped(qpus: Table, q: int, now: float) -> None:
    """The guess that runs on QPU q was told to stop: until it does, the QPU is busy, nobody knows how long."""
    qpus[q][BUSY], qpus[q][FREE_AT] = 1.0, now


def guess_finished(tasks: Table, flows: Table, qpus: Table, i: int, q: int, now: float) -> None:
    """Speculative task i left QPU q after `MEASURED` seconds, which its session used."""
    task = tasks[i]
    flow = flows[int(task[FLOW])]
    qpus[q][BUSY] = 0.0
    flow[USED] += task[MEASURED]
    use(flows[int(flow[PARENT])], QPU_SECONDS, task[MEASURED], now)


def guess_wanted(flows: Table, row: int, q: int, ended: float, epoch: float, seconds: float) -> None:
    """A guess of the session in this row, which ended on QPU q in that epoch, is committed: it is a quantum step."""
    flow = flows[row]
    flow[STEPS] += 1.0
    if ended >= flow[LAST_END]:
        flow[LAST_END], flow[LAST_QPU], flow[LAST_EPOCH] = ended, float(q), epoch
        note_visit(flow, q, ended, epoch)
    old = flow[MEAN]
    flow[MEAN] = seconds if old <= 0.0 else old + SMOOTHING * (seconds - old)


def enter_fair(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Guesses of the session that owes least service first; nothing is charged before they ran."""
    return debt(flows[int(tasks[i][FLOW])], totals)


def end_fair(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """The time that a guess took is its session's service; other sessions' tags do not move."""
    if q >= 0:
        add(flows, totals, int(tasks[i][FLOW]), dominant(totals, 0.0, tasks[i][MEASURED]))
    if totals[RUNNING] == 0.0 and totals[WAITING] + totals[WAITING + 1] == 0.0:
        forget(totals, HOT)
