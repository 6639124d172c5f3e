"""What distributions are fitted to: columns of data sets and of any CSV file; and the figure of the fits."""

from pathlib import Path

import numpy as np
import pytest

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.paper.measurements import HOME
from qloop.trace.datasets.files import load, save
from qloop.trace.datasets.fit import fit
from qloop.trace.datasets.samples import Sample, samples
from qloop.trace.datasets.schema import Dataset
from qloop.trace.datasets.summary import by_size, thinned


def test_a_data_set_gives_the_columns_of_the_papers_model(tmp_path: Path) -> None:
    found = samples(HOME)
    counts = {name: sum(one.column == name for one in found) for name in {one.column for one in found}}
    assert counts == {"num_iterations": 11, "pre_s": 11, "cost_time_s": 11, "post_s": 11, "quantum_s": 4}
    assert sum(len(one.values) for one in found if one.column == "quantum_s") == 56_654
    only = samples(HOME, "iterations.quantum_s", [6, 4])
    assert [(one.size, one.unit) for one in only] == [(4, "s"), (6, "s")]
    assert sum(len(one.values) for one in samples(HOME, "quantum_s")) == 56_654   # not the estimates of that name
    save(load(HOME), tmp_path, "parquet")
    assert len(samples(tmp_path / "experiments.parquet")) == 44


def test_any_csv_file_gives_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "waits.csv"
    path.write_text("wait,n_qubits,work\n1.5,4,2\n2.5,4,3\n3.5,6,4\n")
    found = [(one.column, one.size, one.values.tolist()) for one in samples(path)]
    assert found == [("wait", 4, [1.5, 2.5]), ("wait", 6, [3.5]), ("work", 4, [2, 3]), ("work", 6, [4])]
    path.write_text("wait\n1.5\n2.5\n")
    assert [(one.size, one.name) for one in samples(path, "wait")] == [(0, "wait")]


def test_what_cannot_be_sampled_is_told(tmp_path: Path) -> None:
    path = tmp_path / "waits.csv"
    path.write_text("wait,n_qubits\n1.5,4\nsoon,4\n")
    with pytest.raises(InvalidInput, match=r"waits.csv, row 3, column 'wait' holds the text 'soon'"):
        samples(path)
    with pytest.raises(UnknownName, match="Did you mean 'wait'"):
        samples(path, "waits")
    path.write_text("n_qubits\n4\n")
    with pytest.raises(InvalidInput, match="has nothing to fit"):
        samples(path)
    path.write_text("wait,n_qubits\n")
    with pytest.raises(InvalidInput, match="holds no rows"):
        samples(path)
    with pytest.raises(UnknownName, match="Did you mean 'post_s'"):
        samples(HOME, "pst_s")
    with pytest.raises(UnknownName, match=r"Choose one of: iterations.n_qubits, iterations.quantum_s"):
        samples(HOME, "iterations.pre_s")
    with pytest.raises(InvalidInput, match=r"no measurement for 5 qubits\. Measured are 4, 6"):
        samples(HOME, sizes=[5])
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InvalidInput, match=r"x.json cannot be fitted"):
        samples(tmp_path / "x.json")


def test_a_data_set_in_a_few_numbers() -> None:
    rows = by_size(load(HOME))
    assert [row["n_qubits"] for row in rows] == list(range(4, 26, 2))
    assert rows[0]["experiments"] == 20
    assert rows[0]["approximation_ratio"] is None
    assert rows[0]["quantum_s"] == pytest.approx(0.0333, abs=0.005)
    assert rows[-1]["quantum_s"] is None


def test_a_thinned_data_set_keeps_iterations_evenly_spaced(tmp_path: Path) -> None:
    steps = {"n_qubits": np.repeat([4, 4, 6], [11, 3, 5]), "instance": np.repeat([0, 1, 0], [11, 3, 5]),
             "iteration": np.concatenate([np.arange(11), np.arange(3), np.arange(5)]), "quantum_s": np.arange(19.0)}
    runs = load(HOME).table("experiments")
    kept = thinned(Dataset({"experiments": runs, "iterations": steps}), 3)
    rows = kept.table("iterations")
    assert rows["iteration"].tolist() == [0, 5, 10, 0, 1, 2, 0, 2, 4]
    assert rows["quantum_s"].tolist() == [0, 5, 10, 11, 12, 13, 14, 16, 18]
    assert kept.table("experiments") is runs
    assert len(thinned(load(HOME), 10).table("iterations")["n_qubits"]) == 40
    assert not thinned(Dataset({"experiments": runs}), 1).table("iterations")
    with pytest.raises(InvalidInput, match="0 iterations are to be kept"):
        thinned(kept, 0)


def test_the_figure_has_a_row_for_each_sample() -> None:
    pytest.importorskip("matplotlib")
    from qloop.trace.datasets.figure import draw

    generator = np.random.Generator(np.random.Philox(key=1))
    two = np.concatenate([np.full(40, 1.0), np.full(40, 9.0)])
    pairs = [(sample, fit(sample.values, generator, 39)) for sample in (
        Sample("pre_s", "s", 4, generator.gamma(2.0, 1.0, 50)), Sample("pre_s", "s", 6, np.full(9, 2.0)),
        Sample("pre_s", "s", 8, two))]
    figure = draw(pairs)
    assert len(figure.axes) == 6
    assert [figure.axes[n].get_title(loc="left") for n in (0, 2, 4)] == [f"pre_s, {n} qubits" for n in (4, 6, 8)]
    assert [figure.axes[n].get_title(loc="left") for n in (1, 5)] == ["", "rejected: use the values themselves"]
    assert [text.get_text() for text in figure.axes[3].texts] == ["all values are equal"]
    with pytest.raises(InvalidInput, match="0 samples are to be drawn"):
        draw([])
