"""Real kills, real interrupts, a real limit on the disk: nothing finished is lost, and nobody is left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from qloop.simulator.campaign.document import loads
from qloop.simulator.campaign.plan import campaign_of
from qloop.simulator.campaign.run import run_campaign

from . import observing

pytestmark = pytest.mark.ci
TEXT = '[campaign]\nreplications = 60\n[campaign.grid]\n"qpus.0.count" = [1, 2]\n'
PROGRAM = """
import resource, sys
from qloop.errors import QloopError
from qloop.simulator.campaign import agenda, run
from qloop.simulator.campaign.document import loads
from qloop.simulator.campaign.plan import campaign_of
from tests.simulator.campaign import observing


class Told(run.Quiet):
    def at(self, finished, total, left_s):
        print("finished", finished, flush=True)


if __name__ == "__main__":
    folder, processes, most = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if most:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    agenda.UNIT_S, run.WORTH_SPREADING_S = 0.2, 0.0
    try:
        run.run_campaign(campaign_of(loads(TEXT)), folder, processes=processes, watch=Told(),
                         observe=observing.drawn)
    except run.Interrupted as stopped:
        print("interrupted", stopped.finished, flush=True)
    except QloopError as error:
        print("error", error, flush=True)
    else:
        print("complete", flush=True)
""".replace("TEXT", repr(TEXT))
ROOT = Path(__file__).resolve().parents[3]


class Child:
    """A campaign in a process of its own; `told` are its lines."""

    def __init__(self, program: Path, folder: Path, processes: int, most: int = 0,
                 fault: str = "") -> None:
        self.errors = folder.with_suffix(".errors")
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                [sys.executable, program, folder, str(processes), str(most)], stdout=subprocess.PIPE, stderr=errors,
                text=True, cwd=ROOT, start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(ROOT), observing.PAUSE: "0.02", observing.FAULT: fault})
        self.told: list[str] = []

    def lines(self) -> Iterator[str]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(line.strip())
            yield self.told[-1]

    def workers(self) -> list[int]:
        """The processes that this one started."""
        return list(map(int, Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()))


@pytest.fixture
def program(tmp_path: Path) -> Path:
    (tmp_path / "campaign.py").write_text(PROGRAM)
    return tmp_path / "campaign.py"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same campaign, never disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    run_campaign(campaign_of(loads(TEXT)), folder, processes=1, observe=observing.drawn)
    return folder


def _on_disk(folder: Path) -> int:
    return sum(pq.read_metadata(path).num_rows for path in (folder / "parts").glob("part-*.parquet"))


def _same(folder: Path, whole: Path) -> bool:
    one, other = (pq.read_table(at / "replications.parquet").replace_schema_metadata(None) for at in (folder, whole))
    return bool(one.equals(other))


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _all_gone(pids: list[int]) -> bool:
    end = time.monotonic() + 20.0
    while time.monotonic() < end and not all(map(_gone, pids)):
        time.sleep(0.05)
    return all(map(_gone, pids))


@pytest.mark.parametrize("processes", [1, 2])
def test_a_kill_loses_what_was_under_way_and_nothing_else(program: Path, tmp_path: Path, whole: Path,
                                                          processes: int) -> None:
    folder, before, kills = tmp_path / "out", 0, 0
    while True:
        child = Child(program, folder, processes)
        seen = 0
        for line in child.lines():
            seen += line.startswith("finished")
            if seen == 4 + kills:
                workers = child.workers()
                child.process.kill()
                break
        child.process.wait(30)
        if child.told[-1] == "complete":
            break
        kills += 1
        told = max(int(line.split()[1]) for line in child.told if line.startswith("finished"))
        assert _on_disk(folder) >= max(told, before)
        assert len(workers) >= (processes if processes > 1 else 0)
        assert _all_gone(workers)
        before = _on_disk(folder)
    assert kills >= 2
    assert _same(folder, whole)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupt_keeps_what_is_finished(program: Path, tmp_path: Path, whole: Path, processes: int) -> None:
    folder = tmp_path / "out"
    child, workers = Child(program, folder, processes), []
    for line in child.lines():
        if line.startswith("finished") and len(child.told) == 3:
            workers = child.workers()
            os.killpg(child.process.pid, signal.SIGINT)     # as a terminal does: the workers get it, too
    assert child.process.wait(30) == 0
    assert child.told[-1] == f"interrupted {_on_disk(folder)}"
    assert 0 < _on_disk(folder) < 120
    assert _all_gone(workers)
    again = Child(program, folder, processes)
    assert list(again.lines())[-1] == "complete"
    assert _same(folder, whole)


def test_a_termination_takes_the_processes_along_without_a_word(program: Path, tmp_path: Path, whole: Path) -> None:
    folder = tmp_path / "out"
    child, workers = Child(program, folder, 2), []
    for line in child.lines():
        if line.startswith("finished") and len(child.told) == 3:
            workers = child.workers()
            child.process.send_signal(signal.SIGTERM)
    assert child.process.wait(30) == 128 + signal.SIGTERM
    assert child.errors.read_text() == ""       # no leaked semaphores
    assert len(workers) >= 2
    assert _all_gone(workers)
    assert list(Child(program, folder, 2).lines())[-1] == "complete"
    assert _same(folder, whole)


def test_a_file_that_does_not_fit_is_told(program: Path, tmp_path: Path, whole: Path) -> None:
    folder = tmp_path / "out"
    child = Child(program, folder, 1, most=1800)
    last = list(child.lines())[-1]
    assert last.startswith("error The disk is full")
    assert not list(folder.rglob("*.tmp"))
    assert list(Child(program, folder, 1).lines())[-1] == "complete"
    assert _same(folder, whole)


def test_a_process_that_vanishes_is_told(program: Path, tmp_path: Path, whole: Path) -> None:
    folder = tmp_path / "out"
    last = list(Child(program, folder, 2, fault="vanished").lines())[-1]
    assert last.startswith("error A process of the campaign ended without an answer")
    assert list(Child(program, folder, 2).lines())[-1] == "complete"
    assert _same(folder, whole)
