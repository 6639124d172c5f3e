"""Faults of submitting: each has the error that the runtime acts upon, and nothing is asked twice by the client."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from qloop.errors import QpuError
from qloop.qpus.remote import CredentialsRefused, NotAccepted, Unanswered
from tests.qpus.ibm.asking import asked, ended, program_of
from tests.qpus.ibm.conftest import Open
from tests.qpus.ibm.server import IbmServer

TASKS = "/jobs$"
LOOK = r"/jobs/[^/]+$"


@pytest.mark.parametrize("fault", [{"status": status} for status in (500, 502, 503, 504, 520)]
                         + [{"after": True}, {"cut": 0.4}, {"delay": 1.0}], ids=str)
def test_a_submission_of_unknown_fate_is_unanswered_and_sent_once(fault: dict[str, Any], opened: Open,
                                                                  server: IbmServer) -> None:
    qpu = opened(call_s=2.0)
    program = program_of(qpu)
    server.fault("POST", TASKS, **fault)
    with pytest.raises(Unanswered, match="Look for the task before asking again"):
        qpu.submit(program, asked(), "once")
    assert server.count("POST", TASKS) == 1
    assert len(qpu.find("once")) == (0 if "status" in fault else 1)


@pytest.mark.parametrize("path", ["/usage$", "/status$"])
@pytest.mark.parametrize("fault", [{"status": 500}, {"before": True}, {"cut": 0.4}, {"delay": 1.0}], ids=str)
def test_a_fault_before_the_submission_is_no_doubt(path: str, fault: dict[str, Any], opened: Open,
                                                   server: IbmServer) -> None:
    qpu = opened(call_s=2.0)
    program = program_of(qpu)
    server.fault("GET", path, **fault)
    with pytest.raises(NotAccepted):
        qpu.submit(program, asked(), "early")
    assert server.count("POST", TASKS) == 0
    assert qpu.submit(program, asked(), "early") == qpu.find("early")[0]


def test_too_many_requests_are_sent_again_when_the_service_says(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    server.fault("POST", TASKS, status=429, headers={"Retry-After": "17"})
    with pytest.raises(NotAccepted, match="takes no more tasks now") as refusal:
        qpu.submit(program, asked(), "slow")
    assert refusal.value.retry_after_s == 17.0
    assert not refusal.value.offline
    server.fault("POST", TASKS, status=429, headers={"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"})
    with pytest.raises(NotAccepted) as refusal:
        qpu.submit(program, asked(), "slow")
    assert refusal.value.retry_after_s > 1e6


def test_the_service_s_own_bound_of_pending_tasks_is_honoured(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    server.world.hold, server.world.pending_limit = True, 1
    first = qpu.submit(program, asked(), "first")
    with pytest.raises(NotAccepted, match=r"code 3458.*maximum number of pending") as refusal:
        qpu.submit(program, asked(), "second")
    assert refusal.value.retry_after_s == 30.0
    server.world.hold = False
    ended(qpu, first)
    assert qpu.submit(program, asked(), "second") != first


def test_nobody_listening_is_not_accepted(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        qpu._port._connected()._api_client._session.base_url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    with pytest.raises(NotAccepted, match=r"not reached.*could not be sent"):
        qpu.submit(program, asked(), "nobody")


def test_a_server_that_accepts_and_says_nothing_is_given_up_in_time(opened: Open, server: IbmServer) -> None:
    qpu = opened(call_s=2.0)
    program = program_of(qpu)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        qpu._port._connected()._api_client._session.base_url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(NotAccepted):
            qpu.submit(program, asked(), "silent")
        with pytest.raises(Unanswered):
            qpu.status("any")


@pytest.mark.parametrize(("operational", "status"), [(False, "maintenance"), (True, "internal"), (True, "paused")])
def test_a_backend_that_is_offline_or_paused_is_not_asked(operational: bool, status: str, opened: Open,
                                                          server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    server.world.operational, server.world.status = operational, status
    with pytest.raises(NotAccepted, match=status) as refusal:
        qpu.submit(program, asked(), "offline")
    assert refusal.value.offline
    assert server.count("POST", TASKS) == 0


def test_a_backend_that_goes_offline_in_between_says_so(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    server.fault("POST", TASKS, status=400, body={"errors": [{"code": 1004, "message": "Backend not available"}]})
    with pytest.raises(NotAccepted, match="offline") as refusal:
        qpu.submit(program, asked(), "offline")
    assert refusal.value.offline


def test_an_instance_without_time_left_takes_nothing(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    server.world.usage["usage_limit_reached"] = True
    with pytest.raises(NotAccepted, match="no QPU time left") as refusal:
        qpu.submit(program, asked(), "poor")
    assert refusal.value.offline
    assert server.count("POST", TASKS) == 0


def test_a_refusal_for_good_has_the_service_s_words(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    server.fault("POST", TASKS, status=400, body={"errors": [{"code": 1217, "message": "Circuit too deep"}]})
    with pytest.raises(QpuError, match=r"code 1217\): Circuit too deep") as refusal:
        qpu.submit(program, asked(), "deep")
    assert type(refusal.value) is QpuError


def test_a_service_that_wants_other_software_is_named_with_ours(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    server.fault("POST", TASKS, status=400, body={"errors": [
        {"code": 1286, "message": "This client version is not supported, the minimum is 0.99"}]})
    with pytest.raises(QpuError, match=r"minimum is 0\.99.*qiskit-ibm-runtime \d+\.\d+.*pip install -U"):
        qpu.submit(program, asked(), "old")


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_expire_are_told(status: int, opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    task = qpu.submit(program, asked(), "mine")
    for method, path, verb in (("POST", TASKS, lambda: qpu.submit(program, asked(), "again")),
                               ("GET", LOOK, lambda: qpu.status(task)), ("GET", TASKS, lambda: qpu.find("mine")),
                               ("GET", "/properties$", qpu.calibration)):
        server.fault(method, path, status=status, body={"errors": [{"code": 1200, "message": "Not authorized"}]})
        with pytest.raises(CredentialsRefused, match=r"Not authorized.*new API key"):
            verb()


def test_a_key_that_is_withdrawn_is_told(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    program = program_of(qpu)
    server.world.keys.clear()
    with pytest.raises(CredentialsRefused):
        qpu.submit(program, asked(), "late")


def test_a_bearer_token_that_runs_out_is_renewed(opened: Open, server: IbmServer) -> None:
    server.token_life_s = 1.0
    qpu = opened()
    program = program_of(qpu)
    server.tokens.clear()
    server.token_life_s = 3600.0
    for api in [qpu._port._connected()._api_client]:
        api._session.auth.tm.expire_time = 0
    assert qpu.submit(program, asked(), "renewed")
