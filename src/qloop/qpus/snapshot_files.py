"""Reading calibration snapshots: the shipped ones by name, others from files.

A snapshot is data that somebody may write by hand or fetch, so nothing in it is believed before it was checked.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import msgspec

from qloop.errors import InvalidInput, UnknownName
from qloop.qpus.snapshot import Snapshot
from qloop.qpus.snapshot_checks import check_snapshot

_MAX_BYTES = 8_000_000


def parse_snapshot(data: bytes, origin: str = "the snapshot") -> Snapshot:
    """Read and check a snapshot from JSON; `InvalidInput` says which value of which qubit or gate is wrong."""
    if len(data) > _MAX_BYTES:
        raise InvalidInput(f"{origin} has {len(data)} bytes", f"a calibration snapshot has at most {_MAX_BYTES}",
                           "Make it with tools/make_snapshots.py")
    try:
        snapshot = msgspec.json.decode(data, type=Snapshot)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{origin} is not a calibration snapshot", str(error),
                           "Compare it with the files in qloop/qpus/snapshots") from error
    check_snapshot(snapshot, origin)
    return snapshot


def read_snapshot(path: str | Path) -> Snapshot:
    """Read and check a snapshot file; `InvalidInput` if it cannot be read or is wrong."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"The snapshot {str(path)!r} cannot be read", str(error), "Check the path") from error
    return parse_snapshot(data, f"The snapshot {str(path)!r}")


def snapshot_names() -> tuple[str, ...]:
    """The names of the shipped snapshots, sorted."""
    files = (resources.files("qloop.qpus") / "snapshots").iterdir()
    return tuple(sorted(file.name.removesuffix(".json") for file in files if file.name.endswith(".json")))


def load_snapshot(name: str) -> Snapshot:
    """The shipped snapshot of that name; `UnknownName` offers the nearest one."""
    if name not in snapshot_names():
        raise UnknownName("calibration snapshot", name, snapshot_names())
    file = resources.files("qloop.qpus") / "snapshots" / f"{name}.json"
    return parse_snapshot(file.read_bytes(), f"The snapshot {name!r}")
