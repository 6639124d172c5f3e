"""`qloop dreamer calibrate|plan|accuracy|show`: what cutting a circuit would cost here, and whether it pays."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.cli import console, dreamer_shown
from qloop.cli.exits import Exit
from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from qloop.planner.machine import Calibration

EXAMPLES = """examples
  qloop dreamer calibrate                          measure this machine, about a minute
  qloop dreamer plan ising nodes=20 layers=3       cut or not, with all alternatives
  qloop dreamer plan circuit.qasm --observable ZZIIII=1,IIIIXX=0.5 --workers 2 --memory 4
  qloop dreamer accuracy --out accuracy            how well plans are foretold here"""


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("dreamer", help="cut a circuit or not, foretold from this machine's costs",
                                   epilog=EXAMPLES)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    calibrate = actions.add_parser("calibrate", help="measure this machine's constants, and keep them")
    calibrate.add_argument("--seconds", type=float, default=60.0, metavar="S", help="about how long (default 60)")
    _add_plan(actions)
    accuracy = actions.add_parser("accuracy", help="measure how well speed-ups are foretold")
    accuracy.add_argument("--out", default="dreamer-accuracy", metavar="FOLDER",
                          help="where measurements, report and figure go; what is there already is not measured again")
    accuracy.add_argument("--sizes", metavar="LIST", help="qubits of the circuits, such as 14,16,18")
    accuracy.add_argument("--workers", default="1,2", metavar="LIST", help="numbers of workers (default 1,2)")
    actions.add_parser("show", help="print the constants that are kept")


def _add_plan(actions: Any) -> None:
    plan = actions.add_parser("plan", help="decide whether and how to cut a circuit", epilog=EXAMPLES)
    plan.add_argument("what", metavar="FILE_OR_PROBLEM", help="an OpenQASM 2 or QPY file, or a problem of qloop's")
    plan.add_argument("parameters", nargs="*", metavar="NAME=VALUE", help="parameters of the problem")
    plan.add_argument("--observable", metavar="TERMS",
                      help="of a file's circuit, such as ZZI=1,IXX=0.5 (default: the mean of Z)")
    plan.add_argument("--workers", type=int, default=1, metavar="N", help="workers that can be had (default 1)")
    plan.add_argument("--memory", type=float, default=0.0, metavar="GIB", help="GiB they share (default: what is free)")
    plan.add_argument("--qubits", type=int, default=0, metavar="N", help="the most qubits of a fragment")
    plan.add_argument("--search-seconds", type=float, default=3.0, metavar="S", help="for the search (default 3)")
    plan.add_argument("--error", type=float, default=0.0, metavar="E",
                      help="standard error wanted from shots; tells how many each way takes")
    plan.add_argument("--seed", type=int, default=0, metavar="N", help="of the angles and the search (default 0)")
    plan.add_argument("--run", action="store_true", help="carry the plan out here, and print the value")


def run(args: argparse.Namespace) -> int:
    """Do it; exit code 1 if an accuracy misses its target."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "calibrate": _calibrate, "plan": _plan, "accuracy": _accuracy, "show": _show}
    return actions[args.action](args)


def _calibrate(args: argparse.Namespace) -> int:
    from qloop.planner.calibration import calibrate
    from qloop.planner.machine import doubts, save

    with _progress(args.json, "calibrating") as tell:
        found = calibrate(args.seconds, tell)
    path = save(found)
    if args.json:
        console.document({"path": path, **dreamer_shown.calibration_dict(found)})
    else:
        console.show(dreamer_shown.constants_table(found))
        console.note(f"kept in {path}: {found.configurations} configurations in {found.seconds:,.0f} s, "
                     f"speed-ups explained to {found.fit:.1f} %")
        for doubt in doubts(found, found.machine):
            console.note(f"note: {doubt}")
    return Exit.OK


def _plan(args: argparse.Namespace) -> int:
    from qloop.cli.dreamer_problem import problem_from
    from qloop.planner.plan import Question, carry_out, plan_cutting

    circuit, observable = problem_from(args.what, args.parameters, args.observable, args.seed)
    if not 0 <= args.memory < 1e9:
        raise InvalidInput(f"--memory is {args.memory:g}", "It must be a number of GiB", "Give 0 for what is free")
    known = _known(args.json)
    question = Question(workers=args.workers, memory_bytes=int(args.memory * 2**30), qubits=args.qubits,
                        search_s=args.search_seconds, seed=args.seed, error=args.error)
    plan = plan_cutting(circuit, observable, question, known)
    value = carry_out(plan) if args.run else None
    if args.json:
        console.document(dreamer_shown.plan_dict(plan, value))
        return Exit.OK
    console.show(dreamer_shown.plan_table(plan))
    console.say(f"answer: {plan.why()}")
    if value is not None:
        console.say(f"value: {value:.12g}")
    return Exit.OK


def _accuracy(args: argparse.Namespace) -> int:
    from qloop.planner.accuracy import report
    from qloop.planner.accuracy_figure import draw
    from qloop.planner.configurations import SIZES, configurations
    from qloop.planner.measurements import measure

    sizes = _numbers(args.sizes, "--sizes", 12) if args.sizes else SIZES
    chosen = configurations(sizes, _numbers(args.workers, "--workers", 1))
    folder = Path(args.out)
    with _progress(args.json, "measuring") as tell:
        measured = measure(folder / "measured.jsonl", chosen, _known(args.json).constants, tell)
    found = report(measured)
    (folder / "accuracy.json").write_bytes(dreamer_shown.encoded(found))
    (folder / "accuracy.md").write_text(dreamer_shown.accuracy_page(found, "accuracy.png"), encoding="utf-8")
    drawn = draw(found, folder / "accuracy")
    if args.json:
        console.document(dreamer_shown.report_dict(found))
    else:
        console.show(dreamer_shown.accuracy_table(found))
        console.say(dreamer_shown.accuracy_told(found))
        console.note(f"in {folder}: measured.jsonl, accuracy.json, accuracy.md, {', '.join(p.name for p in drawn)}")
    return Exit.OK if found.wall.met else Exit.FAILED


def _show(args: argparse.Namespace) -> int:
    found = _known(args.json)
    if args.json:
        console.document(dreamer_shown.calibration_dict(found))
    else:
        console.show(dreamer_shown.constants_table(found))
    return Exit.OK


def _known(quiet: bool) -> Calibration:
    """The constants that are kept, or typical ones; says if they may not hold."""
    from qloop.planner.machine import doubts, load, this_machine, typical

    found = load() or typical()
    for doubt in doubts(found, this_machine()):
        if not quiet:
            console.note(f"note: {doubt}")
    return found


def _numbers(text: str, option: str, least: int) -> tuple[int, ...]:
    """`14,16` as numbers."""
    try:
        numbers = tuple(int(word) for word in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or min(numbers) < least or max(numbers) > 30 or len(set(numbers)) != len(numbers):
        raise InvalidInput(f"{option} is {text!r}", f"It must be different numbers from {least} to 30",
                           f"Give for example {option} {least},{least + 2}")
    return numbers


@contextmanager
def _progress(quiet: bool, what: str) -> Iterator[Callable[[float, str], None]]:
    """A bar where a person watches, else a line now and then."""
    import sys

    from qloop.cli.simulate.progress import Bar, Lines

    if quiet or not sys.stderr.isatty():
        lines = Lines(quiet)
        yield lambda done, text: lines.at(done, 1.0, f"{what} {text}")
        return
    with Bar() as bar:
        yield lambda done, text: bar.at(done, 1.0, f"{what} {text}")
