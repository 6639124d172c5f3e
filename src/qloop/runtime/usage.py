"""Who used which QPU for how long, and what that cost: the accounts in journals, and sums over them."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from qloop.errors import InvalidInput, JournalError, UnknownName
from qloop.model.cost import Cost
from qloop.model.limits import SECOND
from qloop.model.money import decimal
from qloop.runtime import layout
from qloop.runtime.journal.purchases import CallOutcome, CallRow
from qloop.runtime.journal.rows import Run
from qloop.runtime.journal.sqlite import SqliteStore
from qloop.runtime.lives import Life, lives_of

KEYS: Final = ("tenant", "project", "qpu", "session")


class Called(msgspec.Struct, frozen=True):
    """An accounted call, the run that it was made in, and the run's lives."""

    run: Run
    row: CallRow
    lives: tuple[Life, ...] = ()


class Usage(msgspec.Struct):
    """The sum of calls in one currency: by `key`, all of them or those that failed, and their shots and cost."""

    key: str
    currency: str
    calls: int = 0
    failed: int = 0
    evaluations: int = 0
    shots: int = 0
    cost: Cost = Cost()

    def add(self, row: CallRow) -> None:
        """One more call."""
        self.calls += 1
        self.failed += row.outcome == CallOutcome.FAILED
        self.evaluations += row.evaluations if row.outcome == CallOutcome.DONE else 0
        self.shots += row.shots
        self.cost += Cost(row.net_ns, row.billed_ns, row.amount, row.currency)


def calls_in(path: Path, run: str | None = None) -> list[Called]:
    """The accounts in a journal, of one run or of all; JournalError if it cannot be read."""
    store = SqliteStore(path, create=False)
    try:
        runs = {info.row.id: info.row for info in store.runs()}
        if run is not None and run not in runs:
            raise UnknownName("run in this journal", run, runs)
        owner = {info.row.id: info.row.run for info in store.sessions()}
        found = [(runs[owner[row.session]], row) for row in store.calls(run=run)]
        lives = {name: lives_of(store, name) for name in {made.id for made, _ in found}}
        return [Called(made, row, lives[made.id]) for made, row in found]
    finally:
        store.close()


def calls_at_home(run: str | None = None) -> tuple[list[Called], list[JournalError]]:
    """The accounts in all journals of this home, and what is wrong with those that cannot be read."""
    if run is not None and run not in layout.run_ids():
        raise UnknownName("run", run, layout.run_ids()[-8:])
    found: list[Called] = []
    problems: list[JournalError] = []
    for name in layout.run_ids() if run is None else [run]:
        try:
            found += calls_in(layout.journal_path(name), run)
        except JournalError as error:
            problems.append(error)
    return found, problems


def summed(calls: Iterable[Called], by: str) -> list[Usage]:
    """The sums by tenant, project, qpu or session, and by currency, in the order of their keys."""
    if by not in KEYS:
        raise UnknownName("key to sum by", by, KEYS)
    found: dict[tuple[str, str], Usage] = {}
    for one in calls:
        key = getattr(one.row, by), one.row.currency
        found.setdefault(key, Usage(*key)).add(one.row)
    return [found[key] for key in sorted(found)]


def totals(sums: Iterable[Usage]) -> list[Usage]:
    """One sum for each currency."""
    found: dict[str, Usage] = {}
    for one in sums:
        total = found.setdefault(one.currency, Usage("", one.currency))
        total.calls, total.failed = total.calls + one.calls, total.failed + one.failed
        total.evaluations, total.shots = total.evaluations + one.evaluations, total.shots + one.shots
        total.cost += one.cost
    return [found[currency] for currency in sorted(found)]


def write_csv(calls: Iterable[Called], path: Path) -> int:
    """Write every account as a line of a CSV file; returns how many. InvalidInput if it cannot be written."""
    count = 0
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for fields in lines(calls):
                writer.writerow(fields)
                count += 1
    except OSError as error:
        raise InvalidInput(f"The accounts cannot be written to {path}", str(error), "Name a file that can be") from None
    return count


COLUMNS: Final = ("run", "session", "tenant", "project", "task", "attempt", "qpu", "epoch", "outcome", "begun_at",
                  "begun_s", "ended_s", "evaluations", "circuits", "shots", "executions", "net_s", "billed_s", "amount",
                  "currency", "price", "intent", "provider_id", "reason", "id")


def lines(calls: Iterable[Called]) -> Iterator[dict[str, object]]:
    """Accounts as plain fields: seconds of the run's clock, and, where that is the real one, UTC as well (`begun_at`).

    The run's clock stands still between two lives of it, so that UTC is reckoned from the life's own begin. `begun_at`
    is empty under any other clock, and where the journal does not say when the call's life began.
    """
    for one in calls:
        row = one.row
        fields: dict[str, object] = {name: getattr(row, name, "") for name in COLUMNS}
        fields |= {"run": one.run.id, "begun_at": _utc(one), "begun_s": decimal_s(row.begun_ns),
                   "ended_s": decimal_s(row.ended_ns), "net_s": decimal_s(row.net_ns),
                   "billed_s": decimal_s(row.billed_ns), "amount": decimal(row.amount).replace(",", "")}
        yield fields


def decimal_s(time_ns: int) -> str:
    """Seconds with all their digits."""
    return decimal(time_ns).replace(",", "")


def _utc(one: Called) -> str:
    known = [life for life in one.lives if life.begun_ns <= one.row.begun_ns]
    if one.run.clock != "real" or not known:
        return ""
    at_ns = known[-1].started_at_ns + one.row.begun_ns - known[-1].begun_ns
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ns // SECOND))
