"""A laboratory of its own process: lives of one session with a budget, killed at every commit in turn, then resumed.

`python -m tests.runtime.cost_driver FOLDER` prints what was wrong, as JSON. It has imported everything, so that a life,
forked from it, costs milliseconds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

import qloop
from qloop.errors import BudgetExceeded
from qloop.model.money import UNIT
from qloop.model.prices import Price
from qloop.runtime.journal.sqlite import SqliteStore
from qloop.runtime.options import Options
from qloop.testing.faults import KillAtCommit, Moment

from .two_qubits import ENERGY, circuit, scripted

PRICE = Price.of("test", currency="USD", per_second=1, granule_s=1)
BUDGET, EACH, CALLS = 25, 2, 12


class Report(msgspec.Struct):
    """What the laboratory saw."""

    lives: int
    killed: int
    wrong: list[str]
    spent: int
    calls: int


def life(journal: Path, hook: KillAtCommit) -> None:
    """Evaluate at ever new points until the budget does not allow another."""
    store = SqliteStore(journal, hook=hook)
    options = Options(qpus=[scripted(seconds=1.5)], journal=store, run="r", resume=True, clock="virtual",
                      prices=PRICE)
    with qloop.Runtime(options) as runtime:
        session = qloop.Session("s", runtime=runtime, shots=10, budget=f"{BUDGET} USD")
        f = session.objective(circuit(), ENERGY)
        try:
            for k in range(100):
                f([0.01 * k, 0.2])
        except BudgetExceeded:
            return


def forked(journal: Path, hook: KillAtCommit) -> bool:
    """A life in a child; whether it was killed."""
    pid = os.fork()
    if pid == 0:
        try:
            life(journal, hook)
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status > 0:
        raise RuntimeError(f"a life failed with {status}")
    return status < 0


def judge(journal: Path, wrong: list[str], when: str) -> tuple[int, int]:
    """What the journal must hold after every life: one account for each result, within the budget."""
    store = SqliteStore(journal, create=False)
    try:
        calls = store.calls()
        results = [row.task for session in store.sessions() for row in store.results(session.row.id)]
    finally:
        store.close()
    spent = sum(row.amount for row in calls)
    if sorted(row.task for row in calls if row.outcome == "done") != sorted(results):
        wrong.append(f"{when}: {len(calls)} accounts for {len(results)} results")
    if spent > BUDGET * UNIT or spent != EACH * UNIT * len(calls):
        wrong.append(f"{when}: {spent} spent in {len(calls)} calls")
    if [row.id for row in calls] != [f"r.s#{n + 1}" for n in range(len(calls))]:
        wrong.append(f"{when}: the numbers have gaps")
    return spent // UNIT, len(calls)


def laboratory(folder: Path) -> Report:
    """Lives on one journal, each killed a commit later than the one before, until one ends by itself."""
    report = Report(0, 0, [], 0, 0)
    moments: tuple[Moment, ...] = ("before", "after")
    for moment in moments:
        journal = folder / f"{moment}.qloop"
        forked(journal, KillAtCommit(6, moment))
        killed, nth = True, 1
        while killed and report.lives < 200:
            killed = forked(journal, KillAtCommit(nth, moment))
            nth, report.lives, report.killed = nth + 1, report.lives + 1, report.killed + killed
            report.spent, report.calls = judge(journal, report.wrong, f"{moment} commit {nth}")
    return report


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(laboratory(Path(sys.argv[1]))).decode())
