"""What arrives in a cell offers the load that the cell says, and is the same for everybody."""

import numpy as np
import pytest

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.evaluation import plan
from qloop.simulator.evaluation.cells import HEAVY, TRACE, Cell, sweep, wide
from qloop.simulator.evaluation.workload import Brought, Work, brought
from qloop.simulator.paper.workload import key_of

HORIZON_S = 20_000.0
FIRST_S = 0.3


def drawn(cell: Cell, number: int = 0, seed: int = 3) -> Brought:
    return brought(cell, Work(), FIRST_S, key_of(seed, number), round(HORIZON_S * 1e9))


def asked(cell: Cell, number: int) -> tuple[float, float]:
    """The load of loops and of background tasks of one replication."""
    one = drawn(cell, number)
    sums = np.concatenate([[0], np.cumsum(one.drawn.quantum_ns)])
    each = (sums[one.drawn.begin + one.drawn.iterations] - sums[one.drawn.begin]) / 1e9 + FIRST_S
    room = HORIZON_S * cell.qpus
    return float(each[one.is_loop].sum()) / room, float(each[~one.is_loop].sum()) / room


@pytest.mark.parametrize("cell", [Cell(0.1, 0.25, 3), Cell(0.85, 0.75, 8), Cell(0.7, 0.5, 3, HEAVY),
                                  Cell(0.85, 0.5, 8, TRACE)], ids=lambda cell: cell.name)
def test_the_offered_load_is_the_cells(cell: Cell) -> None:
    loads = np.array([asked(cell, number) for number in range(24)])
    for column, wanted in ((0, cell.load * cell.share), (1, cell.load * (1.0 - cell.share))):
        error = loads[:, column].std(ddof=1) / 24**0.5
        assert abs(loads[:, column].mean() - wanted) < 4.0 * error
        assert error < 0.15 * wanted


def test_sessions_come_in_order_and_tasks_have_one_iteration() -> None:
    one = drawn(Cell(0.85, 0.5, 3))
    assert (np.diff(one.arrival_ns) >= 0).all()
    assert (one.drawn.iterations[~one.is_loop] == 1).all()
    assert one.drawn.iterations[one.is_loop].mean() == pytest.approx(25.0, rel=0.25)
    assert set(one.drawn.tenant) == {0, 1, 2, 3}


def test_a_skewed_cell_gives_one_tenant_twice_the_sessions() -> None:
    counts = np.bincount(drawn(Cell(1.6, 0.5, 3, skewed=True)).drawn.tenant)
    assert counts[0] / counts[1:].mean() == pytest.approx(2.0, rel=0.1)


def test_tuning_and_evaluation_share_no_draw() -> None:
    plan.checked(plan.SEED, plan.REPLICATIONS)
    keys = {tuning: {key_of(plan.seed_of(seed, tuning), n) for seed in (0, plan.SEED, plan.TUNING - 1)
                     for n in range(100)} for tuning in (False, True)}
    assert not keys[False] & keys[True]
    assert len(keys[True]) == 300


def test_the_sweep_is_the_one_asked_for() -> None:
    cells = list(sweep())
    assert {cell.load for cell in cells} == {0.1, 0.3, 0.5, 0.7, 0.85, 0.95}
    assert {cell.qpus for cell in cells} == {1, 3, 8}
    assert len(cells) == 54
    assert len(set(wide())) == 12


@pytest.mark.parametrize(("given", "said"), [
    ({"load": 0.0}, "The load of a cell is 0.0"), ({"share": 1.0}, "The share of loops is 1.0"),
    ({"qpus": 0}, "A cell has 0 QPUs"), ({"drift": -1.0}, "The strength of drift is -1.0")])
def test_a_cell_that_cannot_be_is_refused(given: dict[str, float], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Cell(**{"load": 0.5, "share": 0.5, "qpus": 3, **given})  # type: ignore[arg-type]


def test_work_that_cannot_be_is_refused() -> None:
    with pytest.raises(UnknownName, match="hevy"):
        Cell(0.5, 0.5, 3, "hevy")
    with pytest.raises(InvalidInput, match="quantum_s of the evaluation is -2"):
        Work(quantum_s=-2)
    with pytest.raises(InvalidInput, match="A gap is between two iterations"):
        Work(iterations=1.0)
    with pytest.raises(InvalidInput, match="Seeds from 2\\^30 on are those of tuning"):
        plan.checked(1 << 30, 30)
    with pytest.raises(InvalidInput, match="1 replications"):
        plan.checked(1, 1)
