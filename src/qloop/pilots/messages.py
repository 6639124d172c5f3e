"""What a hub and its agents say to each other.

Every message is a frame (`qloop.pilots.wire`): a record in MessagePack, and what may be large (a payload, a value)
beside it as it is. Records are read strictly against their types; nothing is unpickled on the way.

A connection begins with the hub's CHALLENGE (a random number). The agent answers HELLO (who it is, a random number, its
proof), the hub WELCOME (what the agent is to do, its proof) or REFUSED (why). Then the hub sends COMMAND, the agent
REPORT, and both BEAT.
"""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Final, TypeAlias

import msgspec

from qloop.model.needs import Capacity, Share
from qloop.pilots import wire
from qloop.pilots.protocol import MOST_PAYLOAD_BYTES, TAIL_BYTES, Asked, Began, Ended, Joined, Left, Told

WIRE_VERSION: Final = 1
CHALLENGE: Final = 32       # numbers: version of this wire; parts: the hub's random number
HELLO: Final = 33           # parts: Hello, the agent's random number, its proof
WELCOME: Final = 34         # parts: Welcome, the hub's proof
REFUSED: Final = 35         # parts: why, in words
COMMAND: Final = 36         # parts: Command, payload
REPORT: Final = 37          # parts: Report, value
BEAT: Final = 38

MOST_HELLO_BYTES: Final = 16_384
MOST_WELCOME_BYTES: Final = 2**20
MOST_FRAME_BYTES: Final = MOST_PAYLOAD_BYTES + 16 * TAIL_BYTES


class Hello(msgspec.Struct, frozen=True):
    """An agent's first words. `token`: the public name of its token; `name`: the allocation's, and its part after a /.

    `workers`: how many it takes at most; `clock_ns`: its `time.monotonic_ns()` now.
    """

    token: str
    name: str
    versions: dict[str, str]
    node: str
    capacity: Capacity
    workers: int
    clock_ns: int


class Welcome(msgspec.Struct, frozen=True):
    """How the agent's workers are to be: their names begin with `prefix`, they import from `path`, in `directory`.

    The agent beats every `beat_s`, and gives the hub up after `silence_s` without a word.
    """

    prefix: str
    environments: dict[str, tuple[str, ...]]
    path: tuple[str, ...]
    directory: str
    mpi: str
    beat_s: float
    silence_s: float


class Run(msgspec.Struct, frozen=True, tag=True):
    """`Pilot.run`; the payload travels beside it."""

    worker: str
    task: str
    attempt: int
    environment: str
    limit_s: float
    share: Share


class Answer(msgspec.Struct, frozen=True, tag=True):
    """`Pilot.answer`; the data travel beside it."""

    worker: str
    task: str
    attempt: int
    number: int


class Abort(msgspec.Struct, frozen=True, tag=True):
    """`Pilot.abort`."""

    worker: str
    task: str
    attempt: int


class Grow(msgspec.Struct, frozen=True, tag=True):
    """So many workers more."""

    count: int


class Release(msgspec.Struct, frozen=True, tag=True):
    """`Pilot.release`."""

    worker: str


class End(msgspec.Struct, frozen=True, tag=True):
    """The agent is not needed any more."""

    reason: str


class Closing(msgspec.Struct, frozen=True, tag=True):
    """The agent's allocation ends soon: its workers leave as they become free, and none comes."""

    reason: str


class Kept(msgspec.Struct, frozen=True, tag=True):
    """The worker that was to be released had left by itself, and so what came in its place stays."""

    worker: str


class Failing(msgspec.Struct, frozen=True, tag=True):
    """The agent cannot bring up workers."""

    reason: str


Command: TypeAlias = Run | Answer | Abort | Grow | Release | End
Report: TypeAlias = Joined | Left | Began | Ended | Told | Asked | Closing | Kept | Failing

COMMANDS: Final = msgspec.msgpack.Decoder(Command)
REPORTS: Final = msgspec.msgpack.Decoder(Report)
HELLOS: Final = msgspec.msgpack.Decoder(Hello)
WELCOMES: Final = msgspec.msgpack.Decoder(Welcome)


def command(told: Command, payload: bytes = b"") -> wire.Buffers:
    """A command as a frame."""
    return wire.encode(COMMAND, (), (msgspec.msgpack.encode(told), payload))


def report(told: Report) -> wire.Buffers:
    """A report as a frame; a result is not copied."""
    value = told.value if isinstance(told, Ended) else b""
    if value:
        told = msgspec.structs.replace(told, value=b"")
    return wire.encode(REPORT, (), (msgspec.msgpack.encode(told), value))


def read_report(frame: wire.Frame) -> Report:
    """What an agent reports. Raises `wire.WireError` if it is no report."""
    try:
        told = REPORTS.decode(frame.parts[0])
        value = frame.parts[1]
    except (msgspec.MsgspecError, IndexError, ValueError) as error:
        raise wire.WireError(f"what came is no report: {error}") from error
    return msgspec.structs.replace(told, value=bytes(value)) if isinstance(told, Ended) and value else told


def read_command(frame: wire.Frame) -> tuple[Command, bytes]:
    """What the hub wants. Raises `wire.WireError` if it is no command."""
    try:
        return COMMANDS.decode(frame.parts[0]), bytes(frame.parts[1])
    except (msgspec.MsgspecError, IndexError, ValueError) as error:
        raise wire.WireError(f"what came is no command: {error}") from error


def versions() -> dict[str, str]:
    """What must be the same on both sides: a call that is sent by value is read by the same Python and cloudpickle."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"qloop": metadata.version("qloop"), "Python": python, "cloudpickle": metadata.version("cloudpickle")}


def unlike(theirs: dict[str, str]) -> str:
    """In which versions an agent differs from this process, in words; "" if in none."""
    ours = versions()
    wrong = [f"{name} {str(theirs.get(name, 'unknown'))[:40]} there and {version} here"
             for name, version in ours.items() if theirs.get(name) != version]
    return ", ".join(wrong)
