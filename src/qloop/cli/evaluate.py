"""`qloop evaluate WHAT`: EFaaS against every baseline on the same work, and the published model's numbers."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.cli import console, evaluate_live
from qloop.cli.exits import Exit
from qloop.cli.simulate.progress import Bar, Lines
from qloop.errors import InvalidInput, QloopError, UnknownName

if TYPE_CHECKING:
    from rich.console import RenderableType

    from qloop.simulator.evaluation.evaluate import Evaluation

ABOUT = """Run EFaaS and its baselines on the same sessions in the compiled simulator: a sweep of loads, loops' share
and QPUs, the frontier over phi and T_s, efaas without its parts, and our constants on seeds of their own. Tables,
figures and what follows from them are written to the folder; the same command goes on where it was stopped."""
SEED = 2605


def add(subparsers: Any) -> None:
    """Declare the command and its arguments."""
    parser = subparsers.add_parser("evaluate", help="EFaaS against its baselines, measured")
    actions = parser.add_subparsers(dest="action", metavar="WHAT", title="what", required=True)
    efaas = actions.add_parser("efaas", help="the sweep: tables, figures, targets, findings", description=ABOUT)
    size = efaas.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="a few cells and seeds: a minute or two")
    size.add_argument("--replications", type=int, metavar="N", help="seeds of each cell (default 30)")
    efaas.add_argument("--parts", metavar="A,B", help="only these: sweep, all policies, other work, frontier, "
                                                      "ablations, sensitivity")
    efaas.add_argument("--page", metavar="FILE", help="also write the result as a page of the documentation")
    efaas.add_argument("--duration", type=float, metavar="S", help="virtual seconds of a run (default 21600)")
    for name, what in (("quantum", "quantum task of a loop"), ("think", "thinking of a loop"),
                       ("network", "network time of an iteration"), ("background", "background task")):
        efaas.add_argument(f"--{name}", type=float, metavar="S", help=f"mean of a {what}")
    efaas.add_argument("--iterations", type=float, metavar="N", help="mean number of iterations of a loop (default 25)")
    _common(efaas, "out/evaluation")
    efaas.add_argument("--processes", type=int, metavar="N", help="processes (default: one a processor)")
    evaluate_live.add(efaas)
    published = actions.add_parser("published", help="the published model and its table, run again",
                                   description="Run the model behind the published figures in its own profile, and set "
                                               "what it gives beside the published table.")
    published.add_argument("--seeds", type=int, default=30, metavar="N", help="runs of each mode (default 30)")
    _common(published, "out/published")


def _common(parser: Any, out: str) -> None:
    """Arguments of every action."""
    parser.add_argument("--out", default=out, metavar="FOLDER", help=f"for results and figures (default {out})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of everything that is drawn (default {SEED})")


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    return _published(args) if args.action == "published" else _efaas(args)


def _published(args: argparse.Namespace) -> int:
    """The published model, beside its table."""
    from qloop.simulator.published.figure import draw_published
    from qloop.simulator.published.run import reproduce
    from qloop.trace.drawing.style import save

    found = reproduce(args.seeds, seed=args.seed)
    drawn = save(draw_published(found), Path(args.out) / "published")
    files = [str(path) for path in (found.write(args.out), *drawn)]
    if args.json:
        console.document({"modes": found.table(), "gains": [asdict(gain) for gain in found.gains()],
                          "agrees": found.agrees, "files": files})
        return Exit.OK
    heads = ("TTNS (s)", "published", "QDC (%)", "published", "within 2 sd")
    table = console.table("The published model, run again", "mode", *heads, right=heads[:-1])
    for row in found.table():
        table.add_row(row["mode"], *(f"{row[name]:.2f} ± {row[sd]:.2f}" for name, sd in (
            ("ttns_s", "ttns_sd_s"), ("published_ttns_s", "published_ttns_sd_s"), ("qdc_percent", "qdc_sd_percent"),
            ("published_qdc_percent", "published_qdc_sd_percent"))), "yes" if row["agrees"] else "no")
    gains = [f"EFaaS against {gain.baseline}: TTNS {gain.ttns_percent:.1f} % lower, QDC {gain.qdc_points:.2f} points "
             f"higher ({'in' if gain.in_range else 'not in'} the published ranges)" for gain in found.gains()]
    console.show(table, *(console.plain(line) for line in (*gains, f"files: {', '.join(files)}")))
    return Exit.OK


def _efaas(args: argparse.Namespace) -> int:
    """The sweep, and the live subset if it is wished for."""
    wish = evaluate_live.wished(args)
    wanted = _wanted(args)
    watched = sys.stderr.isatty() and not args.json
    with Bar() if watched else nullcontext(Lines(args.json)) as watch:
        found = None if args.live == evaluate_live.ONLY else _swept(args, wanted, watch)
        live = None if wish is None else evaluate_live.perform(wish, args.out, watch, args.processes)
    if args.page and found is not None:
        from qloop.simulator.evaluation.page import write

        write(found, args.page, *evaluate_live.earlier(args.out))
    if args.json:
        told = {} if found is None else found.as_dict()
        console.document(told if live is None else {**told, "live": live.as_dict()})
    else:
        console.show(*(() if found is None else _shown(found)), *(() if live is None else live.shown()))
    return Exit.OK


def _swept(args: argparse.Namespace, wanted: tuple[Any, Any], watch: Bar | Lines) -> Evaluation:
    """The sweep."""
    from qloop.simulator.evaluation.evaluate import evaluate

    try:
        return evaluate(*wanted, args.out, watch, processes=args.processes)
    except KeyboardInterrupt:
        raise QloopError("Interrupted", f"What is finished is kept in {args.out}",
                         "Give the same command again: it goes on") from None


def _wanted(args: argparse.Namespace) -> tuple[Any, Any]:
    """The entries and the setting that the arguments mean; InvalidInput or UnknownName for what cannot be."""
    from qloop.simulator.evaluation import plan
    from qloop.simulator.evaluation.platform import Stage
    from qloop.simulator.evaluation.storage import Setting
    from qloop.simulator.evaluation.workload import Work

    replications = plan.REPLICATIONS if args.replications is None else args.replications
    plan.checked(args.seed, replications)
    parts = plan.PARTS if args.parts is None else tuple(part.strip() for part in args.parts.split(","))
    for part in parts:
        if part not in plan.PARTS:
            raise UnknownName("part of the evaluation", part, plan.PARTS)
    if args.quick and args.parts:
        raise InvalidInput("--quick and --parts were given", "A quick run has a selection of its own",
                           "Give one of them")
    given = {f"{name}_s": getattr(args, name) for name in ("quantum", "think", "network", "background")
             if getattr(args, name) is not None}
    if args.iterations is not None:
        given["iterations"] = args.iterations
    stage = Stage() if args.duration is None else Stage(duration_s=args.duration)
    entries = plan.quick() if args.quick else plan.full(replications, parts)
    return entries, Setting(stage, Work(**given), args.seed)


def _shown(found: Evaluation) -> list[RenderableType]:
    """The targets, and where the rest is."""
    table = console.table("Targets", "target", "verdict", "why")
    for one in found.targets:
        table.add_row(one.title, one.verdict, console.plain(one.why))
    about = found.about
    end = (f"{about['runs']:,} runs ({about['read_back']} of {about['entries']} entries read back), "
           f"{about['wall_s']:.0f} s on {about['processes']} process{'es' if about['processes'] > 1 else ''}; "
           f"{about['cpu_s']:.0f} CPU s, {about['compile_cpu_s']:.0f} more to compile")
    missing = [f"left out: {name}: {why}" for name, why in found.results.left_out.items()]
    files = [f"text: {found.files[0]}", f"tables: {', '.join(map(str, found.files[1:]))}"]
    if found.figures:
        files.append(f"figures: {len(found.figures)} files in {found.figures[0].parent}")
    return [table, end, *(console.plain(line) for line in (*missing, *files))]
