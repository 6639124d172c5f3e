"""What the live subset found: every run, means with intervals over seeds, and the verdicts on its targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from qloop.miniapps.compared.numbers import GRID_S, Run
from qloop.miniapps.compared.speculated import Guessed
from qloop.miniapps.compared.wish import Wish
from qloop.trace.metrics.statistics import Interval, paired_bootstrap

MET, MISSED, OPEN, NOT_RUN = "met", "missed", "not decided", "not run"
EFAAS, FIFO, LESS = "efaas", "fifo", 0.8


class Target(msgspec.Struct, frozen=True):
    """What was to be reached, whether it was, and the numbers that say so."""

    title: str
    verdict: str
    why: str


class Found(msgspec.Struct, frozen=True):
    """Everything; the order of the runs is that of seeds, loads and policies."""

    wish: Wish
    runs: tuple[Run, ...]
    guesses: tuple[Guessed, ...]
    currency: str
    price: str

    def values(self, policy: str, load: float, name: str) -> list[float]:
        """A number in every seed that has it, in order of the seeds."""
        rows = [run.numbers.get(name) for run in self.of(policy, load)]
        return [value for value in rows if value is not None]

    def of(self, policy: str, load: float) -> list[Run]:
        """The runs of a policy at a load, in order of their seeds."""
        return sorted((run for run in self.runs if run.policy == policy and run.load == load), key=lambda r: r.seed)

    def mean(self, policy: str, load: float, name: str) -> Interval | None:
        """The mean over seeds with its 95 % interval; None if no seed has it."""
        rows = self.values(policy, load, name)
        return paired_bootstrap([0.0] * len(rows), rows) if rows else None

    def policies(self) -> tuple[str, ...]:
        """The policies that ran, in the order of the wish."""
        return self.wish.policies

    def targets(self) -> tuple[Target, ...]:
        """The targets that the live subset can judge."""
        return (_calibrations(self), _bias(self), _waiting(self, FIFO), _waiting(self, "faas"))

    def document(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {"wish": msgspec.to_builtins(self.wish), "price": self.price, "currency": self.currency,
                "grid_s": list(GRID_S), "targets": msgspec.to_builtins(self.targets()),
                "runs": msgspec.to_builtins(self.runs), "speculation": msgspec.to_builtins(self.guesses)}


def read(document: dict[str, Any]) -> Found:
    """What `document` wrote; msgspec.ValidationError for another thing."""
    return Found(msgspec.convert(document["wish"], Wish), msgspec.convert(document["runs"], tuple[Run, ...]),
                 msgspec.convert(document["speculation"], tuple[Guessed, ...]), str(document["currency"]),
                 str(document["price"]))


def reduction(before: Sequence[float], after: Sequence[float], *, seed: int = 0, resamples: int = 10_000,
              ) -> tuple[float, float, float]:
    """1 - mean(after)/mean(before) with its 95 % bootstrap interval; seeds are drawn in pairs."""
    left, right = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    chosen = np.random.Generator(np.random.Philox(key=seed)).integers(0, len(left), (resamples, len(left)))
    many = 1.0 - right[chosen].mean(axis=1) / left[chosen].mean(axis=1)
    low, high = np.quantile(many, [0.025, 0.975])
    return float(1.0 - right.mean() / left.mean()), float(low), float(high)


def _calibrations(found: Found) -> Target:
    title = "Live, drift x1: no avoidable calibration on the critical path under efaas"
    rows = {load: found.values(EFAAS, load, "calibrations_avoidable") for load in found.wish.loads}
    if not any(rows.values()):
        return Target(title, NOT_RUN, "efaas was not run.")
    told = [f"load {load:g}: {sum(values):.0f} avoidable of {sum(found.values(EFAAS, load, 'calibrations_paid')):.0f} "
            f"paid in {sum(found.values(EFAAS, load, 'iterations')):.0f} iterations (fifo: "
            f"{sum(found.values(FIFO, load, 'calibrations_avoidable')):.0f} of "
            f"{sum(found.values(FIFO, load, 'calibrations_paid')):.0f})" for load, values in rows.items()]
    return Target(title, MET if not any(map(sum, rows.values())) else MISSED, "; ".join(told) + ".")


def _bias(found: Found) -> Target:
    title = "Live, drift x1: the energy bias of the final parameters has an interval that contains 0 under efaas"
    kinds, told = [], []
    for load in found.wish.loads:
        own, other = (found.mean(name, load, "bias_noiseless") for name in (EFAAS, FIFO))
        if own is not None:
            kinds.append(own.low <= 0.0 <= own.high)
            told.append(f"load {load:g}: {percent(own)} of the way from E0 to E*"
                        + (f" (fifo: {percent(other)})" if other else ""))
    return Target(title, NOT_RUN if not kinds else MET if all(kinds) else MISSED, "; ".join(told) + ".")


def _waiting(found: Found, against: str) -> Target:
    title = f"Live: waiting part of the mean gap at least 80 % below {against} on 3 QPUs"
    kinds, told = [], []
    for load in found.wish.loads:
        before, after = (found.values(name, load, "waiting_s") for name in (against, EFAAS))
        if before and len(before) == len(after):
            mean, low, high = reduction(before, after)
            kinds.append(MET if low >= LESS else MISSED if high < LESS else OPEN)
            told.append(f"load {load:g}: {np.mean(before):.2f} s to {np.mean(after):.2f} s, {100 * mean:.0f} % lower "
                        f"[{100 * low:.0f}, {100 * high:.0f}]: {kinds[-1]}")
    verdict = next((kind for kind in (MISSED, OPEN, MET) if kind in kinds), NOT_RUN)
    return Target(title, verdict, "; ".join(told) + ".")


def percent(one: Interval) -> str:
    """A mean and its interval in percent."""
    return f"{100 * one.difference:+.1f} % [{100 * one.low:+.1f}, {100 * one.high:+.1f}]"
