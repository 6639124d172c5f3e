"""The second mode: a user's first lines, run in real time on an exact QPU, and what they gave."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from qloop.errors import InvalidInput, MissingExtra
from qloop.qpus.protocol import LocalQpu, Request

if TYPE_CHECKING:
    from rich.console import Group

PROGRAM = """\
import qloop
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

energy = SparsePauliOp.from_list([("ZZI", -1), ("IZZ", -1), ("XII", -1), ("IXI", -1), ("IIX", -1)])
ansatz = efficient_su2(3, reps=2)

with qloop.Session("first") as session:
    result = session.minimize(ansatz, energy, optimizer="adam", maxiter=150)
print(result.fun)
"""
"""What is shown is what runs: these very lines are executed."""
REPEATS = 5


class Quick(msgspec.Struct, frozen=True):
    """What the first loop gave; times in seconds of the wall's clock, overhead in microseconds an iteration."""

    program: str
    session: str
    clock: str
    energy: float
    exact_energy: float
    iterations: int
    evaluations: int
    seconds: float
    bare_seconds: float
    overhead_us: float
    figure: str
    file: str

    @property
    def error(self) -> float:
        """How far the energy is above the exact one."""
        return self.energy - self.exact_energy


def perform(qpu: LocalQpu, out: str) -> Quick:
    """Run the lines, then the same evaluations on the bare QPU without qloop around them, and compare."""
    file = _saved(out)
    names: dict[str, Any] = {"print": lambda *words: None}
    began = time.perf_counter()
    exec(compile(PROGRAM, "first.py", "exec"), names)
    total = time.perf_counter() - began
    result, ansatz, operator = names["result"], names["ansatz"], names["energy"]
    inside = sum(entry.wait_s for entry in result.iterations)
    bare = bare_seconds(qpu, ansatz, operator, [entry.evaluations for entry in result.iterations], result.x)
    exact = ground_energy(operator)
    overhead = max(0.0, inside - bare) / max(len(result.iterations), 1) * 1e6
    return Quick(PROGRAM, result.session, result.clock, result.fun, exact, len(result.iterations), result.nfev, total,
                 bare, overhead, _figure(result, exact, out), str(file))


def bare_seconds(qpu: LocalQpu, circuit: Any, observable: Any, batches: list[int], point: Any) -> float:
    """Seconds that the evaluations alone take: the shortest of some repetitions of the same batches."""
    import numpy as np

    program = qpu.compile(circuit, observable)
    rows = {size: np.tile(np.asarray(point), (size, 1)) for size in set(batches)}
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        for size in batches:
            qpu.evaluate(program, Request(rows[size], 0, (b"",) * size))
        found.append(time.perf_counter() - began)
    return min(found)


def ground_energy(observable: Any) -> float:
    """The lowest eigenvalue, by dense diagonalisation."""
    import numpy as np

    return float(np.linalg.eigvalsh(observable.to_matrix())[0])


def render(found: Quick) -> Group:
    """The lines, what they gave, and how to go on."""
    from rich.console import Group
    from rich.syntax import Syntax
    from rich.text import Text

    told = (
        f"energy {found.energy:.6f}, exactly {found.exact_energy:.6f}: {found.error:.1e} above",
        f"{found.iterations} iterations, {found.evaluations} evaluations in {found.seconds:.2f} s, "
        f"clock: {found.clock}",
        f"beside the simulation, an iteration of {found.evaluations / found.iterations:.0f} evaluations cost "
        f"{found.overhead_us:.0f} us: the optimizer's step, scheduling, journal",
        f"figure: {found.figure}",
        "",
        "Every result is journaled, so a run that was interrupted goes on where it was:",
        f"  qloop run {found.file}              and after a crash or Ctrl-C",
        f"  qloop run {found.file} --resume     which buys nothing twice. A session of this run, in Python:",
        f"  qloop.Session.from_id({found.session!r})",
    )
    return Group(Text("Your first lines, as they just ran:\n"), Syntax(found.program, "python", theme="ansi_light"),
                 *(Text(line) for line in told))


def _saved(out: str) -> Path:
    """The lines as a file, to be run again and changed; `InvalidInput` if the folder cannot be written."""
    file = Path(out) / "first.py"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(PROGRAM)
    except OSError as error:
        raise InvalidInput(f"The folder {out} cannot be written", error.strerror or str(error),
                           "Give another one with --out") from None
    return file


def _figure(result: Any, exact: float, out: str) -> str:
    """Where the energies are drawn; how to get matplotlib if it is missing."""
    path = Path(out) / "first-loop.png"
    try:
        result.plot(path, optimum=exact)
    except MissingExtra as missing:
        return str(missing)
    return str(path)
