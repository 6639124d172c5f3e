"""All figures of a campaign, written as PDF and PNG; those that cannot be drawn are told with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qloop.errors import QloopError
from qloop.simulator.paper.figures import big, measured, small
from qloop.simulator.paper.figures.measured import Rows
from qloop.simulator.paper.sample import Sample
from qloop.simulator.paper.studies import ARRIVALS_S, COUNTS, POLICIES, c_name, q_name, small_name, week_name
from qloop.trace.drawing.style import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALL = tuple(small_name(policy) for policy in POLICIES)
Q = tuple(q_name(count, seconds) for seconds in ARRIVALS_S for count in COUNTS)
C = tuple(c_name(count, seconds) for seconds in ARRIVALS_S for count in COUNTS)
REPRESENTATIVE = tuple(c_name(count) for count in COUNTS)
WEEK = tuple(week_name(count) for count in COUNTS)
NO_RECORDING = ("the data published with the paper lack what it shows; give a recording of your own with --recording "
                "(see 'qloop dataset record')")

Draw = Callable[[], "Figure"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The files that were written, and what was left out with the reason."""

    files: tuple[Path, ...]
    left_out: tuple[str, ...]


def draw_all(samples: Mapping[str, Sample], folder: Path, recording: Rows | None = None,
             at: Callable[[str], None] = lambda name: None) -> Drawn:
    """Draw every figure for which there are results; `at` is told each one's name before it is drawn."""
    files: list[Path] = []
    left_out = []
    for name, needed, draw in _figures(samples, recording):
        missing = [point for point in needed if point not in samples]
        if missing:
            left_out.append(f"{name}: {len(missing)} of its points were not run")
            continue
        at(name)
        try:
            files += save(draw(), folder / name)
        except OSError as error:
            raise QloopError(f"The figure {folder / name} cannot be written", error.strerror or str(error),
                             "Make room, or give another folder; the results are kept") from error
    if recording is None:
        left_out += [f"figure_07, panels of queueing and transpilation: {NO_RECORDING}", f"figure_08: {NO_RECORDING}"]
    return Drawn(tuple(files), tuple(left_out))


def _figures(samples: Mapping[str, Sample], recording: Rows | None) -> list[tuple[str, tuple[str, ...], Draw]]:
    """Name, points needed, and how it is drawn."""
    found: list[tuple[str, tuple[str, ...], Draw]] = [("figure_07", (), lambda: measured.figure_7(recording))]
    if recording is not None:
        found.append(("figure_08", (), lambda: measured.figure_8(recording)))
    return [*found, ("figure_09", (), measured.figure_9),
            ("figure_10", SMALL, lambda: small.figure_10(samples)),
            ("figure_11", Q, lambda: big.figure_11(samples)),
            ("figure_12", C, lambda: big.figure_12(samples)),
            ("figure_13", C, lambda: big.figure_13(samples)),
            ("figure_14", REPRESENTATIVE, lambda: big.figure_14(samples)),
            ("tails", SMALL, lambda: small.figure_tails(samples)),
            ("transient", WEEK, lambda: big.figure_transient(samples))]
