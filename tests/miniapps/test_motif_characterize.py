"""A motif's character is a scenario: it is read as one, its makespan is the run's, and it scales as it must."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from motif_sites import runtime

from qloop.errors import InvalidInput, QloopError, Refused
from qloop.miniapps.motifs import registry
from qloop.miniapps.motifs.characterize import (
    Stage,
    characterize,
    drawn,
    listed_makespan,
    profile,
    scenario_tables,
)
from qloop.miniapps.motifs.motif import Motif
from qloop.miniapps.motifs.record import Result, Task
from qloop.miniapps.motifs.site import InProcess, OnWorkers
from qloop.simulator.campaign.document import loads
from qloop.simulator.campaign.dump import toml
from qloop.simulator.platform.run import replicate
from qloop.simulator.scenario import Scenario

QUICK: dict[str, dict[str, Any]] = {
    "state-vector": {"ranks": 1, "qubits": 8}, "circuit-optimization": {"tries": 1, "level": 1},
    "error-mitigation": {"repeats": 3}, "pipeline": {"iterations": 20, "behind": 0.3}}


def result_of(*tasks: Task, slots: int = 2, makespan_s: float = 1.0) -> Result:
    """A run that did these tasks."""
    return Result(motif="made-up", parameters={}, values={}, checks=(), phases={}, tasks=tasks, makespan_s=makespan_s,
                  slots=slots)


def scenario_of(found: Any, stage: Stage, **wishes: Any) -> Scenario:
    """The scenario that a stage's file means."""
    return loads(toml(scenario_tables(found, stage, **wishes))).scenario()


def made_up() -> Motif:
    """A motif's record, for what it says of itself."""
    return registry.motif("circuit-cutting")


def simulated_s(scenario: Scenario, replications: int = 1) -> float:
    """The mean makespan: all sessions are there at the begin, so it is when the last one ends."""
    ends = [replicate(scenario, number).left_ns for number in range(replications)]
    assert all((row >= 0).all() for row in ends)
    return float(sum(row.max() for row in ends)) * 1e-9 / replications


def test_stages_chains_and_durations_are_those_of_the_tasks() -> None:
    run = result_of(
        Task("cut", 0, "classical", 0.5), Task("execute", 0, "quantum", 2.0, 1.5, width=5, setup_s=1.0),
        Task("execute", 0, "classical", 0.1), Task("execute", 0, "quantum", 3.0, 0.5, width=5),
        Task("execute", 1, "quantum", 1.0, 2.5, width=6, setup_s=2.0),
        Task("execute", 2, "classical", 0.7, 0.2, moved=9))
    found = profile(made_up(), [run, run], qpus=3, cold_s=4.0)
    assert [stage.name for stage in found.stages] == ["cut", "execute", "execute-classical"]
    cut, execute, rest = found.stages
    assert (cut.chains, cut.classical_s, cut.quantum_s) == (1, (0.5, 0.5), ())
    assert (execute.chains, execute.width, execute.quantum_per_chain) == (2, 6, (2, 1, 2, 1))
    assert execute.setup_s == 1.5
    assert execute.overhead_s == pytest.approx(0.0)         # a classical step of the chain did not wait
    assert (rest.classical_s, rest.moved, rest.overhead_s) == ((0.7, 0.7), 9, 0.2)
    assert found.classical_s == pytest.approx(1.3)
    assert found.quantum_s == pytest.approx(6.0)
    assert (found.cold_s, found.makespan_s, found.qpus) == (4.0, 1.0, 3)


def test_a_run_without_tasks_has_no_character() -> None:
    with pytest.raises(InvalidInput, match="did a task"):
        profile(made_up(), [result_of()], qpus=1)


def test_what_is_wrong_is_not_characterised() -> None:
    motif = registry.motif("variational-loop")
    with runtime() as r, pytest.raises(QloopError, match=r"quality of variational-loop is .*, not 1"):
        characterize(motif, motif.parameters(iterations=1, optimizer="spsa", quality=1.0), InProcess(r))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=40))
def test_durations_are_kept_as_a_distribution(values: list[float]) -> None:
    told = drawn(values)
    kept = [told] * len(values) if isinstance(told, float) else told["values"]
    assert sorted(kept) == pytest.approx(sorted(values), abs=2e-9, rel=1e-8)


def test_long_lists_are_thinned_out_by_rank() -> None:
    told = drawn([float(n) for n in range(20_000)])["values"]
    assert len(told) == 4096
    assert sum(told) / len(told) == pytest.approx(9_999.5, rel=1e-3)


@pytest.mark.parametrize("name", registry.OWN)
def test_every_motif_becomes_scenarios_that_are_read(name: str) -> None:
    motif = registry.motif(name)
    with runtime() as r:
        found = characterize(motif, motif.parameters(**QUICK.get(name, {})), InProcess(r), runs=1)
    assert found.cold_s > 0.0
    for stage in found.stages:
        text = toml(scenario_tables(found, stage, workers=[1, 2, 4, 1024]))
        document = loads(text)
        scenario = document.scenario()
        assert scenario.classical.workers == 1
        assert len(scenario.arrivals.times_s) == stage.chains
        assert document.tables["campaign"]["grid"] == {"classical.workers": [1, 2, 4, 1024]}
        assert scenario.duration_s >= stage.work_s


def test_ranks_take_as_many_cores_each() -> None:
    run = result_of(Task("simulate", 0, "classical", 2.0, ranks=4), slots=8)
    found = profile(registry.motif("state-vector"), [run], qpus=1)
    tables = scenario_tables(found, found.stages[0], workers=[1, 2, 4, 8, 16])
    assert tables["classical"]["workers"] == 2
    assert tables["campaign"]["grid"] == {"classical.workers": [1, 2, 4]}
    assert found.classical_s == 8.0


@pytest.mark.ci
@pytest.mark.parametrize(("slots", "chains"), [(1, 7), (2, 7), (3, 12), (1024, 5)])
def test_equal_classical_tasks_take_their_closed_form(slots: int, chains: int) -> None:
    run = result_of(*(Task("run", n, "classical", 1.5) for n in range(chains)), slots=slots)
    found = profile(made_up(), [run], qpus=1)
    rounds = -(-chains // slots)
    assert listed_makespan(found.stages[0], slots) == 1.5 * rounds
    assert simulated_s(scenario_of(found, found.stages[0])) == pytest.approx(1.5 * rounds, abs=1e-6)


@pytest.mark.ci
def test_a_loop_takes_its_steps_one_after_the_other() -> None:
    steps = [Task("loop", chain, kind, 0.5 if kind == "classical" else 2.0, width=4)
             for chain in range(2) for _ in range(6) for kind in ("quantum", "classical")]
    found = profile(made_up(), [result_of(*steps)], qpus=2)
    assert simulated_s(scenario_of(found, found.stages[0])) == pytest.approx(6 * 2.5, abs=1e-6)


@pytest.mark.ci
@pytest.mark.parametrize(("name", "given", "tolerance"), [
    ("circuit-execution", {"circuits": 24, "qubits": 4}, 0.15),
    ("variational-loop", {"loops": 4, "think_s": 2.0, "iterations": 10}, 0.1),
    ("error-mitigation", {"where": "qpu", "qubits": 3, "repeats": 4}, 0.1)])
def test_the_makespan_in_virtual_time_is_predicted(name: str, given: dict[str, Any], tolerance: float) -> None:
    """Both in virtual time, so that neither depends on this machine.

    The simulator draws durations anew, with repetition; that is what the tolerance is for.
    """
    motif = registry.motif(name)
    with runtime("twin-torino", clock="virtual") as r:
        found = characterize(motif, motif.parameters(**given), InProcess(r), runs=1)
    predicted = sum(simulated_s(scenario_of(found, stage), 20) for stage in found.stages)
    assert predicted == pytest.approx(found.makespan_s, rel=tolerance)


class Modelled(OnWorkers):
    """Workers in virtual time whose tasks take 1 to 3 s, each its own time by its number."""

    def __init__(self, runtime: Any, slots: int) -> None:
        super().__init__(runtime, slots)
        self.lengths = np.random.default_rng(5).uniform(1.0, 3.0, 10_000)
        self.sent = 0

    def submit(self, function: Any, *arguments: Any, **wishes: Any) -> Any:
        """Submit with the length of this number."""
        self.sent += 1
        return super().submit(function, *arguments, **{**wishes, "modelled_s": float(self.lengths[self.sent])})


@pytest.mark.ci
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_makespan_of_classical_tasks_on_the_engine_is_predicted(workers: int) -> None:
    """The engine hands tasks to workers in virtual time, the simulator's kernel to slots."""
    motif = registry.motif("circuit-cutting")
    with runtime(clock="virtual", workers=workers) as r, Modelled(r, workers) as site:
        found = characterize(motif, motif.parameters(qubits=9, widest=3, batch=2, depth=2), site, runs=2)
    (stage,) = found.stages
    assert stage.chains == (6 + 36 + 6) // 2
    assert found.slots == workers
    predicted = simulated_s(scenario_of(found, stage), 20)
    assert predicted == pytest.approx(found.makespan_s, rel=0.1)
    assert found.makespan_s >= sum(stage.classical_s) / 2 / workers


def test_gangs_in_virtual_time_and_ranks_that_no_worker_has_room_for() -> None:
    motif = registry.motif("state-vector")
    with runtime(clock="virtual", workers=2) as r, OnWorkers(r, 2) as site:
        assert motif.run(motif.parameters(qubits=6, ranks=2), site).holds
    with runtime(clock="virtual", workers=1) as r, OnWorkers(r, 1) as site, pytest.raises(Refused, match="2 cores"):
        motif.run(motif.parameters(qubits=6, ranks=2), site)
