"""What passes between the reader, its zygote, and the sandboxed child: fixed structures and JSON, never a pickle."""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from qloop.intake.bounds import Bounds
from qloop.intake.facts import Facts
from qloop.intake.source import Format

READY: Final = b"+"
# The order of a child: seconds by the clock, processor seconds, bytes of memory, may it stay root. Two descriptors
# come with it: the channel for the source and the answer, and the one for the report.
ORDER: Final = struct.Struct("<dQQ?")
# The report of the keeper: a kind and a number.
REPORT: Final = struct.Struct("<Bq")
ENDED: Final = 1                # number: the status, as of waitpid
TIMED_OUT: Final = 2
NOT_STARTED: Final = 3          # number: the errno

NO_LIMITS: Final = 70           # exit code of a child whose limits could not be set: not the source's fault

_LENGTH: Final = struct.Struct("<I")
ANSWER_HEAD: Final = 16 << 20   # bytes of the answer's JSON


class Request(msgspec.Struct, frozen=True):
    """What the child shall do with the bytes behind it; `own` are the gates that the text defines itself."""

    format: Format
    bounds: Bounds
    own: tuple[str, ...] = ()
    facts_only: bool = False


class Answer(msgspec.Struct, frozen=True):
    """Circuits, as QPY behind it, or why there are none."""

    circuits: tuple[Facts, ...] = ()
    why: str = ""
    do: str = ""
    line: int = 0


class Nonsense(Exception):
    """What came is no message."""


def framed(head: Request | Answer, body: bytes | memoryview) -> bytes:
    """The message: length of the head, head, body to the end of the stream."""
    text = msgspec.json.encode(head)
    return b"".join((_LENGTH.pack(len(text)), text, body))


def request(data: bytes) -> tuple[Request, memoryview]:
    """A request and the source behind it."""
    head, body = _split(data)
    return msgspec.json.decode(head, type=Request), body


def answer(data: bytes) -> tuple[Answer, memoryview]:
    """An answer and the QPY behind it. Raises `Nonsense`: the child is not trusted to write one."""
    try:
        head, body = _split(data)
        if len(head) > ANSWER_HEAD:
            raise Nonsense(f"a head of {len(head)} bytes")
        return msgspec.json.decode(head, type=Answer), body
    except (struct.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Nonsense(str(error)) from None


def _split(data: bytes) -> tuple[memoryview, memoryview]:
    view = memoryview(data)
    begin, size = _LENGTH.size, _LENGTH.unpack_from(view)[0]
    return view[begin:begin + size], view[begin + size:]
