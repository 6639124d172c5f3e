"""The figure of `regret.py`: how the regret of each policy is distributed over the instances."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qloop.trace.drawing.style import FAINT, GROUPS, INK, new_figure, save, styled

DASHES = ("-", "--", "-.")
COLOURS = (*GROUPS, "#AAAAAA")      # one for each policy that qloop ships


def parts(found: Mapping[str, Any], policy: str) -> np.ndarray:
    """Regret of a policy as a part of the optimum, in %, over all instances."""
    best = np.array([row["optimum_s"] for row in found["instances"]])
    mine = np.array([row["delays_s"][policy] for row in found["instances"]])
    return 100.0 * np.maximum(mine / best - 1.0, 0.0)


def draw(found: Mapping[str, Any], stem: Path) -> None:
    """Boxes (quartiles, 5 and 95 %, mean) and distribution functions, policies by mean regret; PNG and PDF."""
    names = [row["policy"] for row in found["policies"]]
    regrets = {name: parts(found, name) for name in names}
    colour = {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}
    with styled():
        figure = new_figure(7.2, 3.4)
        boxes, curves = figure.subplots(1, 2, width_ratios=(1.0, 1.15))
        draw_boxes(boxes, regrets, colour)
        for n, name in enumerate(names):
            values = np.sort(regrets[name])
            curves.step([0.0, *values], np.arange(len(values) + 1) / len(values), where="post", color=colour[name],
                        linestyle=DASHES[n // 3 % 3], linewidth=1.2, label=name)
        curves.set_xscale("symlog", linthresh=1.0, linscale=0.5)
        curves.set_xlim(0.0, None)
        curves.set_xticks([0, 1, 10, 100], ["0", "1", "10", "100"])
        curves.set_ylim(0.0, 1.0)
        curves.set_xlabel("regret, % of the optimum (linear below 1)")
        curves.set_ylabel("part of the instances")
        curves.legend(loc="lower right", frameon=False)
        curves.grid(color=FAINT, alpha=0.2)
        figure.suptitle(f"Sum of delays above the offline optimum, {len(found['instances'])} small instances", size=9)
    save(figure, stem)


def draw_boxes(ax: Any, regrets: Mapping[str, np.ndarray], colour: Mapping[str, str]) -> None:
    """One box a policy, the lowest mean on top."""
    names = list(regrets)
    drawn = ax.boxplot([regrets[name] for name in names], orientation="horizontal", whis=(5, 95), widths=0.6,
                       showmeans=True, patch_artist=True, flierprops={"marker": ".", "markersize": 2,
                                                                      "markeredgecolor": FAINT},
                       medianprops={"color": INK}, meanprops={"marker": "D", "markersize": 3.5,
                                                              "markerfacecolor": "white", "markeredgecolor": INK})
    for name, box in zip(names, drawn["boxes"], strict=True):
        box.set(facecolor=colour[name], alpha=0.75, edgecolor=INK, linewidth=0.7)
    ax.set_yticks(range(1, len(names) + 1), names)
    ax.invert_yaxis()
    ax.set_xlim(0.0, None)
    ax.set_xlabel("regret, % of the optimum")
    ax.grid(axis="x", color=FAINT, alpha=0.2)
