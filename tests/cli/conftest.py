"""Every test of the command has a folder and a home of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .calling import VQE, Caller, Child, children


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a loop in `vqe.py`."""
    monkeypatch.chdir(tmp_path)
    for name in ("QLOOP_HOME", "QLOOP_RUN", "STOP", "PAUSE", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "vqe.py").write_text(VQE)
    return tmp_path


@pytest.fixture
def call(folder: Path, capfd: pytest.CaptureFixture[str]) -> Caller:
    """Calls the command in this process."""
    return Caller(capfd)


@pytest.fixture
def child(folder: Path) -> Iterator[Callable[..., Child]]:
    """Starts the command in a process of its own."""
    yield from children(folder)
