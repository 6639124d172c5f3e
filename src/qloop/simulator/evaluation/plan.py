"""What is to be run: parts of the evaluation, each pairs of a cell and a contender on evaluation or tuning seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from qloop.errors import InvalidInput
from qloop.simulator.evaluation import cells, contenders
from qloop.simulator.evaluation.cells import Cell
from qloop.simulator.evaluation.contenders import Contender
from qloop.simulator.evaluation.workload import MOST_REPLICATIONS

SEED = 2605
TUNING = 1 << 30        # this bit of the seed is set for tuning and clear for evaluation: no draw is shared
SWEEP, WIDE, OTHERS, FRONTIER, ABLATIONS, SENSITIVITY = (
    "sweep", "all policies", "other work", "frontier", "ablations", "sensitivity")
PARTS = (SWEEP, WIDE, OTHERS, FRONTIER, ABLATIONS, SENSITIVITY)
HOPELESS = 0.7          # from this load on, policies that hold QPUs are left out on the most QPUs, see `_hopeless`
REPLICATIONS, EDGE_REPLICATIONS, TUNING_REPLICATIONS = 30, 10, 8    # fewer where many settings are tried
QUICK, QUICK_TUNING = 4, 2


@dataclass(frozen=True, slots=True)
class Entry:
    """One cell under one contender, with how many replications on which seeds."""

    part: str
    cell: Cell
    contender: Contender
    replications: int
    tuning: bool = False

    @property
    def key(self) -> tuple[str, str, bool]:
        """What the same work has in common, whatever part asked for it."""
        return self.cell.name, self.contender.name, self.tuning

    @property
    def weight(self) -> float:
        """How long it takes, about: quantum tasks of a replication, more where queues are long."""
        return self.replications * self.cell.qpus * (0.2 + self.cell.load)


def checked(seed: int, replications: int) -> None:
    """Raise InvalidInput for a seed or a number of replications that cannot be."""
    if not 0 <= seed < TUNING:
        raise InvalidInput(f"The seed is {seed}", "Seeds from 2^30 on are those of tuning",
                           f"Give a whole number from 0 to {TUNING - 1}")
    if not 2 <= replications <= MOST_REPLICATIONS:
        raise InvalidInput(f"{replications} replications were asked for", "One has no interval",
                           f"Give a number from 2 to {MOST_REPLICATIONS}")


def seed_of(seed: int, tuning: bool) -> int:
    """The seed of the draws: of tuning and of evaluation they share none."""
    return seed | TUNING if tuning else seed


def full(replications: int = REPLICATIONS, parts: Iterable[str] = PARTS) -> tuple[Entry, ...]:
    """The whole evaluation, or some parts of it; no work twice."""
    every = [entry for part in parts for entry in _part(part, replications)]
    return _once(every)


def quick(replications: int = QUICK) -> tuple[Entry, ...]:
    """A few cells, contenders and seeds: what the whole does, in small."""
    some = cells.quick_cells()
    main = [Entry(SWEEP, cell, one, replications) for cell in some for one in contenders.main()]
    busy = some[1]
    edge = [Entry(FRONTIER, busy, one, replications) for one in contenders.frontier((0.0, 0.4), (10.0, 60.0), (0.5,))]
    parts = [Entry(ABLATIONS, busy, one, replications) for one in contenders.ablations()[:3]]
    tried = [Entry(SENSITIVITY, busy, one, QUICK_TUNING, tuning=True) for constant, value, one in
             contenders.sensitivity() if constant == "phi" and value in (0.0, 0.2, 0.8)]
    every = [*main, *edge, *parts, *tried]
    return _once(every)


def _once(every: Iterable[Entry]) -> tuple[Entry, ...]:
    """Each work once, as and where it is first asked for; with the most replications that any part asks for."""
    found: dict[tuple[str, str, bool], Entry] = {}
    for entry in every:
        one = found.setdefault(entry.key, entry)
        if one.replications < entry.replications:
            found[entry.key] = replace(one, replications=entry.replications)
    return tuple(found.values())


def _part(part: str, n: int) -> Iterator[Entry]:
    """The work of one part."""
    main, everyone = contenders.main(), (*contenders.main(), *contenders.rest())
    if part == SWEEP:
        yield from (Entry(part, cell, one, n) for cell in cells.sweep() for one in main if not _hopeless(cell, one))
    elif part == WIDE:
        yield from (Entry(part, cell, one, n) for cell in cells.wide() for one in everyone)
        yield from (Entry(part, cell, one, n) for cell in cells.wide() if cells.is_middle(cell)
                    for one in contenders.variants())
    elif part == OTHERS:
        yield from (Entry(part, cell, one, n) for cell in cells.others() for one in main)
    elif part == FRONTIER:
        yield from (Entry(part, cell, one, min(n, EDGE_REPLICATIONS)) for cell in cells.frontier_cells()
                    for one in contenders.frontier())
    elif part == ABLATIONS:
        yield from (Entry(part, cell, one, n) for cell in ablation_cells() for one in contenders.ablations())
    elif part == SENSITIVITY:
        yield from (Entry(part, cell, one, TUNING_REPLICATIONS, tuning=True) for cell in ablation_cells()
                    for _, _, one in contenders.sensitivity())


def _hopeless(cell: Cell, one: Contender) -> bool:
    """Whether it is left out: a policy that holds QPUs, on the most of them, past what it can carry.

    Its line grows without end there, and takes half of all computing time to say so; the cell in `wide` is kept.
    """
    return one.holds and cell.qpus == max(cells.QPUS) and cell.load >= HOPELESS


def ablation_cells() -> tuple[Cell, ...]:
    """Where parts are taken away and constants are changed."""
    return (Cell(0.7, cells.MIDDLE, 3), Cell(0.85, cells.MIDDLE, 3), Cell(0.85, cells.MIDDLE, 3, mixed=True))
