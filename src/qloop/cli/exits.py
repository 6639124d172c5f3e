"""Exit codes, and which error ends a command with which."""

from __future__ import annotations

import enum

from qloop.errors import QloopError


class Exit(enum.IntEnum):
    """What a command's end says to a script."""

    OK = 0
    FAILED = 1
    INPUT = 2
    REFUSED = 3
    JOURNAL = 4
    INTERRUPTED = 130


CODES = {
    "invalid_input": Exit.INPUT,
    "unknown_name": Exit.INPUT,
    "missing_extra": Exit.INPUT,
    "conflict": Exit.INPUT,
    "trace": Exit.INPUT,
    "refused": Exit.REFUSED,
    "budget": Exit.REFUSED,
    "journal": Exit.JOURNAL,
}

TOLD = """exit codes:
  0    done
  1    failed: the program raised, a QPU failed, or something needed is broken
  2    wrong usage or bad input; nothing was changed
  3    refused: a limit is reached, or no QPU can take it
  4    the journal cannot be used
  130  interrupted (Ctrl-C)"""


def exit_of(error: QloopError) -> Exit:
    """The exit code for an error."""
    return CODES.get(error.code, Exit.FAILED)
