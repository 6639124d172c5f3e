"""Killed at each commit boundary: the journal holds what was acknowledged, and at most the write in flight."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from qloop.runtime.journal.memory import MemoryStore
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.rows import ResultRow, Run, RunState, SessionRow, SessionState, TaskRow, TaskState
from qloop.runtime.journal.sqlite import SqliteStore

from .children import Say, child

ROW = ResultRow(bytes(32), "s", "t0", 1, "exact", 0, 100, "q", b"v", 4)
STEPS: tuple[Callable[[Store], object], ...] = (
    lambda store: store.begin_run(Run("r", "p", 0, 1, "real", "0.1")),
    lambda store: store.put_session(SessionRow("s", "r", "t", "n", 1)),
    lambda store: store.choose("s", "simulator", b"qulacs"),
    lambda store: store.append("r", [b"a", b"b", b"c"]),
    *(lambda store, nth=nth: store.put_task(TaskRow(f"t{nth}", "s", "k", b"")) for nth in range(4)),
    lambda store: store.lease("t0", "w", 1, 9),
    lambda store: store.heartbeat("t0", 1, 2, 10),
    lambda store: store.put_result(ROW),
    lambda store: store.put_checkpoint("s", "spsa", 1, b"state"),
    lambda store: store.finish("t0", 1, TaskState.DONE, b"out", 5),
    lambda store: store.lease("t1", "w", 1, 4),
    lambda store: store.expire(4),
    lambda store: store.lease("t1", "w", 5, 20),
    lambda store: store.cancel("t1", 6),
    lambda store: store.finish("t1", 2, TaskState.DONE, b"late", 7),
    lambda store: store.lease("t2", "w", 5, 20),
    lambda store: store.end_session("s", SessionState.CANCELLED, "user", 8),
    lambda store: store.end_run("r", RunState.DONE, 9),
    lambda store: store.retention(10, keep_runs=0),
)


def picture(store: Store) -> object:
    """All that can be read."""
    known = {info.row.id for info in store.sessions()}
    return (store.runs(), store.sessions(), store.tasks("s"), store.results("s"), store.evidence("t1"),
            [store.chosen(name) for name in known], [store.get_checkpoint(name, "spsa") for name in known],
            [store.read_log(info.row.id) for info in store.runs()], store.stats().rows)


def pictures() -> list[object]:
    """What the reference shows before the first step and after each."""
    store, seen = MemoryStore(), []
    seen.append(picture(store))
    for step in STEPS:
        step(store)
        seen.append(picture(store))
    return seen


def killed_at(path, boundary: int) -> tuple[int, bool, str]:
    """Run the steps in a child that kills itself at this boundary: steps acknowledged, killed or not, where."""

    def work(say: Say) -> None:
        met = iter(range(boundary + 1))

        def hook(stage: str) -> None:
            if next(met) == boundary:
                say(f"at {stage}")
                os.kill(os.getpid(), signal.SIGKILL)

        store = SqliteStore(path, hook=hook)
        for step in STEPS:
            step(store)
            say("ack")
        store.close()

    with child(work) as one:
        said, status = one.end()
    assert status in (0, -signal.SIGKILL), said
    return said.count("ack"), status != 0, said[-1]


def test_each_boundary_leaves_a_prefix(tmp_path):
    expected, boundary, killed, places = pictures(), 0, True, set()
    while killed:
        path = tmp_path / f"{boundary}.sqlite"
        acknowledged, killed, last = killed_at(path, boundary)
        if killed:
            places.add(last)
            step_in_flight = last == "at committed"
            store = SqliteStore(path)
            assert picture(store) == expected[acknowledged + step_in_flight], f"boundary {boundary}, {last}"
            store.close()
            boundary += 1
    assert acknowledged == len(STEPS)
    assert boundary > 2 * len(STEPS)
    assert places == {"at begin", "at commit", "at committed"}
