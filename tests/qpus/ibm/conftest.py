"""A scripted service, and QPUs on it; without IBM's client none of these tests is collected."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from qloop.qpus.ibm.opening import open_ibm
from qloop.qpus.ibm.qpu import IbmQpu

if TYPE_CHECKING:
    from tests.qpus.ibm.server import IbmServer

KEY = "the-key-that-must-not-be-seen-0123456789abcd"
Open = Callable[..., IbmQpu]

collect_ignore_glob = [] if find_spec("qiskit_ibm_runtime") else ["test_*.py"]


def _point_older_clients(monkeypatch: pytest.MonkeyPatch, server: IbmServer) -> None:
    """Before 0.49 the client took neither of the two variables, so what they stand for is replaced."""
    from qiskit_ibm_runtime.accounts import account
    from qiskit_ibm_runtime.api import auth

    kind = auth.IAMTokenManager
    monkeypatch.setattr(auth, "IAMTokenManager", lambda key, **how: kind(key, **{**how, "url": server.iam_url}))
    for account_kind in (account.Account, *account.Account.__subclasses__()):
        monkeypatch.setattr(account_kind, "list_instances", lambda self: [
            {"crn": self.instance, "plan": "plan", "name": "name", "tags": [], "pricing_type": "free"}])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[IbmServer]:
    from tests.qpus.ibm.server import IbmServer

    running = IbmServer()
    monkeypatch.setenv("IAM_URL", running.iam_url)
    monkeypatch.setenv("QISKIT_FUNCTIONS_EXPERIMENTAL", "1")
    monkeypatch.setenv("USAGE_DATA_OPT_OUT", "True")  # else the client walks the stack at every request
    if tuple(map(int, version("qiskit-ibm-runtime").split(".")[:2])) < (0, 49):
        _point_older_clients(monkeypatch, running)
    yield running
    running.close()


@pytest.fixture
def account_file(server: IbmServer, tmp_path: Path) -> Path:
    from tests.qpus.ibm.server import CRN

    path = tmp_path / "accounts.json"
    path.write_text(json.dumps({"lab": {"channel": "ibm_quantum_platform", "token": KEY, "url": server.url,
                                        "instance": CRN}}))
    return path


@pytest.fixture
def opened(account_file: Path) -> Open:
    def make(name: str = "ibm:ibm_manila", **options: Any) -> IbmQpu:
        reference = {"account": "lab", "account_file": str(account_file)} if name.startswith("ibm:") else {}
        return open_ibm(name, **{"call_s": 10.0, **reference, **options})

    return make
