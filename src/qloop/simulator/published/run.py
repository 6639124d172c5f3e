"""The published table from end to end: every mode over the same seeds, its agreement, and the published ranges."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.simulator.paper.storage import write_text
from qloop.simulator.paper.workload import key_of
from qloop.simulator.published.drawn import draw
from qloop.simulator.published.loop import simulate
from qloop.simulator.published.model import QDC_HIGHER, TABLE, TTNS_LOWER, Mode, SetUp, Value, modes, reservations

Floats = NDArray[np.float64]
LEAST, MOST = 2, 10_000
WITHIN = 2.0            # published standard deviations


@dataclass(frozen=True, slots=True)
class Line:
    """A mode beside its published values: mean TTNS in s, QDC in percent, and waiting in s an iteration, by seed.

    `wait` is what the loop really waited for a QPU, without the delays that the published model draws.
    """

    mode: str
    ttns: Floats
    qdc: Floats
    wait: Floats
    published: tuple[Value, Value]

    @property
    def off(self) -> tuple[float, float]:
        """How far the means of TTNS and QDC are from the published ones, in published standard deviations."""
        ttns, qdc = self.published
        return (float(self.ttns.mean()) - ttns.mean) / ttns.sd, (float(self.qdc.mean()) - qdc.mean) / qdc.sd

    @property
    def agrees(self) -> bool:
        """Whether both means lie within two published standard deviations."""
        return max(map(abs, self.off)) <= WITHIN

    def row(self) -> dict[str, Any]:
        """The line of a table."""
        (ttns, qdc), (off_ttns, off_qdc) = self.published, self.off
        return {"mode": self.mode, "seeds": len(self.ttns),
                "ttns_s": float(self.ttns.mean()), "ttns_sd_s": float(self.ttns.std(ddof=1)),
                "published_ttns_s": ttns.mean, "published_ttns_sd_s": ttns.sd, "ttns_off_sd": off_ttns,
                "qdc_percent": float(self.qdc.mean()), "qdc_sd_percent": float(self.qdc.std(ddof=1)),
                "published_qdc_percent": qdc.mean, "published_qdc_sd_percent": qdc.sd, "qdc_off_sd": off_qdc,
                "wait_s": float(self.wait.mean()), "agrees": self.agrees}


@dataclass(frozen=True, slots=True)
class Gain:
    """What EFaaS gains over a baseline: percent of its TTNS, and points of QDC; means over seeds, in pairs."""

    baseline: str
    ttns_percent: float
    qdc_points: float

    @property
    def in_range(self) -> bool:
        """Whether both lie in the published ranges."""
        return (TTNS_LOWER[0] <= self.ttns_percent <= TTNS_LOWER[1]
                and QDC_HIGHER[0] <= self.qdc_points <= QDC_HIGHER[1])


@dataclass(frozen=True, slots=True)
class Reproduction:
    """The five modes beside the published table, and every reading of SR beside SR's line."""

    lines: tuple[Line, ...]
    readings: tuple[Line, ...] = ()

    def table(self) -> list[dict[str, Any]]:
        """A row for each mode."""
        return [line.row() for line in self.lines]

    def gains(self) -> tuple[Gain, ...]:
        """EFaaS against each baseline."""
        *baselines, ours = self.lines
        return tuple(Gain(one.mode, float(100.0 * (1.0 - ours.ttns.mean() / one.ttns.mean())),
                          float((ours.qdc - one.qdc).mean())) for one in baselines)

    @property
    def agrees(self) -> bool:
        """Whether every mode is within two published standard deviations, and every gain in the published ranges."""
        return all(line.agrees for line in self.lines) and all(gain.in_range for gain in self.gains())

    def write(self, folder: str | Path) -> Path:
        """Write `published.csv` (the modes, then the readings of SR); QloopError if it cannot be written."""
        path = Path(folder) / "published.csv"
        rows = [*self.table(), *({**line.row(), "mode": f"SR: {line.mode}"} for line in self.readings)]
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
        write_text(path, text.getvalue())
        return path


def reproduce(seeds: int = 30, *, seed: int = 0, readings: bool = False) -> Reproduction:
    """Run the five modes over runs 0 .. seeds - 1 of a seed, all on the same draws.

    `readings`: also what SR's reservation may mean otherwise. About 0.1 s a run. InvalidInput for a number of seeds
    that makes no sense.
    """
    if not isinstance(seeds, int) or isinstance(seeds, bool) or not LEAST <= seeds <= MOST:
        raise InvalidInput(f"{seeds!r} seeds were asked for", "A standard deviation needs two",
                           f"Give a whole number from {LEAST} to {MOST:,}; the published table has 30")
    key_of(seed, 0)
    found = tuple(measure(mode, seeds, seed, TABLE[mode.name]) for mode in modes())
    others = reservations() if readings else ()
    return Reproduction(found, tuple(measure(mode, seeds, seed, TABLE["SR"]) for mode in others))


def measure(mode: Mode, seeds: int, seed: int, published: Sequence[Value]) -> Line:
    """A mode over all seeds."""
    setup = SetUp()
    values = []
    for number in range(seeds):
        run = simulate(setup, mode, draw(setup, seed, number), key_of(seed, number))
        useful = 100.0 * run.executed() / (setup.qpus * setup.horizon_s)
        values.append((np.mean(run.ttns), useful, np.mean(run.waits)))
    ttns, qdc, wait = np.array(values).T.copy()
    return Line(mode.name, ttns, qdc, wait, (published[0], published[1]))
