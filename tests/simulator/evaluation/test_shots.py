"""Quantities of a replication against hand-made logs, plain loops, and Erlang's formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.simulator.capacity.erlang import mean_wait
from qloop.simulator.evaluation import contenders
from qloop.simulator.evaluation.calibrated import _covered
from qloop.simulator.evaluation.cells import Cell
from qloop.simulator.evaluation.measured import measure
from qloop.simulator.evaluation.platform import Stage, scenario
from qloop.simulator.evaluation.quantities import QUANTITIES
from qloop.simulator.evaluation.shots import shots
from qloop.simulator.evaluation.workload import Brought, Work, brought
from qloop.simulator.paper.workload import key_of
from qloop.simulator.platform.result import Replication
from qloop.simulator.platform.run import replicate

STAGE, WORK = Stage(duration_s=6_000.0, warmup_s=600.0), Work()


def ran(cell: Cell, policy: str, number: int = 0, stage: Stage = STAGE,
        work: Work = WORK) -> tuple[Replication, Brought]:
    contender = next(one for one in (*contenders.main(), *contenders.variants()) if one.name == policy)
    one = scenario(cell, stage, work, contender.record(), 5)
    came = brought(cell, work, stage.compile_s + stage.load_s, key_of(5, number), round(stage.duration_s * 1e9))
    return replicate(one, number, log=2_000_000, bring=lambda key: (came.drawn, came.arrival_ns)), came


@pytest.fixture(scope="module")
def fifo() -> tuple[Replication, Brought]:
    return ran(Cell(0.85, 0.5, 3), "fifo")


@pytest.fixture(scope="module")
def chunked() -> tuple[Replication, Brought]:
    return ran(Cell(0.85, 0.5, 3), "efaas-chunks-1")


@pytest.mark.parametrize("name", ["fifo", "chunked"])
def test_gaps_and_waits_add_up_to_what_the_kernel_accounts(name: str, request: pytest.FixtureRequest) -> None:
    one, came = request.getfixturevalue(name)
    table = shots(one, came)
    n = len(one.arrival_ns)
    assert np.bincount(table.session[table.ended], minlength=n).tolist() == one.steps.tolist()
    later = table.k > 0
    gaps = np.bincount(table.session[later], table.begin[later] - table.end[np.flatnonzero(later) - 1], n)
    assert gaps.astype(np.int64).tolist() == one.gap_ns.tolist()
    done = one.outcome == 1
    waits = np.bincount(table.session, table.wait, n).astype(np.int64)
    assert waits[done].tolist() == one.waited_ns[done].tolist()
    runs = np.bincount(table.session, table.served, n).astype(np.int64)
    assert runs[done].tolist() == one.served_ns[done].tolist()


def test_a_task_that_stood_aside_has_several_spells(chunked: tuple[Replication, Brought]) -> None:
    table = shots(*chunked)
    spells = table.spells
    count = np.bincount(spells.task, minlength=len(table.k))
    assert count.min() == 1
    assert (count[~table.loop] > 1).any()
    waits = np.bincount(spells.task, spells.begin - spells.since).astype(np.int64)
    assert waits[table.ended].tolist() == table.wait[table.ended].tolist()
    for qpu in range(3):        # one at a time
        mine = np.argsort(spells.begin[spells.qpu == qpu])
        begin, end = (column[spells.qpu == qpu][mine] for column in (spells.begin, spells.end))
        assert (begin[1:] >= end[:-1]).all()


def test_the_waiting_part_is_the_wait_of_the_task(fifo: tuple[Replication, Brought]) -> None:
    one, came = fifo
    table = shots(one, came)
    chosen = table.loop & (table.k > 0) & (table.begin >= one.warm_ns)
    found = measure(one, came, STAGE, WORK)
    assert found["gap_wait"] == pytest.approx(table.wait[chosen].mean() / 1e9, abs=1e-6)
    assert found["ttns_eq"] > found["ttns_start"] == pytest.approx(found["gap_wait"] + WORK.network_s, abs=1e-6)


def test_the_partition_of_time_is_whole(fifo: tuple[Replication, Brought]) -> None:
    found = measure(*fifo, STAGE, WORK)
    parts = ("qdc", "qdc_cold", "qdc_lost", "qdc_calibration", "qdc_down", "qdc_held", "qdc_idle")
    assert sum(found[name] for name in parts) == pytest.approx(1.0)
    assert found["qdc_loops"] + found["qdc_background"] == pytest.approx(found["qdc"])
    assert list(found) == list(QUANTITIES)
    assert found["fair_share"] <= 1.0


def test_fifo_waits_as_erlang_says() -> None:
    """Background tasks alone, exponential of 5 s, on 3 QPUs where caches cost a ns and no calibration comes: M/M/3."""
    still = Stage(duration_s=60_000.0, warmup_s=3_000.0, compile_s=0.0, load_s=1e-9, calibrate_every_s=1e9)
    waits = [measure(*ran(Cell(0.7, 1e-4, 3, drift=0.0), "fifo", number, still), still, WORK)["normal_wait"]
             for number in range(8)]
    error = float(np.std(waits, ddof=1)) / len(waits)**0.5
    expected = mean_wait(3, 3 * 0.7, 5.0)
    assert abs(np.mean(waits) - expected) < 4.0 * error
    assert error < 0.06 * expected


def test_a_policy_that_starves_nobody_keeps_its_bound() -> None:
    one, came = ran(Cell(0.95, 0.75, 3), "efaas")
    record = contenders.named("efaas")
    assert record is not None
    found = measure(one, came, STAGE, WORK, aging=record.aging, ttl_hot=record.ttl_hot)
    assert 0.0 < found["normal_gap"] <= found["normal_room"]
    assert found["normal_gap"] <= found["normal_longest"]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), max_size=8), st.integers(0, 500))
def test_covered_time_is_what_counting_gives(steps: list[tuple[int, int]], at: int) -> None:
    spans, now = [], 0
    for pause, length in steps:
        spans.append((now + pause, now + pause + length))
        now += pause + length
    expected = sum(1 for moment in range(at) if any(a <= moment < b for a, b in spans))
    table = np.array(spans, np.int64).reshape(-1, 2)
    assert _covered(table, np.array([at]))[0] == expected
