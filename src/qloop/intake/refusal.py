"""How the intake says no: one short sentence each, with the line where it is known, and never much of the source."""

from __future__ import annotations

from typing import Final

from qloop.errors import InvalidInput

EXCERPT: Final = 40
SENTENCE: Final = 240
NAMES: Final = {"qasm2": "OpenQASM 2 text", "qpy": "QPY file"}


class Unfit(Exception):
    """Why a source is refused, and what to do; `line` counts from 1, 0 if there is none."""

    def __init__(self, why: str, do: str = "", line: int = 0) -> None:
        super().__init__(why)
        self.why, self.do, self.line = why, do, line


def over(what: str, count: int | str, most: int, bound: str, line: int = 0) -> Unfit:
    """A bound that is exceeded: `what` counted, the count, and the bound's name."""
    told = f"{count:,}" if isinstance(count, int) else count
    return Unfit(f"It has {told} {what}, and at most {most:,} are accepted",
                 f"Send a smaller circuit, or raise Bounds({bound}=...) where you trust its author", line)


def excerpt(text: str, most: int = EXCERPT) -> str:
    """A short piece of a source, quoted, in characters that harm no terminal and no log."""
    cut = text[:most] + ("..." if len(text) > most else "")
    return f"'{printable(cut)}'"


def printable(text: str, most: int = SENTENCE) -> str:
    """The text in one line of ASCII, shortened; what is not printable is escaped."""
    line = " ".join(text[:4 * most].split()).encode("ascii", "backslashreplace").decode()
    line = "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in line)
    return line if len(line) <= most else line[:most - 3] + "..."


def invalid(format: str, unfit: Unfit) -> InvalidInput:
    """The error for whoever sent the source."""
    at = f" at line {unfit.line:,}" if unfit.line else ""
    return InvalidInput(f"The {NAMES[format]} is refused{at}", printable(unfit.why),
                        printable(unfit.do) or "Correct the circuit and send it again")
