"""How an agent joins its hub: connect, prove that it knows the token, and see that the hub knows it too."""

from __future__ import annotations

import secrets
import socket
import time
from typing import Final

import msgspec

from qloop.errors import InvalidInput, QloopError
from qloop.pilots import certificate, messages, wire
from qloop.pilots.credential import NONCE_BYTES, Credential
from qloop.pilots.machine import Node
from qloop.pilots.stream import Stream

_PATIENCE_S: Final = 30.0


class NotAdmitted(QloopError):
    """The hub does not let this agent in, or is not the pilot's hub."""

    code = "not_admitted"


def hub_address(text: str) -> tuple[str, int]:
    """HOST:PORT in parts; an IPv6 address stands in brackets."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise InvalidInput(f"{text!r} is not the address of a hub", "", "Write HOST:PORT")
    return host, int(port)


def join(address: tuple[str, int], credential: Credential, name: str, node: Node,
         workers: int) -> tuple[Stream, messages.Welcome]:
    """A connection to the hub that has let this agent in, and what it wants. Waits for half a minute at most.

    Raises `NotAdmitted` with the hub's reason, or if the hub does not know the token; `OSError` if it is not reached.
    """
    connected = socket.create_connection(address, timeout=_PATIENCE_S)
    try:
        if credential.certificate:
            connected = certificate.agent_side().wrap_socket(connected)
        stream = Stream(connected, messages.MOST_WELCOME_BYTES)
        pin = stream.certificate()
        if pin != credential.certificate:
            raise NotAdmitted("This is not the pilot's hub", "its certificate is another one",
                              "See whether HOST:PORT is right, and who else listens there")
        connected.settimeout(_PATIENCE_S)
        return stream, _shake_hands(stream, credential, name, node, workers)
    except BaseException:
        connected.close()
        raise


def _shake_hands(stream: Stream, credential: Credential, name: str, node: Node, workers: int) -> messages.Welcome:
    challenge = _next(stream)
    if challenge.kind != messages.CHALLENGE or challenge.numbers != (messages.WIRE_VERSION,):
        raise NotAdmitted("This is not a hub of this version of qloop", "", "Install the same version on both sides")
    theirs, ours = bytes(challenge.parts[0]), secrets.token_bytes(NONCE_BYTES)
    hello = msgspec.msgpack.encode(messages.Hello(
        credential.name, name, messages.versions(), node.name, node.capacity, workers, time.monotonic_ns()))
    proof = credential.proof("agent", credential.certificate, theirs, ours, hello)
    stream.send(wire.encode(messages.HELLO, (), (hello, ours, proof)))
    answer = _next(stream)
    if answer.kind == messages.REFUSED:
        raise NotAdmitted(f"The hub does not let the agent {name!r} in", str(answer.parts[0], "utf-8", "replace"))
    told, proven = (bytes(part) for part in answer.parts)
    if answer.kind != messages.WELCOME or not credential.proven(proven, "hub", credential.certificate, ours, theirs,
                                                                 told):
        raise NotAdmitted("This is not the pilot's hub", "it does not know the token")
    stream.allow(messages.MOST_FRAME_BYTES)
    stream.socket.setblocking(False)
    return messages.WELCOMES.decode(told)


def _next(stream: Stream) -> wire.Frame:
    """The next frame; the hub says one at a time."""
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        frame = stream.one()
        if frame is not None:
            return frame
    raise NotAdmitted("The hub does not answer")
