"""`qloop cancel NAME`: end a submitted program in good order."""

from __future__ import annotations

import argparse
from typing import Any

from qloop.cli import console
from qloop.cli.exits import Exit


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("cancel", help="end a submitted program",
                                   description="End a submitted program as Ctrl-C would: it can be taken up again.")
    parser.add_argument("name", metavar="NAME", help="see 'qloop status'")
    parser.add_argument("--now", action="store_true", help="at once, without giving it time")


def run(args: argparse.Namespace) -> int:
    """End it, and wait for that."""
    from qloop.runtime.submitting import operate, records

    before = records.find(args.name).state
    found = operate.cancel(args.name, args.now)
    if args.json:
        console.document({"name": args.name, "before": before.value, "state": found.state.value})
    elif before not in records.GOING and before is not records.State.LOST:
        console.say(f"{args.name} had ended before: it is {before.value}")
    else:
        console.say(f"{args.name} is {found.state.value}")
        if found.order.journal.exists() and found.state is not records.State.DONE:
            console.note(f"take it up with: qloop submit --again {args.name}")
    return Exit.OK
