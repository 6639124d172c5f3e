"""How a worker keeps to its share of the node: the GPUs it sees, the memory it may take, the threads it starts.

GPUs and thread counts go into the environment, where libraries look that are loaded later; those already loaded are
called. A library that starts threads in a way of its own is not held: the cores of a share are a promise of the task.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

GPU_VARIABLES: Final = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS",
                   "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS")
# Which symbol of which library sets its number of threads; NumPy's and SciPy's own OpenBLAS have names of their own.
_SETTERS: Final = (("openblas", ("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads",
                                 "openblas_set_num_threads64_", "openblas_set_num_threads")),
                   ("libgomp", ("omp_set_num_threads",)), ("libomp", ("omp_set_num_threads",)),
                   ("libiomp", ("omp_set_num_threads",)), ("mkl_rt", ("MKL_Set_Num_Threads",)),
                   ("libblis", ("bli_thread_set_num_threads",)))


class Part(NamedTuple):
    """A share as it travels to a worker: cores, bytes of memory (0: no limit), MPI ranks, and GPUs with commas."""

    cores: int
    memory_bytes: int
    ranks: int
    gpus: str


class Keeper:
    """Remembers what is set, so that a task with the share of the one before costs nothing."""

    def __init__(self) -> None:
        self._cores, self._gpus = 0, "?"

    def prepare(self, part: Part) -> None:
        """What a task finds when it is opened: its GPUs and its number of threads."""
        if part.gpus != self._gpus:
            os.environ.update(dict.fromkeys(GPU_VARIABLES, part.gpus))
            self._gpus = part.gpus
        if part.cores != self._cores and part.cores + self._cores > 1:
            _set_threads(part.cores)
        self._cores = part.cores


@contextlib.contextmanager
def memory(n_bytes: int) -> Iterator[None]:
    """Within this block the process may take so much address space more than it has now; 0: as much as before."""
    if not n_bytes:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limits = [_mapped() + n_bytes, *(bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _mapped() -> int:
    """The size of this process's address space in bytes; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _set_threads(count: int) -> None:
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(count)))
    for path in _loaded():
        for mark, symbols in _SETTERS:
            if mark in path.name:
                _call(path, symbols, count)
    numba: Any = sys.modules.get("numba")
    if numba is not None:
        with contextlib.suppress(Exception):
            numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))


def _loaded() -> set[Path]:
    """The shared libraries of this process (Linux)."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return set()
    return {Path(line.partition("/")[2]) for line in lines if ".so" in line and "/" in line}


def _call(path: Path, symbols: tuple[str, ...], count: int) -> None:
    """Call the first of these that the library has."""
    try:
        library = ctypes.CDLL(f"/{path}", mode=os.RTLD_NOLOAD | os.RTLD_LOCAL)
    except OSError:
        return
    for symbol in symbols:
        setter = getattr(library, symbol, None)
        if setter is not None:
            setter(ctypes.c_int(count))
            return
