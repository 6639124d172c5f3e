"""Every mini-app runs, its checks hold, and they can fail; on exact QPUs, on twins, in this process and on workers."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from motif_sites import runtime

from qloop.errors import InvalidInput
from qloop.miniapps.motifs import circuit_execution as execution
from qloop.miniapps.motifs import circuit_optimization, error_mitigation, registry, state_vector, variational_loop
from qloop.miniapps.motifs.record import PHASES, Check
from qloop.miniapps.motifs.site import InProcess, OnWorkers
from qloop.pilots.spec import PilotSpec
from qloop.testing.slurm_cluster import SlurmCluster, missing

QUICK: dict[str, dict[str, Any]] = {"state-vector": {"ranks": 1, "qubits": 10}}


@pytest.mark.parametrize("name", registry.OWN)
def test_it_runs_and_its_checks_hold(name: str) -> None:
    motif = registry.motif(name)
    with runtime() as r:
        result = motif.run(motif.parameters(**QUICK.get(name, {})), InProcess(r))
    assert result.holds, [check for check in result.checks if not check.holds]
    assert result.checks
    assert result.motif == name
    assert set(result.phases) == set(PHASES)
    assert min(result.phases.values()) >= 0.0
    assert result.phases["run"] + result.phases["compile"] > 0.0
    own = sum(task.run_s for task in result.tasks)
    assert own <= result.makespan_s * 1.001     # one task at a time here
    plain = result.to_dict()
    assert plain["holds"] is True
    assert sum(plain["tasks"].values()) == len(result.tasks)


@pytest.mark.parametrize(("bound", "value", "holds"), [
    ("both", 1.1, True), ("both", 0.9, True), ("both", 1.2, False), ("above", 5.0, True), ("above", 0.8, False),
    ("below", -5.0, True), ("below", 1.2, False), ("both", math.nan, False), ("above", math.nan, False),
    ("above", math.inf, True), ("below", math.inf, False)])
def test_a_check_holds_on_its_side_only(bound: str, value: float, holds: bool) -> None:
    assert Check("it", value, 1.0, 0.1 + 1e-12, "", bound).holds is holds


def test_wrong_values_do_not_pass() -> None:
    exact = np.linspace(-0.5, 0.5, 8)
    (check,) = execution.checks(exact + 1e-6, exact, 0, noisy=False)
    assert not check.holds
    assert all(check.holds for check in execution.checks(0.7 * exact, exact, 0, noisy=True))
    assert not all(check.holds for check in execution.checks(-exact, exact, 0, noisy=True))
    assert not all(check.holds for check in execution.checks(1.1 * exact, exact, 0, noisy=True))


def test_a_loop_that_was_cut_short_is_told() -> None:
    with runtime() as r:
        result = variational_loop.run(variational_loop.VariationalLoop(iterations=1, optimizer="spsa", quality=0.99),
                                      InProcess(r))
    assert {check.name: check.holds for check in result.checks} == {
        "variational bound": True, "quality": False, "energy as told": True}


@pytest.mark.parametrize("given", [
    {"problem": "maxcut"}, {"problem": "ising", "nodes": 4}, {"problem": "lih", "iterations": 12},
    {"problem": "h2", "optimizer": "adam", "loops": 2}, {"problem": "h2", "shots": 2000, "iterations": 15}])
def test_loops_of_every_problem(given: dict[str, Any]) -> None:
    with runtime() as r:
        result = variational_loop.run(variational_loop.VariationalLoop(**given), InProcess(r))
    assert result.holds, result.checks
    chains = {task.chain for task in result.tasks if task.stage == "loop"}
    assert len(chains) == given.get("loops", 1)
    for chain in chains:
        kinds = [task.kind for task in result.tasks if task.stage == "loop" and task.chain == chain]
        assert kinds == ["quantum", "classical"] * (len(kinds) // 2)


def test_loops_on_twins_in_virtual_time() -> None:
    parameters = variational_loop.VariationalLoop(loops=3, think_s=0.5, shots=1000, iterations=3)
    with runtime("twin-torino", "twin-hanoi", clock="virtual") as r:
        result = variational_loop.run(parameters, InProcess(r))
    assert result.holds, result.checks
    classical = [task.run_s for task in result.tasks if task.kind == "classical"]
    assert classical == pytest.approx([0.5] * len(classical))
    quantum = sum(task.run_s for task in result.tasks if task.kind == "quantum")
    assert quantum / 2 < result.makespan_s < quantum + sum(classical)


def test_circuits_on_twins_lose_contrast_and_nothing_else() -> None:
    with runtime("twin-torino", "twin-hanoi", clock="virtual") as r:
        result = execution.run(execution.CircuitExecution(shots=0, circuits=6, qubits=4, depth=3), InProcess(r))
    assert result.holds, result.checks
    assert 0.3 < result.values["contrast"] < 1.0
    setups = [task.setup_s for task in result.tasks]
    assert max(setups) <= 3.0
    assert result.phases["run"] <= 2 * result.makespan_s


def test_mitigation_helps_on_a_twin() -> None:
    parameters = error_mitigation.ErrorMitigation(where="qpu", qubits=3, steps=1, repeats=5)
    with runtime("twin-torino", clock="virtual") as r:
        result = error_mitigation.run(parameters, InProcess(r))
    assert result.holds, result.checks
    assert result.values["both_error"] < 0.5 * result.values["raw_error"]


@pytest.mark.parametrize(("circuit", "ranks"), [
    ("qft", 1), ("qft", 2), ("mirror", 1), pytest.param("mirror", 2, marks=pytest.mark.ci)])
def test_a_state_over_ranks(circuit: str, ranks: int) -> None:
    with runtime() as r:
        result = state_vector.run(state_vector.StateVector(qubits=8, ranks=ranks, circuit=circuit), InProcess(r))
    assert result.holds, result.checks
    assert (result.values["sent_bytes"] > 0) == (ranks > 1)


def test_a_state_that_no_memory_holds_is_refused_before_it_is_made() -> None:
    with runtime() as r, pytest.raises(InvalidInput, match=r"takes 65,536.0 GiB on all ranks together"):
        state_vector.run(state_vector.StateVector(qubits=40, ranks=1), InProcess(r))


@pytest.mark.parametrize("given", [{"device": "ring", "seed": 1}, {"device": "grid"}, {"qubits": 3, "depth": 2}])
def test_a_search_keeps_the_circuit(given: dict[str, Any]) -> None:
    with runtime() as r:
        result = circuit_optimization.run(circuit_optimization.CircuitOptimization(tries=3, **given), InProcess(r))
    assert result.holds, result.checks
    assert result.values["two_qubit"] <= result.values["first"]


def test_another_circuit_is_not_taken_for_the_same() -> None:
    asked = circuit_optimization.drawn_circuit(4, 3, 0, 0)
    (one,) = circuit_optimization.transpiled(circuit_optimization.packed(asked), ((0, 1), (1, 2), (2, 3)), [(2, 5)])
    chosen = circuit_optimization.opened(one.qpy)
    assert circuit_optimization._kept(asked, chosen, 0) == pytest.approx(1.0)
    chosen.rz(0.01, 1)
    assert circuit_optimization._kept(asked, chosen, 0) < 1.0 - circuit_optimization.FIDELITY_LOSS
    far = circuit_optimization.opened(one.qpy)
    far.cz(0, 3)
    bad = circuit_optimization._checks(far, [one.two_qubit], ((0, 1), (1, 2), (2, 3)), 1.0, True)
    assert [check.holds for check in bad] == [False, False, True]


def pid_after(_: int) -> int:
    """Where it runs."""
    return os.getpid()


def test_a_task_must_be_importable() -> None:
    with runtime() as r, pytest.raises(InvalidInput, match="cannot be imported by a worker"):
        InProcess(r).submit(lambda: 1)


def test_an_error_of_a_task_comes_back() -> None:
    with runtime() as r:
        handle = InProcess(r).submit(divmod, 1, 0)
        with pytest.raises(ZeroDivisionError):
            handle.result()


@pytest.mark.parametrize("slots", [0, -1, True, 2.0])
def test_a_site_of_workers_has_workers(slots: Any) -> None:
    with runtime() as r, pytest.raises(InvalidInput, match="at least one"):
        OnWorkers(r, slots)


def same_everywhere(site: OnWorkers, names: Iterable[str] = registry.OWN) -> None:
    """Every motif gives at this site what it gives in this process, times apart."""
    with runtime() as alone:
        for name in names:
            motif = registry.motif(name)
            given = {"where": "workers"} if name == "circuit-execution" else {}
            there = motif.run(motif.parameters(**given), site)
            here = motif.run(motif.parameters(**given), InProcess(alone))
            assert there.holds, there.checks
            values = {key: value for key, value in here.values.items() if not key.endswith("_s")}
            assert {key: there.values[key] for key in values} == pytest.approx(values, abs=1e-9), name


@pytest.mark.ci
def test_workers_give_the_same_values_as_this_process() -> None:
    with runtime(workers=2) as r, OnWorkers(r, 2) as site:
        assert site.submit(pid_after, 0).result() != os.getpid()
        same_everywhere(site)


@pytest.mark.ci
@pytest.mark.parametrize(("library", "pilot"), [("distributed", "dask:2"), ("ray", "ray:2")])
def test_real_engines_give_the_same_values_as_this_process(library: str, pilot: str) -> None:
    pytest.importorskip(library)
    with runtime(pilots=[pilot]) as r, OnWorkers(r, 2) as site:
        same_everywhere(site)


@pytest.mark.ci
def test_a_real_slurm_gives_the_same_values_as_this_process(tmp_path: Path) -> None:
    if why := missing():
        pytest.skip(why)
    with SlurmCluster(nodes=1) as cluster:
        options = {"slurm_conf": str(cluster.conf), "folder": str(tmp_path), "host": "127.0.0.1",
                   "least_watch_s": 0.1, "most_watch_s": 0.5}
        spec = PilotSpec(kind="slurm", least=2, most=2, cores=2, options=options)
        with runtime(pilots=[spec]) as r, OnWorkers(r, 2) as site:
            same_everywhere(site, ("state-vector", "circuit-cutting", "error-mitigation"))
