"""The recording of the paper's experiment: what is measured adds up, nothing finished is lost, nothing runs twice."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qloop.errors import Conflict, InvalidInput, UnknownName
from qloop.miniapps.problems.maxcut import cut_observable, cut_sizes
from qloop.miniapps.recording.experiment import Record, cut_of, perform
from qloop.miniapps.recording.instances import Instance, generated, seed_of
from qloop.miniapps.recording.ledger import Ledger
from qloop.miniapps.recording.perform import Pace, record
from qloop.miniapps.recording.plan import Plan
from qloop.runtime.embedded import Runtime
from qloop.trace.check import check
from qloop.trace.datasets.files import load, save
from qloop.trace.reader import read
from qloop.trace.schema import CpuBegin, IterationEnd, QpuBegin

PLAN = Plan(sizes=(4, 6), instances=2, maxiter=60, shots=200)


def opening(name: str, seed: int, trace: Path) -> AbstractContextManager[Any]:
    return Runtime(qpus=["exact"], journal=":memory:", workers=1, seed=seed, trace=trace)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("recording")
    assert record(PLAN, generated(0), "generated", made, opening, {}) == 4
    return made


def test_every_experiment_is_recorded_once_and_its_parts_add_up(folder: Path) -> None:
    dataset = load(folder)
    runs, steps = dataset.table("experiments"), dataset.table("iterations")
    assert list(zip(runs["n_qubits"], runs["instance"], strict=True)) == [(4, 0), (6, 0), (4, 1), (6, 1)]
    parts = sum(runs[name] for name in ("queued_s", "initialising_s", "init_s", "transpile_s"))
    assert runs["pre_s"] == pytest.approx(parts)
    assert runs["initialising_s"].min() > 0.01      # a fresh process cannot know the libraries
    for row in range(4):
        own = (steps["n_qubits"] == runs["n_qubits"][row]) & (steps["instance"] == runs["instance"][row])
        assert steps["iteration"][own].tolist() == list(range(runs["num_iterations"][row]))
        assert steps["classical_s"][own].mean() == pytest.approx(runs["cost_time_s"][row])
        assert steps["cost"][own][0] == runs["initial_cost"][row]
        assert steps["cost"][own].min() == runs["final_cost"][row]
    assert runs["num_iterations"].max() <= PLAN.maxiter


def test_cuts_are_those_of_the_graphs(folder: Path) -> None:
    runs = load(folder).table("experiments")
    for row in range(4):
        size, number = int(runs["n_qubits"][row]), int(runs["instance"][row])
        instance = generated(0)(size, number)
        assert runs["graph"][row] == instance.name
        assert runs["seed"][row] == seed_of(0, size, number)
        assert runs["max_cut"][row] == cut_sizes(size, instance.edges).max()
        assert runs["sampled_cut"][row] <= runs["best_cut"][row] <= runs["max_cut"][row]
        assert runs["approximation_ratio"][row] == runs["sampled_cut"][row] / runs["max_cut"][row]
        # the samples estimate what the optimizer minimised: 5 deviations of both estimates
        deviation = np.sqrt(len(instance.edges)) * (1 / np.sqrt(200) + 1 / np.sqrt(10_000))
        assert runs["sampled_cut"][row] == pytest.approx(-runs["final_cost"][row], abs=5 * deviation)


def test_each_trace_is_sound_and_tells_the_same(folder: Path) -> None:
    steps = load(folder).table("iterations")
    for size, number in itertools.product((4, 6), (0, 1)):
        trace = read(folder / "traces" / f"q{size:02d}-i{number:03d}.trace.jsonl.gz")
        check(trace)
        own = (steps["n_qubits"] == size) & (steps["instance"] == number)
        ends = [event for event in trace.events if isinstance(event, IterationEnd)]
        assert [event.energy for event in ends] == steps["cost"][own].tolist()
        assert sum(isinstance(event, QpuBegin) for event in trace.events) == len(ends) + 1     # the final samples
        assert sum(isinstance(event, CpuBegin) for event in trace.events) == 1                 # the cold start


def test_given_again_nothing_is_run_and_more_can_be_added(folder: Path) -> None:
    before = (folder / "experiments.csv").read_text()
    assert record(PLAN, generated(0), "generated", folder, opening, {}) == 0
    assert (folder / "experiments.csv").read_text() == before
    more = Plan(sizes=(4,), instances=3, maxiter=60, shots=200)
    assert record(more, generated(0), "generated", folder, opening, {}) == 1
    assert (folder / "experiments.csv").read_text().startswith(before)


def test_the_course_of_an_experiment_depends_on_nothing_but_its_name(folder: Path, tmp_path: Path) -> None:
    again = perform(opening, PLAN, generated(0)(6, 1), tmp_path / "t.jsonl")
    steps = load(folder).table("iterations")
    own = (steps["n_qubits"] == 6) & (steps["instance"] == 1)
    assert list(again.cost) == steps["cost"][own].tolist()
    other = perform(opening, Plan(sizes=(6,), maxiter=50, shots=0), generated(1)(6, 1), tmp_path / "u.jsonl")
    assert other.cost[0] != again.cost[0]


def test_the_hamiltonian_of_hamlib_is_minimised_if_asked(tmp_path: Path) -> None:
    plan = Plan(sizes=(4,), maxiter=34, shots=0, objective="hamiltonian")
    found = perform(opening, plan, generated(0)(4, 0), tmp_path / "t.jsonl")
    assert all(0.0 <= cost <= 6.0 for cost in found.cost)
    mirrored = perform(opening, Plan(sizes=(4,), maxiter=34, shots=0), generated(0)(4, 0), tmp_path / "u.jsonl")
    assert mirrored.cost[0] == pytest.approx(-found.cost[0])


def test_a_twin_runs_in_virtual_time(tmp_path: Path) -> None:
    def twin(name: str, seed: int, trace: Path) -> AbstractContextManager[Any]:
        return Runtime(qpus=["twin-hanoi"], journal=":memory:", workers=1, seed=seed, trace=trace, clock="virtual")

    found = perform(twin, Plan(sizes=(4,), maxiter=34, shots=100), generated(0)(4, 0), tmp_path / "t.jsonl")
    assert min(found.quantum_s) > 0.1       # the emulated machine's overheads, however fast this test runs
    assert max(found.classical_s) < 10.0


def test_every_cut_is_that_of_the_operator() -> None:
    instance = generated(3)(6, 0)
    diagonal = -np.real(np.diag(cut_observable(6, instance.edges).to_matrix()))
    for index in range(64):
        assert cut_of(format(index, "06b"), instance) == diagonal[index]


def test_graphs_are_three_regular_and_differ() -> None:
    seen = set()
    for size, number in itertools.product((4, 10, 14), range(5)):
        edges = generated(0)(size, number).edges
        assert np.bincount(np.array(edges).ravel()).tolist() == [3] * size
        seen.add(edges)
    assert len(seen) >= 10


# the ledger, with experiments that cost nothing

def _record(size: int, number: int) -> Record:
    row = {"n_qubits": size, "instance": number, "num_iterations": 3, "pre_s": 1.5, "cost_time_s": 0.1, "post_s": 0.2}
    return Record(row, (0.1, 0.2, 0.3), (1.0, 2.0, 3.0), (-1.0, -2.0, -float(number)))


def test_whatever_a_kill_leaves_nothing_is_there_in_part_or_twice(tmp_path: Path) -> None:
    """A crash at any byte of what the third commit appends."""
    with Ledger(tmp_path / "whole", {}, {}) as ledger:
        for number in range(3):
            ledger.commit(_record(4, number))
            if number == 1:
                sizes = [len(path.read_bytes()) for path in (ledger.iterations, ledger.experiments)]
    steps, runs = ((tmp_path / "whole" / name).read_bytes() for name in ("iterations.csv", "experiments.csv"))
    cases = [(cut, sizes[1]) for cut in range(sizes[0], len(steps) + 1)]
    cases += [(len(steps), cut) for cut in range(sizes[1], len(runs) + 1)]
    for number, (kept_steps, kept_runs) in enumerate(cases):
        folder = tmp_path / f"cut-{number}"
        folder.mkdir()
        (folder / "recording.json").write_bytes((tmp_path / "whole" / "recording.json").read_bytes())
        (folder / "iterations.csv").write_bytes(steps[:kept_steps])
        (folder / "experiments.csv").write_bytes(runs[:kept_runs])
        with Ledger(folder, {}, {}) as ledger:
            assert ledger.done == {(4, 0), (4, 1)} | ({(4, 2)} if kept_runs == len(runs) else set())
            if (4, 2) not in ledger.done:
                ledger.commit(_record(4, 2))
        assert (folder / "iterations.csv").read_bytes() == steps
        assert (folder / "experiments.csv").read_bytes() == runs


def test_a_crash_before_the_first_commit_leaves_an_empty_recording(tmp_path: Path) -> None:
    with Ledger(tmp_path, {}, {}):
        (tmp_path / "traces" / "part-q04-i000.trace.jsonl.gz").write_bytes(b"x")
    (tmp_path / "iterations.csv").write_text("n_qubits,inst")
    with Ledger(tmp_path, {}, {}) as ledger:
        assert ledger.done == set()
        assert not list((tmp_path / "traces").iterdir())
        ledger.commit(_record(4, 0))
    assert load(tmp_path).sizes() == (4,)


def test_a_full_disk_keeps_what_is_finished(tmp_path: Path) -> None:
    with Ledger(tmp_path, {}, {}) as ledger:
        ledger.commit(_record(4, 0))
        ledger.experiments.chmod(0o444)
        full = tmp_path / "iterations.csv"
        before = full.read_bytes()
        full.unlink()
        full.symlink_to("/dev/full")
        with pytest.raises(InvalidInput, match=r"cannot be written. No space left.*finished experiments are kept"):
            ledger.commit(_record(4, 1))
        full.unlink()
        full.write_bytes(before)
    with Ledger(tmp_path, {}, {}) as ledger:
        assert ledger.done == {(4, 0)}


def test_another_plan_another_process_and_a_foreign_folder_are_refused(tmp_path: Path) -> None:
    with (Ledger(tmp_path / "one", PLAN.identity("generated"), {}),
          pytest.raises(Conflict, match="Another process is recording")):
        Ledger(tmp_path / "one", PLAN.identity("generated"), {})
    for change in ({"shots": 0}, {"seed": 1}, {"maxiter": 61}, {"objective": "hamiltonian"}, {"qpu": "twin-hanoi"}):
        name, value = next(iter(change.items()))
        with pytest.raises(Conflict, match=f"was begun with {name} .*, not {value!r}"):
            other = Plan(**{"sizes": (4,), "shots": 200, "maxiter": 60, **change})
            Ledger(tmp_path / "one", other.identity("generated"), {})
    with Ledger(tmp_path / "one", PLAN.identity("generated"), {}) as ledger:
        ledger.commit(_record(4, 0))
    save(load(tmp_path / "one"), tmp_path / "two")
    with pytest.raises(Conflict, match="holds a data set that was not recorded there"):
        Ledger(tmp_path / "two", {}, {})
    (tmp_path / "one" / "recording.json").write_text("{")
    with pytest.raises(InvalidInput, match=r"recording.json cannot be read"):
        Ledger(tmp_path / "one", {}, {})
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be used"):
        Ledger(tmp_path / "file", {}, {})


@pytest.mark.parametrize(("changes", "told"), [
    ({"sizes": (5,)}, "No 3-regular graph of 5 nodes"), ({"sizes": (2,)}, "from 4 to 20"), ({"sizes": (22,)}, "of 22"),
    ({"sizes": ()}, "The sizes are none"), ({"sizes": (4, 4)}, "The sizes are 4, 4"),
    ({"instances": 0}, "instances is 0"), ({"maxiter": 0}, "maxiter is 0"),
    ({"maxiter": 113}, "COBYLA needs 114 evaluations"),
    ({"shots": -1}, "shots is -1"), ({"seed": 2**31}, "seed is 2147483648"),
    ({"objective": "maxcat"}, "Did you mean 'maxcut'"), ({"instances": True}, "instances is True"),
])
def test_a_plan_that_cannot_be_recorded_is_told(changes: dict[str, Any], told: str) -> None:
    with pytest.raises((InvalidInput, UnknownName), match=told):
        Plan(**changes)


def test_all_sizes_come_round_before_the_next_instance() -> None:
    assert list(PLAN.order()) == [(4, 0), (6, 0), (4, 1), (6, 1)]


def test_the_time_left_is_learned() -> None:
    pace = Pace()
    assert pace.left([4, 6]) is None
    pace.learn(4, 2.0)
    pace.learn(4, 4.0)
    assert pace.left([4, 4]) == pytest.approx(6.0)
    assert pace.left([6]) == pytest.approx(3.0 * 1.8)
    pace.learn(6, 1.0)
    assert pace.left([4, 6]) == pytest.approx(4.0)
    assert pace.left([]) == 0.0


def test_watchers_are_told_of_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int, str, float | None]] = []

    class Watch:
        def at(self, done: int, total: int, what: str, left_s: float | None) -> None:
            told.append((done, total, what, left_s))

    def fake(opening: object, plan: Plan, instance: Instance, trace: Path, tell: Callable[[int], object]) -> Record:
        tell(50)
        return _record(instance.n_qubits, instance.number)

    monkeypatch.setattr("qloop.miniapps.recording.perform.perform", fake)
    record(PLAN, generated(0), "generated", tmp_path, opening, {"machine": "one"}, Watch())
    assert [one[0] for one in told] == [0, 0, 1, 1, 2, 2, 3, 3, 4]
    assert told[0] == (0, 4, "4 qubits, instance 0", None)
    assert told[1][2] == "4 qubits, instance 0, iteration 50"
    assert told[3][3] is not None
    assert told[-1] == (4, 4, "done", 0.0)
    assert json.loads((tmp_path / "recording.json").read_text())["about"] == {"machine": "one"}
