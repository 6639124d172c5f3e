"""Writers that wait share one commit, each is answered after it, and one's error is its own."""

from __future__ import annotations

import itertools
import signal
import sqlite3
import threading
from typing import NoReturn

import pytest

from qloop.errors import Conflict, InvalidInput, JournalError
from qloop.runtime.journal.rows import Run, SessionRow, TaskRow
from qloop.runtime.journal.sqlite import SqliteStore


class Jam:
    """Holds the first transaction after `close` back until others wait behind it; may then fail commits."""

    def __init__(self) -> None:
        self.held, self.go = threading.Event(), threading.Event()
        self.armed = False
        self.fault: dict[str, BaseException] = {}

    def __call__(self, stage: str) -> None:
        if self.armed and stage == "begin":
            self.armed = False
            self.held.set()
            assert self.go.wait(10)
        elif stage in self.fault and not self.armed and self.go.is_set():
            raise self.fault.pop(stage)


class Party:
    """A store, a jam in it, and callers that wait behind the jam."""

    def __init__(self, path) -> None:
        self.jam = Jam()
        self.store = SqliteStore(path, hook=self.jam)
        self.store.begin_run(Run("r", "p", 0, 1, "real", "0.1"))
        self.store.put_session(SessionRow("s", "r", "t", "n", 1))
        self.answers: dict[int, object] = {}

    def ask(self, nth: int, call) -> None:
        try:
            self.answers[nth] = call()
        except BaseException as error:
            self.answers[nth] = error

    def crowd(self, *calls) -> dict[int, object]:
        """Make the calls so that all but the first wait together; their answers by position."""
        self.jam.armed = True
        threads = [threading.Thread(target=self.ask, args=(nth, call)) for nth, call in enumerate(calls)]
        threads[0].start()
        assert self.jam.held.wait(10)
        for waiting, thread in enumerate(threads[1:], 1):
            thread.start()
            while len(self.store._writer._queue) < waiting:
                pass
        self.jam.go.set()
        for thread in threads:
            thread.join()
        return self.answers

    def put(self, name: str, session: str = "s"):
        return lambda: self.store.put_task(TaskRow(name, session, "k", b"")).id

    def names(self) -> list[str]:
        return [info.row.id for info in self.store.tasks("s")]


@pytest.fixture
def party(tmp_path):
    one = Party(tmp_path / "journal.sqlite")
    yield one
    one.store.close()


def test_those_who_wait_share_one_commit(party):
    before = party.store.stats()
    assert party.crowd(*(party.put(f"t{nth}") for nth in range(7))) == {nth: f"t{nth}" for nth in range(7)}
    after = party.store.stats()
    assert (after.operations - before.operations, after.commits - before.commits) == (7, 2)
    assert party.names() == [f"t{nth}" for nth in range(7)]


def test_an_error_in_a_group_is_its_callers_alone(party):
    party.put("known")()
    other = party.crowd(party.put("t0"), party.put("t1"), party.put("t2", session="nobody"), party.put("t3"),
                        lambda: party.store.put_task(TaskRow("known", "s", "k", b"other")))
    assert [other[nth] for nth in (0, 1, 3)] == ["t0", "t1", "t3"]
    assert isinstance(other[2], InvalidInput)
    assert isinstance(other[4], Conflict)
    assert party.names() == ["known", "t0", "t1", "t3"]


def test_a_commit_that_fails_is_every_members_error(party, monkeypatch):
    class Failing:
        """The connection, with a disk that does not take the group's commit."""

        def __init__(self, connection) -> None:
            self.connection = connection
            self.begun = 0

        def __getattr__(self, name):
            return getattr(self.connection, name)

        def execute(self, statement, *values):
            if statement == "COMMIT" and self.begun == 2:
                raise sqlite3.OperationalError("disk I/O error")
            self.begun += statement == "BEGIN IMMEDIATE"
            return self.connection.execute(statement, *values)

    monkeypatch.setattr(party.store._writer, "_connection", Failing(party.store._writer._connection))
    answers = party.crowd(*(party.put(f"t{nth}") for nth in range(4)))
    monkeypatch.undo()
    assert answers[0] == "t0"
    for nth in (1, 2, 3):
        assert isinstance(answers[nth], JournalError)
        assert "the disk is full or fails" in str(answers[nth])
    assert party.names() == ["t0"]
    assert party.put("t1")() == "t1"


def test_ctrl_c_in_one_caller_does_not_lose_the_others(party):
    party.jam.fault["commit"] = KeyboardInterrupt()
    party.jam.go.clear()
    answers = party.crowd(*(party.put(f"t{nth}") for nth in range(5)))
    interrupted = [nth for nth, answer in answers.items() if isinstance(answer, KeyboardInterrupt)]
    assert len(interrupted) == 1
    assert {answers[nth] for nth in range(5) if nth not in interrupted} <= set(party.names())
    assert party.put("later")() == "later"


def test_a_failed_write_leaves_no_transaction_open(party):
    party.jam.go.set()
    party.jam.fault["commit"] = RuntimeError("killed here")
    with pytest.raises(RuntimeError, match="killed here"):
        party.put("t0")()
    assert party.names() == []
    assert party.put("t0")() == "t0"


def test_ctrl_c_while_waiting_leaves_the_queue(party):
    """The main thread is interrupted in its sleep; the writer it waited for, and all later ones, go on."""
    party.jam.armed = True
    jammed = threading.Thread(target=party.ask, args=(0, party.put("t0")))
    jammed.start()
    assert party.jam.held.wait(10)
    with alarm(0.02), pytest.raises(KeyboardInterrupt):
        party.put("t1")()
    assert len(party.store._writer._queue) == 0
    party.jam.go.set()
    jammed.join()
    assert party.answers == {0: "t0"}
    assert party.put("t1")() == "t1"


# An interrupt that falls into a weak reference's callback is swallowed by Python, with a warning.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_at_any_moment_blocks_nobody(party):
    """Hundreds of interrupts of one writer among four: each later call still works, and nothing told is lost."""
    stop, told = threading.Event(), []

    def write(lane: int) -> None:
        nth = 0
        while not stop.is_set():
            told.append(party.put(f"{lane}/{nth}")())
            nth += 1

    others = [threading.Thread(target=write, args=(lane,)) for lane in range(3)]
    for other in others:
        other.start()
    interrupted, numbers = 0, itertools.count()
    for _ in range(400):
        try:
            with alarm(0.0003):
                for nth in itertools.islice(numbers, 500):
                    told.append(party.put(f"main/{nth}")())
        except KeyboardInterrupt:
            interrupted += 1
    stop.set()
    party.put("last")()
    for other in others:
        other.join(20)
        assert not other.is_alive(), "a writer waits for ever"
    assert set(told) <= set(party.names())
    assert interrupted > 100


class alarm:  # noqa: N801
    """KeyboardInterrupt in this thread after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        self.before = signal.signal(signal.SIGALRM, self.ring)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)

    @staticmethod
    def ring(*_: object) -> NoReturn:
        raise KeyboardInterrupt
