"""`qloop usage`: who used which QPU for how long, and what that cost."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.exits import Exit

if TYPE_CHECKING:
    from rich.table import Table

    from qloop.runtime.usage import Usage

KEYS = ("tenant", "project", "qpu", "session")
NUMBERS = ("calls", "failed", "evaluations", "shots", "net s", "billed s", "cost")


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("usage", help="QPU time and cost by tenant, project, QPU or session",
                                   description="Sum the accounts of all QPU calls of this home.")
    parser.add_argument("--by", choices=KEYS, metavar="KEY", default="session",
                        help="what to sum by: tenant, project, qpu or session (default: session)")
    parser.add_argument("--run", metavar="RUN", help="only this run")
    parser.add_argument("--journal", metavar="FILE", help="the accounts of this journal instead")
    parser.add_argument("--csv", metavar="FILE", help="write every call's account to a CSV file, too; its "
                        "begun_at is UTC, empty where the clock was not the real one or the date is not known")


def run(args: argparse.Namespace) -> int:
    """Sum and show."""
    from qloop.runtime import layout, usage

    if args.journal is None:
        calls, problems = usage.calls_at_home(args.run)
    else:
        calls, problems = usage.calls_in(Path(args.journal), args.run), []
    sums = usage.summed(calls, args.by)
    whole = usage.totals(sums)
    written = None if args.csv is None else usage.write_csv(calls, Path(args.csv))
    if args.json:
        console.document({"by": args.by, "usage": [as_dict(one, args.by) for one in sums],
                          "total": [as_dict(one) for one in whole], "csv": args.csv, "written": written,
                          "problems": [{"what": one.what, "why": one.why, "do": one.do} for one in problems]})
        return Exit.OK
    console.show(_table(args.by, sums, whole))
    for problem in problems:
        console.say(str(problem))
    if written is not None:
        console.note(f"{written:,} calls are written to {args.csv}")
    if not calls:
        console.note(f"No call is accounted under {args.journal or layout.home()} yet. "
                     "QPUs that take no time and cost nothing have results only: see 'qloop sessions'.")
    return Exit.OK


def as_dict(one: Usage, by: str = "") -> dict[str, Any]:
    """A sum for a JSON document; amounts are exact decimals, as texts."""
    from qloop.model.money import decimal

    named = {by: one.key} if by else {}
    return {**named, "calls": one.calls, "failed": one.failed, "evaluations": one.evaluations, "shots": one.shots,
            "net_s": one.cost.net_s, "billed_s": one.cost.billed_s,
            "amount": decimal(one.cost.amount).replace(",", ""), "currency": one.currency}


def _table(by: str, sums: list[Usage], whole: list[Usage]) -> Table:
    table = console.table(f"QPU use by {by}", by, *NUMBERS, right=NUMBERS)
    for one in sums:
        table.add_row(*_cells(one, one.key or "-"))
    if len(sums) > 1:
        table.add_section()
        for one in whole:
            table.add_row(*_cells(one, "total"))
    return table


def _cells(one: Usage, name: str) -> tuple[str, ...]:
    return (console.plain(name), f"{one.calls:,}", f"{one.failed:,}", f"{one.evaluations:,}", f"{one.shots:,}",
            f"{one.cost.net_s:,.3f}", f"{one.cost.billed_s:,.3f}", one.cost.text)
