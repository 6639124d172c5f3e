"""What `qloop doctor` looks at: each check does the thing in question, and says what it found."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from qloop import __version__

OLDEST_PYTHON = (3, 11)
LITTLE_DISK = 200 << 20
LIBRARIES = (
    ("numpy", "numbers", True), ("msgspec", "records and JSON", True), ("qiskit", "circuits", True),
    ("qulacs", "the fastest state vectors", True), ("scipy", "optimizers of your own", True),
    ("rich", "tables and progress", True), ("cloudpickle", "classical tasks on workers", True),
    ("qiskit-aer", "matrix product states, wide circuits: qloop[aer]", False),
    ("cma", "the CMA-ES optimizer: qloop[cma]", False),
    ("matplotlib", "figures: qloop[plot]", False),
    ("numba", "the compiled simulator: qloop[simulator]", False),
    ("networkx", "graphs of your own", False),
)


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at: `ok`, `missing` (optional, not installed), `warning` or `broken` (needed)."""

    area: str
    name: str
    status: str
    detail: str
    about: str = ""


def everything() -> Iterator[Finding]:
    """All findings; a check that itself fails is a finding, too."""
    for area, check in (("Python", python), ("libraries", libraries), ("simulators", simulators),
                        ("plugins", plugins), ("journal", journal), ("machine", machine)):
        yield from _guarded(area, check)


def _guarded(area: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except Exception as error:
        yield Finding(area, check.__name__, "broken", f"{type(error).__name__}: {error}")


def python() -> Iterator[Finding]:
    """Versions of Python and qloop, and where they are."""
    fine = sys.version_info[:2] >= OLDEST_PYTHON
    needed = ".".join(map(str, OLDEST_PYTHON))
    yield Finding("Python", "python", "ok" if fine else "broken", f"{platform.python_version()} at {sys.executable}",
                  "" if fine else f"qloop needs {needed} or newer")
    yield Finding("Python", "qloop", "ok", f"{__version__} at {Path(__file__).parent.parent}")
    yield Finding("Python", "system", "ok", platform.platform())


def libraries() -> Iterator[Finding]:
    """Installed libraries, their versions, and what each is for."""
    from qloop.qpus.simulators.versions import installed

    for name, purpose, needed in LIBRARIES:
        version = installed(name, name.replace("-", "_"))
        status = "ok" if version is not None else "broken" if needed else "missing"
        yield Finding("libraries", name, status, version or "not installed", purpose)


def simulators() -> Iterator[Finding]:
    """Each installed simulator computes <Z> = cos(theta) after RX(theta)."""
    from qloop.qpus.simulators.choice import simulators as known

    for name, simulator in known().items():
        version = simulator.version()
        if version is None:
            yield Finding("simulators", name, "missing", "its library is not installed")
            continue
        try:
            error, seconds = _try_simulator(name)
        except Exception as failure:
            yield Finding("simulators", name, "broken", f"{type(failure).__name__}: {failure}")
            continue
        status = "ok" if error < 1e-9 else "broken"
        yield Finding("simulators", name, status, f"{version}, <Z> after RX off by {error:.0e}, {seconds * 1e6:.0f} us")


def _try_simulator(name: str) -> tuple[float, float]:
    """The error of an evaluation with a known answer, and its seconds."""
    import numpy as np
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.quantum_info import SparsePauliOp

    from qloop.qpus.exact import ExactQpu
    from qloop.qpus.protocol import Request

    circuit = QuantumCircuit(1)
    circuit.rx(Parameter("theta"), 0)
    qpu = ExactQpu(simulators=[name])
    program = qpu.compile(circuit, SparsePauliOp("Z"))
    theta = 0.7
    request = Request(np.array([[theta]]), 0, (bytes(32),))
    qpu.evaluate(program, request)
    begun = time.perf_counter()
    value = qpu.evaluate(program, request).values[0]
    return abs(value - math.cos(theta)), time.perf_counter() - begun


def plugins() -> Iterator[Finding]:
    """QPUs and policies, qloop's own and those of plugins; a broken one is named and disturbs nothing else."""
    from qloop.policies.catalog import builtin
    from qloop.qpus.catalog import list_qpus
    from qloop.runtime.plugins import policies

    qpus, found = list_qpus(), policies()
    yield Finding("plugins", "QPUs", "ok", ", ".join(qpu.name for qpu in qpus.qpus))
    yield Finding("plugins", "policies", "ok", ", ".join([*builtin(), *found.working]))
    for kind, broken in (("QPU", qpus.broken), ("policy", found.broken)):
        for name, why in broken.items():
            yield Finding("plugins", f"{kind} {name}", "warning", why, "repair or uninstall it")


def journal() -> Iterator[Finding]:
    """The folder of journals takes one, on a disk with space, with SQLite's write-ahead log."""
    from qloop.runtime import layout

    folder = _existing((layout.home() / "runs").absolute())
    if not folder.is_dir():
        yield Finding("journal", "folder", "broken", f"{folder} is a file, and {layout.home()} would lie in it",
                      f"set {layout.ENVIRONMENT} to a folder that can be written")
        return
    free = shutil.disk_usage(folder).free
    yield Finding("journal", "free disk", "ok" if free > LITTLE_DISK else "warning", f"{free / 2**30:,.1f} GiB",
                  "" if free > LITTLE_DISK else "a journal that finds its disk full stops its run")
    yield Finding("journal", "runs", "ok", f"{len(layout.run_ids())} under {layout.home()}")
    try:
        with tempfile.TemporaryDirectory(prefix="qloop-doctor-", dir=folder) as place:
            yield _wal(Path(place))
            yield _writes(Path(place), folder)
    except OSError as error:
        yield Finding("journal", "folder", "broken", f"{folder}: {error.strerror or error}",
                      f"set {layout.ENVIRONMENT} to a folder that can be written")


def _wal(place: Path) -> Finding:
    with contextlib.closing(sqlite3.connect(place / "wal.db")) as connection:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    fine = mode == "wal"
    return Finding("journal", "SQLite", "ok" if fine else "broken", f"{sqlite3.sqlite_version}, journal mode {mode}",
                   "" if fine else "this file system cannot share memory; choose a local disk")


def _writes(place: Path, folder: Path) -> Finding:
    """A real journal, and what one write to it costs."""
    from qloop.runtime.journal.rows import Run
    from qloop.runtime.journal.sqlite import SqliteStore

    store = SqliteStore(place / "test.qloop")
    try:
        store.begin_run(Run("doctor", "", 0, 0, "real", __version__))
        begun = time.perf_counter()
        for nth in range(50):
            store.append("doctor", [nth.to_bytes(8, "big")])
        cost = (time.perf_counter() - begun) / 50
        kept = len(store.read_log("doctor"))
    finally:
        store.close()
    return Finding("journal", "folder", "ok" if kept == 50 else "broken",
                   f"{folder}, a write takes {cost * 1e6:.0f} us")


def machine() -> Iterator[Finding]:
    """Cores, threads and the clock."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = {name: value for name in ("OMP_NUM_THREADS", "QULACS_NUM_THREADS") if (value := os.environ.get(name))}
    told = "".join(f", {name}={value}" for name, value in threads.items())
    yield Finding("machine", "cores", "ok", f"{allowed} of {os.cpu_count()} may be used{told}")
    step = _clock_step()
    yield Finding("machine", "clock", "ok" if step < 1_000_000 else "warning", f"resolves {step:,} ns",
                  "" if step < 1_000_000 else "timings below a millisecond mean nothing here")


def _clock_step() -> int:
    """The smallest step of the clock that is seen, in ns."""
    readings = [time.monotonic_ns() for _ in range(2000)]
    steps = [after - before for before, after in itertools.pairwise(readings) if after > before]
    return min(steps, default=10**9)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest thing above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
