"""Both stores pass the published conformance suite."""

from __future__ import annotations

import pytest

from qloop.runtime.journal.memory import MemoryStore
from qloop.runtime.journal.opening import open_journal
from qloop.runtime.journal.sqlite import SqliteStore
from qloop.testing.store_conformance import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", ["memory", "process", "power"])
def test_a_store_conforms(kind, check, tmp_path):
    store = MemoryStore() if kind == "memory" else SqliteStore(tmp_path / "journal.sqlite", kind)
    check(store)
    store.close()


def test_the_path_decides_the_store(tmp_path):
    assert isinstance(open_journal(None), MemoryStore)
    journal = open_journal(tmp_path / "journal.sqlite")
    assert isinstance(journal, SqliteStore)
    journal.close()
