"""`qloop trace report FILE ...`: the metrics of recorded runs as tables, and as a figure."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.exits import Exit
from qloop.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from qloop.trace.metrics.summary import Report
    from qloop.trace.reader import Trace

MOST = 4


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("trace", help="report on recorded runs")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    report = actions.add_parser(
        "report", help="tables of all metrics, and a figure",
        description="Print every metric of a trace; several traces are put side by side. Times are those of the\n"
                    "trace's clock, which is named.")
    report.add_argument("files", nargs="+", metavar="FILE", help="traces, .jsonl or .jsonl.gz; at most 4")
    report.add_argument("--out", metavar="FIGURE", help="write the figure here, as PNG and PDF (needs qloop[plot])")


def run(args: argparse.Namespace) -> int:
    """Print tables or JSON, write the figure."""
    from qloop.trace.metrics.summary import summary

    if len(args.files) > MOST:
        raise InvalidInput(f"{len(args.files)} traces are asked for", f"At most {MOST} can be put side by side",
                           "Name fewer")
    traces = _read(args.files)
    reports = {name: summary(trace) for name, trace in traces.items()}
    for name, trace in traces.items():
        _warn(name, trace)
    figures = _figure(traces, args.out) if args.out else ()
    if args.json:
        console.document(_as_dict(args.files, reports, figures))
        return Exit.OK
    _print(reports)
    for figure in figures:
        console.say(f"figure: {figure}")
    if not figures:
        console.note("a figure of it: --out FIGURE.png")
    return Exit.OK


def _read(files: list[str]) -> dict[str, Trace]:
    """The traces by the policies they ran under, and by their files' names where these repeat."""
    from qloop.trace.reader import read

    traces = [read(name) for name in files]
    policies = [trace.header.policy for trace in traces]
    names = policies if len(set(policies)) == len(policies) else [Path(name).name for name in files]
    if len(set(names)) < len(names):
        names = files
    if len(set(names)) < len(names):
        raise InvalidInput("The same trace is named twice", "", "Name each once")
    return dict(zip(names, traces, strict=True))


def _warn(name: str, trace: Trace) -> None:
    """Tell of what contradicts itself in a trace; the report of it is still given."""
    from qloop.trace.check import violations

    found = violations(trace, complete=not trace.truncated)
    if found:
        more = f" (and {len(found) - MOST} more)" if len(found) > MOST else ""
        console.say(f"warning: the trace {name} contradicts itself: {'; '.join(found[:MOST])}{more}. "
                    "Its numbers may be wrong")


def _print(reports: dict[str, Report]) -> None:
    from qloop.trace.report import render, side_by_side

    if len(reports) == 1:
        console.show(*(render(report) for report in reports.values()))
        return
    console.show(side_by_side(reports))
    for name, report in reports.items():
        if report.truncated:
            console.say(f"{name}: {report.truncated}")


def _figure(traces: dict[str, Trace], out: str) -> tuple[Path, ...]:
    """Lanes of QPUs and sessions, and energies, on one page."""
    try:
        from qloop.trace.plots import comparison, save

        figure = comparison(traces)
    except ImportError as error:
        raise MissingExtra("The figure", "plot") from error
    try:
        return save(figure, out)
    except OSError as error:
        raise InvalidInput(f"The figure {out} cannot be written", error.strerror or str(error),
                           "Name another file") from error


def _as_dict(files: list[str], reports: dict[str, Report], figures: tuple[Path, ...]) -> dict[str, Any]:
    import msgspec

    told = [{"file": file, "name": name, "report": msgspec.to_builtins(report)}
            for file, (name, report) in zip(files, reports.items(), strict=True)]
    return {"reports": told, "figures": [str(figure) for figure in figures]}
