"""Running a function on several ranks at once, where a runtime's workers start them or where a launcher does here.

A worker calls `on_this_rank` on each of the ranks that it has started; `on_ranks` starts them itself with `mpiexec`,
for a program without workers. The function is called as `function(ranks, *arguments)` on each.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from qloop.errors import InvalidInput, MissingExtra, QloopError
from qloop.miniapps.motifs.dense import Complex
from qloop.miniapps.motifs.split_state import Alone

MOST_RANKS = 4096
CALL, VALUES = "call.pickle", "values.pickle"
TOLD = 2_000        # characters of what a failed rank wrote
LOCAL = ("-iface", "lo", "-localhost", "localhost")     # nothing listens beyond this machine


def on_ranks(function: Callable[..., Any], arguments: tuple[Any, ...], ranks: int, limit_s: float) -> list[Any]:
    """What the function returns on each of so many ranks that are started here, in their order.

    Raises `InvalidInput` for a number of ranks that is no power of two, `MissingExtra` without MPI, `QloopError` with
    what a rank wrote if one fails or `limit_s` passes; then all of them are ended.
    """
    check_ranks(ranks)
    if ranks == 1:
        return [function(Alone(), *arguments)]
    with tempfile.TemporaryDirectory(prefix="qloop-ranks-") as folder:
        place = Path(folder)
        (place / CALL).write_bytes(pickle.dumps((function, arguments)))
        command = [*_launcher(), "-n", str(ranks), sys.executable, "-m", f"{__package__}.rank_process", folder]
        _watch(command, place, ranks, limit_s)
        found: list[Any] = pickle.loads((place / VALUES).read_bytes())
        return found


def on_this_rank(function: Callable[..., Any], arguments: tuple[Any, ...], ranks: int) -> list[Any]:
    """What the function returns on each rank of the world that this process is in; on ranks but 0, an empty list."""
    check_ranks(ranks)
    if ranks == 1:
        return [function(Alone(), *arguments)]
    world = import_module("mpi4py.MPI").COMM_WORLD
    if world.Get_size() != ranks:
        raise QloopError(f"{ranks} ranks were asked for, and {world.Get_size()} are there", "", "Report this")
    return world.gather(function(MpiRanks(world), *arguments)) or []


def check_ranks(ranks: int) -> None:
    """`InvalidInput` for a number of ranks that is no power of two."""
    if isinstance(ranks, bool) or not isinstance(ranks, int) or not 1 <= ranks <= MOST_RANKS or ranks & (ranks - 1):
        raise InvalidInput(f"There are to be {ranks!r} ranks", "A state is split in halves",
                           f"Give a power of two up to {MOST_RANKS}")


class MpiRanks:
    """The ranks of an MPI communicator (see `split_state.Ranks`)."""

    def __init__(self, world: Any) -> None:
        self._world = world
        self.rank, self.size = int(world.Get_rank()), int(world.Get_size())

    def exchange(self, values: Complex, partner: int) -> Complex:
        """Send and receive as many values at once."""
        received = np.empty_like(values)
        self._world.Sendrecv(values, dest=partner, recvbuf=received, source=partner)
        return received

    def total(self, value: float) -> float:
        """The sum over all ranks."""
        return float(self._world.allreduce(value))


def _launcher() -> list[str]:
    """The command that starts ranks: MPICH's `mpiexec` beside this Python, bound to loopback, or else the PATH's."""
    beside = shutil.which("mpiexec", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("mpiexec")
    if found is None or find_spec("mpi4py") is None:
        raise MissingExtra("A program of several ranks", "mpi")
    return [found, *LOCAL] if beside else [found]


def _watch(command: list[str], place: Path, ranks: int, limit_s: float) -> None:
    """Run the ranks to their end; what they write goes to files, which never fill up as a pipe does."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1",
                   "OPENBLAS_NUM_THREADS": "1"}
    with (place / "out").open("wb") as out, (place / "err").open("wb") as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment,
                                   start_new_session=True)
        try:
            code = process.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            _end(process)
            raise QloopError(f"{ranks} ranks were ended after {limit_s:g} s", "They had not finished",
                             "Give fewer qubits, more ranks, or a longer limit") from None
        except BaseException:
            _end(process)
            raise
    if code or not (place / VALUES).exists():
        said = (place / "err").read_text(errors="replace").strip()
        raise QloopError(f"A rank of {ranks} failed: mpiexec ended with {code}", said[-TOLD:],
                         "See what the ranks wrote above")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the launcher, then everything that it started."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, kind)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=2.0)
        time.sleep(0.05)
