"""What tests ask about a reader's processes."""

from __future__ import annotations

import re
from pathlib import Path

from qloop.errors import InvalidInput
from qloop.intake.reader import Reader, Source

MOST_SAID = 700


def zygote(reader: Reader) -> int:
    """The process id of its zygote; 0 before the first reading."""
    process = reader._sandbox._process
    return 0 if process is None else process.pid


def below(reader: Reader) -> list[int]:
    """Keepers and children that are there now."""
    return descendants(zygote(reader)) if zygote(reader) else []


def descendants(pid: int) -> list[int]:
    """All processes below one, where the system tells."""
    try:
        own = [int(child) for task in Path(f"/proc/{pid}/task").iterdir()
               for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return own + [deeper for child in own for deeper in descendants(child)]


def refusal(reader: Reader, source: Source, **how: str) -> str:
    """What the reader says when it refuses a source, which it must, in one clear and short line."""
    try:
        found = reader.read_all(source, **how)  # type: ignore[arg-type]
    except InvalidInput as error:
        check_message(error)
        return str(error)
    raise AssertionError(f"it was read: {found}")


def check_message(error: InvalidInput) -> None:
    """Short, printable, with advice, and without a trace or a path of this machine."""
    text = str(error)
    assert type(error).__module__ == "qloop.errors"
    assert error.what
    assert error.do
    assert len(text) < MOST_SAID
    assert text.isprintable()
    assert text.isascii()
    assert not re.search(r"Traceback|site-packages|\.py\b|\.rs\b|panicked|0x[0-9a-f]{6}", text), text
