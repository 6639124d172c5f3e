"""A campaign's folder: what is finished, in Parquet files that are whole or absent, and what it was made from.

`campaign.json` says what is run here; `parts/` holds the finished units; `replications.parquet` and the summaries are
made at the end, when the parts are no longer needed. A unit is written as soon as its process returns it, so a kill at
any moment loses what was under way and nothing else. Rows may stand in two files after a kill; they are equal, and one
is used.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.errors import Conflict, InvalidInput
from qloop.simulator.campaign import parquet
from qloop.simulator.campaign.unit import Columns, Done

if TYPE_CHECKING:
    import pyarrow as pa

KEYS = ("point", "replication")
PART = re.compile(r"^part-(\d)-(\d{8})\.parquet$")
MERGED_AT = 128         # so many parts of one level become one of the next
MOST_MERGED = 2_000_000  # rows; larger files are left alone
LEVELS = 9
RESULT, SESSIONS = "replications.parquet", "sessions.parquet"


class Store:
    """The folder of one campaign, held by one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = folder / "parts"
        self._lock = -1
        self._next = 0

    def open(self) -> None:
        """Make the folder and take it; Conflict if another process has it, InvalidInput if it cannot be made."""
        try:
            self.parts.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InvalidInput(f"The folder {self.folder} cannot be used", error.strerror or str(error),
                               "Name another with --out") from error
        self._take()
        for left in [*self.folder.glob(".*.tmp"), *self.parts.glob(".*.tmp")]:
            left.unlink(missing_ok=True)
        self._next = 1 + max((int(match[2]) for match in map(PART.match, self._names()) if match), default=0)

    def _take(self) -> None:
        """Lock the folder; the lock ends with the process, however that ends."""
        import fcntl

        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise Conflict(f"Another campaign is running in {self.folder}", "Two would write the same results",
                           "Wait for it, or name another folder with --out") from error

    def close(self) -> None:
        """Give the folder back."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def add(self, done: Done) -> None:
        """Keep what a unit made, the sessions first: the rows say that both are there.

        Raises CampaignError if the disk refuses.
        """
        if done.sessions:
            parquet.write(self.parts / f"sessions-{self._next:08d}.parquet", [parquet.table(done.sessions)])
        self._write(0, parquet.table(done.rows), done.cpu_s)

    def _write(self, level: int, table: pa.Table, cpu_s: float) -> None:
        part = table.replace_schema_metadata({"cpu_s": repr(cpu_s)})
        parquet.write(self.parts / f"part-{level}-{self._next:08d}.parquet", [part])
        self._next += 1
        self._merge(level)

    def _merge(self, level: int) -> None:
        """Make one part of many, so that a campaign of weeks does not drown in files."""
        many = [path for path, at in self._found() if at == level]
        if len(many) < MERGED_AT or level + 1 >= LEVELS:
            return
        tables = [parquet.read(path) for path in many]
        if sum(len(one) for one in tables) > MOST_MERGED:
            return
        cpu_s = sum(self._cost(path) for path in many)
        self._write(level + 1, unique(joined(tables), KEYS), cpu_s)
        for path in many:
            path.unlink()

    def _found(self) -> Iterator[tuple[Path, int]]:
        """The parts with their levels, in the order in which they were made."""
        names = sorted(self._names(), key=lambda name: name[-16:])
        yield from ((self.parts / name, int(match[1])) for name in names if (match := PART.match(name)))

    def _names(self) -> list[str]:
        return [path.name for path in self.parts.iterdir()] if self.parts.is_dir() else []

    def files(self) -> list[Path]:
        """Every file that holds rows."""
        return [path for path in (self.folder / RESULT, *(path for path, _ in self._found())) if path.exists()]

    def session_files(self) -> list[Path]:
        """Every file that holds sessions."""
        every = (self.folder / SESSIONS, *sorted(self.parts.glob("sessions-*.parquet")))
        return [path for path in every if path.exists()]

    def rows(self, columns: tuple[str, ...]) -> Iterator[Columns]:
        """Some columns of all finished replications, file by file."""
        for path in self.files():
            found = parquet.read(path, list(columns))
            yield {name: found.column(name).to_numpy() for name in columns}

    def cpu_s(self) -> float:
        """CPU seconds that all finished replications took."""
        return sum(map(self._cost, self.files()))

    def _cost(self, path: Path) -> float:
        return float(parquet.about(path).get("cpu_s", "0"))

    def tidy(self) -> None:
        """The results are written: the parts are no longer needed."""
        for path in list(self.parts.iterdir()):
            path.unlink()
        with contextlib.suppress(OSError):
            self.parts.rmdir()


def joined(tables: list[pa.Table]) -> pa.Table:
    """Tables one after another; a column that some lack is empty there."""
    return parquet.arrow().concat_tables(tables, promote_options="default")


def unique(table: pa.Table, keys: tuple[str, ...]) -> pa.Table:
    """The table in the order of its keys, with one row of each."""
    import numpy as np

    table = table.take(parquet.arrow().array(np.lexsort([table.column(key).to_numpy() for key in reversed(keys)])))
    if len(table) < 2:
        return table
    columns = [table.column(key).to_numpy() for key in keys]
    new = np.concatenate(([True], np.any([column[1:] != column[:-1] for column in columns], axis=0)))
    return table.filter(parquet.arrow().array(new)) if not new.all() else table


def slabs(files: list[Path], keys: tuple[str, ...], most_rows: int = 500_000) -> Iterator[pa.Table]:
    """The rows of all files, each once and in the order of the keys, a bounded number at a time.

    The first key is the point; files know the points that they hold.
    """
    held = [(path, *_range(path)) for path in files]
    total = sum(rows for _, _, _, rows in held)
    if not total:
        return
    low, high = min(first for _, first, _, _ in held), max(last for _, _, last, _ in held)
    step = max(1, int((high - low + 1) * most_rows / total))
    pc = _compute()
    for first in range(low, high + 1, step):
        near = [parquet.read(path) for path, least, most, _ in held if least < first + step and most >= first]
        if not near:
            continue
        whole = joined([one.replace_schema_metadata(None) for one in near])
        point = whole.column(keys[0])
        whole = whole.filter(pc.and_(pc.greater_equal(point, first), pc.less(point, first + step)))
        if len(whole):
            yield unique(whole, keys)


def _compute() -> Any:
    import pyarrow.compute

    return pyarrow.compute


def _range(path: Path) -> tuple[int, int, int]:
    """The least and the greatest point of a file, and its rows."""
    try:
        found = parquet.arrow().parquet.ParquetFile(path).metadata
    except (OSError, parquet.arrow().ArrowException):
        parquet.read(path, ["point"])
        raise
    where = [found.row_group(group).column(0).statistics for group in range(found.num_row_groups)]
    return min((one.min for one in where), default=0), max((one.max for one in where), default=-1), found.num_rows


def column_of(values: list[Any]) -> Any:
    """Values of a grid as a column: whole numbers, numbers, or texts."""
    import msgspec

    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return parquet.arrow().array(values, parquet.arrow().int64())
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return parquet.arrow().array([float(value) for value in values])
    said = [value if isinstance(value, str) else msgspec.json.encode(value).decode() for value in values]
    return parquet.arrow().array(said)


