"""`qloop intents`: what was asked of remote QPUs, and the decisions that only a person can make."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.exits import Exit

if TYPE_CHECKING:
    from qloop.runtime.remote.decisions import Found


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("intents", help="what was asked of remote QPUs; decide what is held",
                                   description="List what was asked of remote QPUs and has not come to its end.")
    parser.add_argument("--journal", metavar="FILE", help="look into this journal only")
    parser.add_argument("--all", action="store_true", help="also what is done or abandoned")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    adopt = actions.add_parser("adopt", help="the provider has the task under this id: the next life waits for it")
    adopt.add_argument("token", metavar="TOKEN", help="the intent, see 'qloop intents'")
    adopt.add_argument("provider", metavar="ID", help="the provider's id of the task")
    again = actions.add_parser("again", help="the provider never had the task: the next life buys it anew")
    again.add_argument("token", metavar="TOKEN", help="the intent, see 'qloop intents'")
    for action in (adopt, again):
        action.add_argument("--journal", metavar="FILE", default=argparse.SUPPRESS, help="its journal")


def run(args: argparse.Namespace) -> int:
    """List, or carry out a decision."""
    from qloop.runtime import layout
    from qloop.runtime.remote import decisions

    journal = Path(args.journal) if args.journal else None
    if args.action is None:
        return _list(decisions.find(journal, ended=args.all), args.json, str(journal or layout.home()))
    if args.action == "adopt":
        found = decisions.adopt(args.token, args.provider, journal)
        told = f"{args.token} is task {args.provider} at QPU {found.intent.row.qpu}; resume the run to get its result"
    else:
        found = decisions.again(args.token, journal)
        told = f"{args.token} is abandoned; resume the run to buy it again"
    if args.json:
        console.document(_dict(found))
    else:
        console.say(told)
    return Exit.OK


def _list(found: list[Found], as_json: bool, where: str) -> int:
    if as_json:
        console.document({"intents": [_dict(one) for one in found]})
        return Exit.OK
    table = console.table("Intents", "token", "session", "QPU", "state", "provider's id", "shots", "reason",
                          right=("shots",))
    for one in found:
        row = one.intent.row
        table.add_row(row.token, row.session, row.qpu, one.intent.state.value, one.intent.provider, f"{row.shots:,}",
                      console.plain(one.intent.reason))
    console.show(table)
    if not found:
        console.note(f"Nothing is under way at a remote QPU, as far as {where} says.")
    return Exit.OK


def _dict(found: Found) -> dict[str, Any]:
    intent = found.intent
    return {"token": intent.row.token, "session": intent.row.session, "qpu": intent.row.qpu,
            "state": intent.state.value, "provider": intent.provider, "shots": intent.row.shots,
            "epoch": intent.row.epoch, "reason": intent.reason, "journal": str(found.journal)}
