"""`qloop sessions`: what ran, what it bought, and what can go on."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.exits import Exit
from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from rich.table import Table

    from qloop.runtime.history import Detail, Journal, Past
    from qloop.runtime.journal.rows import SessionInfo

SHOWN = 50


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("sessions", help="list the sessions of all runs; show, prune, back up",
                                   description="List the sessions of all runs of this home, the latest run first.")
    parser.add_argument("--journal", action="append", metavar="FILE", default=[], help="look into this journal as well")
    parser.add_argument("--last", type=int, metavar="N", default=SHOWN, help=f"at most N runs (default: {SHOWN})")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    show = actions.add_parser("show", help="all about one session")
    show.add_argument("id", metavar="ID", help="RUN.NAME, see 'qloop sessions'")
    show.add_argument("--journal", metavar="FILE", default=argparse.SUPPRESS, help="its journal, if not of this home")
    prune = actions.add_parser("prune", help="remove ended runs with their traces; what can go on is kept")
    prune.add_argument("--keep-days", type=float, metavar="D", help="keep what ended in the last D days")
    prune.add_argument("--keep-runs", type=int, metavar="N", help="keep the N runs that ended last")
    prune.add_argument("--journal", metavar="FILE", default=argparse.SUPPRESS, help="prune within this journal instead")
    backup = actions.add_parser("backup", help="write a consistent copy of a run's journal")
    backup.add_argument("source", metavar="RUN", help="a run of this home, or a journal file")
    backup.add_argument("target", metavar="FILE", help="a new file")


def run(args: argparse.Namespace) -> int:
    """List, or what the action says."""
    actions = {None: _list, "show": _show, "prune": _prune, "backup": _backup}
    return actions[args.action](args)


def session_dict(past: Past, session: SessionInfo) -> dict[str, Any]:
    """A session for a JSON document."""
    row = session.row
    return {"id": row.id, "run": past.info.row.id, "name": row.name, "program": list(past.program),
            "tenant": row.tenant, "state": session.state.value, "reason": session.reason,
            "run_state": past.state, "results": session.results, "shots": session.shots, "tasks": session.tasks,
            "clock": past.info.row.clock, "seed": row.seed, "started_at": _iso(past.info.row.started_at_ns),
            "resumable": past.resumable, "journal": str(past.path)}


def _list(args: argparse.Namespace) -> int:
    from qloop.runtime import history, layout

    if args.last < 1:
        raise InvalidInput(f"--last is {args.last}", "", "Give a number of runs from 1")
    named = [history.require(Path(name)) for name in args.journal]
    recent = [history.look(path) for path in history.journal_files()[::-1][:args.last]]
    journals = [*named, *recent]
    left_out = max(0, len(layout.run_ids()) - len(recent))
    if args.json:
        console.document({"home": str(layout.home()), "left_out_runs": left_out,
                          "sessions": [session_dict(past, one) for past, one in _pairs(journals)],
                          "problems": [_problem(journal) for journal in journals if journal.problem is not None]})
        return Exit.OK
    console.show(_table(journals))
    for journal in journals:
        if journal.problem is not None:
            console.say(f"{journal.path.stem} is running now" if journal.live else str(journal.problem))
    if left_out:
        console.note(f"{left_out} older run{'s' * (left_out != 1)} not shown; see --last")
    if not any(journal.runs for journal in journals):
        console.note(f"Nothing is journaled under {layout.home()} yet; 'qloop run FILE.py' does that.")
    return Exit.OK


def _table(journals: list[Journal]) -> Table:
    table = console.table("Sessions", "session", "program", "state", "run", "tenant", "results", "shots", "when",
                          "resumable", right=("results", "shots"))
    for past, one in _pairs(journals):
        table.add_row(one.row.id, _program(past), one.state.value, past.state, one.row.tenant, f"{one.results:,}",
                      f"{one.shots:,}", _when(past.info.row.started_at_ns), "[green]yes[/]" if past.resumable else "")
    return table


def _pairs(journals: list[Journal]) -> list[tuple[Past, SessionInfo]]:
    """Every run with every session of it, in the order of the journals."""
    return [(past, one) for journal in journals for past in reversed(journal.runs) for one in past.sessions]


def _problem(journal: Journal) -> dict[str, Any]:
    assert journal.problem is not None
    return {"journal": str(journal.path), "running": journal.live, "what": journal.problem.what,
            "why": journal.problem.why, "do": journal.problem.do}


def _show(args: argparse.Namespace) -> int:
    from qloop.runtime import history

    found = history.detail(args.id, _one_journal(args))
    if args.json:
        console.document(_detail_dict(found))
        return Exit.OK
    console.show(*_detail_tables(found))
    return Exit.OK


def _detail_tables(found: Detail) -> tuple[Table, Table]:
    session, past, row = found.session, found.run, found.session.row
    about = console.table(f"Session {row.id}", "", "")
    about.show_header = False
    tasks = ", ".join(f"{count} {state}" for state, count in found.tasks.items())
    reason = f": {session.reason}" if session.reason else ""
    for label, text in (("program", " ".join(past.program)), ("tenant", row.tenant), ("seed", str(row.seed)),
                        ("session", session.state.value + reason), ("run", f"{past.info.row.id}, {past.state}"),
                        ("started", _when(past.info.row.started_at_ns)), ("clock", past.info.row.clock),
                        ("recorded by", f"qloop {past.info.row.version}"), ("journal", str(past.path)),
                        ("other tasks", tasks), ("go on with", _resume(past))):
        if text:
            about.add_row(label, console.plain(text))
    bought = console.table(f"Bought: {session.results:,} results, {session.shots:,} shots", "QPU", "calibration epoch",
                           "simulator", "results", "shots", right=("calibration epoch", "results", "shots"))
    for one in found.purchases:
        bought.add_row(one.qpu, str(one.epoch), one.simulator, f"{one.results:,}", f"{one.shots:,}")
    return about, bought


def _detail_dict(found: Detail) -> dict[str, Any]:
    import msgspec

    return {**session_dict(found.run, found.session), "purchases": msgspec.to_builtins(found.purchases),
            "task_states": found.tasks, "resume": _resume(found.run) or None}


def _prune(args: argparse.Namespace) -> int:
    from qloop.runtime import retention

    if args.keep_days is None and args.keep_runs is None:
        raise InvalidInput("Nothing says what to keep", "", "Give --keep-days or --keep-runs")
    bounds = (time.time_ns(), args.keep_days, args.keep_runs)
    journal = _one_journal(args)
    gone = retention.prune(*bounds) if journal is None else retention.prune_journal(journal, *bounds)
    if args.json:
        console.document({"removed": gone})
    else:
        for one in gone:
            console.say(f"removed {one}")
        console.say(f"{len(gone)} run{'s' * (len(gone) != 1)} removed; those that can go on are kept")
    return Exit.OK


def _backup(args: argparse.Namespace) -> int:
    from qloop.runtime import history, layout, retention

    known = args.source in layout.run_ids()
    source = layout.journal_path(args.source) if known else Path(args.source)
    if not known and not source.exists():
        history.find_run(args.source)
    size = retention.backup(source, Path(args.target))
    if args.json:
        console.document({"journal": str(source), "backup": args.target, "bytes": size})
    else:
        console.say(f"{source} is copied to {args.target} ({size:,} bytes)")
    return Exit.OK


def _one_journal(args: argparse.Namespace) -> Path | None:
    """The journal that was named, before the action or after it."""
    named = [args.journal] if isinstance(args.journal, str) else args.journal
    if len(named) > 1:
        raise InvalidInput(f"{len(named)} journals are named", f"'{args.action}' looks into one", "Name one")
    return Path(named[0]) if named else None


def _resume(past: Past) -> str:
    """The command that takes the run up."""
    if not (past.resumable and past.program):
        return ""
    return f"qloop run {os.path.relpath(past.program[0])} --resume {past.info.row.id}"


def _program(past: Past) -> str:
    """The program's name as a table shows it."""
    return console.plain(" ".join([Path(past.program[0]).name, *past.program[1:]]) if past.program else "")


def _when(at_ns: int) -> str:
    """A local date and time."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at_ns * 1e-9))


def _iso(at_ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ns * 1e-9))
