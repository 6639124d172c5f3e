"""How far a submitted program is, as its run's journal tells, while it runs and after."""

from __future__ import annotations

from pathlib import Path

import msgspec

from qloop.runtime.journal.rows import SessionInfo
from qloop.runtime.journal.snapshot import snapshot
from qloop.runtime.journal.sqlite import SqliteStore


class Progress(msgspec.Struct, frozen=True):
    """A session of a run: how many quantum tasks are answered, its results by QPU, when the last came (Unix time).

    `waiting` and `running` are journaled tasks that are not done; `per_minute`: results in the last minute of those.
    """

    session: SessionInfo
    answered: int
    qpus: dict[str, int]
    waiting: int
    running: int
    last_s: float
    per_minute: float


def progress(journal: Path) -> list[Progress]:
    """All sessions of the run, in the order of their opening; none if nothing is journaled (yet).

    Only ever a copy is opened: to open the journal itself is to lock it, and the program may need it in that moment.
    """
    if not journal.exists():
        return []
    with snapshot(journal) as copy:
        return _read(copy)


def _read(path: Path) -> list[Progress]:
    store = SqliteStore(path, create=False)
    try:
        began = {info.row.id: info.row.started_at_ns for info in store.runs()}
        lives = {run: _zero_ns(store, run, at) for run, at in began.items()}
        return [_of(store, session, lives.get(session.row.run, 0)) for session in store.sessions()]
    finally:
        store.close()


def _zero_ns(store: SqliteStore, run: str, started_at_ns: int) -> int:
    """The Unix time at which the run's clock was 0, by its last life."""
    from qloop.runtime.lives import lives_of

    lives = lives_of(store, run)
    return lives[-1].started_at_ns - lives[-1].begun_ns if lives else started_at_ns


def _of(store: SqliteStore, session: SessionInfo, zero_ns: int) -> Progress:
    tasks: set[str] = set()
    qpus: dict[str, int] = {}
    times = []
    for row in store.results(session.row.id):
        tasks.add(row.task)
        qpus[row.qpu] = qpus.get(row.qpu, 0) + 1
        times.append(row.at_ns)
    states = [task.state.value for task in store.tasks(session.row.id)]
    last = max(times, default=0)
    recent = sum(at > last - 60_000_000_000 for at in times)
    span_s = min(60.0, max(1.0, (last - min(times)) * 1e-9)) if times else 60.0
    return Progress(session, len(tasks), qpus, states.count("ready"), states.count("leased"),
                    (zero_ns + last) * 1e-9 if times else 0.0, recent * 60.0 / span_s)
