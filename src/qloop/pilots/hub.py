"""The hub: where a pilot's agents join, in the process of the runtime, and through which all is said to them.

No thread of its own: whoever polls the pilot calls what the selector finds ready. Who connects is a guest, heard for a
short while and in few bytes, until it has proven that it knows the pilot's token; then it is a link. A link that is
silent for too long is lost.
"""

from __future__ import annotations

import contextlib
import secrets
import selectors
import socket
import ssl
import time
from functools import partial
from typing import Final, Protocol

import msgspec

from qloop.errors import QloopError
from qloop.pilots import certificate, messages, wire
from qloop.pilots.credential import NONCE_BYTES, Credential, new_credential
from qloop.pilots.stream import Stream

BEAT_S: Final = 2.0             # how often each side says that it is there
SILENCE_S: Final = 20.0         # an agent that says nothing for so long is lost
PATIENCE_S: Final = 300.0       # and so is, to an agent, the hub: the program may be busy computing, or suspended
_HANDSHAKE_S: Final = 10.0
_TICK_S: Final = 0.2            # how exactly all this is kept
_MOST_GUESTS: Final = 256
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Guest:
    """A connection of which nothing is known yet."""

    def __init__(self, stream: Stream) -> None:
        self.stream, self.until = stream, time.monotonic() + _HANDSHAKE_S
        self.nonce = secrets.token_bytes(NONCE_BYTES)


class Link:
    """An agent that has joined. `offset_ns` is added to its times to make them this machine's."""

    def __init__(self, stream: Stream, hello: messages.Hello) -> None:
        self.stream, self.hello, self.closed = stream, hello, False
        self.heard = self.beaten = time.monotonic()
        ahead = time.monotonic_ns() - hello.clock_ns
        self.offset_ns = 0 if 0 <= ahead < 5_000_000_000 else ahead     # one clock for all processes of a machine


class Host(Protocol):
    """Who has agents: is asked for their welcome, and hears what they say."""

    def welcome(self, hello: messages.Hello) -> messages.Welcome | str:
        """What this agent is to do, or why it is not wanted."""

    def joined(self, link: Link) -> None:
        """It is there."""

    def reported(self, link: Link, report: messages.Report) -> None:
        """It says this."""

    def lost(self, link: Link, reason: str) -> None:
        """It is gone. Told once."""

    def refused(self, reason: str) -> None:
        """Somebody was not let in."""


class Hub:
    """Listens on `host` and `port` (0: any); agents dial `advertise` instead of `host`, if it is given."""

    def __init__(self, selector: selectors.BaseSelector, owner: Host, host: str, port: int, advertise: str,
                 valid_s: float, silence_s: float = SILENCE_S) -> None:
        self._selector, self._owner, self._silence = selector, owner, silence_s
        self._tend_at = 0.0
        self._guests: set[Guest] = set()
        self._links: dict[str, Link] = {}
        self._context: ssl.SSLContext | None = None
        pin = ""
        if not certificate.is_loopback(host):
            self._context, pin = certificate.server_side()
        self.credential: Credential = new_credential(valid_s, pin)
        try:
            self._listener = socket.create_server((host, port), family=_family(host), backlog=256)
        except OSError as error:
            raise QloopError(f"A pilot's hub cannot listen on {host}:{port}", str(error),
                             "Give an address of this machine, and a port that is free (0: any)") from error
        self._listener.setblocking(False)
        seen = advertise or (socket.gethostname() if host in ("0.0.0.0", "::") else host)
        self.address = f"{f'[{seen}]' if ':' in seen else seen}:{self._listener.getsockname()[1]}"
        selector.register(self._listener, _READ, self._accept)

    def send(self, link: Link, buffers: wire.Buffers) -> None:
        """Send this to an agent as soon as it takes it."""
        if not link.closed and link.stream.send(buffers):
            self._selector.modify(link.stream.socket, _READ | _WRITE, partial(self._on_link, link))

    def part(self, link: Link, reason: str) -> None:
        """Hear no more of this agent: it is lost."""
        if link.closed:
            return
        link.closed = True
        self._drop(link.stream)
        if self._links.get(link.hello.name) is link:
            del self._links[link.hello.name]
        self._owner.lost(link, reason)

    def tend(self) -> None:
        """What time asks for: beats, and giving up whoever is silent. To be called after everything was heard."""
        now = time.monotonic()
        if now < self._tend_at:
            return
        self._tend_at = now + _TICK_S
        for guest in [guest for guest in self._guests if now > guest.until]:
            self._dismiss(guest, "")
        for link in list(self._links.values()):
            if now - link.heard > self._silence:
                self.part(link, f"its agent was silent for {self._silence:g} s")
            elif now - link.beaten >= BEAT_S:
                link.beaten = now
                self.send(link, wire.encode(messages.BEAT))

    def close(self) -> None:
        """Nobody can join any more, and nobody is heard."""
        if self._listener.fileno() >= 0:
            self._selector.unregister(self._listener)
            self._listener.close()
        for guest in list(self._guests):
            self._dismiss(guest, "")
        for link in list(self._links.values()):
            self.part(link, "the pilot was stopped")

    def _accept(self, mask: int) -> None:
        try:
            connected, _ = self._listener.accept()
        except OSError:     # it has gone again, or there are too many files: the next one may be luckier
            return
        if len(self._guests) >= _MOST_GUESTS:
            connected.close()
            return
        connected.setblocking(False)
        try:
            if self._context is not None:
                connected = self._context.wrap_socket(connected, server_side=True, do_handshake_on_connect=False)
        except OSError:
            connected.close()
            return
        guest = Guest(Stream(connected, messages.MOST_HELLO_BYTES))
        self._guests.add(guest)
        guest.stream.send(wire.encode(messages.CHALLENGE, (messages.WIRE_VERSION,), (guest.nonce,)))
        self._selector.register(connected, _READ, partial(self._on_guest, guest))

    def _on_guest(self, guest: Guest, mask: int) -> None:
        """With TLS, what was to be sent waits until the other side has said enough."""
        if guest not in self._guests:
            return
        try:
            guest.stream.flush()
            for frame in guest.stream.receive():
                self._hello(guest, frame)
                return
            guest.stream.flush()
        except (EOFError, wire.WireError, ValueError, msgspec.MsgspecError):
            self._dismiss(guest, "")

    def _hello(self, guest: Guest, frame: wire.Frame) -> None:
        said, nonce, proof = (bytes(part) for part in frame.parts)
        hello = messages.HELLOS.decode(said)
        answer = self._refusal(guest, frame.kind, hello, (said, nonce, proof)) or self._owner.welcome(hello)
        if isinstance(answer, str):
            self._dismiss(guest, answer)
            return
        told = msgspec.msgpack.encode(answer)
        proven = self.credential.proof("hub", self.credential.certificate, nonce, guest.nonce, told)
        self._guests.remove(guest)
        guest.stream.allow(messages.MOST_FRAME_BYTES)
        link = Link(guest.stream, hello)
        if hello.name in self._links:
            self.part(self._links[hello.name], "another agent came in its place")
        self._links[hello.name] = link
        self._selector.modify(link.stream.socket, _READ, partial(self._on_link, link))
        self.send(link, wire.encode(messages.WELCOME, (), (told, proven)))
        self._owner.joined(link)

    def _refusal(self, guest: Guest, kind: int, hello: messages.Hello, said: tuple[bytes, bytes, bytes]) -> str:
        """Why this guest is not let in; "" if it is."""
        credential, (text, nonce, proof) = self.credential, said
        known = kind == messages.HELLO and hello.token == credential.name and len(nonce) == NONCE_BYTES
        if not known or not credential.proven(proof, "agent", credential.certificate, guest.nonce, nonce, text):
            return "its token is not this pilot's"
        if credential.expired():
            return "its token has expired"
        wrong = messages.unlike(hello.versions)
        return f"its versions differ ({wrong}); install the same ones there" if wrong else ""

    def _dismiss(self, guest: Guest, reason: str) -> None:
        """Say why, if a reason is given, and hang up."""
        self._guests.remove(guest)
        if reason:
            guest.stream.send(wire.encode(messages.REFUSED, (), (reason.encode(),)))
            self._owner.refused(reason)
        self._drop(guest.stream)

    def _drop(self, stream: Stream) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(stream.socket)
        stream.close()

    def _on_link(self, link: Link, mask: int) -> None:
        if link.closed:
            return
        if mask & _WRITE and not link.stream.flush():
            self._selector.modify(link.stream.socket, _READ, partial(self._on_link, link))
        if not mask & _READ:
            return
        link.heard = time.monotonic()
        try:
            for frame in link.stream.receive():
                if frame.kind == messages.REPORT:
                    self._owner.reported(link, messages.read_report(frame))
                if self._links.get(link.hello.name) is not link:
                    return      # what it said was its end
        except EOFError:
            self.part(link, "the connection to its agent was lost")
        except wire.WireError as error:
            self.part(link, f"its agent sent what cannot be read ({error})")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
