"""The words of an OpenQASM 2 text, cut without any judgement on their order."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from qloop.intake.bounds import Bounds
from qloop.intake.refusal import Unfit, excerpt

NUMBER_LENGTH: Final = 64

# Alternatives that begin with different characters, so that no input makes the engine go back and forth.
_WORD: Final = re.compile(r"""
    (?P<space>[ \t\r\n]+) | (?P<comment>//[^\n]*)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<real>(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+) | (?P<whole>[0-9]+)
  | (?P<string>"[^"\n]*"|'[^'\n]*')
  | (?P<sign>->|==|[{}()\[\],;+\-*/^])
""", re.VERBOSE)


class Token(NamedTuple):
    """A word: `name`, `real`, `whole`, `string` or `sign`, its text, and its line from 1."""

    kind: str
    text: str
    line: int


def decoded(data: bytes) -> str:
    """The text of a source. Raises `Unfit` for bytes that are none, NUL included."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unfit(f"Byte {error.start:,} is not UTF-8", "Save the file as UTF-8 text",
                    data.count(b"\n", 0, error.start) + 1) from None
    nul = text.find("\0")
    if nul >= 0:
        raise Unfit("It holds a NUL byte, so it is no text", "", text.count("\n", 0, nul) + 1)
    return text


def tokens(text: str, bounds: Bounds) -> Iterator[Token]:
    """All words in order. Raises `Unfit` at what is no word, at names and numbers too long, at numbers not finite."""
    at, line = 0, 1
    while at < len(text):
        found = _WORD.match(text, at)
        if found is None:
            raise _no_word(text, at, line)
        kind, word = found.lastgroup or "", found.group()
        at = found.end()
        if kind == "space":
            line += word.count("\n")
        elif kind != "comment":
            _check(kind, word, line, bounds)
            yield Token(kind, word, line)


def _check(kind: str, word: str, line: int, bounds: Bounds) -> None:
    if kind == "name" and len(word) > bounds.name_length:
        raise Unfit(f"The name {excerpt(word)} has {len(word):,} characters, and at most {bounds.name_length:,} are "
                    "accepted", "Choose a shorter name", line)
    if kind in ("real", "whole") and len(word) > NUMBER_LENGTH:
        raise Unfit(f"The number {excerpt(word)} has {len(word):,} digits", f"Write at most {NUMBER_LENGTH}", line)
    if kind == "real" and not math.isfinite(float(word)):
        raise Unfit(f"The number {excerpt(word)} is too large for a double", "Angles are finite", line)


def _no_word(text: str, at: int, line: int) -> Unfit:
    if text[at] in "\"'":
        return Unfit("A string is not closed on its line", "Close it", line)
    return Unfit(f"The character {excerpt(text[at])} has no place in OpenQASM 2", "", line)
