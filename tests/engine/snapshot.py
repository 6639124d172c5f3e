"""The engine's whole state as plain, comparable data."""

from __future__ import annotations

import dataclasses
import hashlib

from qloop.engine.state import Classical, Quantum, State


def snapshot(state: State) -> dict[str, object]:
    """Every field of the state but its policy and limits; records inside records by their ids."""
    names = [field.name for field in dataclasses.fields(state) if field.name not in ("policy", "limits")]
    return {name: plain(getattr(state, name)) for name in names}


def plain(value: object, depth: int = 0) -> object:
    if dataclasses.is_dataclass(value) or isinstance(value, Quantum | Classical):
        if depth > 1:
            return getattr(value, "id", repr(value))
        names = value.__struct_fields__ if isinstance(value, Quantum | Classical) else [
            field.name for field in dataclasses.fields(value)]
        return {name: plain(getattr(value, name), 2) for name in names}
    if isinstance(value, dict):
        return {key: plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, set):
        return sorted(value)
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return [plain(item, depth + 1) for item in value]
    return value


def digest(state: State) -> str:
    """A hash of the snapshot: order of dicts included."""
    return hashlib.sha256(repr(snapshot(state)).encode()).hexdigest()
