"""What is kept of what a call says: bounded, in order, and readable while it is written."""

import itertools
import threading

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from qloop.functions.story import MOST_LOG_CHARS, MOST_METRICS, MOST_POINTS, Story
from qloop.functions.telling import Metric, Progress


def story() -> Story:
    times = iter(range(10**9))
    return Story(lambda: float(next(times)))


def measure(told: Story, name: str, value: float, step: int | None = None) -> None:
    told.hear("metric", msgspec.msgpack.encode(Metric(name, value, step)))


@given(st.text(max_size=60), st.lists(st.integers(0, 240), max_size=6))
def test_text_comes_back_however_its_bytes_were_cut(text: str, cuts: list[int]) -> None:
    data, told = text.encode(), story()
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    for begin, end in itertools.pairwise(edges):
        told.hear("stdout", data[begin:end])
    told.end()
    assert told.text() == text
    lines = text.split("\n")
    assert list(told.lines()) == (lines if lines[-1] else lines[:-1])


def test_only_the_end_of_a_long_output_is_kept() -> None:
    told = story()
    for number in range(10_000):
        told.write(f"{number:09d} {'x' * 90}\n")
    text = told.text()
    assert len(text) <= MOST_LOG_CHARS + 100
    assert text.startswith("[the first ")
    assert text.endswith(f"{9_999:09d} {'x' * 90}\n")
    told.end()
    first, *rest = told.lines()
    assert first.endswith("characters were dropped]")
    assert rest[-1].startswith("000009999")


def test_who_follows_gets_every_line_once() -> None:
    told, seen = story(), []
    reader = threading.Thread(target=lambda: seen.extend(told.lines()))
    reader.start()
    for number in range(2_000):
        told.write(f"line {number}\nhalf ")
        told.write("of it\n")
    told.end()
    reader.join(60)
    assert seen == [line for number in range(2_000) for line in (f"line {number}", "half of it")]


def test_metrics_are_bounded_and_keep_their_order() -> None:
    told = story()
    for number in range(MOST_POINTS + 5):
        measure(told, "energy", -number, number)
    points = told.history("energy")
    assert (len(points), points[0].step, points[-1].step) == (MOST_POINTS, 5, MOST_POINTS + 4)
    for number in range(MOST_METRICS + 5):
        measure(told, f"m{number}", 1.0)
    assert len(told.names()) == MOST_METRICS


def test_what_cannot_be_read_is_left_out() -> None:
    told = story()
    for what in ("progress", "metric", "something else"):
        told.hear(what, b"\xff\x00nonsense")
    told.hear("stderr", b"\xff\n")
    told.hear("progress", msgspec.msgpack.encode(Progress(0.5, "half")))
    assert told.progress == Progress(0.5, "half")
    assert told.text() == "\N{REPLACEMENT CHARACTER}\n"
    assert not told.metrics()
