"""`qloop simulate paper`: a short campaign through the command, and what users get wrong."""

from __future__ import annotations

import csv
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qloop.simulator.paper import storage, studies
from qloop.simulator.paper.model import big_classical, small
from qloop.simulator.paper.studies import Point

from .calling import Caller, Child

SHORT = {"duration_s": 43_200.0, "warmup_s": 3_600.0}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two points of half a day in place of the paper's."""
    def points(replications: int, week: bool) -> tuple[Point, ...]:
        return (Point("small", "small-random", small("random", **SHORT), replications),
                Point("c", "c2-every-450s", big_classical(2, 450, **SHORT), replications))

    monkeypatch.setattr(studies, "campaign", points)


@pytest.mark.usefixtures("short")
def test_results_text_and_figures(call: Caller, folder: Path) -> None:
    first = call("simulate", "paper", "--replications", "3", "--processes", "1", "--json")
    assert (first.code, first.err) == (0, "")
    told = first.document
    assert [row["point"] for row in told["points"]] == ["small-random", "c2-every-450s"]
    assert {"drop_percent", "drop_percent_half", "p99_s", "unfinished_a_run"} <= set(told["points"][0])
    assert told["about"]["seed"] == 2
    assert {one["title"] for one in told["findings"]} == {"Counting"}
    assert {"figure_07.png", "figure_08.png"} <= {Path(one).name for one in told["figures"]}     # from our recording
    assert all((folder / path).is_file() for path in (*told["files"], *told["figures"]))
    with (folder / "out/paper/results.csv").open() as file:
        assert [row["point"] for row in csv.DictReader(file)] == ["small-random", "c2-every-450s"]
    about = storage.parquet().read_schema(folder / "out/paper/results.parquet").metadata[b"qloop"]
    assert json.loads(about)["replications"] == 3
    text = (folder / "out/paper/findings.md").read_text()
    assert "3 replications, seed 2" in text
    assert "## Counting: " in text

    table = (folder / "out/paper/results.csv").read_text()
    again = call("simulate", "paper", "--replications", "3", "--processes", "1")
    assert again.code == 0
    assert "2 of 2 points were finished before and are read back from out/paper/points" in again.err
    assert "2 points, 2 of them read back" in again.out
    assert "text: out/paper/findings.md" in again.out
    assert (folder / "out/paper/results.csv").read_text() == table


@pytest.mark.usefixtures("short")
def test_ctrl_c_keeps_what_is_finished(call: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qloop.cli.simulate import progress

    def stop(self: Any, done: float, total: float, text: str) -> None:
        if text == "small-random":
            raise KeyboardInterrupt

    monkeypatch.setattr(progress.Lines, "at", stop)
    words = ("simulate", "paper", "--replications", "2", "--processes", "1", "--out", "here")
    cut = call(*words)
    assert cut.code == 130
    assert "What is finished is kept in here" in cut.err
    assert "Give the same command again: it goes on" in cut.err
    assert [path.name for path in (folder / "here/points").iterdir()] == ["small-random.parquet"]
    monkeypatch.undo()


@pytest.mark.usefixtures("short")
def test_the_table_tells_on_which_side_the_points_lie(call: Caller) -> None:
    done = call("simulate", "paper", "--replications", "2", "--processes", "1")
    assert done.code == 0
    header = next(line for line in done.out.splitlines() if "agree" in line and "study" in line)
    assert header.split()[-2:] == ["below", "above"]


@pytest.mark.parametrize("absent", ["matplotlib", "numba", "pyarrow"])
def test_all_extras_are_named_at_once(call: Caller, monkeypatch: pytest.MonkeyPatch, absent: str) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    done = call("simulate", "paper", "--quick")
    assert done.code != 0
    assert "pip install 'qloop[plot,simulator]'" in done.err


@pytest.mark.parametrize(("words", "said"), [
    (("--replications", "0"), "Give a number from 1 to 1,000"),
    (("--replications", "ten"), "invalid int value: 'ten'"),
    (("--quick", "--replications", "3"), "not allowed with argument --quick"),
    (("--processes", "0"), "Give a number from 1 to 1024"),
    (("--seed", "-1"), "Give a whole number from 0 to 2^31 - 1"),
    (("--recordin", "x"), "Did you mean --recording?"),
    (("--recording", "nowhere"), "Name a folder"),
    (("--out", "vqe.py"), "Give another folder with --out"),
])
def test_what_cannot_work_is_told(call: Caller, folder: Path, words: tuple[str, ...], said: str) -> None:
    done = call("simulate", "paper", *words)
    assert done.code == 2
    assert said in done.err
    assert not (folder / "out").exists()


def test_an_unknown_action_is_told(call: Caller) -> None:
    done = call("simulate", "papre")
    assert done.code == 2
    assert "Did you mean 'paper'?" in done.err


@pytest.mark.ci
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads who belongs to whom from Linux's /proc")
def test_a_killed_campaign_leaves_no_processes_and_goes_on(folder: Path, child: Callable[..., Child]) -> None:
    words = ("simulate", "paper", "--replications", "1", "--processes", "2", "--out", "all", "--json")
    killed = child(*words)
    files = folder / "all" / "points"
    wait_until(lambda: files.is_dir() and len(list(files.glob("*.parquet"))) >= 3)
    number = killed.process.pid
    workers = [int(one) for one in Path(f"/proc/{number}/task/{number}/children").read_text().split()]
    assert len(workers) >= 2
    killed.send(signal.SIGKILL)
    killed.end()
    wait_until(lambda: not any(alive(worker) for worker in workers))
    assert json.loads(child(*words).process.communicate(timeout=600)[0])["points_read_back"] >= 3


def wait_until(there: Callable[[], bool]) -> None:
    """Wait; ten minutes are for a machine that is busy with other things."""
    for _ in range(6000):
        if there():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen within ten minutes")


def alive(number: int) -> bool:
    """Whether a process runs, or has ended and not been waited for."""
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.mark.usefixtures("interruptible")
@pytest.mark.ci
def test_the_whole_campaign_cut_by_ctrl_c_goes_on(folder: Path, child: Callable[..., Child]) -> None:
    words = ("simulate", "paper", "--replications", "2", "--processes", "2", "--out", "all", "--json")
    cut = child(*words)
    files = folder / "all" / "points"
    wait_until(lambda: files.is_dir() and len(list(files.glob("*.parquet"))) >= 5)
    cut.send(signal.SIGINT)
    ended = cut.end()
    assert ended.code == 130
    assert ended.document["error"]["what"] == "Interrupted"
    assert "Traceback" not in ended.err
    kept = len(list(files.glob("*.parquet")))
    assert 5 <= kept < 87
    whole = child(*words)
    told = json.loads(whole.process.communicate(timeout=600)[0])
    assert whole.process.returncode == 0
    assert told["points_read_back"] == kept
    assert len(told["points"]) == 87
    names = {*(f"figure_{n:02}" for n in range(7, 15)), "tails", "transient"}
    assert {Path(path).stem for path in told["figures"]} == names
    assert len(told["agreement"]) == 47 + 18 + 18 + 4
