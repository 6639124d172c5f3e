"""Figures show the numbers that the measures have, and are written as PNG and PDF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.analysis import figures
from qloop.simulator.analysis.measures import measures
from qloop.simulator.analysis.statistics import student
from qloop.trace.plots import save

from .made import queue, scenario

OF = scenario(duration_s=600.0, warmup_s=100.0, qpus=2)
RUNS = {name: tuple(queue(OF, n, rate=1.2, mean_s=1.0, room=6, last_in=name == "lifo") for n in range(4))
        for name in ("fifo", "lifo")}


@pytest.mark.parametrize("kind", figures.KINDS)
def test_every_kind_is_drawn_and_written_alike_twice(kind: str, tmp_path: Path) -> None:
    png, pdf = save(figures.draw(kind, RUNS), tmp_path / "a", dpi=50)
    again, _ = save(figures.draw(kind, RUNS), tmp_path / "b", dpi=50)
    assert png.read_bytes().startswith(b"\x89PNG")
    assert pdf.read_bytes().startswith(b"%PDF")
    assert png.read_bytes() == again.read_bytes()


def test_the_bars_of_qpus_add_up_to_all_of_their_time() -> None:
    (ax,) = figures.draw("qpus", RUNS).axes
    for row in range(2):
        bars = [bar for bar in ax.patches if abs(bar.get_y() + bar.get_height() / 2 - row) < 0.1]
        assert sum(bar.get_width() for bar in bars) == pytest.approx(100.0)
    executed = np.mean([measures(one)["qpu_executed"] for one in RUNS["fifo"]])
    assert ax.patches[0].get_width() == pytest.approx(100 * executed)


def test_the_split_adds_up_to_the_mean_execution_time() -> None:
    (ax,) = figures.draw("split", RUNS).axes
    total = sum(bar.get_width() for bar in ax.patches if abs(bar.get_y() + bar.get_height() / 2 - 1) < 0.1)
    mean = np.mean([measures(one)["time_mean"] for one in RUNS["lifo"]])
    assert "(s)" in ax.get_xlabel()
    assert total == pytest.approx(mean)


def test_a_box_has_the_pooled_quartiles() -> None:
    (ax,) = figures.draw("times", RUNS).axes
    pooled = np.concatenate([(one.left_ns - one.arrival_ns)[one.measured()] for one in RUNS["fifo"]]) / 1e9
    corners = ax.patches[0].get_path().vertices[:, 0]
    assert (corners.min(), corners.max()) == pytest.approx(tuple(np.quantile(pooled, (0.25, 0.75))))


def test_differences_are_the_paired_ones() -> None:
    (ax,) = figures.draw("differences", RUNS, quantity="wait_p99").axes
    apart = np.array([measures(b)["wait_p99"] - measures(a)["wait_p99"]
                      for a, b in zip(RUNS["fifo"], RUNS["lifo"], strict=True)])
    assert ax.lines[0].get_xdata()[0] == pytest.approx(apart.mean())
    assert ax.get_yticklabels()[0].get_text() == "lifo − fifo"


def test_a_curve_goes_through_its_points(tmp_path: Path) -> None:
    series = {"fifo": {float(q): student([0.5 / q, 0.6 / q, 0.55 / q]) for q in (3, 1, 2)}}
    figure = figures.curve(series, "drop", "QPUs Q")
    (ax,) = figure.axes
    assert ax.lines[0].get_xdata().tolist() == [1.0, 2.0, 3.0]
    assert ax.lines[0].get_ydata() == pytest.approx([55.0, 27.5, 55 / 3])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("QPUs Q", "drop (%)")
    assert save(figure, tmp_path / "c")[0].exists()


def test_what_cannot_be_drawn_is_told() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'times'"):
        figures.draw("time", RUNS)
    with pytest.raises(InvalidInput, match="no replications to draw"):
        figures.draw("times", {})
    with pytest.raises(InvalidInput, match="no points to draw"):
        figures.curve({"a": {}}, "drop", "Q")
    with pytest.raises(UnknownName, match="quantity"):
        figures.draw("differences", RUNS, quantity="wiat")
