"""What travels between a program and its functions: values, packed so that large parts lie in files.

A value is pickled once. Its buffers (of NumPy arrays, for example) of `LARGE_BYTES` and more, and the pickle itself if
it is that large, become files under their hash; what travels then are their names.
"""

from __future__ import annotations

import pickle
from typing import Any, Final, Protocol, TypeAlias

import msgspec

MARK: Final = b"qloop.functions.parcel"     # in the first bytes of a pickled `Packed` or `Again`
Data: TypeAlias = bytes | memoryview
Flat: TypeAlias = tuple[bytes | tuple[str, int], tuple[tuple[str, int], ...]]
_PLAIN: Final = (type(None), bool, int, float, complex)


class Ref(msgspec.Struct, frozen=True):
    """A file of the store; its name begins with the SHA-256 of its content, in 64 hexadecimal digits."""

    name: str
    size: int


class Place(msgspec.Struct, frozen=True):
    """Where the files of a run lie: a folder, and the token by which it is known to be the same one elsewhere."""

    folder: str
    token: str
    large_bytes: int


class Files(Protocol):
    """A store of files by their content."""

    @property
    def place(self) -> Place:
        """Where they lie."""

    def put(self, data: Data) -> Ref:
        """Keep the data, unless it is there."""

    def open(self, ref: Ref) -> memoryview:
        """The data of a file, mapped into memory; changing it changes no file."""


class Packed(msgspec.Struct, frozen=True):
    """A pickled value: the pickle, or the file that holds it, and the files with its large buffers in their order."""

    stream: bytes | Ref
    buffers: tuple[Ref, ...] = ()

    @property
    def refs(self) -> tuple[Ref, ...]:
        """All its files."""
        return (self.stream, *self.buffers) if isinstance(self.stream, Ref) else self.buffers


class Again(msgspec.Struct, frozen=True):
    """A call raised what it may be repeated for: in a line, and the function's own traceback."""

    error: str
    traceback_text: str


class Known(msgspec.Struct, frozen=True):
    """What a call returned in an earlier life of its run, as it is journaled."""

    outcome: bytes


def pack(value: Any, files: Files | None) -> Packed:
    """The value pickled; its large parts go into `files`, where there are such. Raises what pickling it raises."""
    import cloudpickle

    large: list[Ref] = []

    def inside(buffer: pickle.PickleBuffer) -> bool:
        with buffer.raw() as raw:
            if files is None or raw.nbytes < files.place.large_bytes:
                return True
            large.append(files.put(raw))
        return False

    stream: bytes = cloudpickle.dumps(value, protocol=5, buffer_callback=inside)
    if files is not None and len(stream) >= files.place.large_bytes:
        return Packed(files.put(stream), tuple(large))
    return Packed(stream, tuple(large))


def unpack(packed: Packed, files: Files | None) -> Any:
    """The value again."""
    stream = packed.stream if isinstance(packed.stream, bytes) else _opened(packed.stream, files)
    return pickle.loads(stream, buffers=[_opened(ref, files) for ref in packed.buffers])


def flat(packed: Packed) -> Flat:
    """A packed value in plain tuples."""
    stream = packed.stream
    return (stream if isinstance(stream, bytes) else (stream.name, stream.size),
            tuple([(ref.name, ref.size) for ref in packed.buffers]))


def unflat(given: Flat) -> Packed:
    """The packed value again."""
    stream, buffers = given
    return Packed(stream if isinstance(stream, bytes) else Ref(*stream), tuple([Ref(*ref) for ref in buffers]))


def light(value: Any) -> bool:
    """Whether a value is surely small and may travel as it is."""
    return type(value) in _PLAIN or (type(value) in (str, bytes) and len(value) < 65_536)


def sealed(outcome: bytes) -> Packed | Again | None:
    """What a call returned, if it is a parcel of these kinds; None for a plain value, which is not opened."""
    if MARK not in outcome[:128]:
        return None
    found = pickle.loads(outcome)
    return found if isinstance(found, Packed | Again) else None


def _opened(ref: Ref, files: Files | None) -> memoryview:
    assert files is not None
    return files.open(ref)
