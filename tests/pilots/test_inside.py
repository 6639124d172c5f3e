"""What code in a worker may say and use, as the worker sees it."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import pytest

from qloop.errors import InvalidInput, QloopError
from qloop.model.needs import Share
from qloop.model.states import Outcome
from qloop.pilots import inside, machine, ranks
from qloop.pilots.local import LocalPilot
from qloop.pilots.payload import open_value
from qloop.pilots.protocol import Told
from qloop.testing import pilot_tasks as tasks
from qloop.testing.pilot_drive import PilotDrive


def test_outside_of_a_worker_nobody_listens():
    assert not inside.inside()
    inside.tell("progress", b"1")
    with pytest.raises(QloopError, match="Only a task in a worker can ask"):
        inside.ask(b"?")
    for what, data in (("", b""), ("x" * 65, b""), ("a\nb", b""), ("x", "text"), ("x", bytes(65_537)), (5, b"")):
        with pytest.raises(InvalidInput):
            inside.tell(what, data)
    with pytest.raises(InvalidInput):
        inside.ask("text")


def ask_in_a_child() -> tuple[bool, bool]:
    """Whether a process that this task forked is inside, and whether the task itself is."""
    child = os.fork()
    if child == 0:
        inside.tell("never", b"heard")
        os._exit(int(inside.inside()))
    return os.waitpid(child, 0)[1] != 0, inside.inside()


def test_a_process_that_a_task_forks_says_nothing():
    with PilotDrive(LocalPilot()) as drive:
        attempt = drive.submit(ask_in_a_child)
        assert open_value(drive.ended(attempt)) == (False, True)
        assert not [event for event in drive.events if isinstance(event, Told)]


def tell_much(count: int) -> None:
    for number in range(count):
        inside.tell("number", number.to_bytes(4, "little"))


def test_who_tells_too_much_is_thinned_out_and_never_reordered():
    with PilotDrive(LocalPilot()) as drive:
        attempt = drive.submit(tell_much, 20_000)
        assert drive.ended(attempt).outcome is Outcome.OK
        heard = [int.from_bytes(data, "little") for data in drive.told(attempt, "number")]
        assert heard == sorted(heard)
        assert heard[:100] == list(range(100))
        assert len(heard) < 20_000


def openblas_threads() -> int:
    """How many threads NumPy's OpenBLAS uses now; -1 if it is another library."""
    import numpy as np

    np.linalg.inv(np.eye(3))
    for line in Path("/proc/self/maps").read_text().splitlines():
        if "openblas" in line and "/" in line:
            library = ctypes.CDLL("/" + line.partition("/")[2].strip())
            for name in ("scipy_openblas_get_num_threads64_", "openblas_get_num_threads"):
                if hasattr(library, name):
                    return int(getattr(library, name)())
    return -1


def test_a_library_that_is_loaded_already_gets_its_threads():
    with PilotDrive(LocalPilot()) as drive:
        worker = drive.workers()[0]
        counts = [open_value(drive.call(openblas_threads, worker=worker, share=Share(cores=cores)))
                  for cores in (1, 3, 1)]
        if counts == [-1] * 3:
            pytest.skip("NumPy does not use OpenBLAS here")
        assert counts == [1, 3, 1]


def ask_on_rank(rank: int) -> bytes:
    world = tasks._world()
    answer = inside.ask(b"%d" % rank) if world.Get_rank() == rank else b""
    return world.bcast(answer, root=rank)


@pytest.mark.ci
def test_of_ranks_the_first_one_may_ask():
    pytest.importorskip("mpi4py")
    with PilotDrive(LocalPilot()) as drive:
        attempt = drive.submit(ask_on_rank, 0, share=Share(ranks=2))
        drive.pilot.answer(*attempt, drive.asked(attempt)[0].number, b"yes")
        assert open_value(drive.ended(attempt)) == b"yes"
        ended = drive.call(ask_on_rank, 1, share=Share(ranks=2))
        assert ended.outcome is Outcome.FAILED
        assert "rank 0 alone can ask" in ended.error


@pytest.mark.parametrize(("mpi", "words"), [("no-such-launcher --flag", "needs the command 'no-such-launcher'"),
                                            ("env FOO=1 true", "0 have ended well; the launcher ended"),
                                            ("env false", "ended with exit status 1")])
def test_a_launcher_that_does_not_launch_is_told(mpi, words):
    pytest.importorskip("mpi4py")
    with PilotDrive(LocalPilot(mpi=mpi)) as drive:
        ended = drive.call(tasks.sum_over_ranks, 1, share=Share(ranks=2))
        assert ended.outcome is Outcome.FAILED
        assert words in ended.error
        assert open_value(drive.call(tasks.add, 1, worker=ended.worker)) == 2


def test_a_machine_without_mpi_says_what_to_install(monkeypatch):
    monkeypatch.setattr(ranks, "find_spec", lambda name: None)
    assert "pip install mpi4py mpich" in ranks._missing("mpiexec")


@pytest.mark.parametrize(("visible", "found"), [("", ()), ("-1", ()), ("0", ("0",)), ("1, 3", ("1", "3")),
                                                ("GPU-1a,MIG-2b", ("GPU-1a", "MIG-2b"))])
def test_gpus_are_those_that_are_visible(monkeypatch, visible, found):
    assert machine.gpus(visible) == found
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert machine.gpus() == found


def two_gibibytes() -> bytes:
    return bytes(2**31)


@pytest.mark.everything
def test_a_result_of_two_gibibytes_fails_and_spares_the_worker():
    with PilotDrive(LocalPilot()) as drive:
        ended = drive.call(two_gibibytes)
        assert ended.outcome is Outcome.FAILED
        assert "over the limit of 2147483648" in ended.error
        assert open_value(drive.call(tasks.add, 1, worker=ended.worker)) == 2
