"""Sessions and batches: opened when needed, closed, replaced when the service has closed them."""

from __future__ import annotations

import pytest

from qloop.errors import QpuError
from qloop.qpus.ibm.failures import SessionOver
from qloop.qpus.remote import NotAccepted, Unanswered
from tests.qpus.ibm.asking import asked, ended, program_of
from tests.qpus.ibm.conftest import Open
from tests.qpus.ibm.server import IbmServer

OPENING = "/sessions$"


@pytest.mark.parametrize(("mode", "kind"), [("session", "dedicated"), ("batch", "batch")])
def test_one_session_is_opened_at_the_first_task_and_closed_at_the_end(mode: str, kind: str, opened: Open,
                                                                       server: IbmServer) -> None:
    qpu = opened(mode=mode, max_time="1h 30m")
    program = program_of(qpu)
    assert not server.world.groups
    tasks = [qpu.submit(program, asked(), f"t{k}") for k in range(3)]
    (group,) = server.world.groups.values()
    assert (group.mode, group.max_ttl, group.accepting) == (kind, 5400, True)
    assert {server.world.tasks[task].session for task in tasks} == {group.id}
    qpu.close()
    assert not group.accepting
    assert len(qpu.result(tasks[0], program, asked()).values) == 1 if ended(qpu, tasks[0]) else False


def test_without_grouping_there_is_none(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    task = qpu.submit(program_of(qpu), asked(), "alone")
    qpu.close()
    assert server.world.tasks[task].session is None
    assert server.count("POST", OPENING) == 0


@pytest.mark.parametrize("mode", ["session", "batch"])
@pytest.mark.parametrize("how", ["expired", "closed by the provider"])
def test_a_session_that_is_over_is_noticed_and_replaced(how: str, mode: str, opened: Open, server: IbmServer) -> None:
    qpu = opened(mode=mode, max_time=600)
    program = program_of(qpu)
    first = qpu.submit(program, asked(), "first")
    (old,) = server.world.groups.values()
    if how == "expired":
        server.world.advance(601.0)
    else:
        old.accepting, old.state = False, "closed"
    second = qpu.submit(program, asked(), "second")
    assert server.world.tasks[first].session == old.id
    assert server.world.tasks[second].session != old.id
    assert server.count("POST", "/jobs$") == 2


def test_a_session_that_closes_between_look_and_submission_is_told_as_not_accepted(opened: Open,
                                                                                   server: IbmServer) -> None:
    qpu = opened(mode="session")
    program = program_of(qpu)
    qpu.submit(program, asked(), "first")
    server.fault("POST", "/jobs$", status=400, body={"errors": [{"code": 4001, "message": "Job is part of a session "
                                                                 "that's been closed"}]})
    with pytest.raises(SessionOver, match="session is over") as refusal:
        qpu.submit(program, asked(), "second")
    assert isinstance(refusal.value, NotAccepted)
    assert qpu.find("second") == ()
    task = qpu.submit(program, asked(), "second")
    assert server.count("POST", OPENING) == 2
    assert server.world.tasks[task].session == list(server.world.groups)[-1]


@pytest.mark.parametrize("fault", [{"status": 500}, {"after": True}, {"cut": 0.3}], ids=str)
def test_a_session_that_cannot_be_opened_leaves_no_doubt_about_the_task(fault: dict[str, object], opened: Open,
                                                                        server: IbmServer) -> None:
    qpu = opened(mode="session")
    program = program_of(qpu)
    server.fault("POST", OPENING, **fault)
    with pytest.raises(NotAccepted):
        qpu.submit(program, asked(), "first")
    assert server.count("POST", "/jobs$") == 0
    assert qpu.submit(program, asked(), "first") == qpu.find("first")[0]


def test_a_session_that_is_not_allowed_is_refused_for_good(opened: Open, server: IbmServer) -> None:
    qpu = opened(mode="session")
    program = program_of(qpu)
    server.fault("POST", OPENING, status=400, body={"errors": [
        {"code": 1352, "message": "You are not authorized to run a session when using the open plan."}]})
    with pytest.raises(QpuError, match="open plan") as refusal:
        qpu.submit(program, asked(), "first")
    assert type(refusal.value) is QpuError


def test_closing_that_fails_is_told_and_can_be_repeated(opened: Open, server: IbmServer) -> None:
    qpu = opened(mode="session")
    qpu.submit(program_of(qpu), asked(), "first")
    server.fault("PATCH", "/sessions/", status=500)
    with pytest.raises(Unanswered):
        qpu.close()
    (group,) = server.world.groups.values()
    assert group.accepting
    qpu.close()
    assert not group.accepting
    qpu.close()
    assert server.count("PATCH", "/sessions/") == 2


def test_after_closing_the_next_task_opens_another(opened: Open, server: IbmServer) -> None:
    qpu = opened(mode="batch")
    program = program_of(qpu)
    qpu.submit(program, asked(), "first")
    qpu.close()
    qpu.submit(program, asked(), "second")
    assert [group.accepting for group in server.world.groups.values()] == [False, True]
