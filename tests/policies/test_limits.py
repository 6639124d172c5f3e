"""What cannot run anywhere is no backlog, and how far a reservation's line is read."""

from __future__ import annotations

import pytest

from qloop.model import events as ev
from qloop.model.limits import MIN_WEIGHT
from qloop.policies import efaas, ledger
from qloop.policies.catalog import policy
from qloop.policies.columns import ACTIVE_WEIGHT, DEFICIT, SCAN_LIMIT, WAITING, new_flow, new_task

from .desk import Desk

HOUR = 3600.0


def test_a_task_that_cannot_run_anywhere_neither_ages_normal_nor_is_it_owed() -> None:
    """After an hour of it, the next NORMAL arrival waits behind HOT as if it had never been there."""
    desk = Desk(policy("efaas"), qpus=2, check=True)
    desk.open("loop")
    desk.submit("first", "loop", 1.0, pin="u0")
    desk.run()
    desk.send(ev.QpuLeft("u1"))
    desk.open("lost")
    desk.submit("homeless", "lost", 1.0, pin="u1")
    for k in range(200):
        desk.at(HOUR * k / 200 + 2.0, lambda k=k: desk.submit(f"step{k}", "loop", 1.0))  # type: ignore[misc]
    desk.run(HOUR)
    totals = desk.engine.state.totals
    assert totals[WAITING + 1] == 0.0
    assert totals[DEFICIT] <= 0.0
    desk.open("new")
    desk.submit("blocker", "loop", 1.0)
    desk.submit("normal", "new", 1.0)
    desk.submit("hot", "loop", 1.0)
    desk.run()
    assert desk.order()[-3:] == ["blocker", "hot", "normal"]
    assert desk.hot["hot"]
    desk.send(ev.QpuJoined("u1", 9))
    desk.run()
    assert desk.order()[-1] == "homeless"


@pytest.mark.parametrize(("waiting", "at_once"), [(SCAN_LIMIT - 1, True), (SCAN_LIMIT, False)])
def test_a_reservation_reads_its_line_as_far_as_the_scan_goes(waiting: int, at_once: bool) -> None:
    """Beside a holder with SCAN_LIMIT waiting tasks a free QPU stays idle until one of them is served."""
    desk = Desk(policy("reservation"), qpus=2, check=True)
    desk.open("holder")
    desk.open("other")
    for k in range(waiting + 1):
        desk.submit(f"h{k}", "holder", 2.0)
    desk.submit("o", "other", 2.0)
    desk.run()
    assert next((at, qpu) for at, task, qpu in desk.starts if task == "o") == (0.0 if at_once else 2.0, "u1")


@pytest.mark.parametrize("heavy", [1e6 / 3, 1e6 / 7, 1e6 / 11])
def test_a_light_session_has_at_most_its_tenants_weight_after_many_heavy_ones(heavy: float) -> None:
    """The sum of active weights is kept by adding and subtracting, and rounding may take the light part of it."""
    count = 4000
    flows = [new_flow(0.0, -1.0, 1.0), new_flow(1.0, 0.0, MIN_WEIGHT)]
    flows += [new_flow(2.0 + k, 0.0, heavy) for k in range(count)]
    tasks = [new_task(float(k), 1.0 + k, 1.0, 1.0) for k in range(count + 1)]
    for i in [*range(1, count + 1), 0]:
        ledger.note_ready(tasks, flows, i, 0.0)
    for flow in flows[2:]:
        ledger.leave(flows, flow)
    assert flows[0][ACTIVE_WEIGHT] != MIN_WEIGHT, "rounding left something else of it"
    assert 0.0 < efaas.share(flows, 1) <= 1.0
