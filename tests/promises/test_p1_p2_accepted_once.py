"""P1 and P2 on the live runtime: what was accepted outlives a kill, and asking twice is asking once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import qloop
from qloop.errors import Conflict
from qloop.runtime.journal.rows import TaskRow
from qloop.runtime.journal.sqlite import SqliteStore
from tests.runtime.two_qubits import ENERGY, circuit, runtime, scripted, value

ROOT = Path(__file__).parents[2]

ACCEPT_AND_DIE = """
import sys
import qloop
from qloop.testing.faults import kill_this_process
from qloop.testing.scripted_qpu import Fault, ScriptedQpu
from tests.runtime.two_qubits import ENERGY, circuit

platform = qloop.Runtime(qpus=[ScriptedQpu({{3: Fault.HANG}}, name="q")], journal={journal!r}, run="r")
session = qloop.Session("s", runtime=platform, shots=50, seed=5)
f = session.objective(circuit(), ENERGY)
for theta in {thetas}[:2]:
    print("result", f.submit(theta).result())
for theta in {thetas}[2:]:
    print("task", f.submit(theta).id)
sys.stdout.flush()
kill_this_process()
"""

THETAS = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6], [0.7, 0.8]]


def test_what_was_accepted_before_a_kill_is_there_after_it(tmp_path):
    """The program that runs again asks for the same, gets the same ids, and buys only what was not delivered."""
    journal = tmp_path / "j.qloop"
    program = ACCEPT_AND_DIE.format(journal=str(journal), thetas=THETAS)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False,
                          env=dict(os.environ))
    assert done.returncode == -9, done.stderr
    told = [line.split() for line in done.stdout.splitlines()]
    tasks, results = ([what[1] for what in told if what[0] == kind] for kind in ("task", "result"))
    assert (len(tasks), len(results)) == (2, 2)
    store = SqliteStore(journal)
    assert [info.row.id for info in store.sessions()] == ["r.s"]
    assert set(tasks) <= {info.row.id for info in store.tasks("r.s")}
    assert len(store.results("r.s")) == 2
    store.close()
    qpu = scripted(name="q")
    with qloop.Runtime(qpus=[qpu], journal=journal, run="r", resume=True) as platform, \
            qloop.Session("s", runtime=platform, shots=50, seed=5) as session:
        f = session.objective(circuit(), ENERGY)
        futures = [f.submit(theta) for theta in THETAS]
        assert [str(future.result(30)) for future in futures[:2]] == results
        assert [future.id for future in futures[2:]] == tasks
        assert all(future.exception(30) is None for future in futures)
        assert len(qpu.asked) == 2
        assert len(platform.store.tasks("r.s")) == 4, "a task was accepted twice"
        assert {"results": 4, "shots": 200, "resumed": 2}.items() <= session.usage().items()


def test_a_task_of_a_known_id_with_other_content_is_a_conflict():
    with runtime("exact") as platform, qloop.Session("s", runtime=platform) as session:
        future = session.submit(circuit(), ENERGY, [0.1, 0.2])
        row = platform.store.get_task(future.id).row
        assert platform.store.put_task(row) == row
        with pytest.raises(Conflict, match=future.id.rsplit("/", 1)[1]):
            platform.store.put_task(TaskRow(row.id, row.session, row.kind, row.body + b"!"))
        assert future.result(30) == pytest.approx(value([0.1, 0.2]))


def test_the_same_program_twice_in_one_run_buys_once(tmp_path):
    journal = tmp_path / "j.qloop"
    bought = []
    for _ in range(3):
        qpu = scripted(name="q")
        with qloop.Runtime(qpus=[qpu], journal=journal, run="r") as platform:
            for name in ("a", "b"):
                session = qloop.Session(name, runtime=platform, shots=20)
                bought.append(session.objective(circuit(), ENERGY)([0.1, 0.2]))
                session.objective(circuit(), ENERGY).values([[0.1, 0.2], [0.3, 0.4]])
                session.sample(circuit(), [0.1, 0.2], shots=7).result()
        assert len(qpu.asked) in (0, 6)
    assert bought[:2] == bought[2:4] == bought[4:]
    assert bought[0] != bought[1], "two sessions have seeds of their own"


def test_p6_a_lost_worker_is_noticed_and_its_task_runs_again(tmp_path):
    """A worker that is killed in the middle of a classical step: the step runs on another one, the loop goes on."""
    mark = tmp_path / "first"
    with qloop.Runtime(journal=":memory:", workers=2) as platform, qloop.Session("s", runtime=platform) as session:
        ticket = platform.call(session.id, die_once, str(mark))
        assert platform.answer(ticket, timeout=60) == "second life"
        assert ticket.attempt == 2


def die_once(mark: str) -> str:
    if Path(mark).exists():
        return "second life"
    Path(mark).write_text("")
    os.kill(os.getpid(), 9)
    return "never"
