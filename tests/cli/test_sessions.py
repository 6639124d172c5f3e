"""`qloop sessions`: every run of the home, what is wrong with a journal, retention and backup."""

from __future__ import annotations

import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from qloop.runtime.journal.connection import SCHEMA
from qloop.runtime.journal.rows import ResultRow, Run, RunState, SessionRow, SessionState, TaskRow
from qloop.runtime.journal.sqlite import SqliteStore

from .calling import Called, Caller

DAY = 86_400 * 10**9


def journaled(run: str, state: RunState | None = RunState.DONE, days_ago: float = 0.0, results: int = 2) -> Path:
    """A run of this home with one session, as a runtime would have left it."""
    path = Path(".qloop/runs") / f"{run}.qloop"
    store = SqliteStore(path)
    began = time.time_ns() - round(days_ago * DAY)
    store.begin_run(Run(run, "/place/of/my prog.py".replace(" ", "_"), began, 7, "real", "0.1.0"))
    store.put_session(SessionRow(f"{run}.loop", run, "alice [red]", "loop", 7))
    store.put_task(TaskRow(f"{run}.t", f"{run}.loop", "quantum", b"x"))
    for nth in range(results):
        qpu = "exact" if nth else "twin-hanoi"
        store.put_result(ResultRow(nth.to_bytes(32, "big"), f"{run}.loop", "t", 1, qpu, nth, 1000, "qulacs-0/1t", b"v",
                                   nth))
    if state in (RunState.DONE, RunState.FAILED):
        store.end_session(f"{run}.loop", SessionState.CLOSED, "closed by its owner", 5)
    if state is not None:
        store.end_run(run, state, began)
    store.close()
    return path


def runs_left() -> list[str]:
    return sorted(path.name for path in Path(".qloop/runs").iterdir())


def test_an_empty_home_says_so(call: Caller, folder: Path) -> None:
    done = call("sessions")
    assert done.code == 0
    assert "Nothing is journaled under .qloop yet" in done.err
    assert call("sessions", "--json").document == {"home": ".qloop", "left_out_runs": 0, "sessions": [],
                                                   "problems": []}
    assert not (folder / ".qloop").exists()


def test_all_runs_are_listed_the_latest_first(call: Caller) -> None:
    for run, state in (("r1", RunState.DONE), ("r2", RunState.INTERRUPTED), ("r3", None)):
        journaled(run, state)
    listed = call("sessions", "--json").document["sessions"]
    assert [(one["run"], one["run_state"], one["state"], one["resumable"], one["results"], one["shots"])
            for one in listed] == [("r3", "killed", "open", True, 2, 2000),
                                   ("r2", "interrupted", "open", True, 2, 2000),
                                   ("r1", "done", "closed", False, 2, 2000)]
    table = call("sessions").out
    assert table.index("r3.loop") < table.index("r2.loop") < table.index("r1.loop")
    assert "my_prog.py" in table
    few = call("sessions", "--last", "1")
    assert "r2.loop" not in few.out
    assert "2 older runs not shown" in few.err


def test_a_session_is_shown_with_all_it_bought(call: Caller) -> None:
    path = journaled("r1", RunState.INTERRUPTED, results=3)
    told = call("sessions", "show", "r1.loop", "--json").document
    assert told["purchases"] == [
        {"qpu": "twin-hanoi", "epoch": 0, "simulator": "qulacs-0/1t", "results": 1, "shots": 1000},
        {"qpu": "exact", "epoch": 1, "simulator": "qulacs-0/1t", "results": 1, "shots": 1000},
        {"qpu": "exact", "epoch": 2, "simulator": "qulacs-0/1t", "results": 1, "shots": 1000}]
    assert told["task_states"] == {"ready": 1}
    assert told["resume"].endswith("my_prog.py --resume r1")
    table = call("sessions", "show", "r1.loop").out
    for text in ("alice [red]", "3 results, 3,000 shots", "twin-hanoi", "1 ready", told["resume"]):
        assert text in table
    copy = Path("copy.qloop")
    shutil.move(path, copy)
    assert call("sessions", "show", "r1.loop", "--journal", "copy.qloop", "--json").document["results"] == 3
    assert call("sessions", "--journal", "copy.qloop", "show", "r1.loop", "--json").document["results"] == 3
    assert "2 journals" in call("sessions", "--journal", "a", "--journal", "b", "show", "r1.loop").err
    assert call("sessions", "show", "r1.loop").code == 2


def test_an_unknown_session_is_told_with_the_nearest(call: Caller) -> None:
    journaled("r1")
    for wanted in ("r1.lop", "r2.loop"):
        done = call("sessions", "show", wanted)
        assert done.code == 2
        assert "Did you mean 'r1.loop'?" in done.err


def test_pruning_removes_ended_runs_with_their_files_and_nothing_else(call: Caller) -> None:
    for run, state, days in (("r1", RunState.DONE, 40), ("r10", RunState.DONE, 20), ("r2", RunState.INTERRUPTED, 40),
                             ("r3", None, 40), ("r4", RunState.FAILED, 30), ("r5", RunState.DONE, 1)):
        journaled(run, state, days)
        for name in (f"{run}.trace.jsonl", f"{run}.2.trace.jsonl"):
            Path(".qloop/runs", name).write_text("")
    done = call("sessions", "prune", "--keep-days", "25", "--json")
    assert sorted(done.document["removed"]) == ["r1", "r4"]
    assert runs_left() == sorted(f"{run}{end}" for run in ("r10", "r2", "r3", "r5")
                                 for end in (".qloop", ".trace.jsonl", ".2.trace.jsonl"))
    done = call("sessions", "prune", "--keep-runs", "1")
    assert "removed r10" in done.err
    assert "1 run removed" in done.err
    assert {name.partition(".")[0] for name in runs_left()} == {"r2", "r3", "r5"}


def test_pruning_within_one_journal(call: Caller) -> None:
    path = Path("many.qloop")
    store = SqliteStore(path)
    for nth in range(4):
        store.begin_run(Run(f"r{nth}", "p", nth, nth, "real", "0.1.0"))
        store.end_run(f"r{nth}", RunState.DONE, nth)
    store.close()
    done = call("sessions", "prune", "--keep-runs", "1", "--journal", "many.qloop", "--json")
    assert sorted(done.document["removed"]) == ["r0", "r1", "r2"]
    assert path.exists()


def test_a_backup_is_a_journal_of_its_own(call: Caller) -> None:
    path = journaled("r1", results=5)
    done = call("sessions", "backup", "r1", "copy.qloop", "--json")
    assert done.document["bytes"] == Path("copy.qloop").stat().st_size
    path.unlink()
    listed = call("sessions", "--journal", "copy.qloop", "--json").document["sessions"]
    assert [(one["id"], one["results"]) for one in listed] == [("r1.loop", 5)]
    again = call("sessions", "backup", "copy.qloop", "copy.qloop")
    assert again.code == 2
    assert "exists already" in again.err
    nowhere = call("sessions", "backup", "copy.qloop", "no/such/folder/copy.qloop")
    assert nowhere.code == 4
    assert "cannot be written" in nowhere.err


def damaged(path: Path, kind: str) -> str:
    """Make the journal one that cannot be used; what the message must say."""
    if kind == "foreign":
        path.unlink()
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE recipes (id)")
        connection.close()
        return "is not a journal of qloop"
    if kind == "newer":
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
        connection.close()
        return "was written by a newer qloop"
    if kind == "text":
        path.write_text("Dear diary, " * 1000)
        return "is not a journal of qloop"
    size = path.stat().st_size
    with path.open("r+b") as file:
        for place in range(4096, size, 512):
            file.seek(place)
            file.write(b"\xa5" * 256)
    return "is damaged"


@pytest.mark.parametrize("kind", ["foreign", "newer", "text", "corrupt"])
def test_a_journal_that_cannot_be_used_is_named_and_disturbs_no_other(call: Caller, kind: str) -> None:
    journaled("r1")
    told = damaged(journaled("r2"), kind)
    listed = call("sessions")
    assert listed.code == 0
    assert "r1.loop" in listed.out
    assert "r2" not in listed.out
    assert told in listed.err
    problems = call("sessions", "--json").document["problems"]
    assert [(Path(one["journal"]).name, one["running"]) for one in problems] == [("r2.qloop", False)]
    assert told in problems[0]["what"]

    def refused(done: Called) -> None:
        assert done.code == 4
        assert told in done.err
        assert "Traceback" not in done.err

    refused(call("sessions", "show", "r2.loop"))
    refused(call("sessions", "--journal", ".qloop/runs/r2.qloop"))
    refused(call("sessions", "backup", "r2", "copy.qloop"))
    refused(call("run", "vqe.py", "--resume", "r2"))
    assert call("sessions", "prune", "--keep-runs", "0", "--json").document["removed"] == ["r1"]
    assert runs_left() == ["r2.qloop"]


def test_a_missing_journal_file_is_named(call: Caller) -> None:
    done = call("sessions", "--journal", "nothing.qloop")
    assert done.code == 4
    assert "nothing.qloop cannot be opened\n  why:  There is no such file" in done.err
    assert not Path("nothing.qloop").exists()
