"""Figures 7, 8 and 9: what was measured, from the data that ship with qloop and, for the rest, from an own recording.

The shipped data lack the columns of four panels: time queued and initialising, transpilation (figure 7), and the cost
(figure 8). A recording of one's own (`qloop.trace.datasets`) fills them; these panels say so, and without a recording
they are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.simulator.paper.figures import boxes
from qloop.simulator.paper.measurements import HOME, read
from qloop.trace.drawing.style import GROUPS, new_figure, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
Rows = Mapping[str, NDArray[Any]]       # columns by name, of one length
SHIPPED, OWN = GROUPS[0], GROUPS[1]
OWN_RECORDING = "own recording"
CAP = 1500          # iterations after which the paper's experiments were stopped


def figure_7(recording: Rows | None = None) -> Figure:
    """Queueing and initialisation, iterations, transpilation, and the time of a classical iteration, by size.

    `recording`: the columns of table "experiments" of an own recording. Without one, the two panels that the shipped
    data have.
    """
    iterations, classical = read(HOME / "num_iterations.csv"), read(HOME / "cost_time.csv")
    with styled():
        figure = new_figure(7.2, 4.8 if recording is not None else 2.7)
        if recording is None:
            right_top, right_bottom = figure.subplots(1, 2)
        else:
            (left_top, right_top), (left_bottom, right_bottom) = figure.subplots(2, 2)
            waits = ("queued_s", "initialising_s")
            by_size(left_top, [columns(recording, name) for name in waits], (OWN, GROUPS[2]),
                    ("queued", "initialising"))
            left_top.set(ylabel="time (s)", title=f"before the function runs ({OWN_RECORDING})")
            by_size(left_bottom, [columns(recording, "transpile_s")], (OWN,))
            left_bottom.set(ylabel="time (s)", title=f"transpilation ({OWN_RECORDING})")
        by_size(right_top, [iterations], (SHIPPED,))
        right_top.axhline(CAP, color="#999999", linewidth=0.7, linestyle=":")
        right_top.set(ylabel="iterations", title="iterations")
        by_size(right_bottom, [classical * (1.0, 1e3)], (SHIPPED,))
        right_bottom.set(ylabel="time (ms)", title="classical time of an iteration", yscale="log")
    return figure


def figure_8(recording: Rows) -> Figure:
    """How much of the initial cost the optimisation removes, by size, from an own recording."""
    first, last = columns(recording, "initial_cost"), columns(recording, "final_cost")
    known = first[:, 1] != 0.0
    gain = np.abs(last[known, 1] - first[known, 1]) / np.abs(first[known, 1])
    with styled():
        figure = new_figure(4.2, 2.7)
        ax = figure.subplots()
        by_size(ax, [np.column_stack([first[known, 0], gain])], (OWN,))
        ax.set(ylabel="|final − initial cost| / |initial cost|", title=f"effectiveness ({OWN_RECORDING})")
        ax.set_ylim(bottom=0)
    return figure


def figure_9() -> Figure:
    """Duration of a quantum iteration, simulated (left) and as estimated for IBM's QPUs (right)."""
    simulated = read(HOME / "exec_time_4_to_10_qubits.csv")
    with styled():
        figure = new_figure(7.2, 2.9)
        left, right = figure.subplots(1, 2)
        by_size(left, [simulated], (SHIPPED,), log=True)
        left.set(ylabel="execution time (s)", title="simulated (4 to 10 qubits)", yscale="log")
        for number, (name, found) in enumerate(sorted(estimates("ibm_job_estimate_by_backend.csv").items())):
            right.plot(found[:, 0], found[:, 1], marker="osv^"[number % 4], markersize=3.2, linewidth=1.0,
                       color=GROUPS[number], label=name)
        least = np.concatenate(list(estimates("ibm_job_estimate_least_busy.csv").values()))
        least = least[np.argsort(least[:, 0])]
        right.plot(least[:, 0], least[:, 1], color="black", linestyle=":", linewidth=1.1,
                   label="least busy (used by the model)")
        right.set(xlabel="number of qubits", ylabel="estimated time (s)", title="IBM's estimates")
        right.set_ylim(bottom=0)
        right.legend(frameon=False, loc="lower right")
    return figure


def estimates(name: str) -> dict[str, Floats]:
    """IBM's estimates in a shipped file by QPU: rows of size and seconds, in order of size."""
    rows: dict[str, list[tuple[float, float]]] = {}
    for line in (HOME / name).read_text().splitlines():
        _, size, backend, value = line.split(",")
        rows.setdefault(backend, []).append((float(size), float(value)))
    return {backend: np.array(sorted(found)) for backend, found in rows.items()}


def columns(recording: Rows, name: str) -> Floats:
    """Size and one column of a recording, shape (rows, 2); rows without a value are left out."""
    missing = [column for column in ("n_qubits", name) if column not in recording]
    if missing:
        raise InvalidInput(f"The recording has no column {missing[0]}", "Figures 7 and 8 draw it",
                           "Give a data set of 'qloop dataset record'")
    found: Floats = np.column_stack([np.asarray(recording[column], np.float64) for column in ("n_qubits", name)])
    return found[np.isfinite(found).all(axis=1)]


def by_size(ax: Axes, tables: Sequence[Floats], colours: Sequence[str], labels: Sequence[str] = (),
            log: bool = False) -> None:
    """A box for each size, beside each other for several tables."""
    sizes = np.unique(np.concatenate([table[:, 0] for table in tables]))
    width = 0.7 / len(tables)
    for number, (table, colour) in enumerate(zip(tables, colours, strict=True)):
        shift = (number - (len(tables) - 1) / 2) * width
        groups = [table[table[:, 0] == size, 1] for size in sizes]
        boxes.draw(ax, [k + shift for k in range(len(sizes))], groups, colour, 0.85 * width, log=log)
    ax.set_xticks(range(len(sizes)), [f"{size:g}" for size in sizes])
    ax.set_xlabel("number of qubits")
    ax.grid(axis="y", color="#E5E5E5", linewidth=0.5)
    ax.set_axisbelow(True)
    if labels:
        from matplotlib.patches import Patch

        ax.legend(handles=[Patch(facecolor=colour, edgecolor="black", linewidth=0.5, label=label)
                           for colour, label in zip(colours, labels, strict=True)], frameon=False)
