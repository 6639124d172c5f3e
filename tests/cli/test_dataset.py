"""`qloop dataset`: record, import, export and fit from the command line; a recording survives kills and Ctrl-C."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from qloop.simulator.paper.measurements import HOME
from qloop.simulator.workload.distributions import parse
from qloop.trace.datasets.files import load

from .calling import Caller, Child

RECORD = ("dataset", "record", "--out", "own", "--sizes", "4", "--instances", "2", "--maxiter", "34", "--shots", "50")


def test_a_recording_is_made_told_and_not_repeated(call: Caller, folder: Path) -> None:
    made = call(*RECORD, "--json").document
    assert (made["recorded"], made["folder"]) == (2, "own")
    (row,) = made["sizes"]
    assert (row["n_qubits"], row["experiments"], row["num_iterations"]) == (4, 2, 34.0)
    about = json.loads((folder / "own" / "recording.json").read_text())["about"]
    assert about["clock"] == "real"
    assert {"qloop", "qiskit", "scipy", "machine"} <= set(about)
    again = call(*RECORD)
    assert again.code == 0
    assert "own: 0 experiments recorded now" in again.out
    other = call(*RECORD, "--seed", "1")
    assert (other.code, "was begun with seed 0, not 1" in other.err) == (2, True)


def test_graphs_come_from_a_hamlib_file(call: Caller, folder: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "graphs.hdf5", "w") as file:
        file["reg-3_n-4_rinst-03"] = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])
    words = ("dataset", "record", "--out", "own", "--sizes", "4", "--maxiter", "34", "--shots", "0",
             "--hamlib", "graphs.hdf5")
    assert call(*words, "--instances", "2").code == 2
    assert call(*words, "--instances", "1").code == 0
    runs = load(folder / "own").table("experiments")
    assert (runs["graph"].tolist(), runs["instance"].tolist()) == (["reg-3_n-4_rinst-03"], [3])
    again = call(*words, "--instances", "1", "--json").document
    assert again["recorded"] == 0


@pytest.mark.parametrize(("words", "told"), [
    (("record", "--out", "own", "--sizes", "4,five"), "The sizes '4,five' are not a list of numbers"),
    (("record", "--out", "own", "--sizes", "3"), "No 3-regular graph of 3 nodes"),
    (("record", "--out", "own", "--maxiter", "20"), "COBYLA needs 114 evaluations"),
    (("record", "--out", "own", "--qpu", "exakt"), "Did you mean 'exact'?"),
    (("record", "--out", "own", "--hamlib", "none.hdf5"), "There is no file none.hdf5"),
    (("record",), "The following arguments are required: --out"),
    (("import", "none", "--out", "own"), "There is no data set none"),
    (("import", "none", "--out", "own", "--layout", "parqet"), "Did you mean 'parquet'?"),
    (("fit", "none"), "There is no data set none"),
    (("fit", str(HOME), "--sizes", "5"), "There is no measurement for 5 qubits"),
    (("fit", str(HOME), "--column", "pree_s"), "Did you mean 'pre_s'?"),
    (("fit", str(HOME), "--sizes", "4", "--resamples", "2"), "The number of resamples is 2"),
    (("fit", str(HOME), "--column", "backend_estimates.quantum_s"), "quantum_s, 4 qubits: 3 values are too few"),
    (("fit", str(HOME), "--seed", "-1"), "The seed is -1"),
    (("fot",), "Did you mean 'fit'?"),
])
def test_wrong_words_are_told_before_anything_is_done(call: Caller, folder: Path, words: tuple[str, ...],
                                                      told: str) -> None:
    done = call("dataset", *words)
    assert (done.code, told in done.err) == (2, True), done.err
    assert not (folder / "own").exists()


def test_measurements_go_through_every_layout_and_back(call: Caller, folder: Path) -> None:
    done = call("dataset", "import", str(HOME), "--out", "kept")
    assert done.code == 0
    assert "220 rows of experiments, 56,654 rows of iterations" in done.err
    assert call("dataset", "export", "kept", "--out", "columns").code == 0
    told = call("dataset", "export", "columns", "--out", "back", "--layout", "reference", "--json").document
    assert told["rows"] == {"experiments": 220, "iterations": 56654, "estimates": 28, "backend_estimates": 45}
    assert told["sizes"] == list(range(4, 26, 2))
    assert len(told["files"]) == 7
    for file in map(Path, told["files"]):
        origin = HOME / file.name.replace("exec_time.csv", "exec_time_4_to_10_qubits.csv")
        assert file.read_bytes() == origin.read_bytes()


def test_a_damaged_file_is_told(call: Caller, folder: Path) -> None:
    shutil.copytree(HOME, folder / "bad")
    (folder / "bad" / "post.csv").chmod(0o644)
    (folder / "bad" / "post.csv").write_text("n_qubits,post\n4,soon\n")
    done = call("dataset", "import", "bad", "--out", "kept", "--json")
    assert done.code == 2
    assert "row 2, column 'post' holds the text 'soon'" in done.document["error"]["what"]


def test_a_fit_is_what_scenario_files_take(call: Caller) -> None:
    words = ("dataset", "fit", str(HOME), "--column", "pre_s", "--sizes", "4,6", "--resamples", "99")
    done = call(*words)
    assert done.code == 0
    assert 'kind = "' in done.out
    assert "fits" in done.out
    told = call(*words, "--json").document
    assert told == call(*words, "--json").document
    names = [(one["column"], one["n_qubits"], one["n"]) for one in told["samples"]]
    assert names == [("pre_s", 4, 20), ("pre_s", 6, 20)]
    for one in told["samples"]:
        assert parse(one["best"]).mean == pytest.approx(one["mean"], rel=0.01)
        assert parse(one["empirical"]).mean == pytest.approx(one["mean"])
        for fit in one["fits"]:
            parse(fit["record"])
    alone = call("dataset", "fit", str(HOME), "--column", "pre_s", "--sizes", "6", "--resamples", "99", "--json")
    assert alone.document["samples"][0] == told["samples"][1]


def test_fits_are_drawn(call: Caller, folder: Path) -> None:
    pytest.importorskip("matplotlib")
    done = call("dataset", "fit", str(HOME), "--column", "post_s", "--sizes", "4", "--resamples", "39",
                "--plot", "figures/post.png")
    assert done.code == 0
    assert (folder / "figures" / "post.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "figures" / "post.pdf").read_bytes().startswith(b"%PDF")


def _rows(folder: Path) -> int:
    path = folder / "own" / "experiments.csv"
    return max(0, path.read_text().count("\n") - 1) if path.exists() else 0


def _wait(folder: Path, rows: int, extra: float) -> None:
    """Until so many experiments are committed, and a moment more."""
    end = time.monotonic() + 120
    while _rows(folder) < rows:
        assert time.monotonic() < end
        time.sleep(0.01)
    time.sleep(extra)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.ci
def test_a_recording_that_is_killed_again_and_again_ends_like_one_that_was_not(
        child: Callable[..., Child], folder: Path) -> None:
    words = ("dataset", "record", "--sizes", "4,6", "--instances", "3", "--maxiter", "150", "--json", "--out")
    for kill, extra in enumerate((0.0, 0.5, 0.9)):
        killed = child(*words, "own")
        _wait(folder, kill + 1, extra)
        before = (folder / "own" / "experiments.csv").read_text()
        killed.send(signal.SIGKILL)
        assert killed.end().code == -signal.SIGKILL
        assert (folder / "own" / "experiments.csv").read_text().startswith(before)
    stopped = child(*words, "own")
    _wait(folder, _rows(folder) + 1, 0.3)
    stopped.send(signal.SIGINT)
    told = stopped.end()
    assert told.code in (0, 130)
    assert told.code == 0 or "Finished experiments are kept in own; the same command goes on" in told.err
    rest = child(*words, "own").end()
    assert json.loads(rest.out)["recorded"] <= 2
    child(*words, "whole").end()
    one, two = load(folder / "own"), load(folder / "whole")
    for table, columns in (("experiments", ("n_qubits", "instance", "num_iterations", "final_cost", "sampled_cut")),
                           ("iterations", ("n_qubits", "instance", "iteration", "cost"))):
        for column in columns:
            assert one.table(table)[column].tolist() == two.table(table)[column].tolist(), column
    assert not list((folder / "own" / "traces").glob("part-*"))
    assert len(list((folder / "own" / "traces").iterdir())) == 6
