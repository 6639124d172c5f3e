"""Connecting: in bounded time, with the reason if it fails, and nothing at all before the first question."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from qloop.errors import QpuError
from qloop.qpus.ibm.connection import Connection
from qloop.qpus.ibm.credentials import Reference
from qloop.qpus.ibm.opening import open_ibm
from qloop.qpus.remote import CredentialsRefused, Phase, Unanswered
from tests.qpus.ibm.asking import asked, program_of
from tests.qpus.ibm.conftest import KEY, Open
from tests.qpus.ibm.server import CRN, IbmServer


def test_opening_asks_nobody(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    assert qpu.remote().provider == "IBM"
    assert qpu.next_window(0) is None
    qpu.close()
    assert server.requests == []


def test_opening_imports_neither_qiskit_nor_ibm_s_client() -> None:
    code = ("import sys, qloop.qpus.ibm.opening; heavy = {'qiskit', 'qiskit_ibm_runtime', 'requests', 'qiskit_aer'}; "
            "print(sorted(heavy & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_a_service_that_never_answers_is_given_up(account_file: Path, server: IbmServer) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/experimental"
        account_file.write_text(json.dumps({"lab": {"channel": "ibm_quantum_platform", "token": KEY, "url": url,
                                                    "instance": CRN}}))
        qpu = open_ibm("ibm:ibm_manila", account="lab", account_file=str(account_file), call_s=0.5)
        with pytest.raises(Unanswered, match="IBM's service did not answer"):
            qpu.describe()


def test_an_account_of_another_instance_is_told(account_file: Path, server: IbmServer,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    from qiskit_ibm_runtime.accounts import account
    from qiskit_ibm_runtime.accounts.exceptions import InvalidAccountError

    def refuse(self: object) -> list[object]:
        raise InvalidAccountError(f"Unable to retrieve instances with {KEY}")

    for kind in (account.Account, *account.Account.__subclasses__()):
        monkeypatch.setattr(kind, "list_instances", refuse)
    qpu = open_ibm("ibm:ibm_manila", account="lab", account_file=str(account_file))
    with pytest.raises(CredentialsRefused, match=r"Unable to retrieve instances with \(hidden\)") as error:
        qpu.describe()
    assert error.value.__context__ is None


def test_a_client_that_cannot_be_looked_after_is_refused(opened: Open) -> None:
    class Other:
        _api_clients = {}  # noqa: RUF012

    with pytest.raises(QpuError, match=r"cannot look after the connection.*qiskit-ibm-runtime \d"):
        open_ibm("ibm:ibm_manila", service=Other()).describe()


def test_a_local_task_of_an_earlier_life_has_failed_unbought(opened: Open) -> None:
    first, second = opened("ibm-local:fake_manila"), opened("ibm-local:fake_manila")
    task = first.submit(program_of(first), asked(), "orphan")
    reading = second.status(task)
    assert (reading.phase, reading.executed) == (Phase.FAILED, False)
    assert "ended with the process" in reading.reason
    assert second.find("orphan") == ()


def test_a_task_that_fails_locally_was_not_bought(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    from qiskit.primitives import BackendEstimatorV2

    def broken(self: object, pubs: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(BackendEstimatorV2, "_run", broken)
    qpu = opened("ibm-local:fake_manila")
    program = program_of(qpu)
    task = qpu.submit(program, asked(), "failing")
    while qpu.status(task).phase not in (Phase.FAILED, Phase.DONE):
        pass
    reading = qpu.status(task)
    assert (reading.phase, reading.executed, reading.reason) == (Phase.FAILED, False, "out of luck")
    with pytest.raises(QpuError, match=r"no result. It is failed. out of luck"):
        qpu.result(task, program, asked())


def test_a_network_that_is_not_there_is_no_refused_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """IBM's client says of any failure while it is made that the token may be wrong."""
    monkeypatch.setenv("THE_KEY", KEY)
    connection = Connection(Reference(key_variable="THE_KEY"), 1.0)

    def unreached() -> None:
        try:
            raise ConnectionError("the name does not resolve")
        except ConnectionError as error:
            raise IBMNotAuthorizedError("Unable to retrieve instances. Please check your token.") from error

    with pytest.raises(Unanswered, match="could not be reached"):
        connection._opened(unreached)

    def refused() -> None:
        raise IBMNotAuthorizedError("Unable to retrieve instances. Please check your token.")

    with pytest.raises(CredentialsRefused, match="Make a new API key"):
        connection._opened(refused)


class IBMNotAuthorizedError(Exception):
    """As IBM's client calls it."""
