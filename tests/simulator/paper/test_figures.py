"""Figures: box statistics against Matplotlib's, files of all of them, panels that lack data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput, QloopError
from qloop.simulator.paper.figures import boxes, drawn, measured
from qloop.simulator.paper.figures.small import figure_10, figure_tails
from qloop.simulator.paper.studies import POLICIES, small_name

from . import synthetic

SIZES = np.repeat([4.0, 6.0, 8.0], 5)
RECORDING = {"n_qubits": SIZES, "queued_s": SIZES / 4, "initialising_s": SIZES, "transpile_s": SIZES / 100,
             "initial_cost": np.linspace(1.0, 2.0, 15), "final_cost": -SIZES}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=80), st.booleans())
def test_boxes_are_those_of_matplotlib(values: list[float], log: bool) -> None:
    from matplotlib.cbook import boxplot_stats

    ours, (theirs,) = boxes.statistics(np.array(values), log), boxplot_stats(values)
    for name in ("q1", "med", "q3"):
        assert ours[name] == pytest.approx(theirs[name])
    assert set(ours["fliers"]) <= set(values)
    for outlier in theirs["fliers"]:        # each is drawn, or one that cannot be told apart is
        near = np.abs(np.log10(ours["fliers"] / outlier)) if log else np.abs(ours["fliers"] - outlier) / max(values)
        assert near.min() <= 1.0 / boxes.STEPS + 1e-12


def test_whiskers_end_at_values() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 40.0])
    found = boxes.statistics(values, log=False)
    assert (found["whislo"], found["whishi"], list(found["fliers"])) == (1.0, 5.0, [40.0])


def test_the_shipped_data_fill_two_panels_of_figure_7_and_both_of_9() -> None:
    assert [ax.get_title() for ax in measured.figure_7().axes] == ["iterations", "classical time of an iteration"]
    simulated, estimated = measured.figure_9().axes
    assert simulated.get_yscale() == "log"
    assert [line.get_label() for line in estimated.get_lines()] == [
        "ibm_brussels", "ibm_nazca", "ibm_torino", "least busy (used by the model)"]


def test_an_own_recording_is_labelled() -> None:
    titles = [ax.get_title() for ax in measured.figure_7(RECORDING).axes]
    assert sum("own recording" in title for title in titles) == 2
    assert len(titles) == 4
    (ax,) = measured.figure_8(RECORDING).axes
    assert "own recording" in ax.get_title()
    lines = {float(value) for line in ax.get_lines() for value in line.get_ydata()}
    assert max(lines) == pytest.approx(max(abs(-SIZES - RECORDING["initial_cost"]) / RECORDING["initial_cost"]))


def test_a_recording_without_a_column_is_told() -> None:
    with pytest.raises(InvalidInput, match="no column final_cost"):
        measured.figure_8({name: values for name, values in RECORDING.items() if name != "final_cost"})


def test_figure_10_stands_beside_the_reference() -> None:
    samples = {small_name(policy): synthetic.drawn(20_000.0, 2, 1) for policy in POLICIES}
    whole, by_size, by_priority = figure_10(samples).axes
    assert [label.get_text() for label in whole.get_xticklabels()] == ["FIFO as coded", "FIFO", "LIFO", "Random",
                                                                       "Weighted"]
    assert 14_042 / 3600 in [y for line in by_size.get_lines() for y in line.get_ydata()]
    assert 12_654 / 3600 in [y for line in by_priority.get_lines() for y in line.get_ydata()]
    left, right = figure_tails(samples).axes
    curves = [line.get_ydata() for ax in (left, right) for line in ax.get_lines() if len(line.get_ydata()) > 2]
    assert len(curves) == 10
    assert all((np.diff(curve) <= 0).all() for curve in curves)


def test_what_cannot_be_drawn_is_told(tmp_path: Path) -> None:
    found = drawn.draw_all({}, tmp_path)
    assert {path.name for path in found.files} == {"figure_07.png", "figure_07.pdf", "figure_09.png", "figure_09.pdf"}
    assert all(path.stat().st_size > 5000 for path in found.files)
    told = "\n".join(found.left_out)
    assert "figure_11: 36 of its points were not run" in told
    assert "figure_08: the data published with the paper lack what it shows" in told
    assert "--recording" in told


def test_a_folder_that_takes_no_figures_is_told(tmp_path: Path) -> None:
    (tmp_path / "figures").write_text("")
    with pytest.raises(QloopError, match="cannot be written"):
        drawn.draw_all({}, tmp_path / "figures")
