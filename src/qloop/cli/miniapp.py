"""`qloop miniapp list|run|characterize`: the execution motifs, run where one likes, and told as workloads."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.exits import Exit
from qloop.cli.parser import Parser
from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from rich.table import Table

    from qloop.miniapps.motifs.motif import Motif
    from qloop.miniapps.motifs.record import Result

ABOUT = """The execution motifs of hybrid computing as small programs with real physics. Each checks itself against an
exact answer, and tells where its time went."""
TAKES = "its parameters follow its name, as in: qloop miniapp {action} circuit-cutting --qubits 12 --widest 5"


class Following(Parser):
    """A parser that keeps `--name value` pairs it does not know in `given`, if it `takes` a mini-app's parameters."""

    takes = True

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; what is left must be pairs."""
        if not self.takes:
            return super().parse_known_args(args, namespace)
        found, left = argparse.ArgumentParser.parse_known_args(self, args, namespace)
        found.given = self._pairs(list(left))
        return found, []

    def _pairs(self, left: list[str]) -> dict[str, str]:
        given: dict[str, str] = {}
        while left:
            name, sign, value = left.pop(0).partition("=")
            if not name.startswith("--") or len(name) < 3:
                self.error(f"unrecognized arguments: {name}")
            if not sign:
                if not left or left[0].startswith("--"):
                    self.error(f"argument {name}: expected one argument")
                value = left.pop(0)
            if name[2:] in given:
                raise InvalidInput(f"{name} is given twice", "", "Give it once")
            given[name[2:]] = value
        return given


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("miniapp", help="run the execution motifs, and characterise them",
                                   description=ABOUT)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True,
                                    parser_class=Following)
    listed = actions.add_parser("list", help="the mini-apps, or the parameters of one")
    listed.takes = False
    listed.add_argument("name", nargs="?", metavar="NAME", help="of this one, every parameter with its range")
    for action, told in (("run", "run one, and check it"), ("characterize", "write its workload for 'qloop simulate'")):
        made = actions.add_parser(action, help=told, description=TAKES.format(action=action))
        made.add_argument("name", metavar="NAME", help="the mini-app, see 'qloop miniapp list'")
        made.add_argument("--workers", type=int, default=0, metavar="N",
                          help="worker processes for classical tasks (default 0: in this process)")
        made.add_argument("--pilots", default="", metavar="A,B",
                          help="further workers: dask:2, slurm:0-4, or a kept pilot (default: none)")
        made.add_argument("--qpus", default="exact", metavar="A,B", help="the QPUs, see 'qloop qpus' (default: exact)")
        made.add_argument("--budget", metavar="B", help="what it may spend on QPUs: 50 USD, 600 s or 10000 shots")
        made.add_argument("--clock", default="real", metavar="C",
                          help="real, virtual, or how many times as fast as real (default: real)")
        if action == "characterize":
            made.add_argument("--runs", type=int, default=3, metavar="N", help="warm runs after a cold one (default 3)")
            made.add_argument("--up-to", type=int, default=0, metavar="N",
                              help="a grid of up to so many cores in each scenario (default: as measured)")
            made.add_argument("--predict", action="store_true",
                              help="simulate the makespan on these cores, all stages together")
            made.add_argument("--chains", type=int, default=0, metavar="N",
                              help="chains in each stage that has several or uses QPUs (default: as measured)")
            made.add_argument("--out", metavar="FOLDER", help="for the scenario files (default out/NAME)")


def run(args: argparse.Namespace) -> int:
    """Do what the action does; returns the exit code."""
    if args.action == "list":
        return _listed(args)
    from qloop.cli.miniapp_places import place
    from qloop.miniapps.motifs import registry
    from qloop.miniapps.motifs.parameters import read

    motif = registry.motif(args.name)
    parameters = read(motif.parameters, args.given, motif.name)
    if args.action == "characterize":
        from qloop.cli.miniapp_profile import characterized

        return characterized(args, motif, parameters)
    with place(args, motif.name) as site:
        result = motif.run(parameters, site)
    if args.json:
        console.document(result.to_dict())
    else:
        _tell(motif, result)
    return Exit.OK if result.holds else Exit.FAILED


def _listed(args: argparse.Namespace) -> int:
    """Every mini-app, or the parameters of one."""
    from qloop.miniapps.motifs import registry

    if args.name:
        return _parameters(args, registry.motif(args.name))
    found = registry.motifs()
    if args.json:
        console.document({"miniapps": [_about(one) for one in found.working.values()], "broken": found.broken})
        return Exit.OK
    table = console.table("mini-apps", "name", "coupling", "what it is", "what it exercises", "default takes",
                          "exact answer", right=("default takes",))
    for one in found.working.values():
        table.add_row(*map(console.plain, (one.name, one.coupling, one.about, one.exercises, f"{one.seconds:g} s",
                                           one.exact)))
    console.show(table)
    for name, why in found.broken.items():
        console.say(f"{name} does not work: {why}")
    return Exit.OK


def _about(motif: Motif) -> dict[str, Any]:
    return {"name": motif.name, "coupling": motif.coupling, "about": motif.about, "exercises": motif.exercises,
            "exact": motif.exact, "uses": list(motif.uses), "seconds": motif.seconds}


def _parameters(args: argparse.Namespace, motif: Motif) -> int:
    """The parameters of a mini-app, each with its default and range."""
    from qloop.miniapps.motifs.parameters import defaults, ranges

    values, spans = defaults(motif.parameters), ranges(motif.parameters)
    rows = [(name, values[name], span.unit, span.bounds, span.what) for name, span in spans.items()]
    if args.json:
        keys = ("name", "default", "unit", "range", "what")
        console.document({**_about(motif), "parameters": [dict(zip(keys, row, strict=True)) for row in rows]})
        return Exit.OK
    table = console.table(f"{motif.name}: {motif.about}", "parameter", "default", "unit", "range", "what it is",
                          right=("default",))
    for name, *cells in rows:
        table.add_row(f"--{name.replace('_', '-')}", *(console.plain(str(cell)) for cell in cells))
    console.show(table)
    return Exit.OK


def _tell(motif: Motif, result: Result) -> None:
    """Values, checks and times as tables."""
    values = console.table("values", "value", "", right=("",))
    for name, value in result.values.items():
        values.add_row(name.replace("_", " "), f"{value:,.6g}")
    console.show(f"{motif.name}: {motif.about}", values, _checks(result), _phases(result))


def _checks(result: Result) -> Table:
    """Each check with its verdict."""
    signs = {"both": "=", "above": ">=", "below": "<="}
    table = console.table("checks", "check", "value", "", "exact", "tolerance", "holds", "why",
                          right=("value", "exact", "tolerance"))
    for one in result.checks:
        table.add_row(one.name, f"{one.value:.6g}", signs[one.bound], f"{one.exact:.6g}", f"{one.tolerance:.3g}",
                      "yes" if one.holds else "NO", console.plain(one.why), style=None if one.holds else "bold red")
    return table


def _phases(result: Result) -> Table:
    """Seconds by phase; `run` adds up the tasks."""
    kinds = result.to_dict()["tasks"]
    told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    table = console.table("times", "phase", "seconds", "", right=("seconds",))
    for name, seconds in result.phases.items():
        table.add_row(name, f"{seconds:.4f}", f"of {told} tasks together" if name == "run" else "")
    table.add_row("makespan", f"{result.makespan_s:.4f}", f"on {result.slots} slots")
    return table
