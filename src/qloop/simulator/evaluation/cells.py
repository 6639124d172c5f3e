"""Cells of the sweep: a load, the loops' part of it, a number of QPUs, and what kind of work comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from qloop.errors import InvalidInput, UnknownName

LOADS = (0.1, 0.3, 0.5, 0.7, 0.85, 0.95)
SHARES = (0.25, 0.5, 0.75)
QPUS = (1, 3, 8)
MIDDLE = 0.5            # the share of loops in figures against load
SATURATED = 1.6         # the load of the saturated cells: more than the QPUs can do
PLAIN, HEAVY, TRACE = "plain", "heavy", "trace"
KINDS = (PLAIN, HEAVY, TRACE)
QUALITIES = (1.5, 1.0, 2.0)     # errors of the QPUs of a mixed cell; the best is not the first


@dataclass(frozen=True, slots=True)
class Cell:
    """One situation that all policies meet.

    `load`: QPU seconds asked for in a second, per QPU; `share`: the loops' part of them; `kind`: "plain" as said,
    "heavy" with background tasks of a heavy tail, "trace" with loops drawn from the measurements that ship with qloop.
    `skewed`: one tenant asks for twice as much as each of the others, in place of all for as much. `drift`: strength of
    the QPUs' drift. `mixed`: a third of the QPUs each err QUALITIES times as much, in place of all alike.

    Raises InvalidInput or UnknownName for what cannot be.
    """

    load: float
    share: float
    qpus: int
    kind: str = PLAIN
    skewed: bool = False
    drift: float = 1.0
    mixed: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.load <= 4.0:
            raise InvalidInput(f"The load of a cell is {self.load!r}",
                               "It is QPU seconds asked for in a second, per QPU",
                               "Give a number above 0 and at most 4; 1 is all that the QPUs can do")
        if not 0.0 < self.share < 1.0:
            raise InvalidInput(f"The share of loops is {self.share!r}", "Loops and background tasks are both measured",
                               "Give a number between 0 and 1")
        if not 1 <= self.qpus <= 64:
            raise InvalidInput(f"A cell has {self.qpus!r} QPUs", "", "Give a whole number from 1 to 64")
        if not 0.0 <= self.drift <= 100.0:
            raise InvalidInput(f"The strength of drift is {self.drift!r}", "", "Give a number from 0 to 100")
        if self.mixed and self.qpus % len(QUALITIES):
            raise InvalidInput(f"A cell of {len(QUALITIES)} kinds of QPUs has {self.qpus!r}",
                               "There are as many of each kind", f"Give a multiple of {len(QUALITIES)}")
        if self.kind not in KINDS:
            raise UnknownName("kind of cell", self.kind, KINDS)

    @property
    def name(self) -> str:
        """What files and tables call it."""
        more = "" if self.kind == PLAIN else f"-{self.kind}"
        more += "-skewed" if self.skewed else ""
        more += "-mixed" if self.mixed else ""
        more += "" if self.drift == 1.0 else f"-drift{self.drift:g}"
        return f"load{self.load:g}-loops{self.share:g}-qpus{self.qpus}{more}"

    @property
    def saturated(self) -> bool:
        """Whether more is asked for than the QPUs can do."""
        return self.load >= 1.0


def sweep() -> Iterator[Cell]:
    """Every combination of load, share and QPUs."""
    yield from (Cell(load, share, qpus) for qpus in QPUS for share in SHARES for load in LOADS)


def wide() -> tuple[Cell, ...]:
    """The cells that all policies meet: every load on 3 QPUs, busy ones on 1 and 8, other kinds of work."""
    return (*(Cell(load, MIDDLE, 3) for load in LOADS), Cell(0.85, 0.25, 3), Cell(0.85, 0.75, 3), Cell(0.7, MIDDLE, 1),
            Cell(0.85, MIDDLE, 8), Cell(0.85, MIDDLE, 3, HEAVY), Cell(0.85, MIDDLE, 3, TRACE))


def is_middle(cell: Cell) -> bool:
    """Whether it is a cell of half loops on 3 QPUs in which queues form."""
    return cell.share == MIDDLE and cell.qpus == 3 and cell.load >= 0.5


def others() -> tuple[Cell, ...]:
    """Work of a heavy tail and work drawn from measurements at a few loads, saturated QPUs, stronger and no
    drift, QPUs of different error."""
    kinds = tuple(Cell(load, MIDDLE, 3, kind) for kind in (HEAVY, TRACE) for load in (0.5, 0.7, 0.85))
    full = (Cell(SATURATED, MIDDLE, 3), *(Cell(SATURATED, share, qpus, skewed=True) for share, qpus in (
        (MIDDLE, 3), (0.25, 3), (0.75, 3), (MIDDLE, 1))), Cell(1.2, MIDDLE, 3, skewed=True))
    drifts = tuple(Cell(0.85, MIDDLE, 3, drift=strength) for strength in (0.0, 0.5, 2.0, 4.0))
    return (*kinds, *full, *drifts, *mixed())


def mixed() -> tuple[Cell, ...]:
    """QPUs of which some err more than others, where it matters which of them a loop is given."""
    return tuple(Cell(load, MIDDLE, 3, mixed=True) for load in (0.5, 0.7, 0.85))


def frontier_cells() -> tuple[Cell, ...]:
    """Where phi and T_s are swept."""
    return tuple(Cell(load, MIDDLE, 3) for load in (0.5, 0.7, 0.85, 0.95))


def quick_cells() -> tuple[Cell, ...]:
    """A few cells: a low load, a high one, more than there is."""
    return (Cell(0.3, MIDDLE, 3), Cell(0.7, MIDDLE, 3), Cell(0.85, MIDDLE, 3), Cell(SATURATED, MIDDLE, 3, skewed=True))
