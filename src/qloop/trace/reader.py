"""Reading a trace back: tolerant of a crash at its end, and of nothing else."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Self

import msgspec

from qloop.trace.errors import TraceError
from qloop.trace.index import Index, build_index
from qloop.trace.provenance import Header
from qloop.trace.schema import FORMAT_VERSION, AnyEvent
from qloop.trace.steps import Step, build_steps

_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Trace:
    """What happened in one run: its provenance and its events in the order of (t, seq).

    `truncated` says in words what was lost when the writer died; empty if nothing was.
    """

    header: Header
    events: tuple[AnyEvent, ...] = field(repr=False)
    truncated: str = ""

    @classmethod
    def of(cls, header: Header, events: Iterable[AnyEvent], truncated: str = "") -> Self:
        """A trace of events in any order."""
        return cls(header, tuple(sorted(events, key=attrgetter("t", "seq"))), truncated)

    def noted(self, note: str) -> Trace:
        """The same trace with a further note in its header."""
        both = "; ".join(part for part in (self.header.note, note) if part)
        return Trace(msgspec.structs.replace(self.header, note=both), self.events, self.truncated)

    @cached_property
    def index(self) -> Index:
        """The events joined into sessions, tasks, attempts and intervals; built once."""
        return build_index(self.events)

    @cached_property
    def steps(self) -> dict[str, list[Step]]:
        """The steps of each session, in order of k; built once, to be read only."""
        return build_steps(self.index)

    @cached_property
    def horizon_ns(self) -> int:
        """The end of observation: the header's horizon, but the last event where the run ended before (a crash)."""
        last = self.events[-1].t if self.events else 0
        wanted = self.header.horizon_ns
        return last if wanted == 0 or (self.truncated and last < wanted) else wanted

    @cached_property
    def qpus(self) -> tuple[str, ...]:
        """The names of the QPUs: those of the header, then any other that an event names."""
        named = [qpu.name for qpu in self.header.qpus]
        return tuple(dict.fromkeys([*named, *sorted(self.index.qpu_names)]))


def read(path: str | Path) -> Trace:
    """The trace in a file, plain or compressed.

    A last line cut short by a crash is dropped and told in `truncated`. `TraceError` if the file cannot be read, is
    no trace, is damaged before its end, or was written by a newer format.
    """
    source = Path(path)
    try:
        raw = source.read_bytes()
    except OSError as error:
        raise TraceError(f"The trace {source} cannot be read", error.strerror or str(error),
                         "Check the name and the permissions") from None
    whole, cut = (_inflate(raw, source)) if raw.startswith(_GZIP) else (raw, False)
    head, _, body = whole.partition(b"\n")
    header = _header(head, source)
    kept, newline, tail = body.rpartition(b"\n")
    events = _events(kept + newline, source)
    return Trace.of(header, events, _loss(len(tail), cut))


def _loss(tail_bytes: int, cut: bool) -> str:
    """What was lost, in words."""
    if tail_bytes:
        return f"the last line was cut short after {tail_bytes} bytes and is left out"
    return "the compressed file ends before its end mark; later events are lost" if cut else ""


def _header(line: bytes, source: Path) -> Header:
    """The header in the first line."""
    try:
        probe = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        probe = None
    if not isinstance(probe, dict) or probe.get("format") != "qloop-trace":
        raise TraceError(f"{source} is not a qloop trace", "Its first line is not the header of one",
                         "Give a file that qloop recorded (.jsonl or .jsonl.gz)")
    version = probe.get("version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise TraceError(f"{source} has trace format {version}", f"This qloop reads up to {FORMAT_VERSION}; the file "
                         f"was written by qloop {probe.get('qloop')}", "Upgrade qloop")
    try:
        return msgspec.convert(probe, Header)
    except msgspec.ValidationError as error:
        raise TraceError(f"The header of {source} is damaged", str(error), "Record the run again") from None


def _events(body: bytes, source: Path) -> list[AnyEvent]:
    """The events of the complete lines."""
    decoder = msgspec.json.Decoder(AnyEvent)
    try:
        events: list[AnyEvent] = decoder.decode_lines(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _first_damage(decoder, body, source) from None
    return events


def _first_damage(decoder: msgspec.json.Decoder[AnyEvent], body: bytes, source: Path) -> TraceError:
    """The error that names the first damaged line."""
    for number, line in enumerate(body.split(b"\n"), start=2):
        try:
            if line:
                decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return TraceError(f"Line {number} of {source} is damaged", str(error),
                              "Restore the file; only a cut last line can be left out")
    return TraceError(f"{source} is damaged", "", "Restore the file")


def _inflate(raw: bytes, source: Path) -> tuple[bytes, bool]:
    """All that can be decompressed, and whether the end is missing."""
    parts: list[bytes] = []
    while raw:
        inflater = zlib.decompressobj(wbits=31)
        try:
            parts.append(inflater.decompress(raw))
        except zlib.error as error:
            raise TraceError(f"{source} is damaged", str(error), "Restore the file") from None
        if not inflater.eof:
            return b"".join(parts), True
        raw = inflater.unused_data
    return b"".join(parts), False
