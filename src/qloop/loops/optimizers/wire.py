"""The bytes of a dumped optimizer: MessagePack with float64 bytes, a format number and a checksum; no pickle."""

from __future__ import annotations

import hashlib
import math
from typing import Any, TypeVar

import msgspec
import numpy as np

from qloop.errors import InvalidInput
from qloop.loops.optimizers.protocol import Array

FORMAT = 1
CHECKSUM_BYTES = 16
T = TypeVar("T")


class Dump(msgspec.Struct, frozen=True, array_like=True):
    """What a dump holds: the format, the optimizer's name, its constructor arguments and its state."""

    format: int
    name: str
    settings: msgspec.Raw
    state: msgspec.Raw


def pack(name: str, settings: msgspec.Struct, state: msgspec.Struct) -> bytes:
    """The dump of an optimizer as bytes."""
    dump = Dump(FORMAT, name, msgspec.Raw(encode(settings)), msgspec.Raw(encode(state)))
    body = encode(dump)
    return _checksum(body) + body


def unpack(blob: bytes) -> Dump:
    """The dump in the bytes; `InvalidInput` if they are damaged, foreign or of a newer format."""
    body = bytes(blob[CHECKSUM_BYTES:])
    if _checksum(body) != bytes(blob[:CHECKSUM_BYTES]):
        raise InvalidInput("These bytes are not the dump of an optimizer", "their checksum does not match",
                           "Pass what dumps() returned, unaltered")
    dump = decode(body, Dump)
    if dump.format != FORMAT:
        raise InvalidInput(f"This dump has the format {dump.format}", f"this qloop reads format {FORMAT}",
                           "Load it with the qloop that wrote it, or upgrade")
    return dump


def encode(thing: object) -> bytes:
    """MessagePack of a struct whose arrays are float64."""
    return msgspec.msgpack.encode(thing, enc_hook=_array_out)


def decode(data: bytes | msgspec.Raw, kind: type[T]) -> T:
    """The struct of this kind in the bytes; `InvalidInput` if it is another."""
    try:
        return msgspec.msgpack.decode(data, type=kind, dec_hook=_array_in)
    except msgspec.DecodeError as error:
        raise InvalidInput("The dump of an optimizer cannot be read", str(error),
                           "Pass what dumps() returned, unaltered") from None


def _array_out(thing: object) -> tuple[tuple[int, ...], bytes]:
    """An array as its shape and its little-endian bytes."""
    if not isinstance(thing, np.ndarray):
        raise TypeError(f"{type(thing).__name__} has no place in a dump")
    return thing.shape, thing.astype("<f8", copy=False).tobytes()


def _array_in(_kind: type, thing: Any) -> Array:
    """The array that `_array_out` wrote; `ValueError` if the lengths disagree or an entry is not finite."""
    shape, data = thing
    if not isinstance(data, bytes) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise ValueError("an array must be a shape and bytes")
    if len(data) != 8 * math.prod(shape):
        raise ValueError(f"an array of shape {tuple(shape)} cannot have {len(data)} bytes")
    numbers = np.frombuffer(data, dtype="<f8").astype(np.float64).reshape(shape)
    if not np.isfinite(numbers).all():
        raise ValueError("an array holds NaN or infinity")
    return numbers


def _checksum(body: bytes) -> bytes:
    """A checksum against damage, not against malice."""
    return hashlib.blake2b(body, digest_size=CHECKSUM_BYTES).digest()
