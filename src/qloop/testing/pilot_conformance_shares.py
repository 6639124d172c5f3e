"""The part of the pilots' conformance suite in which tasks get more than a core: threads, memory, GPUs, MPI ranks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from qloop.errors import InvalidInput
from qloop.model.needs import Share
from qloop.model.states import Outcome
from qloop.pilots.payload import open_value
from qloop.pilots.protocol import Left, Pilot
from qloop.testing import pilot_tasks as tasks
from qloop.testing.pilot_drive import PilotDrive

MakePilot = Callable[[], Pilot]
_MEBIBYTE: Final = 2**20


def a_task_sees_its_own_gpus_alone(make: MakePilot) -> None:
    """None unless it asked; who had some leaves after the end, since a GPU is freed with its process only."""
    with PilotDrive(make()) as drive:
        worker = drive.workers()[0]
        assert open_value(drive.call(tasks.told_of_its_share, worker=worker))[0] == ""
        attempt = drive.submit(tasks.told_of_its_share, worker=worker, share=Share(gpus=("5", "GPU-7a")))
        assert open_value(drive.ended(attempt))[0] == "5,GPU-7a"
        drive.until(lambda: drive.workers() not in ([], [worker]), f"{worker} is replaced")
        assert drive.events.index(drive.ended(attempt)) < drive.index(Left, worker)
        assert open_value(drive.call(tasks.told_of_its_share))[0] == ""
        assert drive.ends(attempt) == 1


def cores_are_threads(make: MakePilot) -> None:
    """Libraries are told how many threads to start, for this task alone."""
    with PilotDrive(make()) as drive:
        worker = drive.workers()[0]
        counts = [open_value(drive.call(tasks.told_of_its_share, worker=worker, share=Share(cores=cores)))[1]
                  for cores in (2, 1)]
        assert counts == ["2", "1"]


def memory_is_a_limit(make: MakePilot) -> None:
    """Who takes more fails with words, and the worker is none the worse for it; the limit ends with its task."""
    with PilotDrive(make()) as drive:
        worker = drive.workers()[0]
        ended = drive.call(tasks.allocate, 300 * _MEBIBYTE, worker=worker, share=Share(memory_bytes=100 * _MEBIBYTE))
        assert ended.outcome is Outcome.FAILED
        assert f"MemoryError (it may take {100 * _MEBIBYTE} bytes)" in ended.error
        within = drive.call(tasks.allocate, 50 * _MEBIBYTE, worker=worker, share=Share(memory_bytes=100 * _MEBIBYTE))
        assert open_value(within) == 50 * _MEBIBYTE
        assert open_value(drive.call(tasks.allocate, 300 * _MEBIBYTE, worker=worker)) == 300 * _MEBIBYTE


def senseless_shares_are_refused(make: MakePilot) -> None:
    """Before anything is sent."""
    with PilotDrive(make()) as drive:
        for share in (Share(cores=0), Share(memory_bytes=-1), Share(ranks=0), Share(ranks=10**6), Share(gpus=("1,2",)),
                      Share(gpus=("",)), Share(cores=True)):
            try:
                drive.submit(tasks.add, 1, share=share)
            except InvalidInput:
                continue
            raise AssertionError(f"{share} was not refused")
        assert open_value(drive.call(tasks.add, 1)) == 2


def ranks_run_together(make: MakePilot) -> None:
    """An MPI program on two ranks: rank 0's value, what both print; without MPI, words that say what is missing."""
    with PilotDrive(make()) as drive:
        ended = drive.call(tasks.sum_over_ranks, 20, share=Share(cores=2, ranks=2))
        if find_spec("mpi4py") is None:
            assert "needs mpi4py" in ended.error
            return
        assert open_value(ended) == (41, 2, "1")
        assert all(f"rank {rank}" in ended.stdout_text for rank in range(2)), ended.stdout_text
        assert open_value(drive.call(tasks.add, 1, worker=ended.worker)) == 2


def a_rank_that_fails_ends_all(make: MakePilot) -> None:
    """FAILED with that rank's own traceback; the others, which wait for it, are gone."""
    if find_spec("mpi4py") is None:
        return
    with PilotDrive(make()) as drive:
        ended = drive.call(tasks.fail_on_rank, 1, share=Share(ranks=2))
        assert ended.outcome is Outcome.FAILED
        assert "Rank 1: The function fail_on_rank raised InvalidInput: this rank is unwell" in ended.error
        assert "in fail_on_rank" in ended.traceback_text
        assert open_value(drive.call(tasks.add, 1, worker=ended.worker)) == 2


def ranks_end_with_their_attempt(make: MakePilot) -> None:
    """An abort ends them all, wherever they wait."""
    if find_spec("mpi4py") is None:
        return
    with tempfile.TemporaryDirectory() as folder, PilotDrive(make()) as drive:
        attempt = drive.submit(tasks.sleep_on_ranks, folder, share=Share(ranks=2))
        drive.until(lambda: len(list(Path(folder).iterdir())) == 2, "both ranks run")
        drive.pilot.abort(*attempt)
        assert drive.ended(attempt).outcome is Outcome.CANCELLED
        pids = [int(path.name) for path in Path(folder).iterdir()]
        drive.until(lambda: not any(map(_alive, pids)), "no rank runs")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


SHARE_CHECKS: Final[tuple[Callable[[MakePilot], None], ...]] = (
    a_task_sees_its_own_gpus_alone, cores_are_threads, memory_is_a_limit, senseless_shares_are_refused,
    ranks_run_together, a_rank_that_fails_ends_all, ranks_end_with_their_attempt,
)
