"""Keys are given by reference, and stand nowhere afterwards: in no message, chain, repr, log or warning."""

from __future__ import annotations

import logging
import pickle
import traceback
import warnings
from pathlib import Path

import pytest

from qloop.errors import InvalidInput, UnknownName
from qloop.qpus.ibm.credentials import Reference
from qloop.qpus.ibm.opening import open_ibm
from qloop.qpus.remote import CredentialsRefused
from tests.qpus.ibm.asking import asked, ended, program_of
from tests.qpus.ibm.conftest import KEY, Open
from tests.qpus.ibm.server import CRN, IbmServer

LITERAL = "Zx9-kQpL3mN7vB1cT5yR8wE2uI4oA6sD0fG_hJkLzXcV"


def _chain(error: BaseException | None) -> str:
    """All that a traceback would show, of all that hangs on an error."""
    seen = ""
    while error is not None:
        seen += "".join(traceback.format_exception(error)) + repr(error) + repr(error.args) + repr(vars(error))
        error = error.__cause__ or error.__context__
    return seen


def test_nothing_of_a_whole_life_shows_the_key(opened: Open, server: IbmServer, caplog: pytest.LogCaptureFixture,
                                               capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    shown = ""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        qpu = opened(mode="session")
        program = program_of(qpu)
        task = qpu.submit(program, asked(), "secret")
        ended(qpu, task)
        shown += repr(qpu.result(task, program, asked())) + repr(qpu) + repr(qpu.describe()) + repr(qpu.remote())
        bearer = next(iter(server.tokens))
        shown += _errors(qpu, program, server, f"Bad key {KEY} or bearer {bearer}")
        qpu.close()
    shown += caplog.text + "".join(capfd.readouterr()) + "".join(str(one.message) for one in warned)
    assert "hidden" in shown, "the service repeated the key, and it was hidden"
    assert KEY not in shown
    assert not any(token in shown for token in server.tokens)


def _errors(qpu: object, program: object, server: IbmServer, words: str) -> str:
    """What errors of all kinds show while the service repeats the key in its words."""
    shown = ""
    for status in (400, 401, 403, 404, 426, 429, 500, 503):
        server.fault("POST", "/jobs$", status=status, body={"errors": [{"code": 1, "message": words}]})
        server.fault("GET", "/jobs$", status=status, body={"errors": [{"code": 1, "message": words}]})
        for verb in (lambda: qpu.submit(program, asked(), "wrong"), lambda: qpu.find("wrong")):  # type: ignore[attr-defined]
            with pytest.raises(Exception) as error:  # noqa: PT011
                verb()
            assert error.value.__cause__ is None
            assert error.value.__context__ is None
            shown += _chain(error.value)
    return shown


def test_a_wrong_key_is_told_without_the_key(opened: Open, server: IbmServer, caplog: pytest.LogCaptureFixture,
                                             recwarn: pytest.WarningsRecorder) -> None:
    caplog.set_level(logging.DEBUG)
    server.world.keys.clear()
    qpu = opened()
    with pytest.raises(CredentialsRefused, match="new API key") as error:
        qpu.describe()
    assert KEY not in _chain(error.value) + caplog.text + "".join(str(one.message) for one in recwarn)


@pytest.mark.parametrize("option", ["token", "api_key", "account", "key_variable", "key_file"])
def test_a_key_itself_is_refused_and_not_repeated(option: str) -> None:
    with pytest.raises(InvalidInput, match=r"looks like an API key.*given by reference.*save_account") as error:
        open_ibm("ibm:ibm_torino", **{option: LITERAL})
    assert LITERAL not in _chain(error.value)


def test_an_environment_variable_and_a_file_serve_as_well(server: IbmServer, tmp_path: Path,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    for name, options in (("key_variable", {"key_variable": "MY_IBM_KEY"}), ("key_file", {"key_file": str(path)})):
        with pytest.raises(CredentialsRefused, match="holds no API key"):
            open_ibm("ibm:ibm_manila", **options)
        monkeypatch.setenv("MY_IBM_KEY", KEY)
        path.write_text(f"{KEY}\n")
        reference = Reference(**options, instance=CRN)
        assert reference.arguments() == {"channel": "ibm_quantum_platform", "token": KEY, "instance": CRN}, name
        assert KEY not in repr(reference)
        open_ibm("ibm:ibm_manila", **options)
        monkeypatch.delenv("MY_IBM_KEY")
        path.unlink()
    path.write_text("")
    with pytest.raises(CredentialsRefused, match="It is empty"):
        open_ibm("ibm:ibm_manila", key_file=str(path))
    with pytest.raises(InvalidInput, match="Only one of"):
        open_ibm("ibm:ibm_manila", key_file=str(path), account="lab")


def test_an_account_that_is_not_saved_is_told_with_the_nearest(account_file: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"'labb'.*Did you mean 'lab'"):
        open_ibm("ibm:ibm_manila", account="labb", account_file=str(account_file))
    with pytest.raises(CredentialsRefused, match=r"No IBM account is saved here.*save_account"):
        open_ibm("ibm:ibm_manila", account_file=str(tmp_path / "none.json"))


def test_a_qpu_that_holds_credentials_is_not_pickled(opened: Open) -> None:
    with pytest.raises(TypeError, match="open it where it is used"):
        pickle.dumps(opened())


def test_an_existing_service_is_taken(opened: Open) -> None:
    first = opened()
    first.describe()
    second = open_ibm("ibm:ibm_manila", service=first._port._connection._service)
    assert second.describe().device == "ibm_manila"
    assert KEY in second._port._connection._secrets()
