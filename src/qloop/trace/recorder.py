"""Recording a run: events are appended to a list, and written to a JSON-lines file in blocks.

Appending costs well under a microsecond. One thread records. A file that can no longer be written (full disk) ends
the streaming, not the run: `failure` says so, and the events in memory are kept.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Concatenate, ParamSpec, Self

import msgspec
import numpy as np

from qloop.errors import InvalidInput
from qloop.trace.errors import TraceError
from qloop.trace.provenance import Header
from qloop.trace.reader import Trace
from qloop.trace.schema import AnyEvent

P = ParamSpec("P")


class Recorder:
    """Collects the events of one run.

    `sink` is a file to stream to (`.gz`: compressed); `keep` False does not hold written events in memory, for runs
    without end; every `block` events are written together. `TraceError` if the file cannot be opened.
    """

    def __init__(self, header: Header, sink: str | Path | None = None, *, keep: bool = True,
                 block: int = 512) -> None:
        if sink is None and not keep:
            raise InvalidInput("A recorder must keep its events or write them", "", "Give a sink or keep=True")
        self.header = header
        self.failure: TraceError | None = None
        self._keep, self._block = keep, max(1, block)
        self._events: list[AnyEvent] = []
        self._pending: list[AnyEvent] = []
        self._seq = 0
        self._path = None if sink is None else Path(sink)
        self._file = None if self._path is None else _open(self._path)
        self._write([header])
        self.flush()

    def emit(self, make: Callable[Concatenate[int, int, P], AnyEvent], t: int, *args: P.args,
             **kwargs: P.kwargs) -> None:
        """Record the event `make(t, seq, ...)`, for example `emit(QpuOffline, now, qpu="twin-a")`.

        What an effect measured may be told a little late: a trace is put in the order of (t, seq) when it is read.
        """
        event = make(t, self._seq, *args, **kwargs)
        self._seq += 1
        if self._keep:
            self._events.append(event)
        if self._file is not None:
            self._pending.append(event)
            if len(self._pending) >= self._block:
                self._drain()

    @property
    def streams(self) -> bool:
        """Whether the events are meant for a file."""
        return self._path is not None

    def __len__(self) -> int:
        """How many events were recorded."""
        return self._seq

    def trace(self) -> Trace:
        """What was recorded so far; `TraceError` if it was not kept in memory."""
        if not self._keep:
            raise TraceError("This recorder does not keep its events", "It streams to a file", "Read the file")
        return Trace.of(self.header, self._events)

    def flush(self) -> None:
        """Hand everything recorded so far to the operating system."""
        self._drain()
        if self._file is not None:
            self._guard(self._file.flush)

    def close(self) -> None:
        """Write what is left and close the file; what was kept in memory stays readable."""
        self.flush()
        file, self._file = self._file, None
        if file is not None:
            self._guard(file.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _drain(self) -> None:
        """Write the pending events."""
        pending, self._pending = self._pending, []
        self._write(pending)

    def _write(self, items: list[AnyEvent] | list[Header]) -> None:
        """Write one line each."""
        if self._file is not None and items:
            data, file = _encoder().encode_lines(items), self._file
            self._guard(lambda: file.write(data))

    def _guard(self, effect: Callable[[], object]) -> None:
        """Do it; a failing disk ends the streaming and is remembered."""
        try:
            effect()
        except OSError as error:
            self.failure, self._file = _unwritable(self._path, error), None


def write(trace: Trace, path: str | Path) -> None:
    """Write a whole trace to a file (`.gz`: compressed); `TraceError` if that fails."""
    target = Path(path)
    data = _encoder().encode_lines([trace.header, *trace.events])
    try:
        with _open(target) as file:
            file.write(data)
    except OSError as error:
        raise _unwritable(target, error) from None


def _encoder() -> msgspec.json.Encoder:
    """The encoder of lines; it takes NumPy's numbers, too, which measured values often are."""
    return msgspec.json.Encoder(enc_hook=_plain)


def _plain(value: Any) -> Any:
    """A NumPy scalar as Python's; nothing else is let through."""
    if isinstance(value, np.generic):
        return value.item()
    raise TraceError(f"An event holds a {type(value).__name__}", "A trace holds numbers and texts only",
                     "Convert it before it is recorded")


def _open(path: Path) -> IO[bytes]:
    """The file, open for writing."""
    try:
        if path.suffix == ".gz":
            # A fixed time stamp: the same run gives the same bytes.
            return gzip.GzipFile(path, "wb", compresslevel=5, mtime=0)  # type: ignore[return-value]
        return path.open("wb")
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path | None, error: OSError) -> TraceError:
    """The error of a file that cannot be written."""
    return TraceError(f"The trace {path} cannot be written", error.strerror or str(error),
                      "Free space or choose another place; the run itself goes on")
