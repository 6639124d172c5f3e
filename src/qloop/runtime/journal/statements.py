"""Reads the journal's SQL from the files beside this module: named statements, the schema, the migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from importlib import resources
from types import MappingProxyType

_MARK = "-- name: "


def load_statements() -> Mapping[str, str]:
    """The named statements of `statements.sql`; `ValueError` if a name stands there twice."""
    found: dict[str, str] = {}
    for block in _read("statements.sql").split(_MARK)[1:]:
        name, _, text = block.partition("\n")
        if name.strip() in found:
            raise ValueError(f"statement {name.strip()!r} is defined twice")
        found[name.strip()] = text.strip().rstrip(";")
    return MappingProxyType(found)


def schema() -> Iterator[str]:
    """The statements that make an empty journal of the present version."""
    return split(_read("schema.sql"))


def migration(version: int) -> Iterator[str]:
    """The statements that bring a journal of the version before to `version`."""
    return split(_read(f"migrations/{version:04d}.sql"))


def split(script: str) -> Iterator[str]:
    """One statement after the other: `executescript` would commit between them, and a migration is one transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _read(name: str) -> str:
    return (resources.files("qloop.runtime.journal") / name).read_text(encoding="utf-8")
