"""What callers and a keeper say to each other over its socket, beside what a hub and its agents do.

A connection begins as that of an agent does (`qloop.pilots.messages`): CHALLENGE, HELLO, WELCOME or REFUSED; here the
caller answers the challenge. A runtime then sends COMMANDs and hears REPORTs, as if the keeper were an agent; an
operator sends a WISH and hears a STANDING. Nothing is unpickled on the way.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from qloop.model.needs import Capacity
from qloop.pilots import wire
from qloop.pilots.credential import Credential

KEEPER_WIRE: Final = 1      # version of this wire
WISH: Final = 80            # parts: Wish
STANDING: Final = 81        # parts: Standing

RUNTIME: Final = "runtime"
OPERATOR: Final = "operator"


class Caller(msgspec.Struct, frozen=True):
    """Who calls. `token`: the public name of the pilot's token; `program`: what the caller runs, for the list."""

    role: str
    token: str
    versions: dict[str, str]
    pid: int
    program: str = ""


class Greeting(msgspec.Struct, frozen=True):
    """What the keeper answers: the pilot's name, and how many workers it has at most."""

    name: str
    most: int


class Look(msgspec.Struct, frozen=True, tag=True):
    """How does it stand?"""


class Stop(msgspec.Struct, frozen=True, tag=True):
    """End: once all runtimes have left, or `now`."""

    now: bool = False


class Connected(msgspec.Struct, frozen=True):
    """A runtime that is connected: how many workers it wishes and has, and its attempts that run, wait, or are over."""

    program: str
    pid: int
    since_s: float
    wanted: int
    workers: int
    running: int
    waiting: int
    ended: int


class Standing(msgspec.Struct, frozen=True):
    """A kept pilot now. `coming`: workers that are ordered; `unused_s`: since when no runtime is there, -1 if one is.

    `ends_in_s`: seconds to its walltime, -1 if it has none.
    """

    idle: int
    busy: int
    coming: int
    nodes: dict[str, Capacity]
    connected: tuple[Connected, ...]
    draining: bool
    unused_s: float
    ends_in_s: float


Wish: TypeAlias = Look | Stop
CALLERS: Final = msgspec.msgpack.Decoder(Caller)
GREETINGS: Final = msgspec.msgpack.Decoder(Greeting)
WISHES: Final = msgspec.msgpack.Decoder(Wish)
STANDINGS: Final = msgspec.msgpack.Decoder(Standing)


def said(kind: int, told: Any) -> wire.Buffers:
    """A frame that holds one record."""
    return wire.encode(kind, (), (msgspec.msgpack.encode(told),))


def proof(credential: Credential, role: str, *nonces_and_words: bytes) -> bytes:
    """That this side knows the token, as a hub and its agents prove it; a machine's own socket has no certificate."""
    return credential.proof(f"kept-{role}", "", *nonces_and_words)


def proven(credential: Credential, given: bytes, role: str, *nonces_and_words: bytes) -> bool:
    """Whether this is that proof."""
    return credential.proven(given, f"kept-{role}", "", *nonces_and_words)
