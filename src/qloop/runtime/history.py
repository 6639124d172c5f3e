"""What lies on disk: the runs of this home and of single journals, and which of them can go on."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from qloop.errors import InvalidInput, JournalError, UnknownName
from qloop.runtime import layout
from qloop.runtime.journal.rows import RunInfo, RunState, SessionInfo, TaskState
from qloop.runtime.journal.sqlite import SqliteStore

GOES_ON = (RunState.RUNNING, RunState.INTERRUPTED)
TOLD = 8
"""How many names an error lists at most, besides the nearest ones."""


class Past(msgspec.Struct, frozen=True):
    """A run in a journal that nobody writes to now, with its sessions."""

    path: Path
    info: RunInfo
    sessions: tuple[SessionInfo, ...]

    @property
    def resumable(self) -> bool:
        """Whether it can go on: it was interrupted, or killed, so that its state still says `running`."""
        return self.info.state in GOES_ON

    @property
    def state(self) -> str:
        """Its state, where a run that says `running` and has no process is called `killed`."""
        return "killed" if self.info.state is RunState.RUNNING else self.info.state.value

    @property
    def program(self) -> tuple[str, ...]:
        """The program's absolute path and its arguments; empty for a runtime without one."""
        return program_words(self.info.row.program)

    @property
    def results(self) -> int:
        """How many results were bought."""
        return sum(session.results for session in self.sessions)

    @property
    def shots(self) -> int:
        """How many shots were bought."""
        return sum(session.shots for session in self.sessions)


class Journal(msgspec.Struct, frozen=True):
    """A journal file: its runs, or the `problem` that keeps them from being read (`live`: its own process)."""

    path: Path
    runs: tuple[Past, ...] = ()
    problem: JournalError | None = None
    live: bool = False


class Purchase(msgspec.Struct, frozen=True):
    """What a session bought at one QPU in one calibration epoch."""

    qpu: str
    epoch: int
    simulator: str
    results: int
    shots: int


class Detail(msgspec.Struct, frozen=True):
    """All that the journal tells of a session."""

    run: Past
    session: SessionInfo
    purchases: tuple[Purchase, ...]
    tasks: dict[str, int]


def program_text(path: Path, arguments: Sequence[str]) -> str:
    """How a journal names a program: its absolute path and its arguments, quoted for a shell."""
    return shlex.join([str(path), *arguments])


def program_words(text: str) -> tuple[str, ...]:
    """The path and the arguments again; a text that no shell could read is one word."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return (text,)


def journal_files() -> list[Path]:
    """The journals of this home, the oldest first."""
    return [layout.journal_path(run) for run in layout.run_ids()]


def look(path: Path) -> Journal:
    """Read a journal; what is wrong with it is told, not raised."""
    try:
        store = SqliteStore(path, create=False)
    except JournalError as error:
        return Journal(path, problem=error, live=" is in use by " in error.what)
    try:
        sessions = store.sessions()
        runs = tuple(Past(path, info, tuple(one for one in sessions if one.row.run == info.row.id))
                     for info in store.runs())
        return Journal(path, runs)
    except JournalError as error:
        return Journal(path, problem=error)
    finally:
        store.close()


def require(path: Path) -> Journal:
    """Read a journal; JournalError if that cannot be done."""
    journal = look(path)
    if journal.problem is not None:
        raise journal.problem
    return journal


def find_run(run: str) -> Past:
    """The run of this id in this home; UnknownName offers the nearest one, JournalError if it cannot be read."""
    if run not in layout.run_ids():
        raise unknown("run", run, layout.run_ids())
    for past in require(layout.journal_path(run)).runs:
        if past.info.row.id == run:
            return past
    raise JournalError(f"The journal {layout.journal_path(run)} does not hold its run", "It was renamed, or ended "
                       "before the run was written", "Start a new run")


def interrupted(program: Path) -> Past:
    """The latest run of a program that can go on; InvalidInput says why if there is none."""
    skipped: list[str] = []
    for path in reversed(journal_files()):
        journal = look(path)
        if journal.problem is not None:
            skipped.append(f"{path.stem} {'is still running' if journal.live else 'cannot be read'}")
        for past in journal.runs:
            if past.resumable and past.program[:1] == (str(program),):
                return past
    left_out = f" ({', '.join(skipped)})" if skipped else ""
    raise InvalidInput(f"There is no interrupted run of {program} to resume",
                       f"None of the {len(layout.run_ids())} runs under {layout.home()} is one{left_out}",
                       "Run it without --resume, or name a run: 'qloop sessions' lists them")


def detail(session: str, journal: Path | None = None) -> Detail:
    """All about a session, of this home or of a journal; UnknownName offers the nearest one."""
    path = journal or _journal_of(session)
    found = [(past, one) for past in require(path).runs for one in past.sessions if one.row.id == session]
    if not found:
        raise unknown("session", session, [one.row.id for past in require(path).runs for one in past.sessions])
    store = SqliteStore(path, create=False)
    try:
        purchases, tasks = tuple(_purchases(store, session)), _tasks(store, session)
    finally:
        store.close()
    return Detail(*found[-1], purchases, tasks)


def unknown(noun: str, wanted: str, known: Sequence[str]) -> InvalidInput:
    """The error for a run or session that is not there: it names the nearest ones and the latest."""
    if not known:
        return InvalidInput(f"There is no {noun} {wanted!r}", f"Nothing is journaled under {layout.home()}",
                            f"Run a program first, or set {layout.ENVIRONMENT} to the folder of its runs")
    return UnknownName(noun, wanted, {*difflib.get_close_matches(wanted, known, n=3), *known[-TOLD:]})


def _journal_of(session: str) -> Path:
    """The journal in which a session of this home must lie; its id begins with the run's."""
    run, known = session.rsplit(".", 1)[0], layout.run_ids()
    if run not in known:
        ids = [one.row.id for path in journal_files() for past in look(path).runs for one in past.sessions]
        raise unknown("session", session, ids)
    return layout.journal_path(run)


def _purchases(store: SqliteStore, session: str) -> Iterator[Purchase]:
    """Results and shots by QPU, epoch and simulator, in the order of the first purchase."""
    sums: dict[tuple[str, int, str], list[int]] = {}
    for row in store.results(session):
        entry = sums.setdefault((row.qpu, row.epoch, row.simulator), [0, 0])
        entry[0] += 1
        entry[1] += row.shots
    for (qpu, epoch, simulator), (results, shots) in sums.items():
        yield Purchase(qpu, epoch, simulator, results, shots)


def _tasks(store: SqliteStore, session: str) -> dict[str, int]:
    """How many tasks are in each state, of those that were journaled apart from their results."""
    counts = dict.fromkeys((state.value for state in TaskState), 0)
    for task in store.tasks(session):
        counts[task.state.value] += 1
    return {state: count for state, count in counts.items() if count}
