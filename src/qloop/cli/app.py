"""The `qloop` command: finds what is asked for, runs it, and turns errors into messages and exit codes."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, Protocol

from qloop import __version__
from qloop.cli import (
    cancel,
    circuit,
    console,
    dataset,
    demo,
    doctor,
    dreamer,
    evaluate,
    intents,
    logs,
    miniapp,
    pilot,
    plan,
    qpus,
    run,
    sessions,
    status,
    submit,
    trace,
    usage,
)
from qloop.cli.exits import TOLD, Exit, exit_of
from qloop.cli.parser import Parser
from qloop.cli.simulate import command as simulate
from qloop.errors import InvalidInput, QloopError, UnknownName


class Command(Protocol):
    """What a command's module offers."""

    def add(self, subparsers: Any) -> None:
        """Declare the command and its arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; returns the exit code."""


COMMANDS: dict[str, Command] = {"demo": demo, "run": run, "submit": submit, "status": status, "logs": logs,
                                "cancel": cancel, "qpus": qpus, "sessions": sessions, "intents": intents,
                                "trace": trace, "simulate": simulate, "evaluate": evaluate, "dataset": dataset,
                                "pilot": pilot, "plan": plan, "miniapp": miniapp, "circuit": circuit, "usage": usage,
                                "dreamer": dreamer, "doctor": doctor}
EXAMPLES = """examples:
  qloop demo                       what qloop is for, in about a minute
  qloop run vqe.py                 run a program; its sessions are journaled
  qloop run vqe.py --resume        go on after a crash or Ctrl-C; nothing is bought twice
  qloop run vqe.py -- --depth 3    what follows '--' is the program's own
  qloop submit vqe.py --retries 3  run it without this terminal; see status, logs, cancel
  qloop pilot start work           keep workers for the programs that come: --pilot work
  qloop qpus                       the QPUs that a program can name
  qloop sessions                   what ran, what it bought, what can go on
  qloop usage --by tenant          who used QPUs for how long, and what that cost
  qloop simulate paper --quick     the platform model's paper, reproduced and judged
  qloop evaluate efaas --quick     EFaaS against its baselines, measured
  qloop doctor                     is everything there?
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code (see `exits`)."""
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in _split(words)[0]
    try:
        return _run(words)
    except QloopError as error:
        return _failed(error, exit_of(error), as_json)
    except KeyboardInterrupt:
        return _failed(QloopError("Interrupted"), Exit.INTERRUPTED, as_json)
    except BrokenPipeError:
        # Who reads the output has gone: say nothing more, not even when Python flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except Exception as error:
        traceback.print_exc()
        told = QloopError(f"qloop failed: {type(error).__name__}: {error}", "This is a bug of qloop",
                          "Report it with the lines above")
        return _failed(told, Exit.FAILED, as_json)


def build() -> Parser:
    """The parser of all commands."""
    parser = Parser(prog="qloop", description="qloop: a serverless runtime for hybrid quantum-classical loops.",
                    epilog=f"{EXAMPLES}\n{TOLD}")
    parser.add_argument("--version", action="version", version=f"qloop {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=Parser)
    for command in COMMANDS.values():
        command.add(subparsers)
    return parser


def _run(words: list[str]) -> int:
    """Parse and run."""
    own, passed = _split(words)
    parser = build()
    place = next((n for n, word in enumerate(own) if not word.startswith("-")), None)
    name = "" if place is None else own[place]
    if name and name not in COMMANDS:
        raise UnknownName("command", name, COMMANDS)
    if place is not None and name in ("run", "submit"):
        own = [*own[:place + 1], *(run if name == "run" else submit).arranged(own[place + 1:])]
    elif passed:
        raise InvalidInput("Only 'qloop run' and 'qloop submit' pass on what follows '--'", "",
                           "Leave out '--' and what follows it")
    args = parser.parse_args(own, argparse.Namespace(passed=passed))
    if args.command is None:
        parser.print_help()
        return Exit.OK
    args.json = "--json" in own
    return int(COMMANDS[args.command].run(args))


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """The words before the first `--`, and those after it."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1:]


def _failed(error: QloopError, code: int, as_json: bool) -> int:
    if as_json:
        console.document({"error": console.as_dict(error, code)})
    else:
        console.complain(error)
    return int(code)
