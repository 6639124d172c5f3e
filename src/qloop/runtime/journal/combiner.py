"""One writer with group commit, without a writer thread: who holds the lock works for all who wait.

A caller that finds the lock free does its own work at once, with no thread hop. A caller that finds it taken queues
its operation and sleeps. The holder, when it is done, hands the lock to the first sleeper, which takes all that is
queued into one transaction, so that the price of a commit (above all its fsync) is shared, and wakes each whose
operation is committed. The lock is never free while somebody waits, so nobody overtakes and nobody starves.

Ctrl-C may break off the main thread between any two steps, and no step may then be lost. So the lock is an entry that
names its holder's thread, made by one atomic `setdefault`: the thread's next call finds the lock its own. Operations
stay in the queue until they are done, and a sleeper looks up now and then, in case that its waking was broken off.
"""

from __future__ import annotations

import contextlib
import enum
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import Final, Generic, Literal, TypeVar, cast

from qloop.errors import JournalError
from qloop.runtime.journal.failures import EXPECTED, translated

T = TypeVar("T")
_COMMITS_PER_CHECKPOINT: Final = 1000
_LOCK: Final = 0
_LOOK_UP_SECONDS: Final = 0.05

Operation = Callable[[sqlite3.Connection], T]
Hook = Callable[[str], None]
"""A fault plan's view of the writer: called with `begin`, `commit` or `committed` around every transaction."""


class Kind(enum.Enum):
    """How an operation uses the connection: it only reads, writes by one statement, or writes by several."""

    READ = 0
    ONE = 1
    MANY = 2


class _Waiting(Generic[T]):
    """An operation of a caller that sleeps on `wake`; `done` is set last, after `result` or `error`."""

    __slots__ = ("busy", "done", "error", "kind", "operation", "result", "thread", "wake")

    def __init__(self, operation: Operation[T], kind: Kind) -> None:
        self.operation = operation
        self.kind = kind
        self.result: T | None = None
        self.error: BaseException | None = None
        self.busy = self.done = False
        self.thread = threading.get_ident()
        self.wake = threading.Lock()
        self.wake.acquire()


class Combiner:
    """The only way to the connection, from every thread: `write` for transactions, `read` for the rest.

    `operations` and `commits` count the writes so far. After `close` every call raises `JournalError`.
    """

    def __init__(self, connection: sqlite3.Connection, path: str, hook: Hook | None = None) -> None:
        self._connection = connection
        self._path = path
        self._hook = hook
        self._holder: dict[int, int] = {}
        self._queue: deque[_Waiting[object]] = deque()
        self._pid = os.getpid()
        self._open = True
        self._due = _COMMITS_PER_CHECKPOINT
        self.operations = 0
        self.commits = 0
        self.checkpoints = 0

    def write(self, operation: Operation[T], kind: Kind = Kind.MANY) -> T:
        """Run the operation in a transaction and return its result after the commit.

        An operation may be run again after a rollback, so it must touch nothing but the connection. Its own errors
        reach only its caller; a commit that fails is the error of all that it would have committed.
        """
        result = self._submit(operation, kind)
        if self.commits >= self._due:
            self._checkpoint_aside()
        return result

    def read(self, operation: Operation[T]) -> T:
        """Run an operation outside of any transaction, so that it sees only what is committed."""
        return self._submit(operation, Kind.READ)

    def yield_turn(self) -> None:
        """Do what others wait for, from within a long `read`."""
        if self._queue:
            self._drain()

    def checkpoint(self, mode: Literal["PASSIVE", "TRUNCATE"]) -> None:
        """Fold the write-ahead log into the file and sync both; `JournalError` if the disk does not take it."""
        self._due = self.commits + _COMMITS_PER_CHECKPOINT
        self.read(lambda connection: connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone())
        self.checkpoints += 1

    def close(self, last: Operation[None]) -> None:
        """Run `last`, close the connection, and refuse every later call. In a forked child only the latter."""
        if self._pid != os.getpid() or not self._open:
            self._open = False
            return

        def closing(connection: sqlite3.Connection) -> None:
            self._open = False
            try:
                last(connection)
            finally:
                connection.close()

        with contextlib.suppress(JournalError):  # another thread closed it first
            self.read(closing)

    def _submit(self, operation: Operation[T], kind: Kind) -> T:
        """Have the operation run, by this caller or by another, and return its result or raise its error."""
        if self._pid != os.getpid():
            raise JournalError(f"The journal {self._path} was opened by process {self._pid}, not by this one",
                               "A forked child shares the file but not its locks, and would corrupt it",
                               "Send results to the process that opened the journal")
        if self._take():
            try:
                return self._alone(operation, kind)
            finally:
                self._pass_on()
        waiting = _Waiting(operation, kind)
        self._queue.append(cast("_Waiting[object]", waiting))
        self._sleep(cast("_Waiting[object]", waiting))
        if waiting.error is not None:
            raise waiting.error
        return cast("T", waiting.result)

    def _take(self) -> bool:
        """Take the lock if it is free, or this thread's since a Ctrl-C."""
        thread = threading.get_ident()
        return self._holder.setdefault(_LOCK, thread) == thread

    def _sleep(self, waiting: _Waiting[object]) -> None:
        """Until the operation is done, by another caller or, when the lock is handed on or left, by this one."""
        try:
            while not waiting.done:
                if self._take():
                    self._lead()
                else:
                    waiting.wake.acquire(timeout=_LOOK_UP_SECONDS)
        finally:
            if not waiting.done:  # Ctrl-C
                self._leave(waiting)

    def _lead(self) -> None:
        try:
            self._drain()
        finally:
            self._pass_on()

    def _leave(self, waiting: _Waiting[object]) -> None:
        """Wait no more, and do not keep the lock if it was handed over just now."""
        self._unqueue(waiting)
        if self._holder.get(_LOCK) == waiting.thread:
            self._pass_on()

    def _pass_on(self) -> None:
        """Hand the lock to the first who waits, or release it; whoever queues meanwhile is not forgotten."""
        while True:
            for following in list(self._queue):
                if not following.done:
                    self._holder[_LOCK] = following.thread
                    self._wake(following)
                    return
            self._holder.pop(_LOCK, None)
            if not self._queue or not self._take():
                return

    def _drain(self) -> None:
        """Do all that is queued: the writes as one group, or one by one if one of them fails, then the reads."""
        group = [waiting for waiting in list(self._queue) if not waiting.busy]
        writes = [waiting for waiting in group if waiting.kind is not Kind.READ and not waiting.done]
        try:
            if len(writes) > 1:
                self._together(writes)
            for waiting in sorted(group, key=lambda one: one.kind is Kind.READ):
                if not waiting.done:
                    self._settle(waiting)
        finally:
            for waiting in filter(lambda one: one.done, group):
                self._unqueue(waiting)
                self._wake(waiting)

    def _unqueue(self, waiting: _Waiting[object]) -> None:
        with contextlib.suppress(ValueError):  # it has left by itself
            self._queue.remove(waiting)

    def _wake(self, waiting: _Waiting[object]) -> None:
        with contextlib.suppress(RuntimeError):  # its waking is under way already
            waiting.wake.release()

    def _settle(self, waiting: _Waiting[object]) -> None:
        """One operation by itself, its error kept for its caller; `busy` keeps it out of a `yield_turn` of its own."""
        waiting.busy = True
        try:
            waiting.result = self._alone(waiting.operation, waiting.kind)
        except Exception as error:
            waiting.error = error
        finally:
            waiting.busy = False
        waiting.done = True

    def _alone(self, operation: Operation[T], kind: Kind) -> T:
        """One operation by itself, a write in its own transaction."""
        if not self._open:
            raise JournalError(f"The journal {self._path} is closed", "", "Open it again")
        try:
            return operation(self._connection) if kind is Kind.READ else self._transaction(operation, kind)
        except EXPECTED as error:
            raise translated(error, self._path) from error

    def _transaction(self, operation: Operation[T], kind: Kind) -> T:
        connection, hook = self._connection, self._hook
        try:
            if hook is not None:
                hook("begin")
            if kind is Kind.ONE:
                result = operation(connection)
            else:
                connection.execute("BEGIN IMMEDIATE")
                result = operation(connection)
                if hook is not None:
                    hook("commit")
                connection.execute("COMMIT")
        finally:
            if connection.in_transaction:  # not after some errors, a full disk among them: SQLite has undone it
                connection.execute("ROLLBACK")
        self._count(1)
        return result

    def _together(self, group: list[_Waiting[object]]) -> None:
        """Commit the writes in one transaction; a commit that fails is the error of each.

        If one of them fails before, nothing is written and none is done.
        """
        connection, hook, committing = self._connection, self._hook, False
        try:
            if not self._open:
                return
            if hook is not None:
                hook("begin")
            connection.execute("BEGIN IMMEDIATE")
            for waiting in group:
                waiting.result = waiting.operation(connection)
            if hook is not None:
                hook("commit")
            committing = True
            connection.execute("COMMIT")
        except Exception as error:
            for waiting in group if committing else ():
                waiting.error, waiting.done = translated(error, self._path), True
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            elif committing and not group[0].done:  # also where Ctrl-C came just after the commit
                for waiting in group:
                    waiting.done = True
                self._count(len(group))

    def _count(self, operations: int) -> None:
        self.operations += operations
        self.commits += 1
        if self._hook is not None:
            self._hook("committed")

    def _checkpoint_aside(self) -> None:
        """Checkpoint from a passing thread, so that this caller has its answer meanwhile."""
        self._due = self.commits + _COMMITS_PER_CHECKPOINT
        with contextlib.suppress(RuntimeError):  # the interpreter is ending: the next open does it
            threading.Thread(target=self._checkpoint_if_possible, name="qloop-journal", daemon=True).start()

    def _checkpoint_if_possible(self) -> None:
        # A full disk is told to the next writer, which has something to lose; a checkpoint can wait.
        with contextlib.suppress(JournalError):
            self.checkpoint("PASSIVE")
