"""Kept pilots in a folder of the test's own; no keeper outlives its test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from qloop.pilots.kept import registry
from qloop.pilots.kept.registry import Record
from qloop.pilots.process_identity import bury
from qloop.pilots.spec import PilotSpec
from qloop.runtime.keeping import operate
from tests.pilots.processes import all_gone


def end_all() -> None:
    """Every keeper that the registry of this test knows."""
    for record in registry.records():
        if record.there():
            operate.stop(record.name, now=True)


@pytest.fixture
def keep(tmp_path, monkeypatch) -> Iterator[Callable[..., Record]]:
    """Starts kept pilots: of this many workers, as wished."""
    monkeypatch.setenv("QLOOP_STATE", str(tmp_path / "state"))

    kept: list[Record] = []

    def start(name: str = "work", least: int = 2, most: int = 0, idle_s: float = 300.0, **wishes) -> Record:
        record = operate.start(name, PilotSpec(least=least, most=most or least, **wishes), idle_s)
        kept.append(record)
        operate.until_ready(record, 60.0, lambda standing: None)
        return record

    yield start
    end_all()
    assert all_gone([record.keeper.pid for record in kept])
    for record in kept:
        bury(record.keeper.pid)


@pytest.fixture(scope="module")
def kept_by_module(tmp_path_factory) -> Iterator[Record]:
    """One kept pilot of two workers for all tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QLOOP_STATE", str(tmp_path_factory.mktemp("state")))
        yield operate.start("shared", PilotSpec(least=2, most=2), 300.0)
        end_all()
