"""The Python API: from a scenario to tables, comparisons, figures and frames."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qloop
from qloop.errors import InvalidInput, MissingExtra, UnknownName
from qloop.policies import catalog
from qloop.policies.columns import Row, Table
from qloop.simulator.analysis.measures import MEASURES, measures
from qloop.simulator.analysis.summary import summarise
from qloop.simulator.platform import compiled, world
from qloop.simulator.platform.parts import QpuKind
from qloop.simulator.simulate import SimulationResult, quantities, simulate
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.distributions import Constant, Exponential
from qloop.simulator.workload.sessions import SessionModel

from .made import queue

SHORT = qloop.Scenario(name="short", policy="fifo", duration_s=3000.0, warmup_s=300.0, arrivals=Poisson(every_s=2.0),
                       qpus=(QpuKind(count=3),),
                       sessions=SessionModel(sizes=(4,), pre=Constant(0.0), post=Constant(0.0),
                                             classical=Constant(1e-3), quantum=Exponential(4.0),
                                             iterations=Constant(1)))


@pytest.fixture(scope="module")
def result() -> SimulationResult:
    """First in, first out and last in, first out on the same arrivals, without the kernel."""
    of = qloop.Scenario(duration_s=2000.0, warmup_s=100.0)
    runs = {name: tuple(queue(of, n, rate=0.7, mean_s=1.0, last_in=name == "lifo") for n in range(8))
            for name in ("fifo", "lifo")}
    return SimulationResult(of, runs)


def test_a_scenario_is_simulated_and_m_m_c_comes_out() -> None:
    """M/M/3 of load 2: C(3, 2) = 4/9, mean wait 4/9 x 4 s / (3 - 2)."""
    found = qloop.simulate(SHORT, 12, policies=["fifo", "lifo"])
    assert found.policies == ("fifo", "lifo")
    for policy in found.policies:
        waits = found.values("wait_mean", policy)
        assert abs(waits.mean() - 16 / 9) < 4 * waits.std(ddof=1) / 12**0.5
        assert found.values("waited", policy).mean() == pytest.approx(4 / 9, abs=0.05)
    # the mean is the same whatever the order, and the same work is done to the last ns
    change = found.compare("fifo", "lifo", "wait_mean")
    assert change.correlation > 0.9
    assert found.compare("fifo", "lifo", "qpu_busy").difference.mean == pytest.approx(0.0, abs=0.01)
    assert found.compare("fifo", "lifo", "wait_p99").difference.low > 0.0


def test_an_executor_and_a_bar_change_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    plain = simulate(SHORT, 3)
    with ThreadPoolExecutor(2) as pool:
        spread = simulate(SHORT, 3, executor=pool, progress=True, policies=[catalog.builtin()["fifo"]], log=True)
    for a, b in zip(plain.runs["fifo"], spread.runs["fifo"], strict=True):
        assert (a.left_ns == b.left_ns).all()
        assert (len(a.log), len(b.log) > len(b.arrival_ns)) == (0, True)
    told = capsys.readouterr()
    assert told.out == ""
    assert "3/3" in told.err


@pytest.mark.parametrize(("made", "watched", "told"), [(False, True, 1), (True, True, 0), (False, False, 0)])
def test_compiling_is_told_where_a_person_watches(made: bool, watched: bool, told: int, monkeypatch: pytest.MonkeyPatch,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("qloop.simulator.platform.compiled.is_made", lambda policy, effects: made)
    monkeypatch.setattr("qloop.simulator.simulate._replicate", lambda scenario, log, number: number)
    monkeypatch.delattr(sys, "ps1", raising=False)
    if watched:
        monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    simulate(SHORT, 2)
    assert capsys.readouterr().err == told * "compiling the kernel of policy fifo: about 20 s, once\n"
    simulate(SHORT, 2, progress=True)
    assert ("compiling the kernel" in capsys.readouterr().err) != made


def test_whether_a_kernel_is_made_is_known_before_it_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QLOOP_CACHE_DIR", str(tmp_path))
    on, policy = world.effects(SHORT), replace(SHORT.order(), enter=enter_last)
    assert not compiled.is_made(policy, on)
    home = compiled.kernel_for(policy, on).home
    (home / "kept").mkdir()
    (home / "kept" / "simulate.nbi").write_bytes(b"")
    assert compiled.is_made(policy, on)


def enter_last(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    return -tasks[i][0]


def test_a_summary_shows_no_interval_beyond_what_can_be(result: SimulationResult) -> None:
    """Seven replications without a refusal and one with many: Student's interval reaches below 0."""
    columns = {**result.measures, "drop": np.array([0.0] * 7 + [0.2] + [0.1, 0.11] * 4)}
    found = summarise("title", result.runs, columns, ["drop"])
    assert "2.50 % [0, 8.41]" in str(found)
    assert "the interval of drop is cut at 0" in str(found)
    assert found.to_dict()["measures"]["drop"]["fifo"]["low"] < 0.0      # Student's numbers, for those who go on
    lifo = summarise("title", {"lifo": result.runs["lifo"]}, columns, ["drop"])
    assert "is cut at 0" not in str(lifo)


def test_settings_that_the_policy_does_not_read_are_told(result: SimulationResult) -> None:
    runs = {"fifo": tuple(replace(one, scenario=replace(one.scenario, policy="fifo", settings={"phi": 0.3}))
                          for one in result.runs["fifo"])}
    assert "note: the setting phi has no effect under fifo" in str(SimulationResult(result.scenario, runs))


def test_measures_and_sessions_are_columns(result: SimulationResult) -> None:
    found = result.measures
    assert list(found) == ["policy", "replication", *MEASURES]
    assert {len(column) for column in found.values()} == {16}
    one = measures(result.runs["lifo"][3])
    row = (found["policy"] == "lifo") & (found["replication"] == 3)
    assert found["time_p95"][row] == one["time_p95"]
    rows = result.sessions()
    total = sum(len(run.arrival_ns) for group in result.runs.values() for run in group)
    assert {len(column) for column in rows.values()} == {total}
    mine = (rows["policy"] == "lifo") & (rows["replication"] == 3)
    assert rows["time_s"][mine & rows["measured"]].mean() == pytest.approx(one["time_mean"])
    assert set(rows["outcome"]) == {"open", "done"}
    assert np.isnan(rows["time_s"][rows["outcome"] == "open"]).all()


def test_the_summary_prints_has_a_document_and_a_page(result: SimulationResult) -> None:
    summary = result.summary(("drop", "time_p95"))
    head, names, first, second, *notes = str(summary).splitlines()
    assert head.startswith("scenario: 8 replications of 2,000 s")
    assert names.split() == ["fifo", "lifo"]
    assert first.split()[:3] == ["drop", "0", "%"]
    assert second.startswith("time_p95")
    assert all(note.startswith("note: ") for note in notes)
    told = json.loads(json.dumps(summary.to_dict()))["measures"]["time_p95"]
    assert told["fifo"]["mean"] == pytest.approx(result.values("time_p95", "fifo").mean())
    assert told["fifo"]["low"] < told["fifo"]["mean"] < told["fifo"]["high"]
    assert (told["unit"], told["fifo"]["n"]) == ("s", 8)
    page = result._repr_html_()
    assert page.count("<tr>") == 1 + len(result.summary().cells)
    assert 'title="Part of them that was refused"' in page
    assert repr(result) == str(result.summary())


def test_the_notes_tell_what_would_mislead() -> None:
    of = qloop.Scenario(duration_s=1000.0)
    over = SimulationResult(of, {"fifo": (queue(of, 1, rate=2.0, mean_s=1.0),)})
    text = str(over)
    assert "fifo: one replication has no interval" in text
    assert "of the admitted sessions had not finished" in text
    assert "too short for a steady state" in text
    calm = qloop.Scenario(duration_s=4000.0, warmup_s=1000.0)
    assert "note" not in str(SimulationResult(calm, {"fifo": tuple(
        queue(calm, n, rate=0.3, mean_s=1.0) for n in range(5))}))


def test_comparisons_are_paired(result: SimulationResult) -> None:
    found = result.compare("fifo", "lifo", "wait_p99")
    apart = result.values("wait_p99", "lifo") - result.values("wait_p99", "fifo")
    assert found.difference.mean == pytest.approx(apart.mean())
    assert found.decided
    assert found.verdict("wait_p99", -1).startswith("lifo is higher, worse in wait_p99 than fifo: +")
    (same,) = result.compare_all("wait_p99", baseline="fifo")
    assert (same.a, same.b, same.difference.mean) == ("fifo", "lifo", found.difference.mean)


def test_frames_hold_the_columns(result: SimulationResult) -> None:
    for make in (result.to_pandas, result.to_polars):
        pytest.importorskip(make.__name__.removeprefix("to_"))
        frame = make()
        assert frame.shape == (16, len(MEASURES) + 2)
        assert list(frame["policy"])[:1] == ["fifo"]
        assert len(make("sessions")) == len(result.sessions()["session"])
    with pytest.raises(UnknownName, match="Did you mean 'sessions'"):
        result.to_pandas("session")


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_missing_library_is_told(result: SimulationResult, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == library:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=rf"(?i){library} frame needs an optional library"):
        getattr(result, f"to_{library}")()


def test_what_makes_no_sense_is_told_before_anything_runs(result: SimulationResult) -> None:
    for wrong in (0, -1, 2.5, True, 10**9):
        with pytest.raises(InvalidInput, match="replications were asked for"):
            simulate(SHORT, wrong)      # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="A dict was given to simulate"):
        simulate({})                    # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="Did you mean 'fifo'"):
        simulate(SHORT, policies="fifi")
    with pytest.raises(InvalidInput, match="fifo is given twice"):
        simulate(SHORT, policies=["fifo", "fifo"])
    with pytest.raises(InvalidInput, match="No policy is given"):
        simulate(SHORT, policies=[])
    with pytest.raises(UnknownName, match="Did you mean 'fifo'"):
        result.compare("fif", "lifo")
    with pytest.raises(UnknownName, match="Did you mean 'time_mean'"):
        result.values("time_men", "fifo")
    with pytest.raises(UnknownName, match="no quantity named 'x'"):
        result.summary(["x"])
    with pytest.raises(InvalidInput, match="several policies"):
        result.values("drop")


def test_every_quantity_is_explained() -> None:
    assert quantities()["drop"] == "Part of them that was refused (share)"


def test_importing_qloop_brings_no_heavy_library() -> None:
    code = ("import sys, qloop; qloop.simulate, qloop.Scenario; "
            "print(*(n for n in ('numba', 'matplotlib', 'scipy', 'pandas', 'polars', 'rich') if n in sys.modules))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
