"""A point's replications in a Parquet file: a row each, sessions as lists, and where it all comes from beside them.

A file appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from qloop.errors import InvalidInput, MissingExtra, QloopError
from qloop.policies import catalog
from qloop.simulator.paper import draws, measurements, model, run, sample, workload
from qloop.simulator.paper.compiled import fingerprint
from qloop.simulator.paper.sample import Row, Sample
from qloop.simulator.paper.studies import Point
from qloop.simulator.whole import whole

SCHEMA = 1
LISTS = ("arrived", "refused", "arrival_ns", "time_ns", "size", "priority", "active")
NARROW = {"arrived": np.int32, "refused": np.int32, "size": np.int16, "priority": np.int16}
NUMBERS = ("widest", "events", "cpu_s")


class UnreadableError(Exception):
    """A file is no whole Parquet file of this kind; the text says what is wrong."""


def parquet() -> Any:
    """The module pyarrow.parquet; MissingExtra if it is not installed."""
    try:
        import pyarrow.parquet as found
    except ImportError:
        raise MissingExtra("Writing Parquet files", "simulator") from None
    return found


@dataclass(frozen=True, slots=True)
class Stored:
    """What a file holds: the seed, what it was made from, and the replications 0, 1, ... of its point."""

    seed: int
    made_from: str
    sample: Sample


def made_from(point: Point) -> str:
    """A name for everything but the seed that the numbers of a point depend on: model, sources, data, compiler."""
    policy = point.model.policy
    kernel = _kernel(policy) if isinstance(policy, str) else fingerprint(policy)
    return hashlib.sha256(repr((SCHEMA, asdict(point.model), kernel, _sources())).encode()).hexdigest()[:24]


@cache
def _kernel(policy: str) -> str | None:
    """The fingerprint of a policy's kernel, made once."""
    return fingerprint(catalog.policy(policy))


@cache
def _sources() -> str:
    """A name for what draws and counts sessions, and for the measurements."""
    digest = hashlib.sha256()
    sources = (draws, measurements, model, run, sample, workload)
    for path in (*(Path(str(module.__file__)) for module in sources), *sorted(measurements.HOME.glob("*.csv"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def write(path: Path, point: Point, seed: int, found: Sample, made: str, source: Mapping[str, Any]) -> None:
    """Write a point's replications; QloopError if the file cannot be written."""
    import pyarrow as pa

    columns: dict[str, Any] = {"replication": np.arange(len(found))}
    for name in LISTS:
        kind = NARROW.get(name)
        columns[name] = [np.asarray(getattr(row, name), kind) for row in found.rows]
    for name in NUMBERS:
        columns[name] = [getattr(row, name) for row in found.rows]
    about = {**source, "schema": SCHEMA, "study": point.study, "point": point.name, "seed": seed,
             "replications": len(found), "made_from": made, "model": asdict(point.model), "cpu_s": found.cpu_s}
    table = pa.table(columns).replace_schema_metadata({"qloop": json.dumps(about)})
    with file(path) as sink:
        parquet().write_table(table, sink, compression="zstd")


def write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all; QloopError if it cannot be written."""
    with file(path) as sink:
        sink.write(text.encode())


@contextmanager
def file(path: Path) -> Iterator[BinaryIO]:
    """A file that appears whole or not at all, in a folder that is made if needed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as sink:
            yield sink
    except OSError as error:
        raise QloopError(f"{path} cannot be written", error.strerror or str(error),
                         "Make room, or give another folder; what was written before is whole and is kept") from error


def read(path: Path, point: Point) -> Stored | None:
    """What a file holds, None if there is none; raises UnreadableError if it is damaged."""
    import pyarrow as pa

    if not path.exists():
        return None
    try:
        table = parquet().read_table(path)
        about = json.loads(table.schema.metadata[b"qloop"])
        columns = {name: table[name].combine_chunks() for name in (*LISTS, *NUMBERS)}
        rows = tuple(_row(columns, k) for k in range(table.num_rows))
        return Stored(int(about["seed"]), str(about["made_from"]), Sample(point.model, rows))
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnreadableError(first) from error


def _row(columns: Mapping[str, Any], k: int) -> Row:
    lists = {name: columns[name][k].values.to_numpy(zero_copy_only=False) for name in LISTS}
    wide = {name: values.astype(np.float64 if name == "active" else np.int64) for name, values in lists.items()}
    return Row(**wide, widest=columns["widest"][k].as_py(), events=columns["events"][k].as_py(),
               cpu_s=columns["cpu_s"][k].as_py())


def folder(out: str | Path) -> Path:
    """The folder of results, made if needed; InvalidInput if it cannot be."""
    path = Path(out)
    try:
        (path / "points").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"The folder {out} cannot be made", error.strerror or str(error),
                           "Give another folder with --out") from error
    return path
