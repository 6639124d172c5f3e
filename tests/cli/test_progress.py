"""The time left that a campaign tells without a terminal: from the speed of what has a weight, nothing else."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from qloop.cli import console
from qloop.cli.simulate import progress


class Told:
    """Lines with a clock that is set by hand, and what they told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, quiet: bool = False) -> None:
        self.now, self.lines = 100.0, list[str]()
        monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(console, "note", self.lines.append)
        self._watch = progress.Lines(quiet)

    def after(self, seconds: float, done: float, text: str) -> None:
        self.now += seconds
        self._watch.at(done, 100.0, text)


def left(line: str) -> float:
    """The seconds that a line promises."""
    found = re.search(r"about (\d+) s left", line)
    assert found, line
    return float(found[1])


def test_compilation_does_not_count_as_slow_work(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    told.after(14.0, 0.0, "compiling")
    told.after(26.0, 0.0, "compiling")
    assert told.lines == ["  0 % done (compiling)"]
    for done in range(1, 21):
        told.after(1.0, float(done), "small-random")
    assert left(told.lines[1]) == pytest.approx(100.0 - 15.0)   # one a second, whatever the 40 s before were
    assert "15 % done" in told.lines[1]


def test_compilation_in_between_starts_the_measurement_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    told.after(1.0, 0.0, "compiling")
    told.after(2.0, 2.0, "small-random")
    told.after(60.0, 2.0, "compiling")
    told.after(2.0, 4.0, "small-random")
    assert told.lines == ["  2 % done (compiling)"]
    told.after(14.0, 18.0, "small-random")
    assert left(told.lines[1]) == pytest.approx(82.0)


def test_a_speed_of_a_moment_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch)
    told.after(40.0, 0.0, "compiling")
    told.after(14.9, 0.0, "compiling")
    told.after(0.2, 10.0, "small-random")
    assert told.lines == ["  0 % done (compiling)", " 10 % done (small-random)"]


def test_quiet_lines_tell_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told(monkeypatch, quiet=True)
    told.after(40.0, 10.0, "small-random")
    assert told.lines == []
