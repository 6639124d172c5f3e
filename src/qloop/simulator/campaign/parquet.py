"""Parquet files and texts that appear whole or not at all, and what to say when the disk refuses one."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qloop.errors import MissingExtra
from qloop.simulator.campaign.errors import CampaignError
from qloop.simulator.whole import whole

if TYPE_CHECKING:
    import pyarrow as pa

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def arrow() -> Any:
    """pyarrow; MissingExtra if it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtra("Campaigns", "simulator") from error
    return pyarrow


def table(columns: Mapping[str, Any], about: Mapping[str, str] | None = None) -> pa.Table:
    """An Arrow table of columns, with texts beside it."""
    made = arrow().table(dict(columns))
    return made.replace_schema_metadata(dict(about)) if about else made


def write(path: Path, parts: Iterable[pa.Table]) -> None:
    """Write tables of one schema as the row groups of one file.

    Raises CampaignError if the disk refuses; nothing is left behind then.
    """
    pq = arrow().parquet
    try:
        with whole(path) as sink:
            writer = None
            for part in parts:
                writer = writer or pq.ParquetWriter(sink, part.schema, compression="zstd")
                writer.write_table(part)
            if writer is not None:
                writer.close()
    except OSError as error:
        raise refused(path, error) from error


def write_text(path: Path, text: str) -> None:
    """Write a text whole or not at all; CampaignError if the disk refuses."""
    try:
        with whole(path) as sink:
            sink.write(text.encode())
    except OSError as error:
        raise refused(path, error) from error


def read(path: Path, columns: list[str] | None = None) -> pa.Table:
    """The table in a file; CampaignError if it is not whole or no Parquet."""
    found = arrow()
    try:
        return found.parquet.ParquetFile(path).read(columns=columns)
    except (OSError, found.ArrowException) as error:
        raise CampaignError(f"{path} cannot be read", str(error).splitlines()[0] if str(error) else "",
                            "Remove it: what it held is run again when the campaign is started again") from error


def about(path: Path) -> dict[str, str]:
    """The texts beside the table in a file."""
    found = arrow().parquet.read_schema(path).metadata or {}
    return {key.decode(): value.decode() for key, value in found.items() if key != b"ARROW:schema"}


def refused(path: Path, error: OSError) -> CampaignError:
    """The error for a disk that does not take a file."""
    said = error.strerror or str(error)
    if error.errno in FULL:
        return CampaignError(f"The disk is full: {path.name} cannot be written to {path.parent}", said,
                             "Everything that was finished is kept. Make room and start the same command again; "
                             "it goes on from there")
    return CampaignError(f"{path} cannot be written", said,
                         "Everything that was finished is kept. Start the same command again when it can be")
