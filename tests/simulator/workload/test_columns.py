"""Columns of files: CSV and Parquet say the same, and a damaged file is told with its row."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from qloop.errors import InvalidInput, MissingExtra
from qloop.simulator.workload.arrivals import Poisson, Recorded, parse, table
from qloop.simulator.workload.columns import read

TIMES = (0.5, 1.25, 1.25, 7.0, 3600.0)


def written(folder: Path, times: tuple[float, ...] = TIMES) -> tuple[Path, Path]:
    """The same times as CSV and as Parquet."""
    import pyarrow as pa
    from pyarrow import parquet

    csv, pq = folder / "arrivals.csv", folder / "arrivals.parquet"
    csv.write_text("tenant, arrival_s\n" + "".join(f"a,{time!r}\n" for time in times))
    parquet.write_table(pa.table({"tenant": ["a"] * len(times), "arrival_s": list(times)}), pq)
    return csv, pq


def test_both_kinds_of_file_say_the_same(tmp_path: Path) -> None:
    for path in written(tmp_path):
        assert read(path, "arrival_s", "x").tolist() == list(TIMES)
        found = parse({"kind": "recorded", "file": str(path)})
        assert isinstance(found, Recorded)
        assert found.times_s == TIMES
        assert table(found) == {"kind": "recorded", "file": str(path)}
        assert parse(table(found)) == found


def test_a_copy_needs_the_file_no_more(tmp_path: Path) -> None:
    import dataclasses

    csv, _ = written(tmp_path)
    found = Recorded(file=str(csv))
    csv.unlink()
    assert dataclasses.replace(found, speed=2.0).times_s == TIMES


def test_recorded_times_out_of_order_are_told_with_their_row(tmp_path: Path) -> None:
    for path in written(tmp_path, (1.0, 2.0, 5.0, 4.0, 9.0)):
        with pytest.raises(InvalidInput, match=r"Row 4 of the recorded arrivals, 4 s, is earlier than the row before"):
            Recorded(file=str(path))


@pytest.mark.parametrize(("lines", "told"), [
    ("", "has no column 'arrival_s'. It has: no columns"), ("arival_s\n1\n", "Did you mean 'arival_s'"),
    ("arrival_s\n", "is empty. Give a file with at least one row"),
    ("a,arrival_s\n1,2\n1,soon\n", "Row 2 of the column 'arrival_s' of x.csv is 'soon'. It is not a number"),
    ("a,arrival_s\n1,2\n1\n", "Row 2 of the column 'arrival_s' of x.csv is ''"),
    ("arrival_s\n1\nnan\n", "Row 2 of the column 'arrival_s' of x.csv is empty or not finite"),
    ("arrival_s\n1e999\n", "Row 1 of the column 'arrival_s' of x.csv is empty or not finite")])
def test_damaged_csv_files_are_told(tmp_path: Path, lines: str, told: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(lines)
    with pytest.raises(InvalidInput) as caught:
        read(path, "arrival_s", "the arrivals")
    assert told in str(caught.value)


def test_files_that_are_no_text_or_not_there_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xff\xfe\x00arrival_s\n")
    with pytest.raises(InvalidInput, match=r"x.csv is not a CSV file"):
        read(path, "arrival_s", "the arrivals")
    for missing in (tmp_path / "y.csv", tmp_path, None):
        with pytest.raises(InvalidInput, match=r"of the arrivals is not there. Give the path of a CSV or Parquet"):
            read(missing, "arrival_s", "the arrivals")


@pytest.mark.parametrize("keep", [0, 1, 3, 40, 0.5, 0.95])
def test_a_truncated_parquet_file_is_told(tmp_path: Path, keep: float) -> None:
    _, path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:int(keep if keep >= 1 else keep * len(whole))])
    with pytest.raises(InvalidInput, match=r"arrivals.parquet cannot be read\..*damaged or no Parquet file"):
        Recorded(file=str(path))


def test_parquet_columns_that_are_no_numbers_are_told(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    _, path = written(tmp_path)
    with pytest.raises(InvalidInput, match=r"'tenant' of arrivals.parquet is of type string. It is not a number"):
        read(path, "tenant", "x")
    with pytest.raises(InvalidInput, match=r"has no column 'arrivals_s'. Did you mean 'arrival_s'"):
        read(path, "arrivals_s", "x")
    parquet.write_table(pa.table({"n": pa.array([1, None, 3], pa.int32())}), path)
    with pytest.raises(InvalidInput, match=r"Row 2 of the column 'n' of arrivals.parquet is empty or not finite"):
        read(path, "n", "x")
    parquet.write_table(pa.table({"n": pa.array([1, 2, 3], pa.int32())}), path)
    assert np.array_equal(read(path, "n", "x"), [1.0, 2.0, 3.0])


def test_without_its_library_parquet_is_told_and_csv_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    csv, pq = written(tmp_path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"Reading Parquet files needs .*qloop\[simulator\]"):
        read(pq, "arrival_s", "x")
    assert len(read(csv, "arrival_s", "x")) == len(TIMES)


def test_recording_what_was_drawn_gives_it_back(tmp_path: Path) -> None:
    drawn = Poisson(60.0).times(4, 10**13)
    for path in written(tmp_path, tuple((drawn * 1e-9).tolist())):
        assert np.array_equal(Recorded(file=str(path)).times(0, 10**13), drawn)
