"""`qloop logs [-f] NAME`: what a submitted program has printed."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from qloop.cli import console
from qloop.cli.exits import Exit

if TYPE_CHECKING:
    from qloop.runtime.submitting.records import Submission

LOOK_S = 0.1


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("logs", help="what a submitted program has printed",
                                   description="Print what a submitted program has written, both streams together.")
    parser.add_argument("name", metavar="NAME", help="see 'qloop status'")
    parser.add_argument("-f", "--follow", action="store_true",
                        help="go on until it ends; Ctrl-C leaves it running. Ends with the program's exit code")
    parser.add_argument("-n", "--lines", type=int, default=-1, metavar="N", help="only the last N lines")


def run(args: argparse.Namespace) -> int:
    """Print; with `--follow`, until the program's end."""
    from qloop.runtime.submitting import records
    from qloop.runtime.submitting.log import tail

    found = records.find(args.name)
    if args.follow:
        return follow(found, args.lines)
    text = tail(found.log, args.lines)
    if args.json:
        console.document({"name": args.name, "state": found.state.value, "log": text.decode(errors="replace")})
    else:
        _write(text)
    return Exit.OK


def follow(found: Submission, lines: int = -1) -> int:
    """Print what is there and what comes, until the program has ended; its exit code."""
    from qloop.runtime.submitting import records
    from qloop.runtime.submitting.log import Follower, tail

    name, follower = found.order.name, Follower(found.log)
    try:
        if lines >= 0 or not found.going:
            follower.skip_to_end()
            _write(tail(found.log, lines))
        while True:
            going = found.going
            _write(follower.more())
            if not going:
                break
            time.sleep(LOOK_S)
            found = records.find(name)
    except KeyboardInterrupt:
        console.say(f"\n{name} goes on: qloop logs -f {name}")
        return Exit.INTERRUPTED
    finally:
        follower.close()
    console.note(f"{name} is {found.state.value}{f': {found.stand.reason}' if found.stand.reason else ''}")
    code = found.stand.exit_code
    return Exit.FAILED if code is None else 128 - code if code < 0 else code


def _write(text: bytes) -> None:
    """As it was written, whatever it is."""
    sys.stdout.buffer.write(text)
    sys.stdout.flush()
