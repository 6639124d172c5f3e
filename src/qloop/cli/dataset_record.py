"""`qloop dataset record`: runs the paper's experiment through qloop and keeps what it measures."""

from __future__ import annotations

import argparse
import platform
import sys
from contextlib import nullcontext
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from qloop.cli import console
from qloop.cli.exits import Exit
from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from qloop.miniapps.recording.experiment import Opening
    from qloop.miniapps.recording.instances import Source
    from qloop.miniapps.recording.plan import Plan

ABOUT = """Record the experiment of the paper's section III: MaxCut on random 3-regular graphs, EfficientSU2, COBYLA,
and a final sampling run, each experiment on a fresh worker. Finished experiments are kept whatever ends
the command; given again, it goes on. More sizes and instances can be added later."""


def add(actions: Any) -> None:
    """Declare the action."""
    parser = actions.add_parser("record", help="run the paper's experiment and record it", description=ABOUT)
    parser.add_argument("--out", required=True, metavar="FOLDER", help="the data set, new or to go on with")
    parser.add_argument("--sizes", default="4,6,8,10,12,14", metavar="N,N", help="qubits (default 4,6,8,10,12,14)")
    parser.add_argument("--instances", type=int, default=20, metavar="N", help="graphs of each size (default 20)")
    parser.add_argument("--hamlib", metavar="FILE", help="take the graphs from this HamLib HDF5 file (needs h5py)")
    parser.add_argument("--qpu", default="exact", help="where circuits run; emulated ones run in virtual time "
                                                       "(default exact)")
    parser.add_argument("--shots", type=int, default=4096, help="of an evaluation; 0: exact values (default 4096)")
    parser.add_argument("--maxiter", type=int, default=1500, metavar="N", help="most evaluations (default 1500)")
    parser.add_argument("--objective", choices=("maxcut", "hamiltonian"), default="maxcut", metavar="NAME",
                        help="minimise minus the cut (maxcut, default) or, like the paper's program, HamLib's "
                             "Hamiltonian itself, the cut (hamiltonian)")
    parser.add_argument("--seed", type=int, default=0, help="of graphs, starts and shots (default 0)")


def run(args: argparse.Namespace) -> int:
    """Record, and say what there is."""
    from qloop.miniapps.recording.perform import record
    from qloop.miniapps.recording.plan import Plan

    plan = Plan(sizes=sizes_of(args.sizes), instances=args.instances, maxiter=args.maxiter, shots=args.shots,
                seed=args.seed, objective=args.objective, qpu=args.qpu)
    source, name = _graphs(args.hamlib, plan)
    opening, clock = _opening(plan)
    folder = Path(args.out)
    try:
        with Bar() if not args.json and sys.stderr.isatty() else nullcontext() as bar:
            ran = record(plan, source, name, folder, opening, {**_about(), "clock": clock}, bar)
    except KeyboardInterrupt:
        console.say(f"Interrupted. Finished experiments are kept in {folder}; the same command goes on.")
        raise
    _tell(args, folder, ran)
    return Exit.OK


def sizes_of(text: str) -> tuple[int, ...]:
    """The numbers of a list such as 4,6,8."""
    try:
        return tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise InvalidInput(f"The sizes {text!r} are not a list of numbers", "", "Give for example 4,6,8") from None


def _graphs(file: str | None, plan: Plan) -> tuple[Source, str]:
    """Where instances come from, and its name."""
    from qloop.miniapps.recording import hamlib
    from qloop.miniapps.recording.instances import generated, stored

    if file is None:
        return generated(plan.seed), "generated"
    path = Path(file)
    return stored(hamlib.read(path, plan.sizes), plan, str(path)), hamlib.fingerprint(path)


def _opening(plan: Plan) -> tuple[Opening, str]:
    """How a runtime for one experiment is opened, and its clock: virtual for a QPU that emulates time."""
    from qloop.qpus.catalog import open_qpu
    from qloop.runtime.embedded import Runtime

    qpu = open_qpu(plan.qpu, seed=plan.seed)
    widest = qpu.describe().n_qubits
    if max(plan.sizes) > widest:
        raise InvalidInput(f"QPU {plan.qpu!r} has {widest} qubits, and {max(plan.sizes)} are asked for", "",
                           "Choose a wider one, see 'qloop qpus'")
    clock = "virtual" if qpu.describe().emulated else "real"

    def opening(name: str, seed: int, trace: Path) -> Runtime:
        return Runtime(qpus=[qpu], journal=":memory:", clock=clock, workers=1, seed=seed, trace=trace)

    return opening, clock


def _about() -> dict[str, str]:
    """Versions and the kind of machine, for provenance."""
    from qloop import __version__
    from qloop.trace.provenance import new_header

    libraries = {name: version(name) for name in ("qiskit", "scipy", "numpy", "qulacs")}
    return {"qloop": __version__, "python": platform.python_version(), **libraries,
            "machine": new_header(clock="real", policy="").machine}


def _tell(args: argparse.Namespace, folder: Path, ran: int) -> None:
    """A table of medians, or JSON."""
    from qloop.trace.datasets.files import load
    from qloop.trace.datasets.summary import by_size

    rows = by_size(load(folder))
    if args.json:
        console.document({"folder": str(folder), "recorded": ran, "sizes": rows})
        return
    console.show(table_of(f"{folder}: {ran} experiments recorded now", rows))


def table_of(title: str, rows: list[dict[str, Any]]) -> Any:
    """Medians of each size as a table."""
    heads = {"n_qubits": "qubits", "experiments": "runs", "num_iterations": "iterations", "pre_s": "pre (s)",
             "cost_time_s": "classical", "quantum_s": "quantum", "post_s": "post (ms)",
             "approximation_ratio": "cut/max"}
    scale = {"cost_time_s": 1e3, "quantum_s": 1e3, "post_s": 1e3}
    told = f"{title}\nmedians; classical step and quantum task of an iteration in ms"
    table = console.table(told, *heads.values(), right=tuple(heads.values()))
    for row in rows:
        table.add_row(*("-" if row.get(name) is None else f"{row[name] * scale.get(name, 1):.4g}" for name in heads))
    return table


class Bar:
    """A progress bar on the terminal's error stream: experiments, what runs, time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(TextColumn("recording"), BarColumn(), MofNCompleteColumn(),
                             TextColumn("{task.fields[what]}"), TimeElapsedColumn(),
                             TextColumn("{task.fields[left]}"), console=Console(stderr=True))
        self._task = self._bar.add_task("", total=None, what="", left="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def at(self, done: int, total: int, what: str, left_s: float | None) -> None:
        """Show how far it is."""
        left = "" if left_s is None else f"{int(left_s) // 60}:{int(left_s) % 60:02d} left"
        self._bar.update(self._task, completed=done, total=total, what=what, left=left)
