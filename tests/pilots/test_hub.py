"""Nobody joins unasked (P15): real sockets, real handshakes, and guests of every kind."""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput
from qloop.model.needs import Capacity
from qloop.model.states import Outcome
from qloop.pilots import hub as hubs
from qloop.pilots import messages, wire
from qloop.pilots.agent_handshake import NotAdmitted, hub_address, join
from qloop.pilots.credential import TOKEN_VARIABLE, find_token, new_credential, read_credential
from qloop.pilots.hub import Hub, Link
from qloop.pilots.machine import Node
from qloop.pilots.protocol import Asked, Began, Ended, Joined, Left, Told

from .parallel import in_thread
from .processes import PATIENCE_S

NODE = Node("node", Capacity(2, 10**9, ("0",)))
WELCOME = messages.Welcome("p-1", {"": ("numpy",)}, ("a",), "b", "mpiexec", 1.0, 60.0)


class Desk:
    """A hub and all that it hears."""

    def __init__(self, host: str = "127.0.0.1", valid_s: float = 3600.0, silence_s: float = 20.0) -> None:
        self.links, self.reports, self.gone, self.refusals = [], [], [], []
        self.selector = selectors.DefaultSelector()
        self.hub = Hub(self.selector, self, host, 0, "127.0.0.1", valid_s, silence_s)

    def welcome(self, hello: messages.Hello) -> messages.Welcome | str:
        return WELCOME if hello.name == "expected" else "nobody expects it"

    def joined(self, link: Link) -> None:
        self.links.append(link)

    def reported(self, link: Link, report: messages.Report) -> None:
        self.reports.append(report)

    def lost(self, link: Link, reason: str) -> None:
        self.gone.append(reason)

    def refused(self, reason: str) -> None:
        self.refusals.append(reason)

    def poll(self, timeout: float = 0.05) -> None:
        for key, mask in self.selector.select(timeout):
            key.data(mask)
        self.hub.tend()

    def until(self, true) -> None:
        end = time.monotonic() + PATIENCE_S
        while not true():
            assert time.monotonic() < end
            self.poll()

    def join(self, credential=None, name: str = "expected"):
        """An agent's side of the handshake, in a thread while this one polls."""
        task = in_thread(join, hub_address(self.hub.address), credential or self.hub.credential, name, NODE, 2)
        self.until(task.done)
        return task.result()

    def dial(self) -> socket.socket:
        return socket.create_connection(hub_address(self.hub.address), timeout=PATIENCE_S)

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *what: object) -> None:
        self.hub.close()
        self.selector.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_who_knows_the_token_joins_and_is_heard(host):
    """Off loopback the same goes over TLS."""
    with Desk(host) as desk:
        assert bool(desk.hub.credential.certificate) == (host == "0.0.0.0")
        stream, welcome = desk.join()
        assert welcome == WELCOME
        assert desk.links[0].hello.capacity == NODE.capacity
        assert desk.links[0].offset_ns == 0
        large = Ended("w", "t", 1, Outcome.OK, value=b"x" * 300_000)
        waits = stream.send(messages.report(large))
        while waits or large not in desk.reports:
            waits = stream.flush()
            desk.poll(0.01)
        stream.close()
        desk.until(lambda: desk.gone)
        assert desk.gone == ["the connection to its agent was lost"]


def refusal(desk: Desk, credential, name: str = "expected") -> str:
    with pytest.raises(NotAdmitted) as told:
        desk.join(credential, name)
    assert desk.links == []
    return str(told.value)


def test_wrong_tokens_are_refused():
    with Desk() as desk:
        known = desk.hub.credential
        for wrong in (new_credential(60.0), msgspec.structs.replace(new_credential(60.0), name=known.name)):
            assert "its token is not this pilot's" in refusal(desk, wrong)
        assert "nobody expects it" in refusal(desk, known, "a stranger")
        assert desk.refusals == ["its token is not this pilot's"] * 2 + ["nobody expects it"]


def test_a_token_expires(monkeypatch):
    with Desk(valid_s=30.0) as desk:
        desk.join()[0].close()
        desk.links.clear()
        late = time.time() + 60.0
        monkeypatch.setattr(time, "time", lambda: late)
        assert "its token has expired" in refusal(desk, desk.hub.credential)


@pytest.mark.parametrize("name", ["qloop", "Python", "cloudpickle"])
def test_versions_are_compared_and_named(monkeypatch, name):
    ours = messages.versions()

    def here_or_there() -> dict[str, str]:
        return ours if threading.current_thread() is threading.main_thread() else ours | {name: "0.0.7"}

    monkeypatch.setattr(messages, "versions", here_or_there)
    with Desk() as desk:
        told = refusal(desk, desk.hub.credential)
        assert f"its versions differ ({name} 0.0.7 there and {ours[name]} here); install the same ones" in told


def test_a_hub_that_does_not_know_the_token_is_refused_by_the_agent():
    """Someone else at the hub's address, who lets everybody in."""
    with Desk() as desk:
        mine = desk.hub.credential
        desk.hub._refusal = lambda guest, kind, hello, said: ""
        desk.hub.credential = new_credential(60.0)
        with pytest.raises(NotAdmitted, match="does not know the token"):
            desk.join(mine)


def test_another_certificate_is_refused_by_the_agent():
    with Desk("0.0.0.0") as desk:
        wrong = msgspec.structs.replace(desk.hub.credential, certificate="0" * 64)
        assert "its certificate is another one" in refusal(desk, wrong)


def test_what_was_heard_once_opens_nothing_again():
    """A recorded HELLO is bound to the random number of its own connection."""
    with Desk() as desk:
        hello = msgspec.msgpack.encode(messages.Hello(desk.hub.credential.name, "expected", messages.versions(), "n",
                                                      NODE.capacity, 1, 0))
        said = []
        for _ in range(2):
            with desk.dial() as guest:
                desk.until(lambda: desk.hub._guests)
                reader = wire.FrameReader(2**16)
                challenge = next(iter(reader.receive(guest)))
                if not said:
                    proof = desk.hub.credential.proof("agent", "", bytes(challenge.parts[0]), b"r" * 32, hello)
                    said = wire.encode(messages.HELLO, (), (hello, b"r" * 32, proof))
                guest.sendall(b"".join(said))
                desk.until(lambda: not desk.hub._guests)
                answer = next(iter(reader.receive(guest)))
                assert answer.kind == (messages.REFUSED if desk.refusals else messages.WELCOME)
        assert (len(desk.links), desk.refusals) == (1, ["its token is not this pilot's"])


@given(st.binary(min_size=11, max_size=300))
@settings(max_examples=30, deadline=None)
def test_nonsense_is_hung_up_on(data):
    with Desk() as desk, desk.dial() as guest:
        guest.sendall(data)
        guest.shutdown(socket.SHUT_WR)
        desk.until(lambda: desk.hub._guests)
        desk.until(lambda: not desk.hub._guests)
        assert (desk.links, desk.reports) == ([], [])


def test_a_huge_frame_of_a_guest_takes_no_memory():
    with Desk() as desk, desk.dial() as guest:
        guest.sendall(struct.pack("<QBBB", 2**31, messages.HELLO, 0, 3) + b"x" * 1000)
        desk.until(lambda: desk.hub._guests)
        desk.until(lambda: not desk.hub._guests)


def test_who_says_hello_too_slowly_is_hung_up_on(monkeypatch):
    monkeypatch.setattr(hubs, "_HANDSHAKE_S", 0.5)
    with Desk() as desk, desk.dial() as guest:
        desk.until(lambda: desk.hub._guests)
        while desk.hub._guests:
            guest.sendall(b"\1")
            desk.poll(0.05)
        stream, _ = desk.join()
        stream.close()


def test_guests_are_bounded(monkeypatch):
    monkeypatch.setattr(hubs, "_MOST_GUESTS", 3)
    with Desk() as desk:
        crowd = [desk.dial() for _ in range(8)]
        for _ in range(20):
            desk.poll(0.01)
        assert len(desk.hub._guests) == 3
        for guest in crowd:
            guest.close()
        desk.until(lambda: not desk.hub._guests)
        desk.join()[0].close()


@pytest.mark.parametrize("data", [b"\xff" * 64, b"".join(wire.encode(messages.REPORT, (), (b"\x93", b""))),
                                  b"".join(wire.encode(messages.REPORT)),
                                  b"".join(wire.encode(messages.REPORT, (), (msgspec.msgpack.encode({"type": "Run"}),
                                                                             b"")))],
                         ids=["noise", "another type", "empty", "a command"])
def test_an_agent_that_sends_nonsense_is_lost(data):
    with Desk() as desk:
        stream, _ = desk.join()
        stream.send([data])
        desk.until(lambda: desk.gone)
        assert "sent what cannot be read" in desk.gone[0]
        assert desk.reports == []
        stream.close()


def test_an_agent_that_is_silent_is_lost_and_one_that_beats_is_not():
    with Desk(silence_s=1.0) as desk:
        quiet, _ = desk.join()
        desk.until(lambda: desk.gone)
        assert desk.gone == ["its agent was silent for 1 s"]
        lively, _ = desk.join()
        end = time.monotonic() + 2.0
        while time.monotonic() < end:
            lively.send(wire.encode(messages.BEAT))
            desk.poll(0.1)
        assert len(desk.gone) == 1
        quiet.close()
        lively.close()


def test_an_agent_of_the_same_name_takes_the_place_of_the_first():
    with Desk() as desk:
        first, _ = desk.join()
        second, _ = desk.join()
        assert desk.gone == ["another agent came in its place"]
        assert [link.closed for link in desk.links] == [True, False]
        first.close()
        second.close()


short = st.text(max_size=20)
whole = st.integers(-2**63, 2**63 - 1)
reports = st.one_of(
    st.builds(Joined, short, whole, st.lists(short, max_size=3).map(tuple), whole, short,
              st.none() | st.builds(Capacity, whole, whole, st.lists(short, max_size=2).map(tuple))),
    st.builds(Left, short, short), st.builds(Began, short, short, whole, st.booleans(), whole, whole),
    st.builds(Ended, short, short, whole, st.sampled_from(Outcome), whole, st.binary(max_size=50), short, short, short),
    st.builds(Told, short, short, whole, short, st.binary(max_size=50)),
    st.builds(Asked, short, short, whole, whole, st.binary(max_size=50)),
    st.builds(messages.Closing, short), st.builds(messages.Kept, short), st.builds(messages.Failing, short))


@given(reports)
def test_reports_arrive_as_they_were_sent(report):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"".join(messages.report(report)))
        assert [messages.read_report(frame) for frame in wire.FrameReader(2**20).receive(ours)] == [report]


def test_tokens_are_read_from_safe_places_only(tmp_path, monkeypatch):
    text = new_credential(60.0, "ab" * 32).text()
    assert read_credential(text).text() == text
    file = tmp_path / "token"
    file.write_text(text)
    for mode in (0o644, 0o640, 0o604):
        file.chmod(mode)
        with pytest.raises(InvalidInput, match="can be read by others"):
            find_token(str(file))
    file.chmod(0o600)
    assert find_token(str(file)) == text
    with pytest.raises(InvalidInput, match="has been given none"):
        find_token("")
    monkeypatch.setenv(TOKEN_VARIABLE, "told")
    assert find_token(str(file)) == "told"
    assert find_token(str(file)) == text    # the variable is gone: nobody below inherits it
    for nonsense in ("", "qloop1.a.b.c.d", text[:-70], "x" * 100):
        with pytest.raises(InvalidInput, match="not a token"):
            read_credential(nonsense)
    assert new_credential(60.0).secret.hex() not in repr(new_credential(60.0))
