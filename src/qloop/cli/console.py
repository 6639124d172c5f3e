"""What commands print: one JSON document or tables on stdout, and notes and errors on stderr."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.errors import QloopError, UserCodeError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

WIDE = 200
"""Columns where nobody watches: what goes into files and pipes is not squeezed into a terminal's 80."""


def document(content: Any) -> None:
    """Print one JSON document."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(content, enc_hook=_plain), indent=2)
    sys.stdout.write(text.decode() + "\n")
    sys.stdout.flush()


def show(*parts: RenderableType) -> None:
    """Print tables and texts."""
    from rich.console import Console

    watched = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = Console(width=None if watched else WIDE, highlight=False)
    for part in parts:
        console.print(part)


def table(title: str, *columns: str, right: tuple[str, ...] = ()) -> Table:
    """A table of the house; the first column is never cut, the columns in `right` hold numbers."""
    from rich import box
    from rich.table import Table

    made = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", header_style="dim",
                 pad_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if column in right else "left", overflow="fold", no_wrap=number == 0)
    return made


def plain(text: str) -> str:
    """A text that may hold square brackets, for a cell of a table."""
    from rich.markup import escape

    return escape(text)


def note(text: str) -> None:
    """Tell something beside the result."""
    print(_styled(text, "2"), file=sys.stderr, flush=True)


def say(text: str) -> None:
    """Tell something that must be seen."""
    print(text, file=sys.stderr, flush=True)


def complain(error: QloopError, at: str = "") -> None:
    """Print an error: what happened, why, what to do, and where in the user's program."""
    if isinstance(error, UserCodeError):
        for own in (error.stderr_text, error.traceback_text):
            if own:
                print(own.rstrip("\n"), file=sys.stderr)
    why = "" if isinstance(error, UserCodeError) else error.why
    print(f"{_styled('error:', '1;31')} {error.what}", file=sys.stderr)
    for label, text in (("why", why), ("do", error.do), ("at", at)):
        if text:
            print(f"  {_styled(f'{label}:', '1')}{' ' * (4 - len(label))} {text}", file=sys.stderr)
    sys.stderr.flush()


def as_dict(error: BaseException, exit_code: int, at: str = "") -> dict[str, Any]:
    """An error for a JSON document."""
    if not isinstance(error, QloopError):
        told: dict[str, Any] = {"code": "exception", "what": f"{type(error).__name__}: {error}", "why": "", "do": ""}
    else:
        told = {"code": error.code, "what": error.what, "why": error.why, "do": error.do}
    return {**told, "at": at, "exit_code": int(exit_code)}


def _styled(text: str, style: str) -> str:
    """Colour, where a person reads it."""
    return f"\x1b[{style}m{text}\x1b[0m" if _coloured() else text


def _coloured() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ


def _plain(value: Any) -> Any:
    """Paths and numbers of NumPy as JSON knows them."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"A {type(value).__name__} has no JSON form")
