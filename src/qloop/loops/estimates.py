"""How many calls something will make, and under which assumptions that holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from qloop.errors import InvalidInput, UnknownName
from qloop.loops.optimizers.protocol import Optimizer
from qloop.model.estimate import Estimate, QpuEstimate

MOST_CALLS = 1_000_000
OPTIONS = ("evaluations", "batch", "shots", "optimizer", "maxiter", "x0")


def of_evaluations(evaluations: int, batch: int, options: Mapping[str, object]) -> dict[int, int]:
    """Evaluations in a call: how many such calls; the last one takes what is left. InvalidInput for counts below 1."""
    for name in options:        # those of an optimizer mean nothing without one
        raise UnknownName("option of an estimate", name, OPTIONS)
    for name, value in (("evaluations", evaluations), ("batch", batch)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= 10**12:
            raise InvalidInput(f"The estimate's {name} is {value!r:.80}", "", "Give an integer from 1 to 10^12")
    full, rest = divmod(int(evaluations), int(batch))
    return {rows: count for rows, count in ((int(batch), full), (rest, 1)) if rows and count}


def of_loop(optimizer: Optimizer) -> dict[int, int]:
    """The calls that a loop makes with the optimizer: it is asked and told on a copy, with a bowl's values.

    Methods whose batches follow from the number of iterations alone (SPSA, Adam, CMA-ES) ask for exactly that many,
    unless they stop early; Nelder-Mead asks for what the bowl needs.
    """
    rehearsal, calls = optimizer.fork(), Counter[int]()
    centre = np.asarray(rehearsal.x) + 1.0
    for _ in range(MOST_CALLS):
        if rehearsal.done:
            return dict(calls)
        points = rehearsal.ask()
        calls[len(points)] += 1
        rehearsal.tell(np.sum((points - centre) ** 2, axis=1))
    raise InvalidInput(f"The optimizer makes more than {MOST_CALLS:,} calls", "Nobody can wait for an estimate of them",
                       "Estimate with evaluations= instead")


def estimate(found: tuple[QpuEstimate, ...], calls: Mapping[int, int], optimizer: str | Optimizer | None) -> Estimate:
    """The estimate with what was assumed."""
    number, evaluations = sum(calls.values()), sum(rows * count for rows, count in calls.items())
    said = [f"{number:,} calls with {evaluations:,} evaluations in all; each call is rounded up by itself"]
    if optimizer is not None:
        name = optimizer if isinstance(optimizer, str) else getattr(optimizer, "name", type(optimizer).__name__)
        said.append(f"{name} goes to its last iteration, as on a smooth bowl; it may stop earlier")
    said += ["net time is the QPU's own prediction; loading a session's first circuit and waiting are not billed",
             "nothing is taken off for results that the journal already holds"]
    if found and found[0].shots == 0:
        said.append("exact values (0 shots) cost nothing per shot")
    for price in {one.price.name: one.price for one in found}.values():
        where = f": {price.source}" if price.source else ""
        when = f" ({price.date})" if price.date else ""
        said.append(f"price {price.name}, {price.text}{where}{when}")
    return Estimate(found, tuple(said))
