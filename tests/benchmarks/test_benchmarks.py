"""Every benchmark runs in a tiny configuration and writes what it promises; no time decides a test."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
TINY = {
    "speculation": ("--iterations", "6", "--loads", "0"),
    "overhead": ("--calls", "60", "--trips", "3"), "iteration": ("--sizes", "4", "--rounds", "3"),
    "import_time": ("--runs", "1"), "journal": ("--rows", "400"), "pilot": ("--tasks", "20"),
    "pilots": ("--tasks", "20", "--rounds", "2", "--kinds", "local"),
    "engine": ("--policies", "efaas", "--events", "600", "--rounds", "1", "--waiting", "1000"),
    "simulators": ("--sizes", "4", "--seconds", "0.01"),
    "sharing": ("--waiting", "40", "--qpus", "2", "--calls", "40"),
    "drift": ("--qpus", "2", "--rounds", "2", "--days", "1", "--gates", "9"),
    "ecosystem": ("--sizes", "4", "--evaluations", "10", "--rounds", "1"),
    "noise": ("--sizes", "4", "--devices", "torino", "--points", "1"),
    "primitives": ("--sizes", "4", "--rounds", "3", "--seconds", "0.1"),
    "regret": ("--instances", "4", "--policies", "fifo", "lifo"),
    "motifs": ("--workers", "1", "--cores", "1", "4", "1024", "--runs", "1", "--motifs", "circuit-optimization",
               "--quantum", "variational-loop"),
    "platform_speed": ("--quick", "--parts", "paper", "backlog", "qpus", "--policies", "fifo", "--largest", "100"),
}


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a module of the folder by its name, as a benchmark that runs as a script does."""
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(sys.modules)

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(FOLDER)):
            del sys.modules[name]


def run(name: str, folder: Path, *arguments: str) -> dict[str, Any]:
    out = folder / f"{name}.json"
    command = [sys.executable, str(FOLDER / f"{name}.py"), *arguments, "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def check_targets(found: dict[str, Any]) -> None:
    for line in found["targets"]:
        within = line["measured"] >= line["bound"] if line["least"] else line["measured"] <= line["bound"]
        assert line["met"] is within, line
        assert bool(line["why"]) is not line["met"], line


def test_all_benchmarks_of_the_folder_are_tried_here(module: Any) -> None:
    assert set(module("run_all").benchmarks()) == set(TINY)


@pytest.mark.parametrize("name", ["journal", "engine", "simulators", "pilot", "pilots"])
def test_it_runs(name: str, tmp_path: Path) -> None:
    if name == "simulators":
        pytest.importorskip("qiskit_aer")
    assert run(name, tmp_path, *TINY[name])


def test_import_time_sums_up_modules(tmp_path: Path) -> None:
    found = run("import_time", tmp_path, *TINY["import_time"])
    check_targets(found)
    assert {"numpy", "qloop.runtime"} <= {row["package"] for row in found["weights"]}
    assert {"nothing", "import qloop", "numpy"} <= set(found["median_ms"])
    assert {line["what"]: line["measured"] for line in found["targets"]} == {
        "import qloop": pytest.approx(found["median_ms"]["import qloop"])}


@pytest.mark.ci
def test_regret_is_above_the_optimum_and_comes_with_table_and_figure(tmp_path: Path) -> None:
    found = run("regret", tmp_path, *TINY["regret"])
    assert [row["number"] for row in found["instances"]] == [1000, 1001, 1002, 1003]
    for row in found["instances"]:
        assert row["proven"]
        assert row["bound_s"] == row["optimum_s"] <= min(row["delays_s"].values()) + 1e-9
    for row in found["policies"]:
        regrets = [one["delays_s"][row["policy"]] - one["optimum_s"] for one in found["instances"]]
        assert row["mean_s"] == pytest.approx(sum(regrets) / 4, abs=0.006)
    assert "ortools" in found["machine"]["versions"]
    assert "| fifo |" in (tmp_path / "regret.md").read_text()
    assert (tmp_path / "regret.png").stat().st_size > 10_000


@pytest.mark.ci
def test_motifs_scale_in_the_simulator_and_over_qpus(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    found = run("motifs", tmp_path, *TINY["motifs"])
    (row,) = found["scaling"]
    strong, weak = row["strong_s"], row["weak_s"]
    assert strong["1"] >= strong["4"] >= strong["1024"] > 0.0
    assert weak["4"] >= 0.9 * weak["1"]
    assert row["speed_up"]["4"] == pytest.approx(strong["1"] / strong["4"])
    (beside,) = found["qpus"]
    assert all(one["holds"] for one in beside["qpus"].values())
    assert beside["gain"] > 1.5


@pytest.mark.ci
def test_the_platform_is_clocked_with_targets_page_and_figure(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    found = run("platform_speed", tmp_path, *TINY["platform_speed"])
    check_targets(found)
    (small,) = found["paper"]
    assert small["what"] == "small, fifo"
    assert small["all_s"] >= small["kernel_s"] > 0.0
    assert [row["curve"] for row in found["backlog"]["rows"]] == ["fifo", "fifo"]
    for row, waiting in zip(found["backlog"]["rows"], (10, 100), strict=True):
        assert row["waiting"] == pytest.approx(waiting, rel=0.01)
        assert row["shared_lanes"]
    assert [row["qpus"] for row in found["qpus"]] == [10, 100]
    assert "| fifo | " in (tmp_path / "platform_speed.md").read_text()
    assert (tmp_path / "platform_speed.png").stat().st_size > 10_000


def test_growth_beside_that_of_the_logarithm(module: Any) -> None:
    page = module("platform_page")
    rows = [{"curve": "a", "waiting": 10.0**k, "ns": 20.0 + 30.0 * k} for k in (1, 2, 3)]
    rows += [{"curve": "b", "waiting": 10.0**k, "ns": 10.0 * 3.0**k} for k in (1, 2, 3)]
    assert page.beyond_log(rows) == pytest.approx({"a": 80.0 / 50.0 / 2.0, "b": 9.0 / 3.0})
    a, b, power = page.fit(rows, "a")
    assert (a, b) == pytest.approx((20.0, 30.0 / np.log2(10.0)))
    assert 0.0 < power < page.fit(rows, "b")[2] == pytest.approx(np.log10(3.0))


def test_memory_of_open_sessions_counts_the_arrays_that_grow_with_them(module: Any) -> None:
    pytest.importorskip("numba")
    scenarios = module("platform_scenarios")
    arguments = [scenarios.extended_run(scenarios.backlog("fifo", sessions, 3)).arguments for sessions in (20, 40)]
    small, large = (scenarios.open_arrays(one) for one in arguments)
    assert sum(large.values()) - sum(small.values()) == 20 * 1064
    assert len(arguments[0][0].slots) == 20
    assert sum(scenarios.ever_arrays(arguments[1]).values()) == 40 * 216


def test_overhead_is_the_call_less_the_bare_evaluation(tmp_path: Path) -> None:
    pytest.importorskip("qiskit_aer")
    found = run("overhead", tmp_path, *TINY["overhead"])
    check_targets(found)
    one = found["one_loop"]
    assert one["added"]["p50_us"] == pytest.approx(one["qloop"]["p50_us"] - one["bare"]["p50_us"], abs=0.05)
    assert one["qloop"]["calls"] == one["bare"]["calls"] == 60
    assert found["peers"]["ProcessPoolExecutor"]["calls"] == 3
    assert all("skipped" in row or row["calls"] == 3 for row in found["peers"].values())


def test_iteration_compares_what_computes_the_same(tmp_path: Path) -> None:
    pytest.importorskip("qiskit_aer")
    found = run("iteration", tmp_path, *TINY["iteration"])
    check_targets(found)
    (result,) = found["results"]
    assert result["spread"] <= 1e-9
    duel = result["duel"]
    ours, raw = duel["qloop objective"]["p50_us"], duel[result["fastest_raw"]]["p50_us"]
    assert result["extra_us"] == pytest.approx(ours - raw, abs=0.05)
    assert result["over_raw"] == pytest.approx(ours / raw, rel=0.01)


def test_primitives_are_compared_with_what_computes_the_same(tmp_path: Path) -> None:
    pytest.importorskip("qiskit_aer")
    found = run("primitives", tmp_path, *TINY["primitives"])
    check_targets(found)
    (result,) = found["results"]
    assert result["spread"] <= 1e-9
    assert result["overhead_us"] == pytest.approx(
        result["duel"]["qloop EstimatorV2"]["p50_us"] - result["duel"]["program alone"]["p50_us"], abs=0.02)
    assert {"StatevectorEstimator", "Aer EstimatorV2", "StatevectorSampler"} <= set(result["field"])


def test_drift_is_advanced_by_two_ways_that_agree(tmp_path: Path, module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run("drift", tmp_path, *TINY["drift"])
    check_targets(found)
    for clock in ("wall", "cpu"):
        assert set(found["advance"][clock]) == {"qloop, vectorised", "scalar formulas"}
    assert found["evaluation"]["frozen"]["calls"] == 20
    assert set(found["jumps_ms"]) == {"1 days ahead", "a minute later", "half way back", "ahead again"}
    drift = module("drift")
    drift.agree(hours=1)
    monkeypatch.setattr(drift.Scalar, "advance", lambda plain: None)
    with pytest.raises(SystemExit, match="do not agree after 1 h"):
        drift.agree(hours=1)


def test_contestants_that_disagree_are_refused(module: Any) -> None:
    iteration = module("iteration")

    class Still:
        def renew(self) -> None:
            """The same parameters."""

    same = {iteration.OURS: lambda: 1.0, "other": lambda: 1.0 + 1e-12}
    assert iteration.agreement(Still(), same, None) == pytest.approx(1e-12, rel=1e-3)
    with pytest.raises(SystemExit, match="do not agree"):
        iteration.agreement(Still(), {**same, "other": lambda: 1.0 + 1e-8}, None)
    with pytest.raises(SystemExit, match="Qiskit Runtime local says"):
        iteration.agreement(Still(), same, lambda: (2.0, 0.1))


def test_all_take_turns_and_each_begins_in_its_turn(module: Any) -> None:
    calls: list[str] = []
    ticks = iter(range(0, 10_000, 5))
    times = module("measuring").in_turns({name: lambda name=name: calls.append(name) for name in "abc"}, rounds=3,
                                         warm_up=1, before=lambda: calls.append("-"), clock=lambda: next(ticks))
    assert "".join(calls) == "-cab-abc-bca-cab"
    assert all(np.array_equal(times[name], [5, 5, 5]) for name in "abc")


def test_only_the_last_call_in_a_row_is_timed(module: Any) -> None:
    calls: list[int] = []
    times = module("measuring").in_turns({"a": lambda: calls.append(len(calls))}, rounds=4, warm_up=0, in_a_row=3,
                                         clock=lambda: len(calls))
    assert len(calls) == 12
    assert times["a"].tolist() == [1, 1, 1, 1]


def test_figures_are_percentiles_in_microseconds(module: Any) -> None:
    found = module("measuring").figures(np.arange(0, 101_000, 1000))
    assert found == {"p10_us": 10.0, "p50_us": 50.0, "p90_us": 90.0, "p99_us": 99.0, "max_us": 100.0, "calls": 101}


@pytest.mark.parametrize(("model", "name"), [
    ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "xeon-platinum-8481c-2-cores"), ("AMD EPYC", "epyc-2-cores"),
    ("AMD Ryzen 7 5800X 8-Core Processor", "ryzen-7-5800x-2-cores"), ("", "unknown-2-cores")])
def test_a_machine_has_a_short_name(module: Any, model: str, name: str) -> None:
    assert module("measuring").short_name({"processor": model, "cores": 2}) == name


def test_the_page_says_by_how_much_a_target_was_missed(module: Any) -> None:
    target, report = module("measuring").target, module("report")
    lines = [target("slow", 100.0, 150.0, "us", "a reason"), target("few", 1000.0, 800.0, "/s", "too few", least=True),
             target("fine", 10.0, 10.0, "us", "not shown")]
    page = "\n".join(report.target_table(lines))
    assert "| slow | <= 100 us | 150 us | no: 1.50 x the bound | a reason |" in page
    assert "| few | >= 1,000 /s | 800 /s | no: 20% below | too few |" in page
    assert "| fine | <= 10 us | 10 us | yes |  |" in page


def test_the_engines_figures_become_targets(module: Any) -> None:
    found = {"Throughput": [{"policy": "fifo", "events_per_s": 1}, {"policy": "efaas", "events_per_s": 120_000,
                                                                    "us_per_event": 8.3}],
             "Decision with a backlog": [{"policy": "efaas", "waiting": 100_000, "p50_us": 20.0, "p99_us": 1200.0,
                                          "max_us": 3000.0}],
             "Cost of a task, us": [{"policy": "efaas", "what": "w", "task 10": 10.0, "task 100": 9.0,
                                     "task 1000": 16.0}]}
    lines = module("report").targets({"engine": found})
    assert [(line["measured"], line["met"]) for line in lines] == [(120_000, True), (1200.0, False), (1.6, False)]


def test_one_benchmark_that_fails_does_not_stop_the_others(module: Any, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    run_all = module("run_all")
    tail = "import sys, json; open(sys.argv[sys.argv.index('--out') + 1], 'w').write('{\"x\": 1}')  # __main__\n"
    (tmp_path / "bad.py").write_text("raise ValueError('broken')  # __main__ --out\n")
    (tmp_path / "good.py").write_text(tail)
    (tmp_path / "no_benchmark.py").write_text("x = 1\n")
    monkeypatch.setattr(run_all, "HERE", tmp_path)
    assert run_all.benchmarks() == ["bad", "good"]
    assert run_all.main(["--quick", "--folder", str(tmp_path / "out")]) == 1
    (stored,) = (tmp_path / "out").glob("*-quick.json")
    found = json.loads(stored.read_text())
    assert found["benchmarks"]["bad"] == {"failed": "ValueError: broken"}
    assert found["benchmarks"]["good"]["x"] == 1
    assert {"processor", "cores", "python", "versions", "load_average"} <= set(found["machine"])
    assert "`bad` did not run: ValueError: broken" in (tmp_path / "out" / "results.md").read_text()
    assert run_all.main(["--quick", "--only", "good", "--folder", str(tmp_path / "out")]) == 0
