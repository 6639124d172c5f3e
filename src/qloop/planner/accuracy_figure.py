"""The figure of the planner's accuracy: speed-ups as predicted against those that were measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qloop.errors import MissingExtra
from qloop.planner.accuracy import Figures, Report
from qloop.planner.judging import Judged


def draw(report: Report, stem: Path) -> list[Path]:
    """Write `stem`.png and .pdf; returns their paths. `MissingExtra` without matplotlib."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("A figure", "plot") from error
    figure = Figure(figsize=(10.0, 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _fill(left, report.wall, "clock on the wall")
    _fill(right, report.cpu, "processor's clock, one worker")
    paths = [stem.with_suffix(ending) for ending in (".png", ".pdf")]
    for path in paths:
        figure.savefig(path, dpi=200)
    return paths


def _fill(axes: Any, report: Figures, clock: str) -> None:
    every = [value for one in report.judged for value in (one.actual, one.predicted)]
    low, high = min(every) / 1.5, max(every) * 1.5
    axes.plot([low, high], [low, high], color="0.3", linewidth=1.0)
    axes.fill_between([low, high], [low * 0.9, high * 0.9], [low / 0.9, high / 0.9], color="0.85", linewidth=0.0,
                      label="accuracy of 90 % or better")
    axes.axhline(1.0, color="0.6", linewidth=0.8, linestyle=":")
    axes.axvline(1.0, color="0.6", linewidth=0.8, linestyle=":")
    for number, size in enumerate(sorted({one.n_qubits for one in report.judged})):
        _points(axes, [one for one in report.judged if one.n_qubits == size], size, number)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high),
             xlabel="speed-up by cutting, measured", ylabel="speed-up, predicted without its size",
             title=f"{clock}, {report.configurations} configurations\n"
                   f"accuracy {report.mean:.1f} %, cut or not right {report.right:.1f} %")
    axes.title.set_fontsize(9)
    axes.legend(fontsize=7, loc="upper left")


def _points(axes: Any, chosen: list[Judged], size: int, number: int) -> None:
    shapes = "osD^vP*X"
    axes.errorbar([one.actual for one in chosen], [one.predicted for one in chosen],
                  xerr=[one.actual * one.noise for one in chosen], fmt=shapes[number % len(shapes)], markersize=4,
                  elinewidth=0.6, color=f"C{number}", label=f"{size} qubits")
