"""Data sets as measurements of the paper's model: the shipped ones come out the same, own ones drive a run."""

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from qloop.errors import InvalidInput, UnknownName
from qloop.miniapps.problems.maxcut import cut_sizes
from qloop.miniapps.recording.instances import generated
from qloop.simulator.paper.measurements import HOME, Measured, shipped
from qloop.simulator.paper.model import small
from qloop.simulator.paper.recorded import OWN, recorded
from qloop.simulator.paper.workload import draw, key_of
from qloop.trace.datasets.files import load, save
from qloop.trace.datasets.schema import Dataset, rows_of

COLUMNS = ("pre_s", "cost_s", "post_s", "iterations", "quantum_s")


def same(one: Measured, two: Measured) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in COLUMNS)


def test_the_shipped_measurements_come_out_the_same_in_every_layout(tmp_path: Path) -> None:
    known = shipped(range(4, 26, 2))
    for layout in ("csv", "parquet"):
        save(load(HOME), tmp_path / layout, layout)
    for source in (HOME, tmp_path / "csv", tmp_path / "parquet"):
        found = recorded(source)
        assert sorted(found) == sorted(known)
        assert all(same(found[size], known[size]) for size in known)


def test_our_own_recording_is_whole_and_small() -> None:
    kept = load(OWN)
    assert kept.sizes() == (4, 6, 8, 10, 12, 14)
    runs, steps = kept.table("experiments"), kept.table("iterations")
    counts = {int(size): int((runs["n_qubits"] == size).sum()) for size in kept.sizes()}
    assert len(set(counts.values())) == 1
    assert min(counts.values()) >= 5
    for size in kept.sizes():
        own = runs["n_qubits"] == size
        assert (runs["approximation_ratio"][own] <= 1.0).all()
        assert (runs["num_iterations"][own] <= 1500).all()
        assert runs["best_cut"][own].tolist() == runs["max_cut"][own].tolist() or size > 8
    assert rows_of(steps) == 40 * rows_of(runs)
    assert sum(file.stat().st_size for file in OWN.iterdir()) < 300_000
    assert "seed 0" in (OWN / "README.md").read_text()


def test_our_own_graphs_are_those_of_the_seed_that_the_readme_says() -> None:
    runs = load(OWN).table("experiments")
    for row in range(0, rows_of(runs), 7):
        instance = generated(0)(int(runs["n_qubits"][row]), int(runs["instance"][row]))
        assert runs["graph"][row] == instance.name
        assert runs["max_cut"][row] == cut_sizes(instance.n_qubits, instance.edges).max()


def test_our_own_recording_drives_the_model() -> None:
    found = recorded(OWN)
    estimates = load(HOME).table("estimates")
    for place, size in enumerate(found):
        assert found[size].quantum_s.mean() == pytest.approx(estimates["quantum_s"][place])
        assert len(found[size].pre_s) == len(found[size].iterations)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Two sizes, of which the executions of one are known."""
    runs = {"n_qubits": np.array([4, 4, 6]), "instance": np.array([0, 1, 0]), "num_iterations": np.array([3, 2, 4]),
            "pre_s": np.array([1.0, 2.0, 3.0]), "cost_time_s": np.array([0.1, 0.2, 0.3]),
            "post_s": np.array([5.0, 6.0, 7.0])}
    steps = {"n_qubits": np.array([4, 4, 4]), "quantum_s": np.array([1.0, 2.0, 3.0])}
    save(Dataset(MappingProxyType({"experiments": runs, "iterations": steps})), tmp_path)
    return tmp_path


def test_times_are_raw_or_scaled_to_the_estimate(own: Path) -> None:
    raw = recorded(own, [4], quantum="raw")[4]
    assert raw.quantum_s.tolist() == [1.0, 2.0, 3.0]
    assert (raw.pre_s.tolist(), raw.cost_s.tolist()) == ([1.0, 2.0], [0.1, 0.2])
    assert (raw.post_s.tolist(), raw.iterations.tolist()) == ([5.0, 6.0], [3.0, 2.0])
    ibm = load(HOME).table("estimates")["quantum_s"][:2]
    scaled = recorded(own)
    assert scaled[4].quantum_s == pytest.approx(ibm[0] * np.array([0.5, 1.0, 1.5]))
    assert scaled[6].quantum_s == pytest.approx(ibm[1] * np.array([0.5, 1.0, 1.5]))    # the shape of 4 qubits


def test_own_estimates_come_before_the_shipped_ones(own: Path) -> None:
    (own / "estimates.csv").write_text("unix_s,n_qubits,backend,quantum_s\n1,4,a,10\n2,4,a,99\n3,6,a,20\n")
    found = recorded(own)
    assert found[4].quantum_s.mean() == pytest.approx(10.0)
    assert found[6].quantum_s.mean() == pytest.approx(20.0)
    (own / "estimates.csv").write_text("unix_s,n_qubits,backend,quantum_s\n1,4,a,10\n")
    with pytest.raises(InvalidInput, match=r"There is no estimate of the time on a QPU for 6 qubits\. Measured are 4"):
        recorded(own)


def test_what_is_missing_is_told(own: Path) -> None:
    for call, told in ((lambda: recorded(own, [4, 8, 10]), "for 8 and 10 qubits. Measured are 4 and 6"),
                       (lambda: recorded(own, [6], quantum="raw"), "no execution time in .* for 6 qubits"),
                       (lambda: recorded(own / "none"), "There is no data set")):
        with pytest.raises(InvalidInput, match=told):
            call()
    with pytest.raises(UnknownName, match="Did you mean 'estimated'"):
        recorded(own, quantum="estimate")
    (own / "iterations.csv").write_text("n_qubits,quantum_s\n6,0.0\n")
    with pytest.raises(InvalidInput, match=r"no execution time in .* for 4 qubits"):
        recorded(own)
    with pytest.raises(InvalidInput, match="The execution times of 6 qubits are all 0"):
        recorded(own, [6])
    (own / "iterations.csv").unlink()
    with pytest.raises(InvalidInput, match="has no execution times"):
        recorded(own)


def test_sessions_are_drawn_from_a_data_set(own: Path) -> None:
    model = small(sizes=(4, 6))
    sessions = draw(model, recorded(own, model.sizes), key_of(1, 0))
    assert set(sessions.iterations[sessions.size == 4].tolist()) == {2, 3}
    assert set(sessions.iterations[sessions.size == 6].tolist()) == {4}
