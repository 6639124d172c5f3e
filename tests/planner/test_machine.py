"""Constants on disk: found again, whole or not at all, and doubted where the machine is another."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from qloop.errors import InvalidInput
from qloop.planner.machine import Calibration, constants_path, doubts, load, save, this_machine, typical


def _calibration() -> Calibration:
    return msgspec.structs.replace(typical(), machine=this_machine(), date="2026-11-21 12:00 UTC", configurations=40,
                                   seconds=61.5, fit=95.0, load=0.5)


def test_what_is_saved_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QLOOP_CACHE_DIR", str(tmp_path / "deep"))
    assert load() is None
    path = save(_calibration())
    assert path == constants_path() == tmp_path / "deep" / "planner.json"
    assert load() == _calibration()
    assert [each.name for each in path.parent.iterdir()] == ["planner.json"]


def test_without_a_setting_the_users_cache_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QLOOP_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert constants_path() == Path("/somewhere/qloop/planner.json")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert constants_path() == Path.home() / ".cache/qloop/planner.json"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"constants": {"task": [1]}}'])
def test_a_broken_file_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "planner.json"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"cannot be read.*qloop dreamer calibrate"):
        load(path)


def test_constants_that_cannot_be_are_told(tmp_path: Path) -> None:
    path = save(_calibration(), tmp_path / "planner.json")
    path.write_bytes(path.read_bytes().replace(b'"join": [', b'"join": [-1.0,'))
    with pytest.raises(InvalidInput, match="'join' needs"):
        load(path)


def test_another_schema_is_told(tmp_path: Path) -> None:
    path = save(msgspec.structs.replace(_calibration(), schema=99), tmp_path / "planner.json")
    with pytest.raises(InvalidInput, match="has schema 99"):
        load(path)


@pytest.mark.skipif(sys.platform == "win32", reason="a file stands in for a folder")
def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=r"cannot be kept in.*QLOOP_CACHE_DIR"):
        save(_calibration(), tmp_path / "file" / "planner.json")


def test_doubts() -> None:
    here, found = this_machine(), _calibration()
    assert doubts(found, here) == []
    (busy,) = doubts(msgspec.structs.replace(found, load=here.cores + 1.0), here)
    assert busy.startswith(f"it was measured at a load of {here.cores + 1.0:.1f}")
    assert "not calibrated" in doubts(typical(), here)[0]
    other = msgspec.structs.replace(here, processor="another", cores=here.cores + 1,
                                    versions={**here.versions, "qulacs": "9"})
    assert [each.split(" ")[0] for each in doubts(found, other)] == ["it", "it", "versions"]
    assert f"qulacs {here.versions['qulacs']} -> 9" in doubts(found, other)[2]
