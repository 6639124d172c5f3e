"""A journal that fails in the middle of a run: the error is told, nothing undelivered is lost, the run can go on."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest

import qloop
from qloop.errors import InvalidInput, JournalError
from qloop.runtime.journal.memory import MemoryStore
from qloop.runtime.journal.sqlite import SqliteStore
from qloop.testing.faults import StoreFault, disk_full, faulty

from .two_qubits import ENERGY, circuit, runtime, scripted, value

THETA, OTHER = [0.1, 0.2], [0.3, 0.4]


@pytest.mark.parametrize("way", ["inline", "future", "virtual"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_result_that_cannot_be_journaled_is_not_delivered(way, moment):
    store = MemoryStore()
    plan = {("put_result", 2): StoreFault(moment, disk_full())}
    qpu = scripted()
    with runtime(qpu, journal=faulty(store, plan), clock="virtual" if way == "virtual" else "real") as platform, \
            qloop.Session("s", runtime=platform, shots=32, seed=5) as session:
        f = session.objective(circuit(), ENERGY)

        def ask(theta):
            return f(theta) if way == "inline" else f.submit(theta).result(30)

        ask(THETA)
        with pytest.raises(JournalError, match=r"the disk is full.*free some space and go on, or resume"):
            ask(OTHER)
        again = ask(OTHER)
        assert qpu.asked[1].digests == qpu.asked[2].digests
        assert [row.shots for row in store.results(session.id)] == [32, 32]
    with runtime(scripted()) as platform, qloop.Session("s", runtime=platform, shots=32, seed=5) as whole:
        f = whole.objective(circuit(), ENERGY)
        f(THETA)
        assert f(OTHER) == again


def test_a_task_that_cannot_be_journaled_is_not_accepted():
    store = MemoryStore()
    qpu = scripted()
    with runtime(qpu, journal=faulty(store, {("put_task", 1): StoreFault("before", disk_full())})) as platform, \
            qloop.Session("s", runtime=platform) as session:
        with pytest.raises(JournalError, match="disk is full"):
            session.submit(circuit(), ENERGY, THETA)
        assert qpu.asked == []
        assert session.submit(circuit(), ENERGY, THETA).result(30) == pytest.approx(value(THETA))


def test_a_session_that_cannot_be_journaled_is_not_opened():
    store = MemoryStore()
    with runtime(journal=faulty(store, {("put_session", 1): StoreFault("before", disk_full())})) as platform:
        with pytest.raises(JournalError, match="disk is full"):
            qloop.Session("s", runtime=platform)
        with qloop.Session("s", runtime=platform) as session:
            assert session.objective(circuit(), ENERGY)(THETA) == pytest.approx(value(THETA))


def test_the_end_of_a_session_that_cannot_be_journaled_is_told_at_the_end():
    plan = {("end_session", 1): StoreFault("before", disk_full())}
    platform = qloop.Runtime(journal=faulty(MemoryStore(), plan))
    qloop.Session("s", runtime=platform).close()
    with pytest.raises(JournalError, match="disk is full"):
        platform.close()
    platform.close()


def test_a_slow_journal_only_takes_its_time():
    plan = {("put_result", nth): StoreFault("before", delay=0.01) for nth in range(1, 20)}
    with runtime("exact", journal=faulty(MemoryStore(), plan)) as platform, \
            qloop.Session("s", runtime=platform) as session:
        futures = [session.submit(circuit(), ENERGY, THETA) for _ in range(10)]
        assert [future.result(30) for future in futures] == pytest.approx([value(THETA)] * 10)


def journal_with_a_session(path) -> str:
    with qloop.Runtime(journal=path) as platform:
        session = qloop.Session("s", runtime=platform)
        session.objective(circuit(), ENERGY)(THETA)
        return session.id


def test_a_corrupt_journal(tmp_path):
    path = tmp_path / "j.qloop"
    name = journal_with_a_session(path)
    data = bytearray(path.read_bytes())
    data[4096:3 * 4096] = b"\x55" * (2 * 4096)
    path.write_bytes(bytes(data))
    for attempt in (lambda: qloop.Runtime(journal=path), lambda: qloop.Session.from_id(name, str(path))):
        with pytest.raises(JournalError, match=r"is damaged.*Restore the last backup"):
            attempt()


def test_a_foreign_file(tmp_path):
    path = tmp_path / "thesis.txt"
    path.write_text("It was a dark and stormy night. " * 100)
    with pytest.raises(JournalError, match=r"thesis.txt is not a journal of qloop.*Name another file"):
        qloop.Runtime(journal=path)
    assert path.read_text().startswith("It was a dark")
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE mine (x)")
    connection.commit()
    connection.close()
    with pytest.raises(JournalError, match="database of another application"):
        qloop.Runtime(journal=other)


def test_a_newer_journal(tmp_path):
    path = tmp_path / "j.qloop"
    journal_with_a_session(path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.commit()
    connection.close()
    with pytest.raises(JournalError, match=r"written by a newer qloop.*version 99.*Upgrade qloop"):
        qloop.Runtime(journal=path)


def test_a_second_process_on_the_same_journal(tmp_path):
    path = tmp_path / "j.qloop"
    program = f"import qloop\ntry: qloop.Runtime(journal={str(path)!r})\nexcept Exception as error: print(error)"
    with qloop.Runtime(journal=path) as platform, qloop.Session("s", runtime=platform) as session:
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        assert "is in use by process" in said
        assert "One process at a time may write to a journal" in said
        assert session.objective(circuit(), ENERGY)(THETA) == pytest.approx(value(THETA))


def test_a_journal_that_cannot_be_there(tmp_path):
    with pytest.raises(JournalError, match="It is a directory"):
        qloop.Runtime(journal=tmp_path)
    with pytest.raises(JournalError, match="There is no such file"):
        qloop.Runtime(journal=tmp_path / "none.qloop", resume=True)


def test_a_run_is_not_resumed_under_another_configuration(tmp_path):
    path = tmp_path / "j.qloop"
    with qloop.Runtime(journal=path, run="r", seed=1) as platform:
        qloop.Session("s", runtime=platform).objective(circuit(), ENERGY)(THETA)
    for other in ({"seed": 2}, {"policy": "fifo", "seed": 1}, {"clock": 60.0, "seed": 1}):
        with pytest.raises(qloop.errors.Conflict, match="r"):
            qloop.Runtime(journal=path, run="r", resume=True, **other)
    store = SqliteStore(path)
    assert len(store.results("r.s")) == 1
    store.close()


def test_a_closed_runtime_takes_nothing():
    platform = qloop.Runtime(journal=":memory:")
    platform.close()
    with pytest.raises(qloop.errors.QloopError, match=r"The runtime is closed\. Make a new one"):
        qloop.Session(runtime=platform)
    with pytest.raises(InvalidInput, match=r"records no trace\. Set trace=True"):
        platform.trace()
