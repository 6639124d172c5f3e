"""`qloop simulate run SCENARIO.toml`: a scenario, or a campaign of many, with intervals; it goes on after a break."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from qloop.cli import console
from qloop.cli.exits import Exit
from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from rich.table import Table

    from qloop.simulator.campaign.plan import Campaign
    from qloop.simulator.campaign.results import Summary

ABOUT = """Simulate the platform that a scenario file describes: every point of its grid, each with the same
replications, spread over processes. What is finished is kept in a folder; the same command goes on
after Ctrl-C or a kill, and with more replications."""
SHOWN_POINTS = 40
SPEAK_S = 10.0


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("run", help="simulate a scenario file, or its grid", description=ABOUT)
    parser.add_argument("scenario", metavar="SCENARIO.toml", help="the scenario file (see docs/reference/scenario.md)")
    parser.add_argument("--out", metavar="DIR", help="folder for the results (default out/ and the file's name)")
    parser.add_argument("--processes", type=int, metavar="N", help="processes to use (default: all processors)")
    parser.add_argument("--pilot", action="append", default=[], metavar="P",
                        help="run on workers of a kept pilot, or of KIND:N such as slurm:0-16, instead (repeatable)")
    parser.add_argument("--replications", type=int, metavar="N", help="replications a point (default: the file's)")
    parser.add_argument("--policy", nargs="+", default=[], metavar="P",
                        help="policies instead of the file's; several are compared on the same arrivals")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="PATH=VALUE",
                        help="change a parameter, such as qpus.0.count=3 or 'arrivals.rate=8 /h'")
    parser.add_argument("--sessions", action="store_true", help="keep every session, besides the measures")
    parser.add_argument("--yes", action="store_true", help="begin even what takes more than 12 hours")
    parser.add_argument("--check", action="store_true",
                        help="read the file and its data sets, print every parameter, and run nothing")


def run(args: argparse.Namespace) -> int:
    """Do it; returns the exit code."""
    campaign = _campaign(args)
    if args.check:
        return _check(args, campaign)
    from qloop.simulator.campaign.results import as_dict
    from qloop.simulator.campaign.run import Interrupted, run_campaign

    folder = Path(args.out or Path("out") / Path(args.scenario).stem)
    with Bar() as bar:
        try:
            with workers(args) as (executor, processes):
                found = run_campaign(campaign, folder, processes=processes, executor=executor, yes=args.yes, watch=bar)
        except KeyboardInterrupt as stopped:
            bar.close()
            known = stopped if isinstance(stopped, Interrupted) else Interrupted(folder, 0, 0)
            return _stopped(args, known)
    if args.json:
        console.document(as_dict(found))
    else:
        console.show(points_table(found, campaign))
        console.say(f"results: {found.folder}/replications.parquet, summary.json, summary.md")
    return Exit.OK


@contextmanager
def workers(args: argparse.Namespace) -> Iterator[tuple[Executor | None, int | None]]:
    """What the campaign is spread over: the pilots that are named, and how many units they can run; else processes."""
    if not args.pilot:
        yield None, args.processes
        return
    from qloop.cli.order import pilots_of
    from qloop.runtime.executor import on_pilots
    from qloop.runtime.pilots import pilot_specs

    specs = pilot_specs(0, pilots_of(args.pilot))
    with on_pilots(*specs) as executor:
        yield executor, args.processes or sum(spec.most for spec in specs)


def _campaign(args: argparse.Namespace) -> Campaign:
    """The campaign that the arguments mean."""
    from qloop.simulator.campaign.document import load
    from qloop.simulator.campaign.plan import campaign_of

    document = load(args.scenario)
    grid = document.tables.get("campaign", {}).get("grid", {})
    names = [*args.policy, document.tables.get("scenario", {}).get("policy"),
             *(grid.get("policy", []) if isinstance(grid, dict) and isinstance(grid.get("policy", []), list) else [])]
    return campaign_of(document, changes=dict(map(_setting, args.set)), replications=args.replications,
                       sessions=True if args.sessions else None, policy=args.policy, policies=_own(names))


def _own(names: list[Any]) -> dict[str, Any]:
    """Policies of plug-ins among these names; an unknown name is told of where it stands in the file."""
    from qloop.policies import catalog
    from qloop.runtime.plugins import find_policy, policies

    asked = {name for name in names if isinstance(name, str)} - set(catalog.builtin())
    found = policies() if asked else None
    return {name: find_policy(name, None, {}) for name in sorted(asked)
            if found and name in (*found.working, *found.broken)}


def _setting(text: str) -> tuple[str, Any]:
    """A path and its value, which is read as TOML if it is any, and as text else."""
    path, found, value = text.partition("=")
    if not found or not path.strip():
        raise InvalidInput(f"--set {text} sets nothing", "", "Write it as PATH=VALUE, such as qpus.0.count=3")
    try:
        return path.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return path.strip(), value.strip()


def _stopped(args: argparse.Namespace, stopped: Any) -> int:
    """Say what is kept, and how to go on."""
    kept = str(stopped) if stopped.total else f"what was finished is kept in {stopped.folder}"
    if args.json:
        console.document({"error": {"code": "interrupted", "what": kept, "why": "", "do": again(),
                                    "exit_code": int(Exit.INTERRUPTED)},
                          "folder": str(stopped.folder), "finished": stopped.finished, "total": stopped.total})
    else:
        console.say(f"interrupted: {kept}\n  go on with: {again()}")
    return Exit.INTERRUPTED


def again() -> str:
    """The command that was given."""
    return shlex.join(["qloop", *sys.argv[1:]])


def points_table(found: Summary, campaign: Campaign) -> Table:
    """The points of a campaign with some measures."""
    from qloop.simulator.campaign.estimate import counted
    from qloop.simulator.campaign.results import pair, remarks, shown_of

    axes, shown = [axis.name for axis in campaign.plan.grid.axes], shown_of(found)
    name = campaign.document.tables.get("scenario", {}).get("name", "scenario")
    first = [] if axes else ["scenario"]
    table = console.table(f"{name}: {counted('point', found.n_points)}, {counted('replication', found.replications)}, "
                          f"{found.cpu_s:,.1f} CPU s; means ± half of the 95 % interval, times in s",
                          *first, *axes, "replications", *shown, right=("replications", *shown))
    for one in found.points[:SHOWN_POINTS]:
        table.add_row(*([console.plain(str(name))] if first else []),
                      *(console.plain(str(one.values[axis])) for axis in axes), one.made,
                      *(pair(*one.measures[measure]) for measure in shown))
    said = remarks(found, campaign)
    if found.n_points > SHOWN_POINTS:
        said.append(f"the first {SHOWN_POINTS} of {found.n_points:,} points; all are in summary.md or the table")
    table.caption = console.plain("\n".join(said)) or None
    return table


def _check(args: argparse.Namespace, campaign: Campaign) -> int:
    """Print every parameter of the file with its unit and bounds."""
    from qloop.simulator.campaign.dump import tables_of
    from qloop.simulator.campaign.estimate import runs
    from qloop.simulator.campaign.listing import parameters
    from qloop.simulator.campaign.verify import idle, verify

    verify(campaign)
    for sentence in idle(campaign):
        console.note(f"note: {sentence}")
    plan = campaign.plan
    scenario = campaign.document.scenario(campaign.policies)
    rows = parameters(scenario)
    if args.json:
        known = tables_of(scenario, every=True) if isinstance(scenario.policy, str) else {}
        console.document({"scenario": known, "points": len(plan.grid), "replications": plan.most,
                          "grid": {axis.name: list(axis.values) for axis in plan.grid.axes}})
        return Exit.OK
    size = runs(len(plan.grid), plan.most, up_to=plan.until is not None)
    table = console.table(f"{args.scenario}: {size}", "parameter", "value", "bounds", "meaning")
    for row in rows:
        table.add_row(*map(console.plain, row))
    for axis in plan.grid.axes:
        table.add_row(console.plain(f"grid: {axis.name}"), console.plain(", ".join(map(str, axis.values[:12]))),
                      f"{len(axis.values):,} values", "Varied by the campaign")
    console.show(table)
    return Exit.OK


class Bar:
    """Progress on the error stream: a bar where somebody watches, a line now and then where nobody does."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._spoken, self._last = time.monotonic(), -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def note(self, text: str) -> None:
        """Something to know."""
        console.note(text)

    def at(self, finished: int, total: int, left_s: float) -> None:
        """So many are finished, and the rest takes about so long."""
        from qloop.simulator.campaign.estimate import duration

        text = f"about {duration(left_s)} left" if finished < total else "writing results"
        if not sys.stderr.isatty():
            if time.monotonic() - self._spoken >= SPEAK_S and finished != self._last:
                self._spoken, self._last = time.monotonic(), finished
                console.say(f"{finished:,} of {total:,} replications, {text}")
            return
        if self._bar is None:
            self._bar = _made_bar()
            self._bar.start()
            self._task = self._bar.add_task("replications", total=total, left=text)
        self._bar.update(self._task, completed=finished, total=total, left=text)


def _made_bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                    TextColumn("{task.fields[left]}"), console=Console(stderr=True))
