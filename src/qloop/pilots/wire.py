"""How pilots, agents, zygotes and workers speak: bytes without pickles, since the reader trusts nobody.

Frames (pilot and worker, hub and agent): the length of the rest, a kind, whole numbers, parts of bytes. Orders and
reports (pilot and zygote) have a fixed size, so that the file descriptors that come with an order belong to it beyond
doubt.
This module is imported by every worker, so it imports next to nothing.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, TypeAlias

Buffers: TypeAlias = list[bytes | memoryview]

# Kinds of frames. RUN and ANSWER go to a worker, the others come from it.
RUN: Final = 1              # numbers: cores, memory in bytes, ranks; parts: environment, GPUs (with commas), payload
READY: Final = 2
BEGAN: Final = 3            # numbers: cold, set-up ns, monotonic ns
ENDED: Final = 4            # numbers: 1 if OK, measured ns; parts: value, error, traceback
TOLD: Final = 5             # parts: what, data
ASKED: Final = 6            # numbers: number of the question; parts: data
ANSWER: Final = 7           # numbers: number of the question; parts: data

# Orders to the zygote: kind, serial number of the worker. FORK comes with three descriptors.
ORDER: Final = struct.Struct("<Bq")
FORK: Final = 1
KILL: Final = 2

# Reports of the zygote: kind, serial number, process id, status. FORKED 0 is the zygote itself: it is ready.
REPORT: Final = struct.Struct("<Bqqq")
FORKED: Final = 1
EXITED: Final = 2           # status as of waitpid
REFUSED: Final = 3          # the system did not allow another process; status is the errno

_HEAD: Final = struct.Struct("<QBBB")
_CHUNK: Final = 65_536


class WireError(Exception):
    """What came is not a frame."""


class Frame(NamedTuple):
    """One message."""

    kind: int
    numbers: tuple[int, ...]
    parts: tuple[memoryview, ...]


def encode(kind: int, numbers: Sequence[int] = (), parts: Sequence[bytes | memoryview] = ()) -> Buffers:
    """The frame as buffers to be sent one after the other; large parts are not copied."""
    lengths = [len(part) for part in parts]
    table = struct.pack(f"<{len(numbers)}q{len(parts)}Q", *numbers, *lengths)
    head = _HEAD.pack(len(table) + sum(lengths), kind, len(numbers), len(parts)) + table
    if sum(lengths) <= _CHUNK:
        return [head + b"".join(parts)]
    return [head, *(part for part in parts if part)]


def decode(kind: int, n_numbers: int, n_parts: int, body: memoryview) -> Frame:
    """The frame that `body` holds. Raises `WireError` if its lengths do not add up."""
    table = struct.Struct(f"<{n_numbers}q{n_parts}Q")
    if len(body) < table.size:
        raise WireError(f"a frame of {len(body)} bytes cannot hold {n_numbers} numbers and {n_parts} lengths")
    fields = table.unpack_from(body)
    at = table.size
    parts = []
    for length in fields[n_numbers:]:
        parts.append(body[at:at + length])
        at += length
    if at != len(body):
        raise WireError(f"the parts of a frame end at byte {at} of {len(body)}")
    return Frame(kind, tuple(fields[:n_numbers]), tuple(parts))


class FrameReader:
    """Puts frames together from what a stream socket delivers; refuses one of more than `most_bytes`."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._waiting = b""
        self._head: tuple[int, int, int] = (0, 0, 0)
        self._large: bytearray | None = None
        self._filled = 0

    def allow(self, most_bytes: int) -> None:
        """From the next frame on, refuse those of more bytes than this."""
        self._most = most_bytes

    def receive(self, channel: socket.socket) -> Iterable[Frame]:
        """One read, and the frames it completed, all to be taken before the next read.

        Raises `EOFError` at the end of the stream, and `BlockingIOError` if nothing is there and the socket does not
        block. What is no frame raises `WireError` in its turn, after the good frames before it.
        """
        if self._large is not None:
            return self._fill(channel, self._large)
        data = channel.recv(_CHUNK)
        if not data:
            raise EOFError
        return self._split(self._waiting + data if self._waiting else data)

    def _fill(self, channel: socket.socket, large: bytearray) -> list[Frame]:
        got = channel.recv_into(memoryview(large)[self._filled:])
        if not got:
            raise EOFError
        self._filled += got
        if self._filled < len(large):
            return []
        self._large = None
        return [decode(*self._head, memoryview(large))]

    def _split(self, data: bytes) -> Iterator[Frame]:
        at = 0
        while len(data) - at >= _HEAD.size:
            length, *head = _HEAD.unpack_from(data, at)
            if length > self._most:
                raise WireError(f"a frame of {length} bytes is over the limit of {self._most}")
            begin, end = at + _HEAD.size, at + _HEAD.size + length
            if end > len(data):
                self._begin_large(data[begin:], length, (head[0], head[1], head[2]))
                self._waiting = b""
                return
            yield decode(head[0], head[1], head[2], memoryview(data)[begin:end])
            at = end
        self._waiting = data[at:]

    def _begin_large(self, first: bytes, length: int, head: tuple[int, int, int]) -> None:
        """The rest of this frame is read to where it belongs, however long it is."""
        self._large, self._head, self._filled = bytearray(length), head, len(first)
        self._large[:len(first)] = first
