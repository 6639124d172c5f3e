"""The caller's end of the line to a keeper: dial, prove who one is, and, as an operator, ask."""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import shlex
import socket
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from qloop.errors import InvalidInput, QloopError
from qloop.pilots import messages, wire
from qloop.pilots.credential import NONCE_BYTES, Credential, read_credential
from qloop.pilots.kept import words
from qloop.pilots.kept.registry import Record
from qloop.pilots.protocol import PilotError
from qloop.pilots.stream import Stream

PATIENCE_S: Final = 30.0


def dial(record: Record, role: str, program: str = "") -> tuple[Stream, words.Greeting]:
    """A line to the keeper of this pilot. `PilotError` if it cannot be reached, or does not let this process in."""
    check_here(record)
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connected.settimeout(PATIENCE_S)
        connected.connect(record.socket)
        stream = Stream(connected, messages.MOST_WELCOME_BYTES)
        greeting = _shake_hands(stream, read_credential(record.token), role, program, record.name)
    except (OSError, EOFError, wire.WireError, msgspec.MsgspecError, ValueError) as error:
        connected.close()
        raise PilotError(f"The kept pilot {record.name!r} cannot be reached", str(error) or "Its keeper hung up",
                         "See 'qloop pilot list'") from error
    except BaseException:
        connected.close()
        raise
    return stream, greeting


def check_here(record: Record) -> None:
    """InvalidInput if the pilot is kept on another machine."""
    if not record.here():
        raise InvalidInput(f"The kept pilot {record.name!r} is on {record.host}", "It is reached from there alone, and "
                           f"this is {socket.gethostname()}", f"Run this on {record.host}")


def ask(record: Record, wish: words.Wish) -> words.Standing:
    """How the pilot stands after this wish."""
    stream, _ = dial(record, words.OPERATOR)
    try:
        stream.send(words.said(words.WISH, wish))
        while True:
            frame = _next(stream, record.name)
            if frame.kind == words.STANDING:
                return words.STANDINGS.decode(frame.parts[0])
    except (EOFError, wire.WireError, msgspec.MsgspecError) as error:
        raise PilotError(f"The keeper of {record.name!r} hung up", str(error), "See 'qloop pilot list'") from error
    finally:
        stream.close()


def this_program() -> str:
    """What this process runs, in a few words."""
    with contextlib.suppress(ValueError, OSError, IndexError):
        script = sys.argv[0]
        return shlex.join([Path(script).name or "python", *sys.argv[1:]])[:120]
    return "python"


def _shake_hands(stream: Stream, credential: Credential, role: str, program: str, name: str) -> words.Greeting:
    challenge = _next(stream, name)
    if challenge.kind != messages.CHALLENGE or challenge.numbers != (words.KEEPER_WIRE,):
        raise PilotError(f"The kept pilot {name!r} was started by another version of qloop", "",
                         f"End it with that version, or by its process id, and start it again: qloop pilot start {name}"
                         )
    theirs, ours = bytes(challenge.parts[0]), secrets.token_bytes(NONCE_BYTES)
    caller = msgspec.msgpack.encode(words.Caller(role, credential.name, messages.versions(), os.getpid(), program))
    proof = words.proof(credential, "caller", theirs, ours, caller)
    stream.send(wire.encode(messages.HELLO, (), (caller, ours, proof)))
    answer = _next(stream, name)
    if answer.kind == messages.REFUSED:
        raise PilotError(f"The kept pilot {name!r} does not let this program in",
                         str(answer.parts[0], "utf-8", "replace"), "See 'qloop pilot list'")
    told, proven = (bytes(part) for part in answer.parts)
    if answer.kind != messages.WELCOME or not words.proven(credential, proven, "keeper", ours, theirs, told):
        raise PilotError(f"Who answers for the kept pilot {name!r} is not its keeper", "It does not know the token",
                         "See who else can write into the folder of its socket")
    stream.allow(messages.MOST_FRAME_BYTES)
    return words.GREETINGS.decode(told)


def _next(stream: Stream, name: str) -> wire.Frame:
    """The next frame, waited for."""
    until = time.monotonic() + PATIENCE_S
    while True:
        frame = stream.one()
        if frame is not None:
            return frame
        left = until - time.monotonic()
        if left <= 0.0:
            raise QloopError(f"The keeper of {name!r} does not answer", "It may be stopped, or very busy",
                             "Try again, or end it by its process id: see 'qloop pilot list'")
        select.select([stream.socket], [stream.socket] if stream.waiting else [], [], left)
        stream.flush()
