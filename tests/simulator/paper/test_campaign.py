"""Campaigns: the same results on any number of processes and after any interruption; files that are damaged or full."""

from __future__ import annotations

import errno
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from qloop.errors import InvalidInput, QloopError
from qloop.simulator.paper import campaign as module
from qloop.simulator.paper import storage
from qloop.simulator.paper.campaign import Campaign
from qloop.simulator.paper.model import big_classical, small
from qloop.simulator.paper.sample import Row, Sample
from qloop.simulator.paper.studies import Point

SHORT = {"duration_s": 43_200.0, "warmup_s": 3_600.0}
POINTS = (Point("small", "one", small("random", **SHORT), 12),
          Point("c", "two", big_classical(2, 450, **SHORT), 3),
          Point("small", "three", small("lifo", interarrival_s=200.0, **SHORT), 2))


class Watch:
    """Keeps what it is told; interrupts when a point is reached."""

    def __init__(self, stop_at: str = "") -> None:
        self.notes: list[str] = []
        self.done: list[float] = []
        self.stop_at = stop_at

    def at(self, done: float, total: float, text: str) -> None:
        self.done.append(done / total)
        if text == self.stop_at:
            raise KeyboardInterrupt

    def stage(self, text: str) -> None: ...

    def note(self, text: str) -> None:
        self.notes.append(text)


def equal(one: Sample, other: Sample) -> bool:
    """Whether every replication is the same to the last bit (but for the CPU seconds)."""
    names = [field.name for field in fields(Row) if field.name != "cpu_s"]
    return len(one) == len(other) and all(np.array_equal(getattr(a, name), getattr(b, name))
                                          for a, b in zip(one.rows, other.rows, strict=True) for name in names)


def finished(out: Path, points: tuple[Point, ...] = POINTS, seed: int = 3, processes: int = 1,
             watch: Watch | None = None) -> Campaign:
    found = Campaign(points, seed, out, processes)
    found.run(watch or Watch())
    return found


def test_one_process_or_two_and_from_files_it_is_the_same(tmp_path: Path) -> None:
    watch = Watch()
    alone, spread = finished(tmp_path / "a"), finished(tmp_path / "b", processes=2, watch=watch)
    again = finished(tmp_path / "b")
    assert again.read_back == ["one", "two", "three"]
    for point in POINTS:
        assert len(alone.samples[point.name]) == point.replications
        assert equal(alone.samples[point.name], spread.samples[point.name])
        assert equal(alone.samples[point.name], again.samples[point.name])
        assert alone.samples[point.name].arrived.sum() > 0
    assert watch.done == sorted(watch.done)
    assert watch.done[-1] == pytest.approx(1.0)
    assert set(spread.cpu_s) == {"compile", "small", "c"}


def test_an_interrupted_campaign_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(KeyboardInterrupt):
        finished(tmp_path / "cut", watch=Watch(stop_at="two"))
    assert {path.stem for path in (tmp_path / "cut" / "points").iterdir()} == {"one", "two"}
    ran: list[int] = []
    real = module.observe
    monkeypatch.setattr(module, "observe", lambda *given: ran.extend(given[2]) or real(*given))
    watch = Watch()
    rest = finished(tmp_path / "cut", watch=watch)
    assert ran == [0, 1]                            # those of "three" only
    assert rest.read_back == ["one", "two"]
    assert "2 of 3 points were finished before and are read back" in watch.notes[0]
    whole = finished(tmp_path / "whole")
    assert all(equal(rest.samples[point.name], whole.samples[point.name]) for point in POINTS)


def test_more_replications_take_over_those_that_are_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = POINTS[1]
    finished(tmp_path, (point,))
    ran: list[int] = []
    real = module.observe
    monkeypatch.setattr(module, "observe", lambda *given: ran.extend(given[2]) or real(*given))
    more = finished(tmp_path, (replace(point, replications=5),))
    assert ran == [3, 4]
    fewer = finished(tmp_path, (replace(point, replications=2),))
    assert ran == [3, 4]
    assert len(fewer.samples["two"]) == 2
    assert equal(fewer.samples["two"], Sample(point.model, more.samples["two"].rows[:2]))


def test_results_of_another_seed_are_not_mixed(tmp_path: Path) -> None:
    finished(tmp_path, POINTS[1:2])
    with pytest.raises(InvalidInput, match=r"results of seed 3.*another folder with --out, or --seed 3"):
        finished(tmp_path, POINTS[1:2], seed=4)


def test_what_other_code_made_is_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(tmp_path, POINTS[1:2])
    monkeypatch.setattr(storage, "made_from", lambda point: "another")
    watch = Watch()
    assert finished(tmp_path, POINTS[1:2], watch=watch).read_back == []
    assert "made by other code or data" in watch.notes[0]


@pytest.mark.parametrize("harm", ["cut", "empty", "text", "foreign"])
def test_a_damaged_file_is_told_and_run_again(tmp_path: Path, harm: str) -> None:
    whole = finished(tmp_path, POINTS[1:2])
    path = tmp_path / "points" / "two.parquet"
    good = path.read_bytes()
    if harm == "foreign":
        import pyarrow as pa

        storage.parquet().write_table(pa.table({"a": [1]}), path)
    else:
        path.write_bytes({"cut": good[:len(good) // 2], "empty": b"", "text": b"replication,arrived\n"}[harm])
    with pytest.raises(storage.UnreadableError):
        storage.read(path, POINTS[1])
    watch = Watch()
    again = finished(tmp_path, POINTS[1:2], watch=watch)
    assert "is damaged" in watch.notes[0]
    assert equal(again.samples["two"], whole.samples["two"])
    assert storage.read(path, POINTS[1]) is not None


def test_a_full_disk_is_told_and_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write_table(self, table: Any, sink: BinaryIO, **settings: Any) -> None:
            sink.write(b"PAR1")
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storage, "parquet", Full)
    with pytest.raises(QloopError, match=r"cannot be written. No space left on device. Make room.*is kept"):
        finished(tmp_path, POINTS[1:2])
    assert list((tmp_path / "points").iterdir()) == []


def test_files_say_where_they_come_from(tmp_path: Path) -> None:
    import json

    finished(tmp_path, POINTS[1:2])
    about = json.loads(storage.parquet().read_schema(tmp_path / "points" / "two.parquet").metadata[b"qloop"])
    assert (about["seed"], about["replications"], about["point"]) == (3, 3, "two")
    assert about["model"]["workers"] == 2
    assert {"qloop", "numpy", "numba", "machine", "written", "made_from"} <= set(about)


@pytest.mark.parametrize("wrong", [0, -2, 5000])
def test_processes_that_cannot_be(tmp_path: Path, wrong: int) -> None:
    with pytest.raises(InvalidInput, match=r"from 1 to 1024"):
        Campaign(POINTS, 0, tmp_path, wrong)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=r"cannot be made.*--out"):
        Campaign(POINTS, 0, tmp_path / "file")


def test_what_a_point_is_made_from_depends_on_its_model() -> None:
    made = {storage.made_from(point) for point in POINTS}
    assert len(made) == 3
    assert storage.made_from(replace(POINTS[0], replications=1, name="other")) in made
