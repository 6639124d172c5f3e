"""Faults after the submission: words, results, failures, cancels, searches."""

from __future__ import annotations

from typing import Any

import pytest

from qloop.errors import QpuError
from qloop.qpus.remote import NotReady, Phase, Unanswered
from tests.qpus.ibm.asking import asked, ended, program_of
from tests.qpus.ibm.conftest import Open
from tests.qpus.ibm.server import IbmServer

TASKS = "/jobs$"
RESULTS = "/results$"
LOOK = r"/jobs/[^/]+$"


def test_an_unknown_word_is_unknown_and_may_be_followed_by_known_ones(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    server.world.script = ["Queued", "Entangling", "Running", "Queued", "Completed", "Running", "Completed"]
    task = qpu.submit(program, asked(), "odd")
    phases = [qpu.status(task) for _ in range(7)]
    assert [reading.phase for reading in phases] == [
        Phase.QUEUED, Phase.UNKNOWN, Phase.RUNNING, Phase.QUEUED, Phase.DONE, Phase.RUNNING, Phase.DONE]
    assert "'Entangling'" in phases[1].reason
    assert len(qpu.result(task, program, asked()).values) == 1


def test_a_task_that_vanishes_is_gone(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    task = qpu.submit(program, asked(), "vanishing")
    server.world.tasks.clear()
    assert qpu.status(task).phase is Phase.GONE
    with pytest.raises(QpuError, match="Job not found"):
        qpu.result(task, program, asked())
    assert qpu.find("vanishing") == ()


@pytest.mark.parametrize("fault", [{"status": 500}, {"before": True}, {"after": True}, {"delay": 1.0}], ids=str)
def test_a_look_that_fails_is_only_that(fault: dict[str, Any], opened: Open, server: IbmServer) -> None:
    qpu = opened(call_s=2.0)
    task = qpu.submit(program_of(qpu), asked(), "look")
    server.fault("GET", LOOK, **fault)
    with pytest.raises(Unanswered):
        qpu.status(task)
    assert qpu.status(task).phase in (Phase.QUEUED, Phase.RUNNING)


def test_done_without_a_result_is_not_ready(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    server.world.script = ["Completed"] * 3
    task = qpu.submit(program, asked(), "empty")
    assert qpu.status(task).phase is Phase.DONE
    for fault in ({"status": 404}, {"status": 204, "body": ""}):
        server.fault("GET", RESULTS, **fault)
        with pytest.raises(NotReady, match="no result yet"):
            qpu.result(task, program, asked())
    assert qpu.result(task, program, asked()).shots == 500


@pytest.mark.parametrize("part", [0.05, 0.5, 0.98])
def test_a_result_that_is_cut_off_is_unanswered_and_can_be_read_again(part: float, opened: Open,
                                                                      server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    task = qpu.submit(program, asked(), "cut")
    ended(qpu, task)
    server.fault("GET", RESULTS, cut=part)
    with pytest.raises(Unanswered, match=r"cannot be read.*after \d+ characters"):
        qpu.result(task, program, asked())
    assert len(qpu.result(task, program, asked()).values) == 1


def test_a_result_of_other_shape_or_shots_is_refused(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    values, counts = (qpu.submit(program, asked(counts=kind), f"{kind}") for kind in (False, True))
    for task in (values, counts):
        ended(qpu, task)
    with pytest.raises(QpuError, match="500 shots, not 501"):
        qpu.result(counts, program, asked(501, counts=True))
    with pytest.raises(QpuError, match="cannot be used"):
        qpu.result(values, program, asked(counts=True))
    server.world.tasks[values].result = server.world.tasks[values].result.replace('"evs"', '"sve"')
    with pytest.raises(QpuError, match="cannot be used"):
        qpu.result(values, program, asked())


def test_a_submission_that_the_wire_doubles_is_found_twice(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    first = qpu.submit(program, asked(), "doubled")
    task = server.world.tasks[first]
    with server.world.lock:
        twin = server.world.submit({"program_id": task.program, "params": task.params, "tags": task.tags})
    assert qpu.find("doubled") == (first, twin.id)


def test_find_takes_only_what_bears_the_tag_and_never_loops(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    task = qpu.submit(program_of(qpu), asked(), "mine")
    server.fault("GET", TASKS, status=200, body={"count": 99, "jobs": [
        {"id": "foreign", "tags": ["other"]}, {"id": task, "tags": ["mine"], "created": "2026-03-02"},
        {"id": "older", "tags": ["mine"], "created": "2026-03-01"}]})
    assert qpu.find("mine") == ("older", task)
    assert server.count("GET", TASKS) == 1


@pytest.mark.parametrize(("seconds", "bought"), [(0.0, False), (2.5, True)])
def test_a_failure_says_whether_it_was_bought(seconds: float, bought: bool, opened: Open, server: IbmServer) -> None:
    qpu = opened()
    task = qpu.submit(program_of(qpu), asked(), "failing")
    server.world.fail(server.world.tasks[task], "The control system failed", 9701, seconds)
    reading = qpu.status(task)
    assert (reading.phase, reading.executed) == (Phase.FAILED, bought)
    assert reading.reason == "Error code 9701. The control system failed"
    server.fault("GET", "/metrics$", status=404)
    assert qpu.status(task).executed, "without metrics a failure counts as bought"


def test_a_task_that_ran_too_long_has_failed_and_was_bought(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    task = qpu.submit(program_of(qpu), asked(), "long")
    server.world.fail(server.world.tasks[task], "Ran too long", 1305, 60.0)
    server.world.tasks[task].state = "Cancelled"
    assert (qpu.status(task).phase, qpu.status(task).executed) == (Phase.FAILED, True)


def test_cancelling_what_is_over_or_ignored_leaves_it_to_the_status(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    task = qpu.submit(program, asked(), "ignored")
    server.fault("POST", "/cancel$", status=204, body="")
    qpu.cancel(task)
    assert ended(qpu, task).phase is Phase.DONE
    qpu.cancel(task)
    assert len(qpu.result(task, program, asked()).values) == 1
    server.fault("POST", "/cancel$", status=500)
    with pytest.raises(Unanswered):
        qpu.cancel(task)


def test_the_queue_s_position_is_told(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    server.world.hold = True
    program = program_of(qpu)
    tasks = [qpu.submit(program, asked(), f"t{k}") for k in range(3)]
    assert [qpu.status(task).position for task in tasks] == [0, 1, 2]
