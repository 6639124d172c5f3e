"""Where a key of a TOML text stands: the parser of the standard library does not say, and people want to know."""

from __future__ import annotations

import re
from collections.abc import Iterator

HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?$")
KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
PART = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*(?:\.|$)""")
Path = tuple[str | int, ...]


def line_of(text: str, path: Path) -> int:
    """The line (from 1) of a key, or of the nearest table or key around it; 0 if nothing of it is there.

    `path` goes from the top: ("qpus", 0, "count"). Keys within an inline table have the line of the table.
    """
    best, found = 0, 0
    for line, known in _keys(text):
        length = len(known)
        if length > best and path[:length] == known:
            best, found = length, line
    return found


def _keys(text: str) -> Iterator[tuple[int, Path]]:
    """Every header and key with its line; what looks like one within a text of several lines counts as well."""
    table: Path = ()
    counts: dict[Path, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        header = HEADER.match(line)
        if header:
            table = _table(header[2], header[1] == "[[", counts)
            yield number, table
            continue
        key = KEY.match(line)
        if key:
            yield number, (*table, *_parts(key[1]))


def _table(name: str, many: bool, counts: dict[Path, int]) -> Path:
    """The path of a header; `[qpus.drift]` belongs to the last `[[qpus]]` before it."""
    found: Path = ()
    parts = _parts(name)
    for place, part in enumerate(parts):
        found = (*found, part)
        if many and place == len(parts) - 1:
            counts[found] = counts.get(found, -1) + 1
        if found in counts:
            found = (*found, counts[found])
    return found


def _parts(name: str) -> tuple[str, ...]:
    """The parts of a dotted key, without their quotes."""
    return tuple(double or single or bare for double, single, bare in PART.findall(name))
