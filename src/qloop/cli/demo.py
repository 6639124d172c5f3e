"""`qloop demo`: what qloop is for, on emulated QPUs in virtual time; `--quick`: a first loop in real time."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from qloop.cli import console
from qloop.cli.exits import Exit

if TYPE_CHECKING:
    from qloop.miniapps.demo.perform import Wish
    from qloop.qpus.protocol import LocalQpu

QPUS = ("twin-torino", "twin-sherbrooke", "twin-hanoi")
ABOUT = """Loops of three tenants and background tasks share three emulated QPUs in virtual time, under a queue in
which every iteration waits again (fifo) and session-aware (efaas), on the same random numbers."""


def add(subparsers: Any) -> None:
    """Declare the command and its arguments."""
    parser = subparsers.add_parser("demo", help="loops and background tasks on shared QPUs, policies side by side",
                                   description=ABOUT)
    parser.add_argument("--quick", "--real", action="store_true",
                        help="one loop in real time on an exact QPU: a user's first lines")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn (default 0)")
    parser.add_argument("--policies", default="fifo,efaas", metavar="A,B",
                        help="1 to 4 policies; the last is compared with the first (default fifo,efaas)")
    parser.add_argument("--load", type=float, default=0.85, help="load offered to the QPUs (default 0.85)")
    parser.add_argument("--horizon", type=float, default=5400.0, metavar="SECONDS",
                        help="virtual time in which everything arrives (default 5400)")
    parser.add_argument("--loops", type=int, default=0, metavar="N", help="how many of the loops (default: all)")
    parser.add_argument("--iterations", type=int, default=0, metavar="N",
                        help="at most so many iterations of each loop (default: as many as it has)")
    parser.add_argument("--simulated", action="store_true",
                        help="beside each run, what the simulator predicts of it from the plan alone, and its replay")
    parser.add_argument("--clock", default="virtual", metavar="A,B",
                        help="with --simulated: virtual, real, or a number (times real speed); default virtual")
    parser.add_argument("--out", default="out/demo", metavar="FOLDER", help="for traces and figure (default out/demo)")


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    if args.quick:
        return _quick(args)
    from qloop.miniapps.demo.perform import Wish, perform

    wish = Wish(seed=args.seed, policies=tuple(filter(None, args.policies.split(","))), load=args.load,
                horizon_s=args.horizon, loops=args.loops, iterations=args.iterations, out=args.out)
    wish.check()
    _check_policies(wish.policies)
    qpus = [_twin(name, wish.seed) for name in QPUS]
    if args.simulated:
        return _simulated(args, wish, qpus)
    with Bar() if _watched(args) else nullcontext() as bar:
        found = perform(wish, qpus, lambda name: _platform(name, "virtual", qpus, wish.seed), bar)
    if args.json:
        console.document(found)
    else:
        from qloop.miniapps.demo.show import render

        console.show(render(found))
    return Exit.OK


def _simulated(args: argparse.Namespace, wish: Wish, qpus: list[LocalQpu]) -> int:
    from qloop.cli import demo_simulated
    from qloop.miniapps.demo.perform import Nobody, folder_of

    folder_of(wish.out)
    with Bar() if _watched(args) else nullcontext(Nobody()) as audience:
        found, files = demo_simulated.perform(wish, _clocks(args.clock), qpus,
                                              lambda name, clock: _platform(name, clock, qpus, wish.seed), audience)
    if args.json:
        console.document({"runs": found, "files": files, "exact": [one.exact for one in found],
                          "close": [one.close for one in found]})
    else:
        demo_simulated.render(found, files)
    return Exit.OK


def _clocks(wish: str) -> list[str | float]:
    """The clocks, each by its name or its speed; UnknownName for what is none."""
    from qloop.runtime.clock import make_clock

    found: list[str | float] = []
    for word in filter(None, wish.split(",")):
        found.append(word if word in ("virtual", "real") else _speed(word))
        make_clock(found[-1])
    return found or ["virtual"]


def _speed(word: str) -> str | float:
    try:
        return float(word)
    except ValueError:
        return word


def _quick(args: argparse.Namespace) -> int:
    from qloop.miniapps.demo import quick
    from qloop.qpus.exact import ExactQpu

    found = quick.perform(ExactQpu(), args.out)
    if args.json:
        console.document(found)
    else:
        console.show(quick.render(found))
    return Exit.OK


def _check_policies(names: tuple[str, ...]) -> None:
    """UnknownName before anything is compiled."""
    from qloop.runtime.plugins import find_policy

    for name in names:
        find_policy(name, None, {})


def _twin(name: str, seed: int) -> LocalQpu:
    """A twin whose noise-free values always come from the same simulator, so that a seed gives the same bytes."""
    from qloop.qpus.catalog import open_qpu
    from qloop.qpus.exact import ExactQpu

    return cast("LocalQpu", open_qpu(name, seed=seed, exact=ExactQpu("noise-free", simulators=("qulacs",))))


def _platform(policy: str, clock: str | float, qpus: list[LocalQpu], seed: int) -> Any:
    """A runtime with a trace and no file."""
    from qloop.runtime.embedded import Runtime

    return Runtime(qpus=qpus, policy=policy, clock=clock, journal=":memory:", trace=True, seed=seed, run="demo")


def _watched(args: argparse.Namespace) -> bool:
    return not args.json and sys.stderr.isatty()


class Bar:
    """A progress bar on the terminal's error stream: the part that runs, how far it is, and its virtual time."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

        self._bar = Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
                             TextColumn("{task.fields[detail]}"), TimeElapsedColumn(), console=Console(stderr=True))
        self._task: Any = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._end()
        self._bar.stop()

    def stage(self, what: str, total: float) -> None:
        """A new part begins, which ends at `total`."""
        self._end()
        self._task = self._bar.add_task(what, total=total, detail="")

    def at(self, done: float, detail: str) -> None:
        """How far this part is."""
        if self._task is not None:
            self._bar.update(self._task, completed=done, detail=detail)

    def _end(self) -> None:
        """The part that ran is complete."""
        for task in self._bar.tasks:
            self._bar.update(task.id, completed=task.total)
