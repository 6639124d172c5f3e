"""`qloop run FILE.py`: a program whose sessions are journaled, and which can go on after a crash."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.cli import console, order, program
from qloop.cli.exits import Exit, exit_of
from qloop.errors import QloopError

if TYPE_CHECKING:
    from qloop.cli.program import Ending
    from qloop.runtime.history import Past
    from qloop.runtime.ordered import Ordered

VALUED = ("--qpus", "--policy", "--clock", "--seed", "--workers", "--tenant", "--pilot", "--id")
RUN_ID = re.compile(r"r\d[\w-]*")


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "run", help="run a program; go on with --resume after a crash",
        usage="qloop run FILE.py [ARGS ...] [--resume [RUN]] [options] [-- ARGS ...]",
        description="Run a Python program. Its sessions are journaled: every result is kept before the program sees\n"
                    "it, so that after a crash, Ctrl-C or kill -9 it goes on with --resume and buys nothing twice.")
    parser.hint = "; options of the program itself follow '--'"
    parser.add_argument("file", metavar="FILE.py", help="the program; it runs as with 'python FILE.py'")
    parser.add_argument("args", nargs="*", metavar="ARGS", help="its arguments; those that begin with '-' follow '--'")
    parser.add_argument("--resume", nargs="?", const=order.LATEST, metavar="RUN",
                        help="go on with an interrupted run: the one named, or the program's latest")
    parser.add_argument("--id", metavar="RUN", help="the id of the new run (default: one that is made up)")
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    """How the program's runtime is set up."""
    parser.add_argument("--qpus", metavar="A,B", help="the QPUs to share, see 'qloop qpus' (default: exact)")
    parser.add_argument("--policy", metavar="P", help="the order of service (default: efaas)")
    parser.add_argument("--clock", metavar="C", help="real, virtual, or how many times as fast as real (default: real)")
    parser.add_argument("--seed", type=int, metavar="N", help="of the run; sessions derive theirs from it (default: 0)")
    parser.add_argument("--workers", type=int, metavar="N", help="processes for classical steps (default: 0)")
    parser.add_argument("--pilot", action="append", metavar="P",
                        help="more workers: a kept pilot's name, or KIND:N such as slurm:0-16 (repeatable)")
    parser.add_argument("--tenant", action="append", metavar="NAME=W",
                        help="a tenant's weight, or terms such as NAME=2,qpu_quota_s=600,window_s=3600 (repeatable)")
    parser.add_argument("--trace", action="store_true", help="record a trace for 'qloop trace report'")


def arranged(words: list[str], valued: Collection[str] = VALUED) -> list[str]:
    """The words with all options first, so that they may stand anywhere; `--resume` takes only what can be a run.

    Options of `valued` take the next word.
    """
    options: list[str] = []
    others: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if left and (word in valued or (word == "--resume" and RUN_ID.fullmatch(left[0]))):
            options.append(f"{word}={left.pop(0)}")
        elif word == "--resume":
            options.append(f"{word}={order.LATEST}")
        else:
            # An option that lacks its value stays last, so that argparse sees it lack one.
            (options if word.startswith("-") and word != "-" and (left or word not in valued) else others).append(word)
    return [*options, *others]


def run(args: argparse.Namespace) -> int:
    """Run the program to its end, and say what became of its run."""
    path = program.find(args.file)
    ordered, past = order.make(args, path, [*args.args, *args.passed])
    ordered = _traced(ordered, past) if args.trace else ordered
    arguments = past.program[1:] if past is not None else (*args.args, *args.passed)
    _announce(ordered, past, args.json)
    with contextlib.ExitStack() as stack:
        if args.json:
            stack.enter_context(program.stdout_to_stderr())
        ending = _execute(path, arguments, ordered)
        program.report(path, ending)
        ending = _closed(ending)
    return _conclude(args, path, ordered, past, ending)


def _execute(path: Path, arguments: tuple[str, ...], ordered: Ordered) -> Ending:
    """The program, with the order in its environment."""
    import msgspec

    from qloop.runtime.ordered import ENVIRONMENT

    outer = os.environ.pop(ENVIRONMENT, None)
    os.environ[ENVIRONMENT] = msgspec.json.encode(ordered).decode()
    try:
        return program.execute(path, arguments)
    finally:
        os.environ.pop(ENVIRONMENT, None)
        if outer is not None:
            os.environ[ENVIRONMENT] = outer


def _closed(ending: Ending) -> Ending:
    """End the run in its journal; a journal that fails here is the program's failure, unless it had its own."""
    from qloop.runtime.ordered import taken

    runtime = taken().runtime
    if runtime is None:
        return ending
    try:
        opened = bool(runtime.sessions.books or runtime.sessions.ended)
        runtime.close(interrupted=opened and not ending.fine)
    except QloopError as error:
        console.complain(error)
        return program.Ending(exit_of(error), error) if ending.fine else ending
    except KeyboardInterrupt as error:
        return program.Ending(Exit.INTERRUPTED, error)
    return ending


def _traced(ordered: Ordered, past: Past | None) -> Ordered:
    """With a trace file of its own for each life of the run."""
    import msgspec

    from qloop.runtime import layout

    first = layout.trace_path(ordered.run).absolute()
    first.parent.mkdir(parents=True, exist_ok=True)
    life, path = 1, first
    while past is not None and path.exists():
        life += 1
        path = first.with_name(f"{ordered.run}.{life}.trace.jsonl")
    return msgspec.structs.replace(ordered, trace=str(path))


def _announce(ordered: Ordered, past: Past | None, quiet: bool) -> None:
    """Say under which name the run is kept, and what a resumed one found."""
    if quiet:
        return
    console.note(f"run {ordered.run}  journal {_short(ordered.journal)}")
    if past is not None:
        console.say(f"resuming: the journal holds {_counted(past)}; they are not bought again")


def _conclude(args: argparse.Namespace, path: Path, ordered: Ordered, past: Past | None, ending: Ending) -> int:
    """Say what became of the run."""
    from qloop.runtime.history import look

    journal = Path(ordered.journal or "")
    runs = look(journal).runs if journal.exists() else ()
    now = next((one for one in runs if one.info.row.id == ordered.run), None)
    resume = f"qloop run {os.path.relpath(path)} --resume" if now is not None and now.resumable else ""
    _unused(args)
    if args.json:
        console.document(_as_dict(path, ordered, past, now, ending, resume))
    else:
        _tell(ordered, past, now, ending, resume)
    return int(ending.exit_code)


def _unused(args: argparse.Namespace) -> None:
    """Name the options that a program did not heed because it sets up its own runtime."""
    from qloop.runtime.ordered import taken

    runtime = taken().runtime
    names = ("qpus", "policy", "clock", "seed", "workers", "pilot")
    given = [name for name in names if getattr(args, name) is not None]
    if given and runtime is not None and not runtime.options.grow:
        console.say(f"not used, as the program sets up its own runtime: {', '.join(f'--{name}' for name in given)}")


def _tell(ordered: Ordered, past: Past | None, now: Past | None, ending: Ending, resume: str) -> None:
    if now is None:
        console.note(f"{ending.word}: the program set up no runtime of this run, so nothing is journaled")
        return
    bought = f", {now.results - past.results} of them bought now" if past is not None else ""
    told = f"{ending.word}: run {ordered.run} has {_counted(now)}{bought}; clock {now.info.row.clock}"
    (console.note if ending.fine else console.say)(told)
    for line in _speculated():
        console.note(line)
    if isinstance(ordered.trace, str):
        console.note(f"trace: qloop trace report {_short(ordered.trace)}")
    if resume:
        console.say(f"resume with: {resume}")


def _speculated() -> list[str]:
    """What the sessions of this life asked ahead, a line for each that did."""
    from qloop.runtime.ordered import taken

    runtime = taken().runtime
    found = {} if runtime is None else {name: runtime.speculated(name) for name in runtime.sessions.speculated}
    return [f"asked ahead in {session.rpartition('.')[2]}: {one.text}" for session, one in found.items()
            if one.launched or one.refused]


def _as_dict(path: Path, ordered: Ordered, past: Past | None, now: Past | None, ending: Ending,
             resume: str) -> dict[str, Any]:
    from qloop.cli.sessions import session_dict
    from qloop.runtime.recovery import options_of

    error = ending.error
    had = ordered.wishes() if now is None else options_of(now.info, now.path)
    return {"run": ordered.run, "program": str(path), "state": ending.word, "exit_code": int(ending.exit_code),
            "journal": ordered.journal if now is not None else None, "clock": str(had.clock),
            "policy": had.policy_name, "qpus": [str(qpu) for qpu in had.qpus], "seed": had.seed,
            "trace": ordered.trace or None, "found_results": 0 if past is None else past.results,
            "results": 0 if now is None else now.results, "shots": 0 if now is None else now.shots,
            "sessions": [] if now is None else [session_dict(now, one) for one in now.sessions],
            "resume": resume or None,
            "error": None if error is None else console.as_dict(error, ending.exit_code, program.place(path, error))}


def _counted(past: Past) -> str:
    sessions = len(past.sessions)
    return (f"{past.results:,} result{'s' * (past.results != 1)} ({past.shots:,} shots) of {sessions} "
            f"session{'s' * (sessions != 1)}")


def _short(path: str | None) -> str:
    """A path as one would type it."""
    near = os.path.relpath(path or "")
    return near if not near.startswith("..") else str(path)
