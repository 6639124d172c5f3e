"""How long a task in chunks goes on, and what its tenant is charged meanwhile."""

from __future__ import annotations

import pytest

from qloop.model import events as ev
from qloop.policies.catalog import policy
from qloop.policies.columns import SPENT

from .desk import Desk
from .test_chunks import CHUNKED, aside, meet, used


@pytest.mark.parametrize(("phi", "aside"), [(0.0, 1), (1.0, 0)])
def test_it_goes_on_where_the_rest_is_owed_to_normal(phi: float, aside: int) -> None:
    """Both NORMAL tasks wait for 20 s while the QPU is calibrated, and are owed them; they take 11 s."""
    desk = Desk(policy("efaas", **{**CHUNKED, "phi": phi}), check=True)
    desk.send(ev.CalibrationDue("u0", 20 * 10**9))
    meet(desk, 23.25)
    desk.run()
    assert len(desk.yields) == aside


@pytest.mark.parametrize("others", [0, 3])
@pytest.mark.parametrize("at", [30.25, 90.25, 150.25])
def test_a_task_gives_way_however_long_it_has_run(at: float, others: int) -> None:
    """NORMAL is not dispatched for longer than T_s, but it is served all the time."""
    desk = Desk(policy("efaas", chunk_s=1.0, aging=20.0, phi=0.0, ttl_hot=1000.0), check=True)
    meet(desk, at, 200.0)
    for k in range(others):
        desk.open(f"other/{k}", "other")
        desk.submit(f"other/{k}", f"other/{k}", 5.0)
    desk.run()
    assert [round(when - at, 3) for when, task, _ in desk.starts if task == "loop/1"] == [0.75]
    assert used(desk, "single") == pytest.approx(200.0)


def test_a_quota_counts_all_chunks() -> None:
    """3 s before it stands aside, 7 s after."""
    desk = Desk(policy("efaas", **CHUNKED), check=True)
    desk.send(ev.TenantSet("single", 1.0, qpu_quota_s=100.0, window_s=1e6))
    aside(desk)
    state = desk.engine.state
    assert state.flows[state.tenants["single"]][SPENT] == pytest.approx(3.0)
    desk.run()
    assert state.flows[state.tenants["single"]][SPENT] == pytest.approx(10.0)
