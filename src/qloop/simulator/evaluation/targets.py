"""The targets of the comparison, each judged by intervals: met, missed, or not decided by these replications."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from qloop.simulator.evaluation.cells import MIDDLE, PLAIN, Cell
from qloop.simulator.evaluation.contenders import BASELINES, EFAAS, FAAS, FIFO, MAIN
from qloop.simulator.evaluation.results import Results, shown, three

MET, MISSED, OPEN, NOT_RUN = "met", "missed", "not decided", "not run"
WORDS = {MISSED: "better in both", OPEN: "better in one, and in the other not told apart"}
SHOTS = 4096
LESS, JAIN = 0.8, 0.95      # what the waiting part is to fall by, and the fairness that is to be reached


@dataclass(frozen=True, slots=True)
class Target:
    """What was to be reached, whether it was, and the numbers that say so."""

    title: str
    verdict: str
    why: str
    evidence: tuple[str, ...] = ()


def targets(results: Results) -> tuple[Target, ...]:
    """Every target that the simulated part can judge."""
    return (waiting(results, FIFO), waiting(results, FAAS), frontier(results), starving(results), fairness(results),
            lag(results), calibrations(results), bias(results))


def busy(results: Results) -> list[Cell]:
    """Plain cells of drift x1 with a load of .7 or more, not saturated, on 3 QPUs or more."""
    return [cell for cell in ordinary(results) if cell.load >= 0.7 and cell.qpus >= 3]


def ordinary(results: Results) -> list[Cell]:
    """Plain cells of drift x1 and QPUs alike that are not saturated."""
    return [cell for cell in results.cells() if cell.kind == PLAIN and not cell.saturated and cell.drift == 1.0
            and not (cell.skewed or cell.mixed) and results.has(cell, EFAAS)]


def waiting(results: Results, baseline: str) -> Target:
    """The waiting part of the mean gap, 80 % below a baseline's wherever QPUs are busy."""
    title = f"Waiting part of the mean gap at least 80 % below {baseline} at loads from .7 on 3 QPUs or more"
    found = [(cell, results.reduction(cell, baseline, EFAAS, "gap_wait")) for cell in busy(results)
             if results.has(cell, baseline)]
    if not found:
        return Target(title, NOT_RUN, "No such cell was run.")
    kinds = [MET if one.low >= LESS else MISSED if one.high < LESS else OPEN for _, one in found]
    worst, best = min(found, key=lambda one: one[1].mean), max(found, key=lambda one: one[1].mean)
    why = (f"met in {kinds.count(MET)} of {len(found)} cells, missed in {kinds.count(MISSED)}: from "
           f"{percent(worst[1].mean)} lower at {place(worst[0])} to {percent(best[1].mean)} lower at {place(best[0])}.")
    lines = tuple(f"{place(cell)}: {shown(results.mean(cell, baseline, 'gap_wait'))} s under {baseline}, "
                  f"{shown(results.mean(cell, EFAAS, 'gap_wait'))} s under efaas, "
                  f"{shown(one, 100.0)} % lower: {kind}" for (cell, one), kind in zip(found, kinds, strict=True))
    return Target(title, worst_of(kinds), why, lines)


def frontier(results: Results) -> Target:
    """efaas on or beyond the frontier: no baseline is better in one of the quantities and no worse in the other."""
    title = "On or beyond the frontier of all baselines (waiting part of the gap, NORMAL slowdown) at every load"
    cells = ordinary(results)
    if not cells:
        return Target(title, NOT_RUN, "No such cell was run.")
    told = [(cell, name, _against(results, cell, name)) for cell in cells for name in BASELINES
            if results.has(cell, name)]
    lines = tuple(_beaten(results, cell, name, kind) for cell, name, kind in told if kind != MET)
    loads = []
    for load in sorted({cell.load for cell in cells}):
        mine = [(cell, kind) for cell, _, kind in told if cell.load == load]
        good = {cell for cell, _ in mine} - {cell for cell, kind in mine if kind != MET}
        loads.append(f"load {load:g}: {worst_of([kind for _, kind in mine])} "
                     f"({len(good)} of {len({cell for cell, _ in mine})} cells)")
    return Target(title, worst_of([kind for _, _, kind in told]), "; ".join(loads) + ".", lines)


def _against(results: Results, cell: Cell, name: str) -> str:
    """Missed if a baseline is better in both for sure, not decided if in one and the other is not told apart."""
    found = [results.difference(cell, EFAAS, name, quantity) for quantity in ("gap_wait", "normal_slowdown")]
    better = [one.high < 0.0 for one in found]
    if any(one.low > 0.0 for one in found) or not any(better):
        return MET
    return MISSED if all(better) else OPEN


def _beaten(results: Results, cell: Cell, name: str, kind: str) -> str:
    """What a baseline that is better has."""
    pairs = [f"{what} {shown(results.mean(cell, name, quantity))}, efaas {shown(results.mean(cell, EFAAS, quantity))}"
             for what, quantity in (("waiting part", "gap_wait"), ("NORMAL slowdown", "normal_slowdown"))]
    return f"{place(cell)}: {name} is {WORDS[kind]}: " + "; ".join(pairs)


def starving(results: Results) -> Target:
    """NORMAL is begun as often as aging promises, in every replication of every cell."""
    title = "NORMAL never starved: some of it begins at least every T_s, the longest run and a calibration"
    rows = []
    for cell in results.cells():
        if results.has(cell, EFAAS):
            pause, room = (results.values(cell, EFAAS, name) for name in ("normal_gap", "normal_room"))
            rows.append((float(np.max(pause / room)), float(np.max(pause)), cell))
    if not rows:
        return Target(title, NOT_RUN, "No cell was run.")
    share, longest, where = max(rows, key=lambda row: row[0])
    why = (f"The longest pause is {percent(share)} of its bound ({longest:.0f} s, {place(where)}), over {len(rows)} "
           "cells.")
    return Target(title, MET if share <= 1.0 else MISSED, why)


def fairness(results: Results) -> Target:
    """Tenants that ask for more than there is get alike, though one asks for twice as much."""
    title = "Jain's index over tenants at least .95 wherever more is asked for than there is"
    cells = full(results)
    if not cells:
        return Target(title, NOT_RUN, "No saturated cell was run.")
    kinds, told = [], []
    for cell in cells:
        one = results.mean(cell, EFAAS, "fair_share")
        kinds.append(MET if one.low >= JAIN else MISSED if one.high < JAIN else OPEN)
        others = [f"{name} {three(results.mean(cell, name, 'fair_share').mean)}" for name in results.contenders(cell)
                  if name in BASELINES]
        told.append(f"{place(cell)}: {shown(one)}: {kinds[-1]} ({', '.join(others)})")
    least = min(cells, key=lambda cell: results.mean(cell, EFAAS, "fair_share").mean)
    why = (f"met in {kinds.count(MET)} of {len(cells)} cells; least {shown(results.mean(least, EFAAS, 'fair_share'))} "
           f"at {place(least)}.")
    return Target(title, worst_of(kinds), why, tuple(told))


def lag(results: Results) -> Target:
    """The lag between tenants that both wait stays within the bound of fair queuing, in every replication."""
    title = "The lag of tenants that both wait within its bound (m + 1)(l_f/w_f + l_g/w_g)"
    cells = [cell for cell in full(results) if np.isfinite(results.values(cell, EFAAS, "fair_lag")).any()]
    if not cells:
        return Target(title, NOT_RUN, "No saturated cell was run.")
    worst = {cell: float(np.nanmax(results.values(cell, EFAAS, "fair_lag"))) for cell in cells}
    where = max(cells, key=lambda cell: worst[cell])
    others = [f"{name} {three(float(np.nanmax(results.values(where, name, 'fair_lag'))))}" for name in
              results.contenders(where) if name in BASELINES]
    why = f"At most {three(worst[where])} of it ({place(where)}); there {', '.join(others)}."
    return Target(title, MET if worst[where] <= 1.0 else MISSED, why)


def full(results: Results) -> list[Cell]:
    """The saturated cells."""
    return [cell for cell in results.cells() if cell.saturated and results.has(cell, EFAAS)]


def bias(results: Results) -> Target:
    """What drift takes from the signal of a loop between calibrations, which is the bias of its energy."""
    title = "At drift x1 an energy bias whose interval contains 0"
    cells = [cell for cell in ordinary(results) if (cell.load, cell.share, cell.qpus) == (0.85, MIDDLE, 3)]
    if not cells:
        return Target(title, NOT_RUN, "No such cell was run.")
    one = results.mean(cells[0], EFAAS, "signal_lost")
    others = [f"{name} {shown(results.mean(cells[0], name, 'signal_lost'), 100.0)} %" for name in
              results.contenders(cells[0]) if name in MAIN and name != EFAAS]
    why = (f"{shown(one, 100.0)} % of E - tr(H)/2^n ({place(cells[0])}); {', '.join(others)}. Without shot noise: of "
           f"one evaluation of {SHOTS} shots it is {100.0 / SHOTS**0.5:.1f} %.")
    return Target(title, MET if one.low <= 0.0 <= one.high else MISSED, why)


def calibrations(results: Results) -> Target:
    """No iteration waits for a calibration while another QPU idles long enough to take it."""
    title = "At drift x1 no avoidable calibration on the critical path"
    cells = [cell for cell in ordinary(results) if cell.qpus > 1]
    if not cells:
        return Target(title, NOT_RUN, "No such cell was run.")
    means = {cell: results.mean(cell, EFAAS, "calibrations_avoidable").mean for cell in cells}
    worst = max(means, key=lambda cell: means[cell])
    paid = results.mean(worst, EFAAS, "calibrations_paid").mean
    why = (f"At most {1e6 * means[worst]:.0f} iterations in a million ({place(worst)}, where {1e6 * paid:.0f} in a "
           "million met one at all).")
    return Target(title, MET if means[worst] == 0.0 else MISSED, why)


def worst_of(kinds: Sequence[str]) -> str:
    """Missed if any is, else not decided if any is."""
    return MISSED if MISSED in kinds else OPEN if OPEN in kinds else MET


def place(cell: Cell) -> str:
    """A cell in words."""
    more = "" if cell.kind == PLAIN else f", {cell.kind}"
    more += ", QPUs of different error" if cell.mixed else ""
    more += ", one tenant asks for twice as much" if cell.skewed else ""
    more += "" if cell.drift == 1.0 else f", drift x{cell.drift:g}"
    return f"load {cell.load:g}, loops {percent(cell.share)}, {cell.qpus} QPU{'s' if cell.qpus > 1 else ''}{more}"


def percent(value: float) -> str:
    """A share in percent."""
    return f"{100.0 * value:.0f} %"


def lines(found: Sequence[Target]) -> Iterator[str]:
    """The targets as Markdown."""
    yield "| target | verdict | |"
    yield "|---|---|---|"
    for one in found:
        yield f"| {one.title} | **{one.verdict}** | {one.why} |"
