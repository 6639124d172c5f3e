"""P1 and P2 under kill -9: nothing acknowledged is lost, and a client that repeats itself leaves no duplicate."""

from __future__ import annotations

import random
import threading
import time

import pytest

from qloop.runtime.journal.rows import ResultRow, Run, SessionRow, TaskRow, TaskState
from qloop.runtime.journal.sqlite import SqliteStore

from .children import Say, child

WRITERS = 3


def result(nth: int) -> ResultRow:
    return ResultRow(nth.to_bytes(32, "big"), "s0", f"t{nth}", 1, "exact", 0, 1000, "q", f"value {nth}".encode(), nth)


def client(store: SqliteStore, say: Say, first: int, stride: int) -> None:
    """Submit, run and finish tasks from `first` on, and say each acknowledgement; what is known is repeated."""
    for nth in range(first, first + 100_000 * stride, stride):
        if nth % 50 == 0:
            store.put_session(SessionRow(f"extra {nth}", "run", "t", "n", nth))
            say(f"session {nth}")
        store.put_task(TaskRow(f"t{nth}", "s0", "k", f"body {nth}".encode()))
        say(f"task {nth}")
        store.expire(10 * nth)
        attempt = store.lease(f"t{nth}", "w", 10 * nth, 10 * nth + 5)
        if attempt is not None:
            assert store.finish(f"t{nth}", attempt, TaskState.DONE, f"outcome {nth}".encode(), 10 * nth + 1)
            say(f"finish {nth}")
        store.put_result(result(nth))
        say(f"result {nth}")


def life(path, starts: list[int], stride: int):
    """The work of one child: open what the last one left, and write until killed."""

    def work(say: Say) -> None:
        store = SqliteStore(path)
        store.begin_run(Run("run", "p", 0, 1, "real", "0.1"))
        store.put_session(SessionRow("s0", "run", "t", "n", 0))
        say("ready")
        writers = [threading.Thread(target=client, args=(store, say, first, stride)) for first in starts]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()

    return work


def resume_points(told: list[str], stride: int) -> list[int]:
    """Where each writer's client goes on: one before its first result that was not acknowledged, so it repeats."""
    done = {int(line.split()[1]) for line in told if line.startswith("result")}
    points = []
    for lane in range(stride):
        nth = lane
        while nth in done:
            nth += stride
        points.append(max(lane, nth - stride))
    return points


def lost(store: SqliteStore, told: list[str]) -> list[str]:
    """What was acknowledged and is not there."""
    tasks = {info.row.id: info for info in store.tasks("s0")}
    results = {row.digest: row for row in store.results("s0")}
    sessions = {info.row.id for info in store.sessions()}
    present = {
        "task": lambda nth: f"t{nth}" in tasks and tasks[f"t{nth}"].row.body == f"body {nth}".encode(),
        "finish": lambda nth: tasks[f"t{nth}"].outcome == f"outcome {nth}".encode(),
        "result": lambda nth: results.get(result(nth).digest) == result(nth),
        "session": lambda nth: f"extra {nth}" in sessions,
    }
    return [line for line in told if not present[line.split()[0]](int(line.split()[1]))]


def test_a_loss_would_be_seen(tmp_path):
    store = SqliteStore(tmp_path / "journal.sqlite")
    store.begin_run(Run("run", "p", 0, 1, "real", "0.1"))
    store.put_session(SessionRow("s0", "run", "t", "n", 0))
    store.put_task(TaskRow("t1", "s0", "k", b"body 1"))
    store.put_result(result(1))
    assert lost(store, ["task 1", "result 1"]) == []
    assert lost(store, ["task 2", "finish 1", "result 2", "session 50"]) == ["task 2", "finish 1", "result 2",
                                                                            "session 50"]
    store.close()


@pytest.mark.parametrize("stride", [1, WRITERS])
@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.ci)])
def test_nothing_acknowledged_is_lost(tmp_path, kills, stride):
    path, told, draw = tmp_path / "journal.sqlite", [], random.Random(kills + stride)
    for _ in range(kills):
        with child(life(path, resume_points(told, stride), stride)) as one:
            assert one.line() == "ready"
            time.sleep(draw.uniform(0, 0.02))
            said = one.kill()
        assert not any(line.startswith("failed") for line in said), said
        told += said
        store = SqliteStore(path)
        assert lost(store, said) == []
        store.close()
    store = SqliteStore(path)
    assert len(told) > 20 * kills, "the children hardly wrote: the test proves little"
    assert lost(store, told) == []
    rows = store.results("s0")
    assert len({row.digest for row in rows}) == len({row.task for row in rows}) == len(rows)
    assert len({info.row.id for info in store.tasks("s0")}) == len(store.tasks("s0"))
    finished = [line for line in told if line.startswith("finish")]
    assert len(finished) == len(set(finished)), "one outcome was acknowledged twice"
    store.close()
