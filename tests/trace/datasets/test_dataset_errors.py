"""Damaged data sets: a message for each kind of damage, with the file, the row, the column, and what to do."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.paper.measurements import HOME
from qloop.trace.datasets import csv_files, parquet_files
from qloop.trace.datasets.files import load, read_table, save
from qloop.trace.datasets.schema import TABLES

HEAD = "n_qubits,instance,num_iterations,pre_s,cost_time_s,post_s"
GOOD = f"{HEAD}\n4,0,30,14.5,0.001,0.2\n4,1,40,14.25,0.001,0.2\n6,0,50,15,0.001,0.2\n"


def _csv(folder: Path, text: str | bytes, name: str = "experiments.csv") -> Path:
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


CASES = {
    "no column": (GOOD.replace("num_iterations", "num_iteration"),
                  "has no column 'num_iterations'. It has a column 'num_iteration', which may be meant."),
    "unknown column": (GOOD.replace("post_s", "post_s,quued_s").replace("0.2\n", "0.2,1\n"),
                       "There is no column of experiments named 'quued_s'. Did you mean 'queued_s'?"),
    "column twice": (GOOD.replace("post_s", "post_s,post_s").replace("0.2\n", "0.2,1\n"),
                     "has the column 'post_s' twice"),
    "text": (GOOD.replace("14.25", "fast"), "experiments.csv, row 3, column 'pre_s' holds the text 'fast'. A number"),
    "no value": (GOOD.replace("14.25", ""), "experiments.csv, row 3, column 'pre_s' is empty"),
    "nan": (GOOD.replace("14.25", "nan"), "row 3, column 'pre_s' holds nan s. It is not finite"),
    "inf": (GOOD.replace("15,", "inf,"), "row 4, column 'pre_s' holds inf s. It is not finite"),
    "negative": (GOOD.replace("0.001,0.2\n6", "-0.001,0.2\n6"),
                 "row 3, column 'cost_time_s' holds -0.001 s. It cannot be below 0"),
    "half an iteration": (GOOD.replace(",40,", ",40.5,"),
                          "row 3, column 'num_iterations' holds 40.5. It counts things"),
    "no iterations": (GOOD.replace(",40,", ",0,"),
                      "row 3, column 'num_iterations' holds 0 iterations. It cannot be below 1"),
    "duplicate": (GOOD.replace("4,1,", "4,0,"), "row 3 repeats row 2. Both are n_qubits 4, instance 0."),
    "ragged": (GOOD + "6,1,50\n", "row 5 has 3 values, not 6"),
    "empty": ("", "experiments.csv is empty"),
    "header only": (HEAD + "\n", "experiments.csv holds no rows"),
    "quote": (GOOD + '"6,1,50', "row 5 cannot be read"),
    "latin": (GOOD.encode() + "6,1,50,\xe9,0,0\n".encode("latin-1"), "row 5 is not UTF-8"),
    "utf-16": (GOOD.encode("utf-16"), "is not a text file"),
    "too large": (GOOD.replace(",40,", f",{2**70},"),
                  "row 3, column 'num_iterations' holds 1180591620717411303424"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_damaged_table_is_told(name: str, tmp_path: Path) -> None:
    text, told = CASES[name]
    with pytest.raises(InvalidInput) as caught:
        load(_csv(tmp_path, text))
    assert told in str(caught.value)
    assert caught.value.do


def test_the_good_table_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    assert load(_csv(tmp_path, b"\xef\xbb\xbf" + GOOD.encode())).sizes() == (4, 6)
    assert load(_csv(tmp_path, GOOD.replace(",40,", ",40.0,"))).table("experiments")["num_iterations"][1] == 40


@pytest.mark.parametrize(("rows", "told"), [
    ("4,0,1,.1\n4,0,0,.1\n", "row 3, column 'iteration' goes back from 1 (row 2) to 0. Rows must stand"),
    ("4,0,0,.1\n4,1,0,.1\n4,0,0,.1\n", "row 4 repeats row 2"),
    ("4,0,0,.1\n8,0,0,.1\n", "has iterations of instance 0 of 8 qubits. Its table of experiments has no such row"),
])
def test_iterations_out_of_order_twice_or_of_nothing_are_told(rows: str, told: str, tmp_path: Path) -> None:
    _csv(tmp_path, GOOD)
    _csv(tmp_path, f"n_qubits,instance,iteration,quantum_s\n{rows}", "iterations.csv")
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path)
    assert told in str(caught.value)


def test_estimates_out_of_the_order_of_time_are_told(tmp_path: Path) -> None:
    _csv(tmp_path, "unix_s,n_qubits,backend,quantum_s\n9.0,4,a,3\n8.5,4,b,3\n", "estimates.csv")
    with pytest.raises(InvalidInput, match=r"'unix_s' goes back from 9.0 \(row 2\) to 8.5.*Sort the rows"):
        load(tmp_path / "estimates.csv")


def test_files_that_are_no_data_set_are_told(tmp_path: Path) -> None:
    for source, told in ((tmp_path / "nothing", "There is no data set"), (tmp_path, "holds no data set"),
                         (_csv(tmp_path, GOOD, "runs.csv") / "runs.csv", "is not the name of a table")):
        with pytest.raises(InvalidInput, match=told):
            load(source)
    _csv(tmp_path, GOOD)
    save(load(tmp_path), tmp_path / "parquet", "parquet")
    shutil.copy(tmp_path / "parquet" / "experiments.parquet", tmp_path)
    with pytest.raises(InvalidInput, match="holds experiments twice"):
        load(tmp_path)
    with pytest.raises(InvalidInput, match="is a file"):
        save(load(tmp_path / "parquet"), tmp_path / "runs.csv")


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "experiments.csv"
    with path.open("wb") as file:
        file.truncate(csv_files.LARGEST_BYTES + 1)
    with pytest.raises(InvalidInput, match=r"has 1,074 MB.*Convert it to Parquet"):
        load(tmp_path)
    _csv(tmp_path, GOOD)
    save(load(tmp_path), tmp_path / "parquet", "parquet")
    with pytest.raises(InvalidInput, match=r"has 3 rows\. At most 2 are read at once"):
        parquet_files.read(tmp_path / "parquet" / "experiments.parquet", TABLES["experiments"], limit=2)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("parquet")
    save(load(_csv(folder, GOOD)), folder / "kept", "parquet")
    return (folder / "kept" / "experiments.parquet").read_bytes()


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0.0, 1.0, exclude_max=True))
def test_a_parquet_file_that_was_cut_short_is_told(
        share: float, parquet: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("cut") / "experiments.parquet"
    path.write_bytes(parquet[:int(share * len(parquet))])
    with pytest.raises(InvalidInput, match=r"is empty|is not a whole Parquet file.*was it cut short"):
        read_table(path, "experiments")


@settings(max_examples=100, deadline=None)
@given(share=st.floats(0.0, 1.0, exclude_max=True), put=st.integers(0, 255))
def test_a_changed_byte_of_a_parquet_file_is_told_or_changes_nothing(
        share: float, put: int, parquet: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("changed") / "experiments.parquet"
    path.write_bytes(parquet)
    whole = read_table(path, "experiments")
    changed = bytearray(parquet)
    changed[int(share * len(parquet))] = put
    path.write_bytes(changed)
    try:
        found = read_table(path, "experiments")
    except InvalidInput:
        return
    assert {name: values.tolist() for name, values in found.items()} == {
        name: values.tolist() for name, values in whole.items()}


def test_a_parquet_file_of_another_kind_of_values_is_told(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    good = {name: [1.0, 2.0] for name in TABLES["experiments"].required}
    for change, told in (({"pre_s": ["a", "b"]}, "column 'pre_s' holds string. Numbers must stand there"),
                         ({"pre_s": [1.0, None]}, "column 'pre_s', row 2 is empty"),
                         ({"pre_s": [1.0, float("nan")]}, "row 2, column 'pre_s' holds nan"),
                         ({"num_iterations": [1.5, 2.0]}, "'num_iterations', row 1 holds 1.5. It counts things"),
                         ({"graph": [1, 2]}, "column 'graph' holds int64. Text must stand there"),
                         ({"queud_s": [1, 2]}, "Did you mean 'queued_s'?")):
        pq.write_table(pa.table({**good, **change}), tmp_path / "experiments.parquet")
        with pytest.raises(InvalidInput) as caught:
            load(tmp_path)
        assert told in str(caught.value)
    pq.write_table(pa.table(good), tmp_path / "experiments.parquet")
    assert load(tmp_path).table("experiments")["n_qubits"].dtype == np.int64


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    for name in ("num_iterations.csv", "pre.csv", "cost_time.csv", "post.csv"):
        shutil.copyfile(HOME / name, tmp_path / name)
    return tmp_path


def test_a_damaged_reference_layout_is_told(reference: Path) -> None:
    assert load(reference).sizes("iterations") == ()
    lines = (reference / "post.csv").read_text().splitlines(keepends=True)
    for text, told in (("".join(lines[:-1]), "does not have the rows of num_iterations.csv. They have 219 and 220"),
                       ("".join(line for line in lines if not line.startswith("12,")),
                        "Only one of them has rows of 12 qubits"),
                       ("".join([lines[0], "6,0.1\n", *lines[2:]]), "Row 2 is of 6 qubits here and of 10 there"),
                       ("".join([lines[0].replace("post", "past"), *lines[1:]]), "has no column 'post'"),
                       ("".join([lines[0], "10,-1\n", *lines[2:]]), "row 2, column 'post' holds -1 s"),
                       ("".join([lines[0], "10,1s\n", *lines[2:]]), "row 2, column 'post' holds the text '1s'")):
        (reference / "post.csv").write_text(text)
        with pytest.raises(InvalidInput) as caught:
            load(reference)
        assert told in str(caught.value)
    (reference / "post.csv").unlink()
    with pytest.raises(InvalidInput, match=r"post.csv cannot be read. No such file"):
        load(reference)


def test_two_files_of_execution_times_are_told(reference: Path) -> None:
    for name in ("exec_time.csv", "exec_time_old.csv"):
        (reference / name).write_text("n_qubits,exec_time\n4,0.1\n")
    with pytest.raises(InvalidInput, match="several files of execution times"):
        load(reference)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    kept = load(_csv(tmp_path, GOOD))
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be written"):
        save(kept, tmp_path / "file" / "below")


def test_a_wrong_table_is_named() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'experiments'"):
        read_table(Path("x.csv"), "experiment")


@settings(max_examples=100, deadline=None)
@given(place=st.integers(0, len(GOOD) - 1), removed=st.integers(0, 5), put=st.binary(max_size=4))
def test_any_damage_to_a_file_is_told_or_leaves_a_sound_data_set(
        place: int, removed: int, put: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    content = GOOD.encode()
    folder = _csv(tmp_path_factory.mktemp("damaged"), content[:place] + put + content[place + removed:])
    try:
        rows = load(folder).table("experiments")
    except InvalidInput:
        return
    assert set(TABLES["experiments"].required) <= set(rows)
    assert all(np.isfinite(values).all() for values in rows.values() if values.dtype != object)
    assert len(set(zip(rows["n_qubits"].tolist(), rows["instance"].tolist(), strict=True))) == len(rows["n_qubits"])
