"""Frames survive any cutting of the stream; nothing that comes can do more than be refused; tails are bounded."""

from __future__ import annotations

import selectors
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.pilots import wire
from qloop.pilots.crew import Crew
from qloop.pilots.member import Member
from qloop.pilots.protocol import TAIL_BYTES
from qloop.pilots.tail import Tail
from qloop.pilots.zygote import Report

frames = st.tuples(st.integers(0, 255), st.lists(st.integers(-2**63, 2**63 - 1), max_size=5),
                   st.lists(st.binary(max_size=300), max_size=4))


def received(data: bytes, cuts: list[int], most: int = 2**20) -> list[wire.Frame]:
    """What a reader makes of these bytes, when they come in pieces of these sizes."""
    ours, theirs = socket.socketpair()
    reader, heard = wire.FrameReader(most), list[wire.Frame]()
    with ours, theirs:
        ours.setblocking(False)
        while data:
            size = cuts.pop() if cuts else len(data)
            theirs.sendall(data[:size])
            data = data[size:]
            try:
                while True:
                    heard += reader.receive(ours)
            except BlockingIOError:
                pass
    return heard


@given(st.lists(frames, max_size=6), st.lists(st.integers(1, 400), max_size=40))
def test_frames_come_out_as_they_went_in(sent, cuts):
    data = b"".join(b"".join(wire.encode(*frame)) for frame in sent)
    heard = [(frame.kind, list(frame.numbers), [bytes(part) for part in frame.parts])
             for frame in received(data, cuts)]
    assert heard == [(kind, numbers, parts) for kind, numbers, parts in sent]


@given(st.binary(max_size=400), st.lists(st.integers(1, 50), max_size=20))
def test_any_bytes_are_frames_or_refused(data, cuts):
    try:
        heard = received(data, cuts, most=1000)
    except wire.WireError:
        return
    assert sum(len(part) for frame in heard for part in frame.parts) <= len(data)


def test_large_parts_are_sent_without_a_copy():
    part = b"x" * 200_000
    assert wire.encode(wire.RUN, (), (b"", part))[1] is part
    with pytest.raises(wire.WireError, match="over the limit"):
        received(b"".join(wire.encode(wire.RUN, (), (part,))), [], most=100_000)


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(1, 120_000)), max_size=12))
def test_a_tail_is_the_end_of_the_stream_and_bounded(pieces):
    tail, whole = Tail(), b""
    for byte, length in pieces:
        piece = bytes([byte]) * length
        tail.add(piece)
        whole += piece
    text = tail.text()
    if len(whole) <= TAIL_BYTES:
        assert text == whole.decode(errors="replace")
        return
    note, _, kept = text.partition("\n")
    assert note == f"[the first {len(whole) - TAIL_BYTES} bytes were dropped]"
    assert kept == whole[-TAIL_BYTES:].decode(errors="replace")
    tail.clear()
    assert tail.text() == ""


@pytest.mark.parametrize("ready_first", [True, False])
def test_a_worker_counts_only_when_its_process_id_is_known(ready_first):
    """Two channels tell of a new worker, in any order; a process id of 0 would name one's own process group."""
    crew, member = Crew(selectors.DefaultSelector(), "local", {}, 0), Member(1, "local-1", print)
    crew._members[1] = member
    steps = [lambda: crew._take(member, wire.Frame(wire.READY, (), ())),
             lambda: crew._reported(Report(wire.FORKED, 1, 4321, 0))]
    first, second = steps if ready_first else reversed(steps)
    first()
    assert (crew.events, crew.workers) == ([], {})
    second()
    assert [event.worker for event in crew.events] == ["local-1"]
    assert crew.workers["local-1"].pid == 4321
    member.close()
    crew.selector.close()
