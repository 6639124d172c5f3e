"""`qloop simulate paper`: every result of the paper behind the platform model, run again and judged."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.exits import Exit
from qloop.cli.simulate.progress import Bar, Lines
from qloop.errors import InvalidInput, MissingExtra, QloopError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from qloop.simulator.paper.reproduction import Reproduction

ABOUT = """Run every simulation of C. Cicconetti's paper on hybrid serverless platforms in its compatible profile,
draw its figures with the reference values beside ours, and say which of its claims hold. What is finished is
kept in the folder: the same command goes on where it was stopped."""
SEED = 2
NEEDED = ("matplotlib", "numba", "pyarrow")      # of the extras plot and simulator


def add(actions: Any) -> None:
    """Declare the action and its arguments."""
    parser = actions.add_parser("paper", help="the paper's studies and figures, with a verdict on each claim",
                                description=ABOUT)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="10 replications a point: half a minute")
    size.add_argument("--replications", type=int, metavar="N", help="replications a point (default 100, as the paper)")
    parser.add_argument("--out", default="out/paper", metavar="FOLDER",
                        help="for results, figures and text (default out/paper)")
    parser.add_argument("--processes", type=int, metavar="N", help="processes (default: one a processor)")
    parser.add_argument("--week", action="store_true", help="the C study over 7 days at every load, too")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of everything that is drawn (default {SEED})")
    parser.add_argument("--recording", metavar="DATASET",
                        help="a data set of 'qloop dataset record' for the panels of figures 7 and 8 that the "
                             "published data cannot fill (default: the recording that ships with qloop)")


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    _check_extras()
    from qloop.simulator.paper.reproduction import reproduce_paper
    from qloop.simulator.paper.studies import QUICK, REPLICATIONS, campaign

    wanted = QUICK if args.quick else REPLICATIONS if args.replications is None else args.replications
    points = campaign(wanted, args.week)
    recording = _recording(args.recording)
    watched = sys.stderr.isatty() and not args.json
    with Bar() if watched else nullcontext(Lines(args.json)) as watch:
        try:
            found = reproduce_paper(points, args.out, watch, seed=args.seed, processes=args.processes,
                                    recording=recording)
        except KeyboardInterrupt:
            return _interrupted(args)
    if args.json:
        console.document(found.as_dict())
    else:
        console.show(*_shown(found))
    return Exit.OK


def _check_extras() -> None:
    """Raise MissingExtra for whatever is not installed, with both extras at once."""
    try:
        for name in NEEDED:
            import_module(name)
    except ImportError:
        raise MissingExtra("Reproducing the paper", "plot,simulator") from None


def _recording(source: str | None) -> Any:
    """The table of experiments of a recording."""
    from qloop.simulator.paper.recorded import OWN
    from qloop.trace.datasets.files import load

    found = load(source or OWN).table("experiments")
    if not found:
        raise InvalidInput(f"The recording {source} has no experiments", "",
                           "Give a data set of 'qloop dataset record'")
    return found


def _interrupted(args: argparse.Namespace) -> int:
    """Say what is kept."""
    error = QloopError("Interrupted", f"What is finished is kept in {args.out}",
                       "Give the same command again: it goes on")
    if args.json:
        console.document({"error": console.as_dict(error, Exit.INTERRUPTED)})
    else:
        console.complain(error)
    return Exit.INTERRUPTED


def _shown(found: Reproduction) -> list[RenderableType]:
    """Tables: agreement, verdicts, what it cost; and where the rest is."""
    from qloop.simulator.paper.agreement import sides
    from qloop.simulator.paper.findings.text import counts
    from qloop.simulator.paper.studies import STUDIES

    agree = console.table("Agreement with the authors' program", "study", "agree", "of", "below", "above",
                          right=("agree", "of", "below", "above"))
    lie = sides(found.agreement)
    for study, told in counts(found.agreement).items():
        agree.add_row(STUDIES[study], *map(str, (*told, *lie[study])))
    differ = [f"  differs: {line.point}, {line.quantity}: reference {line.reference:,.5g}, here {line.ours.mean:,.5g} "
              f"± {line.ours.half:,.2g}" for _, line in found.agreement if not line.agrees]
    claims = console.table("Claims of the paper", "claim", "verdict", "why")
    for finding in found.findings:
        claims.add_row(finding.title, finding.verdict, console.plain(finding.why))
    cost = console.table("CPU seconds", "part", "s", right=("s",))
    for part, seconds in found.cpu_s.items():
        cost.add_row(STUDIES.get(part, part), f"{seconds:.1f}")
    cost.add_row("all", f"{sum(found.cpu_s.values()):.1f}")
    back = f", {found.read_back} of them read back" if found.read_back else ""
    end = (f"{len(found.rows)} points{back}, {found.wall_s:.0f} s on {found.about['processes']} "
           f"process{'es' if found.about['processes'] > 1 else ''}")
    return [agree, *differ, claims, cost, end, *_where(found)]


def _where(found: Reproduction) -> list[str]:
    """Where the text, the tables and the figures are, and what was left out."""
    text, *tables = found.files
    figures = found.drawn.files
    told = [f"text: {text}", f"tables: {', '.join(map(str, tables))}"]
    if figures:
        told.append(f"figures: {len(figures)} files in {figures[0].parent}")
    return [console.plain(line) for line in (*told, *(f"left out: {reason}" for reason in found.drawn.left_out))]
