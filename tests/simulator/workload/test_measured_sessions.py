"""Sessions of one's own data set: every layout drives a scenario, and a size that it does not have is told."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from qloop.errors import InvalidInput
from qloop.simulator.campaign.document import loads
from qloop.simulator.campaign.manifest import identity
from qloop.simulator.campaign.plan import campaign_of
from qloop.simulator.paper.recorded import OWN, recorded
from qloop.simulator.platform.parts import Classical
from qloop.simulator.platform.run import replicate
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.distributions import Constant
from qloop.simulator.workload.sessions import SessionModel
from qloop.trace.datasets.files import load, save
from qloop.trace.datasets.schema import Dataset

LAYOUTS = ("csv", "parquet", "reference")


def dataset(**more: dict[str, np.ndarray]) -> Dataset:
    """Four and six qubits, with whole times; executions of four only."""
    runs = {"n_qubits": np.array([4, 4, 6]), "instance": np.array([0, 1, 0]), "num_iterations": np.array([3, 2, 4]),
            "pre_s": np.array([1.0, 2.0, 3.0]), "cost_time_s": np.array([1.0, 2.0, 3.0]),
            "post_s": np.array([5.0, 6.0, 7.0])}
    steps = {"n_qubits": np.array([4, 4, 4]), "quantum_s": np.array([1.0, 2.0, 3.0])}
    return Dataset(MappingProxyType({"experiments": runs, "iterations": steps, **more}))


def estimates(*quantum_s: float) -> dict[str, np.ndarray]:
    """A provider's estimates for 4 and 6 qubits."""
    n = len(quantum_s)
    return {"unix_s": np.arange(n) + 1.0, "n_qubits": np.array([4, 6][:n]),
            "backend": np.array(["a"] * n, dtype=object), "quantum_s": np.array(quantum_s)}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_data_set_of_any_layout_drives_a_scenario(tmp_path: Path, layout: str) -> None:
    save(dataset(), tmp_path, layout)
    scenario = Scenario(policy="fifo", duration_s=2_000.0, arrivals=Poisson(every_s=50.0),
                        sessions=SessionModel(data=str(tmp_path), sizes=(4,)), classical=Classical(workers=1000))
    found = replicate(scenario, 0)
    served = found.left_ns >= 0
    assert served.sum() > 10
    assert set(found.iterations.tolist()) == {2, 3}
    each = found.served_ns[served] / 1e9 / found.iterations[served]
    assert set(np.rint(each).tolist()) == {1.0, 2.0, 3.0}
    assert each == pytest.approx(np.rint(each))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_our_own_recording_loads_the_same_from_every_layout(tmp_path: Path, layout: str) -> None:
    save(load(OWN), tmp_path, layout)
    known, found = recorded(OWN, (4, 14), quantum="raw"), SessionModel(data=str(tmp_path), sizes=(4, 14)).load()
    for size in (4, 14):
        for name in ("pre_s", "cost_s", "post_s", "iterations", "quantum_s"):
            assert np.array_equal(getattr(found[size], name), getattr(known[size], name))


def test_times_are_scaled_to_the_estimates_of_the_data_set_and_to_no_others(tmp_path: Path) -> None:
    save(dataset(estimates=estimates(10.0, 20.0)), tmp_path / "with", "reference")
    save(dataset(), tmp_path / "without", "reference")
    scaled = SessionModel(data=str(tmp_path / "with"), sizes=(4, 6)).load()
    assert scaled[4].quantum_s == pytest.approx([5.0, 10.0, 15.0])
    assert scaled[6].quantum_s == pytest.approx([10.0, 20.0, 30.0])     # the shape of 4 qubits
    assert SessionModel(data=str(tmp_path / "without"), sizes=(4,)).load()[4].quantum_s.tolist() == [1.0, 2.0, 3.0]


def test_execution_times_are_not_needed_beside_a_distribution(tmp_path: Path) -> None:
    save(Dataset(MappingProxyType({"experiments": dataset().table("experiments")})), tmp_path)
    model = SessionModel(data=str(tmp_path), sizes=(4, 6), quantum=Constant(2.0))
    assert set(model.draw(1, 0, 50, model.load()).quantum_ns.tolist()) == {2 * 10**9}
    with pytest.raises(InvalidInput, match="has no execution times"):
        SessionModel(data=str(tmp_path), sizes=(4, 6)).load()


def test_missing_sizes_are_told_with_those_that_are_there(tmp_path: Path) -> None:
    save(dataset(), tmp_path)
    for sizes, told in (((4, 6, 8, 10), "There is no experiment in {} for 8 and 10 qubits. Measured are 4 and 6. "
                                        "Choose among them (sizes = [4, 6]), or record the others"),
                        ((4, 6), "There is no execution time in {} for 6 qubits. Measured are 4. Choose among them "
                                 "(sizes = [4])")):
        with pytest.raises(InvalidInput) as caught:
            SessionModel(data=str(tmp_path), sizes=sizes).load()
        assert told.format(tmp_path.resolve()) in str(caught.value)
    save(dataset(estimates=estimates(10.0)), tmp_path)
    with pytest.raises(InvalidInput, match=r"no estimate of the time on a QPU for 6 qubits\. Measured are 4\. Choose"):
        SessionModel(data=str(tmp_path), sizes=(4, 6)).load()


def test_a_data_set_is_read_again_when_it_changed_and_cannot_be_changed_by_who_reads_it(tmp_path: Path) -> None:
    save(dataset(), tmp_path)
    model = SessionModel(data=str(tmp_path), sizes=(4,))
    before = model.load()
    assert model.load() is before
    with pytest.raises(ValueError, match="read-only"):
        before[4].pre_s[0] = 9.0
    (tmp_path / "iterations.csv").write_text("n_qubits,quantum_s\n4,12.5\n")
    assert model.load()[4].quantum_s.tolist() == [12.5]


def test_a_scenario_file_finds_its_data_set_beside_it_and_a_changed_one_is_another_campaign(tmp_path: Path) -> None:
    save(dataset(), tmp_path / "measured")
    document = loads('[sessions]\ndata = "measured"\nsizes = [4]\n', str(tmp_path / "one.toml"))
    assert document.scenario().sessions.load()[4].iterations.tolist() == [3.0, 2.0]
    before = identity(campaign_of(document))["data"]
    assert len(before) == 2
    (tmp_path / "measured" / "iterations.csv").write_text("n_qubits,quantum_s\n4,12.5\n")
    after = identity(campaign_of(document))["data"]
    assert [name for name in before if before[name] != after[name]] == [next(n for n in before if "iterations" in n)]
