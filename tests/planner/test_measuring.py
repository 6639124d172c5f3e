"""Real measurements in real workers: small, whole and cut, kept line by line; and a calibration of this machine."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from qloop.errors import InvalidInput
from qloop.planner.accuracy import Figures, Report, report
from qloop.planner.accuracy_figure import draw
from qloop.planner.calibration import LEAST_CONFIGURATIONS, calibrate
from qloop.planner.configurations import FAMILIES, SIZES, Configuration, configurations, problem_of
from qloop.planner.effort import JOIN, PREPARE, TASK
from qloop.planner.judging import leave_one_size_out
from qloop.planner.learning import learned
from qloop.planner.machine import load, save
from qloop.planner.makings import measure_making
from qloop.planner.measurements import VISITS, Measurements, measure
from qloop.planner.measuring import THREADS, Measured, crew, measure_cut, measure_whole
from qloop.planner.typical import TYPICAL

from .drawn import exact
from .measured import all_measured, probes

SMALL = tuple(Configuration(8, family, 2, (4, 4), workers) for family in ("efficient", "brick") for workers in (1, 2))


def _threads(_: int) -> list[str | None]:
    return [os.environ.get(name) for name in THREADS]


def test_configurations_are_many_different_and_of_every_kind() -> None:
    chosen = configurations()
    assert len({one.name for one in chosen}) == len(chosen) >= 30
    assert {one.family for one in chosen} == set(FAMILIES)
    assert {one.n_qubits for one in chosen} == set(SIZES)
    assert all(sum(one.blocks) == one.n_qubits == len(one.labels) for one in chosen)


def test_a_circuit_is_the_same_each_time() -> None:
    one = SMALL[0]
    assert problem_of(one)[0] == problem_of(one)[0]
    with pytest.raises(InvalidInput, match="no family of circuits named 'effcient'"):
        problem_of(msgspec.structs.replace(one, family="effcient"))


@pytest.mark.ci
def test_workers_have_one_thread_each_and_go() -> None:
    before = dict(os.environ)
    with crew(2) as pool:
        assert pool.submit(_threads, 0).result(timeout=60) == ["1"] * len(THREADS)
    assert dict(os.environ) == before
    assert not multiprocessing.active_children()


@pytest.mark.ci
def test_workers_end_with_whom_they_serve_even_if_it_is_killed() -> None:
    code = ("from qloop.planner.measuring import crew\nimport os, time\n"
            "if __name__ == '__main__':\n    with crew(2) as pool:\n"
            "        print(pool.submit(os.getpid).result(), flush=True)\n        time.sleep(60)\n")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        worker = int(started.stdout.readline())
        started.kill()
    deadline = time.monotonic() + 20
    while _alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(worker)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.ci
def test_what_is_measured_is_exact_and_counted() -> None:
    with crew(2) as pool:
        for one in SMALL:
            wanted = exact(*problem_of(one))
            whole, cut = measure_whole(pool, one), measure_cut(pool, one, TYPICAL)
            for timed in (whole, cut):
                assert timed.value == pytest.approx(wanted, abs=1e-10)
                assert len(timed.task_features) == len(timed.wall.task_s)
                assert all(len(row) == len(TASK) for row in timed.task_features)
                assert min(timed.wall.task_s) > 0
                assert timed.wall.total_s >= max(timed.wall.prepare_s, timed.wall.run_s, timed.wall.join_s)
            assert whole.cpu is not None
            assert (cut.cpu is None) == (one.workers > 1)


@pytest.mark.ci
def test_a_run_that_was_interrupted_goes_on(tmp_path: Path) -> None:
    path, kinds, told = tmp_path / "deep" / "measured.jsonl", [("dense", 5), ("light", 5)], []
    first = measure(path, SMALL, TYPICAL, probed=kinds)
    assert [one.configuration for one in first.configurations] == list(SMALL)
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 1 + VISITS * len(SMALL) + len(kinds)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:50])     # killed in the middle of a line
    again = measure(path, SMALL, TYPICAL, lambda done, text: told.append((done, text)), probed=kinds)
    lost = msgspec.json.decode(lines[-1], type=Measured).configuration
    assert [text for _, text in told] == [lost.name]
    kept = [one for one in first.configurations if one.configuration != lost]
    assert [one for one in again.configurations if one.configuration != lost] == kept
    assert measure(path, SMALL, TYPICAL, lambda done, text: told.append((done, text)), probed=kinds) == again
    assert len(told) == 1


def test_files_that_hold_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "measured.jsonl"
    path.write_text("hello\n")
    with pytest.raises(InvalidInput, match="holds no measurements of the planner"):
        measure(path, SMALL, TYPICAL, probed=[])
    path.unlink()
    measure(path, (), TYPICAL, probed=[])
    path.write_bytes(path.read_bytes().replace(b'"cores":', b'"cores":9'))
    with pytest.raises(InvalidInput, match="was measured by another machine"):
        measure(path, SMALL, TYPICAL, probed=[])
    with pytest.raises(InvalidInput, match="holds no measurements"):
        measure(tmp_path, SMALL, TYPICAL, probed=[])


def test_a_report_has_both_clocks_and_a_figure(tmp_path: Path) -> None:
    found: Report = report(Measurements(all_measured(), tuple(probes())))
    assert isinstance(found.wall, Figures)
    assert found.wall.mean == leave_one_size_out(all_measured(), probes()).mean
    assert found.wall.met
    assert found.cpu.configurations == found.wall.configurations // 2
    paths = draw(found, tmp_path / "accuracy")
    assert [path.suffix for path in paths] == [".png", ".pdf"]
    assert all(path.stat().st_size > 5000 for path in paths)


@pytest.mark.ci
def test_this_machine_can_be_calibrated(tmp_path: Path) -> None:
    told: list[float] = []
    found = calibrate(10.0, lambda done, text: told.append(done))
    assert found.configurations >= LEAST_CONFIGURATIONS
    assert told == sorted(told)
    assert 0 < found.fit <= 100
    assert found.constants.task[TASK.index("dense")] > 0
    assert load(save(found, tmp_path / "planner.json")) == found


@pytest.mark.parametrize("seconds", [0.0, 9.9, float("inf"), float("nan")])
def test_a_calibration_needs_some_seconds(seconds: float) -> None:
    with pytest.raises(InvalidInput, match=r"takes 10 s at least"):
        calibrate(seconds)


def test_what_is_prepared_and_joined_alone_counts_like_the_rest() -> None:
    found = measure_making(SMALL[0])
    assert [len(row) for row, _ in (found.whole, found.cut, found.join)] == [len(PREPARE), len(PREPARE), len(JOIN)]
    assert min(seconds for _, seconds in (found.whole, found.cut, found.join)) > 0
    assert found.cut[0][PREPARE.index("cut")] == 1
    assert found.whole[0][PREPARE.index("cut")] == 0
    assert learned(all_measured((12,)), [], makings=[found] * 3) != learned(all_measured((12,)), [])
