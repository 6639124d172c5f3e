"""From what a caller hands in to bytes of a known format, bounded before anything is read of them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final, Literal

from qloop.errors import InvalidInput, UnknownName
from qloop.intake.bounds import Bounds
from qloop.intake.refusal import Unfit, invalid, over, printable

Format = Literal["qasm2", "qpy"]
FORMATS: Final[tuple[Format, ...]] = ("qasm2", "qpy")
QPY_MAGIC: Final = b"QISKIT"
_GZIP: Final = b"\x1f\x8b"
_TO_DO: Final = "Give the text, its bytes, or a pathlib.Path"


def take(source: object, format: str | None, bounds: Bounds) -> tuple[Format, bytes]:
    """The format and the bytes of a source; a `str` is always text, a `Path` a file. Raises `InvalidInput`."""
    if format is not None and format not in FORMATS:
        raise UnknownName("circuit format", format, FORMATS)
    known: Format = "qpy" if format == "qpy" else "qasm2"
    try:
        data = _bytes(source, known, bounds)
        if format is None and data.startswith(QPY_MAGIC):
            known = "qpy"
        if data.startswith(_GZIP):
            raise Unfit("It is compressed with gzip", "Decompress it first")
        if not data.strip():
            raise Unfit("It is empty")
    except Unfit as unfit:
        raise invalid(known, unfit) from None
    return known, data


def _bytes(source: object, format: Format, bounds: Bounds) -> bytes:
    if isinstance(source, str):
        return _encoded(source, format, bounds)
    if isinstance(source, Path):
        return _content(source, bounds)
    if isinstance(source, (bytes, bytearray, memoryview)):
        size = source.nbytes if isinstance(source, memoryview) else len(source)
        if size > bounds.bytes:
            raise over("bytes", size, bounds.bytes, "bytes")
        return bytes(source)
    raise InvalidInput(f"A circuit cannot be read from a {type(source).__name__}",
                       "Sources are text, bytes and paths", _TO_DO)


def _encoded(text: str, format: Format, bounds: Bounds) -> bytes:
    if format == "qpy":
        raise InvalidInput("A QPY file is given as text", "QPY is binary", "Give its bytes, or a pathlib.Path")
    if len(text) > bounds.bytes:
        raise over("bytes", f"{len(text):,} or more", bounds.bytes, "bytes")
    try:
        data = text.encode()
    except UnicodeEncodeError as error:
        raise Unfit("It holds half a surrogate pair, which is no text", "Read the file as UTF-8",
                    text.count("\n", 0, error.start) + 1) from None
    if len(data) > bounds.bytes:
        raise over("bytes", len(data), bounds.bytes, "bytes")
    return data


def _content(path: Path, bounds: Bounds) -> bytes:
    """A regular file's bytes: a pipe would wait for a writer, a device would never end."""
    name = printable(str(path), 100)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "It is no path"
        raise InvalidInput(f"The file {name} cannot be read", why, "Name a file that exists and may be read") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InvalidInput(f"{name} cannot be read as a circuit", "It is no regular file", "Name a file")
    with os.fdopen(handle, "rb") as file:
        data = file.read(bounds.bytes + 1)
    if len(data) > bounds.bytes:
        raise over("bytes", f"more than {bounds.bytes:,}", bounds.bytes, "bytes")
    return data
