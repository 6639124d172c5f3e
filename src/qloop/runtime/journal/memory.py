"""The journal in memory: the reference that every store must agree with, and the store of runs that keep nothing.

It is as plain as it can be, so that reading it tells what a verb means; it survives nothing.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from qloop.errors import JournalError
from qloop.runtime.journal.memory_purchases import MemoryPurchases
from qloop.runtime.journal.memory_tasks import MemoryTasks
from qloop.runtime.journal.purchases import CallRow, check_call
from qloop.runtime.journal.retention import beyond
from qloop.runtime.journal.rows import (
    ENDED_RUN,
    ENDED_SESSION,
    ENDED_TASK,
    Checkpoint,
    JournalStats,
    ResultRow,
    Run,
    RunInfo,
    RunState,
    SessionFilter,
    SessionInfo,
    SessionRow,
    SessionState,
    TaskState,
    check_end,
    check_result,
    check_run,
    check_session,
    check_time,
    conflict,
    unknown,
)


class _Run(msgspec.Struct):
    row: Run
    state: RunState = RunState.RUNNING
    ended_at_ns: int = 0
    log: list[bytes] = []


class _Session(msgspec.Struct):
    row: SessionRow
    state: SessionState = SessionState.OPEN
    reason: str = ""
    ended_at_ns: int = 0
    results: dict[bytes, ResultRow] = {}
    chosen: dict[str, bytes] = {}
    checkpoints: dict[str, Checkpoint] = {}


class MemoryStore(MemoryTasks, MemoryPurchases):
    """A journal that ends with its process; see `protocol.Store` for its verbs."""

    def __init__(self) -> None:
        MemoryTasks.__init__(self)
        MemoryPurchases.__init__(self)
        self._runs: dict[str, _Run] = {}
        self._sessions: dict[str, _Session] = {}

    def begin_run(self, row: Run) -> None:
        """Record that a run begins, or that an interrupted one goes on."""
        check_run(row)
        with self._lock:
            known = self._runs.setdefault(row.id, _Run(row))
            if known.row.content() != row.content():
                raise conflict("run", row.id)
            if known.state is RunState.INTERRUPTED:
                known.state, known.ended_at_ns = RunState.RUNNING, 0

    def end_run(self, run: str, state: RunState, at_ns: int) -> bool:
        """End or interrupt a run; False if it has already ended."""
        check_end("run", state, ENDED_RUN | {RunState.INTERRUPTED})
        check_time(at_ns)
        with self._lock:
            found = self._run(run)
            if found.state in ENDED_RUN:
                return False
            found.state, found.ended_at_ns = state, at_ns
            return True

    def runs(self) -> list[RunInfo]:
        """All runs in the order they began."""
        with self._lock:
            return [RunInfo(run.row, run.state, run.ended_at_ns) for run in self._runs.values()]

    def last_ns(self, run: str) -> int:
        """The latest time of the run's clock that its results and calls know of; 0 if there are none."""
        with self._lock:
            times = [row.at_ns for found in self._sessions.values() if found.row.run == run
                     for row in found.results.values()]
            times += [row.ended_ns for row in self._calls.values() if self._run_of(row.session) == run]
            return max(times, default=0)

    def append(self, run: str, events: list[bytes]) -> int:
        """Append events to the run's log; returns the sequence number of the last."""
        with self._lock:
            log = self._run(run).log
            log.extend(events)
            return len(log)

    def read_log(self, run: str, after: int = 0) -> list[tuple[int, bytes]]:
        """The run's log from the event that follows `after`."""
        with self._lock:
            return [(seq, event) for seq, event in enumerate(self._run(run).log, 1) if seq > after]

    def put_session(self, row: SessionRow) -> SessionRow:
        """Keep a session and return the stored row."""
        check_session(row)
        with self._lock:
            known = self._sessions.get(row.id)
            if known is None:
                self._run(row.run)
                known = self._sessions[row.id] = _Session(row)
            elif known.row.content() != row.content():
                raise conflict("session", row.id)
            return known.row

    def end_session(self, session: str, state: SessionState, reason: str, at_ns: int) -> bool:
        """End a session; False if it has already ended."""
        check_end("session", state, ENDED_SESSION)
        check_time(at_ns)
        with self._lock:
            found = self._session(session)
            if found.state is not SessionState.OPEN:
                return False
            found.state, found.reason, found.ended_at_ns = state, reason, at_ns
            if state is SessionState.CANCELLED:
                self._cancel_tasks(session, at_ns)
            return True

    def get_session(self, session: str) -> SessionInfo | None:
        """One session with its counts; None if unknown."""
        with self._lock:
            found = self._sessions.get(session)
            return self._info(found) if found else None

    def sessions(self, where: SessionFilter | None = None) -> list[SessionInfo]:
        """The sessions that match, in the order they were put."""
        wish = where or SessionFilter()
        with self._lock:
            return [self._info(found) for found in self._sessions.values()
                    if wish.run in (None, found.row.run) and wish.tenant in (None, found.row.tenant)
                    and wish.state in (None, found.state)]

    def choose(self, session: str, key: str, value: bytes) -> bytes:
        """Fix a fact of the session once; returns what was fixed."""
        with self._lock:
            return self._session(session).chosen.setdefault(key, value)

    def chosen(self, session: str) -> dict[str, bytes]:
        """All facts that were fixed for the session."""
        with self._lock:
            return dict(sorted(self._session(session).chosen.items()))

    def put_checkpoint(self, session: str, name: str, iteration: int, state: bytes) -> bool:
        """Replace a loop's checkpoint; False if the stored one is of a later iteration."""
        with self._lock:
            found = self._session(session).checkpoints
            if name in found and found[name].iteration > iteration:
                return False
            found[name] = Checkpoint(iteration, state)
            return True

    def get_checkpoint(self, session: str, name: str) -> Checkpoint | None:
        """The loop's last checkpoint; None if there is none."""
        with self._lock:
            return self._session(session).checkpoints.get(name)

    def put_result(self, row: ResultRow, call: CallRow | None = None) -> bool:
        """Keep a result; False if the session holds it already."""
        check_result(row)
        if call is not None:
            check_call(call)
        with self._lock:
            results = self._session(row.session).results
            known = results.get(row.digest)
            if known is not None and known.content() != row.content():
                raise conflict("result", row.digest.hex())
            if call is not None:
                self._put_call(call)
            results.setdefault(row.digest, row)
            self._answered(row.task, row.session, row.at_ns)
            return known is None

    def get_result(self, session: str, digest: bytes) -> ResultRow | None:
        """The session's result under this digest; None if it was never bought."""
        with self._lock:
            return self._session(session).results.get(digest)

    def results(self, session: str) -> list[ResultRow]:
        """The session's results in the order put."""
        with self._lock:
            found = self._sessions.get(session)
            return list(found.results.values()) if found else []

    def retention(self, now_ns: int, keep_days: float | None = None, keep_runs: int | None = None) -> list[str]:
        """Delete ended runs older than `keep_days` or beyond the last `keep_runs`; returns their ids."""
        with self._lock:
            ended = sorted(((run.ended_at_ns, nth, name) for nth, (name, run) in enumerate(self._runs.items())
                            if run.state in ENDED_RUN), reverse=True)
            gone = beyond([(name, at_ns) for at_ns, _, name in ended], now_ns, keep_days, keep_runs)
            for name in gone:
                del self._runs[name]
            self._sessions = {key: value for key, value in self._sessions.items() if value.row.run in self._runs}
            self._tasks = {key: value for key, value in self._tasks.items() if value.row.session in self._sessions}
            self._leased = {key: value for key, value in self._leased.items() if key in self._tasks}
            self._forget_purchases(self._sessions.keys())
            return gone

    def backup(self, path: Path | str) -> None:
        """Refused: a journal in memory ends with its process."""
        raise JournalError("A journal in memory has no backup", "", "Open the journal on a file")

    def stats(self) -> JournalStats:
        """Size so far; a journal in memory counts no commits."""
        with self._lock:
            sessions = self._sessions.values()
            rows = {"runs": len(self._runs), "sessions": len(sessions), "tasks": len(self._tasks),
                    "evidence": sum(len(task.late) for task in self._tasks.values()),
                    "intents": len(self._intents), "calls": len(self._calls),
                    "results": sum(len(session.results) for session in sessions),
                    "log": sum(len(run.log) for run in self._runs.values()),
                    "chosen": sum(len(session.chosen) for session in sessions),
                    "checkpoints": sum(len(session.checkpoints) for session in sessions)}
            return JournalStats("", "none", 0, rows, 0, 0, 0, 0)

    def flush(self) -> None:
        """Nothing to bring anywhere."""
        with self._lock:
            pass

    def close(self) -> None:
        """Forget everything; closing twice is harmless."""
        self._lock.close()

    def _run(self, run: str) -> _Run:
        found = self._runs.get(run)
        if found is None:
            raise unknown("run", run)
        return found

    def _session(self, session: str) -> _Session:
        found = self._sessions.get(session)
        if found is None:
            raise unknown("session", session)
        return found

    def _run_of(self, session: str) -> str:
        return self._session(session).row.run

    def _state_of(self, session: str) -> SessionState:
        return self._session(session).state

    def _cancel_tasks(self, session: str, at_ns: int) -> None:
        for name, task in self._tasks.items():
            if task.row.session == session and task.state not in ENDED_TASK:
                task.end(TaskState.CANCELLED, b"", at_ns)
                self._leased.pop(name, None)

    def _info(self, found: _Session) -> SessionInfo:
        tasks = sum(task.row.session == found.row.id for task in self._tasks.values())
        shots = sum(row.shots for row in found.results.values())
        return SessionInfo(found.row, found.state, found.reason, found.ended_at_ns, tasks, len(found.results), shots)
