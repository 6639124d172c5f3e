"""`qloop submit FILE.py`: a program that runs on without this terminal, and is taken up again if it dies."""

from __future__ import annotations

import argparse
import contextlib
from typing import TYPE_CHECKING, Any

from qloop.cli import console, logs, order, program
from qloop.cli.exits import Exit
from qloop.cli.run import VALUED, add_options
from qloop.cli.run import arranged as arranged_for
from qloop.errors import InvalidInput

if TYPE_CHECKING:
    from qloop.runtime.submitting.records import Submission

OWN = ("--name", "--retries", "--again")
EXAMPLES = """examples
  qloop submit vqe.py                              returns at once with its name, vqe-1
  qloop submit vqe.py --retries 3 -- --depth 4     what follows '--' is the program's own
  qloop submit vqe.py --pilot work --follow        on a kept pilot; show what it prints
  qloop submit --again vqe-1                       take it up after a crash of the machine"""


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "submit", help="run a program without this terminal", epilog=EXAMPLES,
        usage="qloop submit FILE.py [ARGS ...] [options] [-- ARGS ...]",
        description="Run a Python program as 'qloop run' does, but without this terminal: it goes on when that closes.")
    parser.hint = "; options of the program itself follow '--'"
    parser.add_argument("file", nargs="?", metavar="FILE.py", help="the program")
    parser.add_argument("args", nargs="*", metavar="ARGS", help="its arguments; those that begin with '-' follow '--'")
    parser.add_argument("--name", metavar="NAME", help="how it is called (default: the file's name and a number)")
    parser.add_argument("--retries", type=int, default=0, metavar="N",
                        help="take it up again up to N times if it dies; nothing is bought twice (default: 0)")
    parser.add_argument("--again", metavar="NAME", help="take up one that ended before it was done, instead of a file")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--follow", action="store_true", help="show what it prints until it ends; Ctrl-C lets it run on")
    how.add_argument("--detach", action="store_true", help="return at once (the default)")
    add_options(parser)


def arranged(words: list[str]) -> list[str]:
    """The words with all options first, so that they may stand anywhere."""
    return arranged_for(words, (*VALUED, *OWN))


def run(args: argparse.Namespace) -> int:
    """Submit it; with `--follow`, the program's exit code."""
    from qloop.runtime.submitting import operate

    if args.again is not None:
        if args.file is not None:
            raise InvalidInput(f"--again {args.again} is given with the program {args.file}", "It has its own",
                               "Leave one of them out")
        found = operate.again(args.again)
    else:
        found = _submitted(args)
    name = found.order.name
    if args.json and not args.follow:
        console.document({"name": name, "run": found.order.run, "program": found.order.program,
                          "supervisor": found.stand.supervisor.pid, "log": str(found.log)})
        return Exit.OK
    console.say(f"{name} is submitted: run {found.order.run}")
    console.note(f"qloop status {name} · qloop logs -f {name} · qloop cancel {name}")
    return logs.follow(found) if args.follow else Exit.OK


def _submitted(args: argparse.Namespace) -> Submission:
    from qloop.runtime.submitting import operate

    if args.file is None:
        raise InvalidInput("No program is named", "", "Write qloop submit FILE.py")
    path = program.find(args.file)
    args.resume = args.id = None
    arguments = [*args.args, *args.passed]
    ordered, _ = order.make(args, path, arguments)      # what is wrong with the options is told before it begins
    return operate.submit(path, arguments, _options(args), ordered.run, name=args.name or "", retries=args.retries)


def _options(args: argparse.Namespace) -> list[str]:
    """The options of `qloop run` again, as words."""
    words = []
    for option in VALUED:
        value = getattr(args, option.removeprefix("--"), None)
        for one in value if isinstance(value, list) else [value]:
            words += [] if one is None else [f"{option}={one}"]
    with contextlib.suppress(AttributeError):
        words += ["--trace"] if args.trace else []
    return words
