"""What is known of a call while it runs: what it printed, how far it is, the numbers it reported. All of it bounded."""

from __future__ import annotations

import codecs
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec

from qloop.functions.telling import METRIC, PROGRESS, Metric, Progress

MOST_LOG_CHARS: Final = 262_144         # of one call, the last so many
MOST_POINTS: Final = 10_000             # of one metric, the last so many
MOST_METRICS: Final = 1_000             # names of one call; further ones are left out
_OUTPUT: Final = ("stdout", "stderr")


class Point(msgspec.Struct, frozen=True):
    """A value of a metric: when it was heard (s of the run's clock), and its step, None if it has none."""

    at_s: float
    value: float
    step: int | None = None


class Story:
    """Told by a pilot's thread, read by any."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.progress = Progress()
        self._now_s = now_s
        self._metrics: dict[str, deque[Point]] = {}
        self._pieces: deque[str] = deque()
        self._chars = self._begin = 0       # characters kept; and how many came before them
        self._ended = False
        self._news = threading.Condition()
        self._decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in _OUTPUT}

    def hear(self, what: str, data: bytes) -> None:
        """What a call says; what cannot be read is left out."""
        if what in _OUTPUT:
            self.write(self._decoders[what].decode(data))
            return
        try:
            if what == PROGRESS:
                self.progress = msgspec.msgpack.decode(data, type=Progress)
            elif what == METRIC:
                self._measure(msgspec.msgpack.decode(data, type=Metric))
        except (msgspec.DecodeError, msgspec.ValidationError):
            return

    def write(self, text: str) -> None:
        """More of what it printed, or of what is said about it."""
        with self._news:
            self._pieces.append(text)
            self._chars += len(text)
            while self._chars > MOST_LOG_CHARS and len(self._pieces) > 1:
                gone = self._pieces.popleft()
                self._chars -= len(gone)
                self._begin += len(gone)
            self._news.notify_all()

    def end(self) -> None:
        """Nothing more will be told."""
        with self._news:
            self._ended = True
            self._news.notify_all()

    def text(self) -> str:
        """What it printed, stdout and stderr in the order in which they came."""
        with self._news:
            text = "".join(self._pieces)
        return f"[the first {self._begin} characters were dropped]\n{text}" if self._begin else text

    def lines(self) -> Iterator[str]:
        """What it printed line by line, as it comes, to the end of the call."""
        at, rest, over = 0, "", False
        while not over:
            with self._news:
                self._news.wait_for(lambda at=at: self._ended or self._begin + self._chars > at)    # type: ignore[misc]
                over = self._ended
                missing = max(0, self._begin - at)
                fresh = "".join(self._pieces)[max(0, at - self._begin):]
                at = self._begin + self._chars
            if missing:
                yield f"[{missing} characters were dropped]"
            *whole, rest = (rest + fresh).split("\n")
            yield from whole
        if rest:
            yield rest

    def metrics(self) -> Mapping[str, float]:
        """The last value of each metric."""
        with self._news:
            return {name: points[-1].value for name, points in self._metrics.items()}

    def history(self, name: str) -> tuple[Point, ...]:
        """The values of a metric in the order in which they were heard."""
        with self._news:
            return tuple(self._metrics.get(name, ()))

    def names(self) -> tuple[str, ...]:
        """The metrics that were reported."""
        with self._news:
            return tuple(self._metrics)

    def _measure(self, metric: Metric) -> None:
        at_s = self._now_s()
        with self._news:
            if metric.name in self._metrics or len(self._metrics) < MOST_METRICS:
                points = self._metrics.setdefault(metric.name, deque(maxlen=MOST_POINTS))
                points.append(Point(at_s, metric.value, metric.step))
