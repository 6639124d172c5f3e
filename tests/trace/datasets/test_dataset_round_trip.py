"""What is written in any layout is read back to the last bit; the shipped measurements survive every way."""

import sys
import tempfile
from pathlib import Path

import pytest
from dataset_drawn import datasets, same
from hypothesis import given, settings

from qloop.errors import MissingExtra, UnknownName
from qloop.simulator.paper.measurements import HOME
from qloop.trace.datasets.files import LAYOUTS, load, save
from qloop.trace.datasets.schema import TABLES, Dataset, rows_of


@settings(max_examples=25, deadline=None)
@given(datasets())
def test_csv_and_parquet_give_back_what_they_were_given(dataset: Dataset) -> None:
    for layout in ("csv", "parquet"):
        with tempfile.TemporaryDirectory() as folder:
            save(dataset, folder, layout)
            assert same(load(folder), dataset), layout


@settings(max_examples=25, deadline=None)
@given(datasets(reference=True))
def test_the_reference_layout_gives_back_what_it_knows(dataset: Dataset) -> None:
    with tempfile.TemporaryDirectory() as folder:
        save(dataset, folder, "reference")
        found = load(folder)
    for name, rows in found.tables.items():
        for column, values in rows.items():
            assert values.tolist() == dataset.tables[name][column].tolist(), (name, column)
    assert found.tables.keys() == dataset.tables.keys()


def test_the_shipped_measurements_come_out_byte_by_byte(tmp_path: Path) -> None:
    kept = load(HOME)
    for layout in ("csv", "parquet"):
        save(kept, tmp_path / layout, layout)
        again = load(tmp_path / layout)
        assert same(again, kept)
        save(again, tmp_path / f"{layout}-back", "reference")
        written = sorted((tmp_path / f"{layout}-back").iterdir())
        assert len(written) == 7
        for file in written:
            origin = HOME / file.name.replace("exec_time.csv", "exec_time_4_to_10_qubits.csv")
            assert file.read_bytes() == origin.read_bytes(), file.name


def test_the_shipped_measurements_have_the_rows_that_their_readme_says() -> None:
    kept = load(HOME)
    assert {name: rows_of(rows) for name, rows in kept.tables.items()} == {
        "experiments": 220, "iterations": 56_654, "estimates": 28, "backend_estimates": 45}
    assert kept.sizes() == tuple(range(4, 26, 2))
    assert kept.sizes("iterations") == (4, 6, 8, 10)
    assert kept.table("experiments")["instance"].max() == 19


def test_parquet_says_units_and_meanings(tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    save(load(HOME), tmp_path, "parquet")
    schema = parquet.read_schema(tmp_path / "experiments.parquet")
    assert schema.metadata[b"qloop_table"] == b"experiments"
    assert schema.field("pre_s").metadata[b"unit"] == b"s"


def test_layouts_do_not_mix_in_one_folder(tmp_path: Path) -> None:
    kept = load(HOME)
    for first in LAYOUTS:
        for second in LAYOUTS:
            if second != first:
                folder = tmp_path / f"{first}-{second}"
                save(kept, folder, first)
                with pytest.raises(ValueError, match="already holds"):
                    save(kept, folder, second)


def test_an_unknown_layout_and_table_are_named() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'parquet'"):
        save(load(HOME), "nowhere", "parqet")
    with pytest.raises(UnknownName, match="Did you mean 'iterations'"):
        load(HOME).table("iteration")


def test_every_column_says_what_it_means() -> None:
    for table in TABLES.values():
        assert set(table.key) <= set(table.names)
        for column in table.columns:
            assert column.meaning, column.name
            assert column.unit or column.kind != "real" or column.name in {
                "initial_cost", "final_cost", "approximation_ratio", "cost"}, column.name


def test_without_pyarrow_csv_still_works_and_parquet_says_what_to_install(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(load(HOME), tmp_path / "columns", "parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    save(load(HOME), tmp_path / "texts", "csv")
    for action in (lambda: load(tmp_path / "columns"), lambda: save(load(HOME), tmp_path / "more", "parquet")):
        with pytest.raises(MissingExtra, match=r"pip install 'qloop\[simulator\]'"):
            action()
