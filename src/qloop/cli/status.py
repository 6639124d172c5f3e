"""`qloop status [NAME]`: the submitted programs, and how far one of them is."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.cli import console, quantities
from qloop.cli.exits import Exit
from qloop.errors import JournalError

if TYPE_CHECKING:
    from rich.table import Table

    from qloop.runtime.submitting.progress import Progress
    from qloop.runtime.submitting.records import Submission

COLOURS = {"done": "green", "running": "cyan", "failed": "red", "lost": "red"}
LINES = 5


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("status", help="submitted programs, and how far they are",
                                   description="List the submitted programs, the latest first, or show one of them.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this one, with its sessions and its last lines")
    parser.add_argument("--forget", metavar="NAME", help="remove an ended one from the list, with its log")
    parser.add_argument("--last", type=int, default=20, metavar="N", help="list at most N (default: 20)")


def run(args: argparse.Namespace) -> int:
    """List, show, or forget."""
    from qloop.runtime.submitting import records

    if args.forget is not None:
        records.forget(args.forget)
        console.say(f"{args.forget} is forgotten; its run's journal is kept")
        return Exit.OK
    return _list(args) if args.name is None else _show(args)


def _list(args: argparse.Namespace) -> int:
    from qloop.runtime.submitting import operate

    every = operate.every()
    found = every[:max(0, args.last)]
    if args.json:
        console.document({"submitted": [_dict(one) for one in found], "left_out": len(every) - len(found)})
        return Exit.OK
    table = console.table("Submitted programs", "name", "program", "state", "life", "for", "submitted", "run",
                          right=("life", "for"))
    for one in found:
        table.add_row(one.order.name, console.plain(_program(one)), _state(one), str(one.stand.life), _for(one),
                      _when(one.order.submitted_s), one.order.run)
    console.show(*([table] if found else []))
    if len(every) > len(found):
        console.note(f"{len(every) - len(found)} older not shown; see --last")
    if not every:
        console.note("Nothing is submitted yet; 'qloop submit FILE.py' does that.")
    return Exit.OK


def _show(args: argparse.Namespace) -> int:
    from qloop.runtime.submitting import records
    from qloop.runtime.submitting.log import tail
    from qloop.runtime.submitting.progress import progress

    found, sessions, problem = records.find(args.name), list[Any](), ""
    try:
        sessions = progress(found.order.journal)
    except JournalError as error:
        problem = str(error)
    if args.json:
        console.document({**_dict(found), "sessions": [_session_dict(one) for one in sessions], "problem": problem})
        return Exit.OK
    console.show(_about(found), *([_sessions(sessions)] if sessions else []))
    if problem:
        console.say(problem)
    last = tail(found.log, LINES).decode(errors="replace").rstrip("\n")
    if last:
        console.note("its last lines:")
        console.show(console.plain(last))
    return Exit.OK


def _about(found: Submission) -> Table:
    order, stand = found.order, found.stand
    about = console.table(f"Submitted program {order.name}", "", "")
    about.show_header = False
    tries = f"{stand.life} of at most {order.retries + 1}" if order.retries else str(stand.life)
    after = "" if found.going or found.state.value == "done" else f"qloop submit --again {order.name}"
    for label, text in (("program", _program(found)), ("state", _state(found)), ("reason", stand.reason),
                        ("life", tries), ("for", _for(found)), ("options", " ".join(order.options)),
                        ("process", str(stand.program.pid) if stand.program.pid else ""), ("run", order.run),
                        ("journal", str(order.journal) if order.journal.exists() else "not there (yet)"),
                        ("log", str(found.log)), ("take up with", after)):
        if text:
            about.add_row(label, text if label == "state" else console.plain(text))
    return about


def _sessions(found: list[Progress]) -> Table:
    table = console.table("Its sessions", "session", "state", "answered", "waiting", "running", "results", "shots",
                          "a minute", "QPUs", "last result",
                          right=("answered", "waiting", "running", "results", "shots", "a minute"))
    for one in found:
        info = one.session
        qpus = ", ".join(f"{name} ({count:,})" for name, count in one.qpus.items())
        ago = f"{quantities.told(max(0.0, time.time() - one.last_s))} ago" if one.last_s else ""
        table.add_row(info.row.name or info.row.id, info.state.value, f"{one.answered:,}", f"{one.waiting:,}",
                      f"{one.running:,}", f"{info.results:,}", f"{info.shots:,}", f"{one.per_minute:,.0f}", qpus, ago)
    return table


def _session_dict(one: Progress) -> dict[str, Any]:
    info = one.session
    return {"id": info.row.id, "name": info.row.name, "state": info.state.value, "answered": one.answered,
            "waiting": one.waiting, "running": one.running, "results": info.results, "shots": info.shots,
            "qpus": one.qpus, "last_s": one.last_s or None, "per_minute": one.per_minute}


def _dict(one: Submission) -> dict[str, Any]:
    order, stand = one.order, one.stand
    return {"name": order.name, "program": [order.program, *order.arguments], "state": one.state.value,
            "reason": stand.reason or None, "life": stand.life, "retries": order.retries, "exit_code": stand.exit_code,
            "run": order.run, "journal": str(order.journal) if order.journal.exists() else None, "log": str(one.log),
            "process": stand.program.pid or None, "supervisor": stand.supervisor.pid or None,
            "submitted_s": order.submitted_s, "begun_s": stand.begun_s or None, "ended_s": stand.ended_s or None}


def _program(one: Submission) -> str:
    return " ".join([Path(one.order.program).name, *one.order.arguments])


def _state(one: Submission) -> str:
    word = one.state.value
    return f"[{COLOURS[word]}]{word}[/]" if word in COLOURS else word


def _for(one: Submission) -> str:
    """How long it has been, or was, under way."""
    begun, ended = one.stand.begun_s, one.stand.ended_s
    return quantities.told(max(0.0, (ended or time.time()) - begun)) if begun and (ended or one.going) else ""


def _when(at_s: float) -> str:
    return time.strftime("%m-%d %H:%M", time.localtime(at_s))
