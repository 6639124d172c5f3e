"""efaas looks behind a head whose tenant is ahead of its keys only where that cannot leave the QPU idle."""

from __future__ import annotations

import pytest

from qloop.policies import efaas
from qloop.policies.columns import (
    AGING,
    BOUND,
    BUSY_TENANTS,
    CLASS,
    KEY,
    LONGEST,
    N_QPUS,
    POSITION,
    SCAN,
    SHARE,
    TENANT_SHARE,
    WAITING,
    new_flow,
    new_qpu,
    new_task,
    new_totals,
)


@pytest.mark.parametrize(("window", "answer"), [(10.0, 3), (100.0, SCAN - 1)])
def test_behind_a_head_that_does_not_fit_none_is_looked_for(window: float, answer: int) -> None:
    """QPU 0's own head takes 20 s; that of QPU 1, whose tenant is ahead of its key, takes 5 s and fits in any case."""
    flows = [new_flow(1.0, -1.0, 1.0), new_flow(2.0, -1.0, 1.0), new_flow(3.0, 0.0, 1.0), new_flow(4.0, 1.0, 1.0)]
    qpus = [new_qpu(9.0, window_at=window, window_gap=1000.0), new_qpu(9.0)]
    tasks = [new_task(1.0, 2.0, 20.0, 1.0), new_task(2.0, 3.0, 5.0, 1.0)]
    for k, (task, key) in enumerate(zip(tasks, (2.0, 1.0), strict=True)):
        task[CLASS], task[KEY], task[BOUND], task[SHARE], task[TENANT_SHARE] = efaas.NORMAL, key, float(k), 1.0, 1.0
    flows[0][POSITION + efaas.NORMAL], flows[1][POSITION + efaas.NORMAL] = 60.0, 50.0
    totals = new_totals()
    totals[N_QPUS], totals[BUSY_TENANTS], totals[LONGEST] = 2.0, 2.0, 20.0
    totals[WAITING + efaas.NORMAL], totals[AGING] = 2.0, 60.0
    assert efaas.pick(tasks, flows, qpus, totals, [-1, 0, -1, 1], 0, 0.0, 0.0) == answer
