"""The escape suite: what a parser that was taken over could still do, and what it could not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qloop.intake import confine

from .hostile import HEAD

NOBODY = 65534
ESCAPES = Path(__file__).with_name("escapes.py")
AS_NOBODY: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": "/"}
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the other limits are Linux's")
root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def _run(code: list[str], **how: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *code], capture_output=True, text=True, timeout=100, **how)


def _others_can_run_this() -> bool:
    try:
        return _run(["-c", "import qloop, qiskit"], **AS_NOBODY).returncode == 0
    except PermissionError:
        return False


@linux
def test_nothing_gets_out() -> None:
    found = json.loads(_run([str(ESCAPES)]).stdout)
    user = found.pop("user")
    assert user == (NOBODY if os.geteuid() == 0 else os.getuid())
    assert {"fork", "write", "memory", "descriptors", "files", "limit", "core"} <= set(found)
    assert "escaped" not in found.values(), found


@linux
@root
def test_nothing_gets_out_of_a_sandbox_of_an_ordinary_user(tmp_path: Path) -> None:
    if not _others_can_run_this():
        pytest.skip("another user may not read this environment")
    done = _run(["-c", ESCAPES.read_text()], **AS_NOBODY)
    found = json.loads(done.stdout)
    assert found.pop("user") == NOBODY
    assert "escaped" not in found.values(), found


@root
def test_an_ordinary_user_can_read_circuits() -> None:
    if not _others_can_run_this():
        pytest.skip("another user may not read this environment")
    code = ("import sys; from qloop.intake.reader import read_circuit, read_circuits\n"
            "print(read_circuit(sys.argv[1]).num_qubits)\n"
            "try: read_circuit('qreg q[2]; h q[3];')\n"
            "except ValueError as error: print(type(error).__name__)\n")
    done = _run(["-c", code, f"{HEAD}qreg q[2]; h q[0];"], **AS_NOBODY)
    assert done.stdout.split() == ["2", "InvalidInput"], done.stderr


def test_root_that_cannot_become_another_user_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*args: object) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "setgroups", no)
    with pytest.raises(confine.Unconfined, match="cannot become another user"):
        confine._become_nobody(may_stay_root=False)
    confine._become_nobody(may_stay_root=True)
