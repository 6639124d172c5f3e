"""Quotas of tenants: an exhausted one lowers the weight or refuses, until the window ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import Limits
from qloop.model.states import TaskState
from qloop.policies import quota
from qloop.policies.catalog import policy
from qloop.policies.columns import INF, QUOTA, QUOTA_UNTIL, QUOTA_WINDOW, SPENT, new_flow
from qloop.policies.shares import tenant_weight
from tests.policies.desk import Desk
from tests.promises.fair_market import Flow, Market


def refused(desk: Desk, event: ev.Event) -> cmd.Refused | None:
    return next((one for one in desk.send(event) if isinstance(one, cmd.Refused)), None)


def test_an_exhausted_quota_refuses_and_says_until_when() -> None:
    desk = Desk(policy("efaas"), check=True)
    desk.send(ev.TenantSet("t", 1.0, qpu_quota_s=5.0, window_s=100.0))
    desk.open("s")
    desk.submit("s/1", "s", 6.0)
    desk.run()
    found = refused(desk, ev.QuantumSubmitted("s/2", "s", 1))
    assert found == cmd.Refused("s/2", "quota", "tenant t has used 6 of its 5 QPU seconds of this window of 100 s; "
                                "the next one begins in 94 s", 94.0)
    assert isinstance(refused(desk, ev.ClassicalSubmitted("s/c", "s")), cmd.Refused)
    desk.now = 100.0
    desk.submit("s/3", "s", 1.0)
    desk.run()
    assert desk.order() == ["s/1", "s/3"]


def test_cpu_seconds_have_a_quota_of_their_own() -> None:
    desk = Desk(policy("efaas"), check=True)
    desk.send(ev.TenantSet("t", 1.0, cpu_quota_s=2.0, window_s=50.0))
    desk.send(ev.WorkerJoined("w"))
    desk.open("s")
    desk.send(ev.ClassicalSubmitted("s/1", "s"))
    desk.now = 3.0
    desk.send(ev.ClassicalEnded("s/1", 1, "w", measured_ns=3 * 10**9))
    found = refused(desk, ev.QuantumSubmitted("s/2", "s", 1))
    assert found is not None
    assert "3 of its 2 CPU seconds" in found.reason


@pytest.mark.parametrize("name", ["fifo", "fairshare", "efaas-no-pool"])
def test_cpu_seconds_count_under_every_policy(name: str) -> None:
    desk = Desk(policy(name), check=True)
    desk.send(ev.TenantSet("t", 1.0, cpu_quota_s=2.0, window_s=1e6))
    desk.send(ev.WorkerJoined("w"))
    desk.open("s")
    desk.send(ev.ClassicalSubmitted("s/1", "s"))
    desk.now = 30.0
    desk.send(ev.ClassicalEnded("s/1", 1, "w", measured_ns=30 * 10**9))
    found = refused(desk, ev.ClassicalSubmitted("s/2", "s"))
    assert found is not None
    assert "30 of its 2 CPU seconds" in found.reason


def exhausted_desk(quota_s: float) -> Desk:
    """A tenant that used 2 QPU seconds."""
    desk = Desk(policy("efaas"), check=True)
    desk.send(ev.TenantSet("t", 1.0, qpu_quota_s=quota_s, window_s=1e6))
    desk.open("s")
    desk.submit("first", "s", 2.0)
    desk.run()
    return desk


def test_guesses_do_not_go_past_an_exhausted_quota() -> None:
    found = refused(exhausted_desk(1.0), ev.QuantumSubmitted("guess", "s", 1, speculative=True))
    assert found is not None
    assert found.code == "quota"


def test_a_guess_of_a_tenant_whose_quota_is_used_up_is_not_committed() -> None:
    """Neither one that runs, nor one that waits: it ends, and the task itself is refused as it would be at first."""
    desk = exhausted_desk(3.0)
    desk.submit("other", "s", 2.0)
    for guess in ("runs", "waits"):
        desk.submit(guess, "s", 5.0, speculative=True)
    desk.run(desk.now + 2.0)
    assert desk.order()[-1] == "runs"
    for guess in ("waits", "runs"):
        (ended,) = [one for one in desk.send(ev.QuantumCommitted(guess, "s")) if isinstance(one, cmd.TaskEnded)]
        assert ended.state is TaskState.CANCELLED
        assert "4 of its 3 QPU seconds" in ended.reason
    found = refused(desk, ev.QuantumSubmitted("again", "s", 1))
    assert found is not None
    assert found.code == "quota"


def test_a_committed_guess_finds_the_limits_of_any_task() -> None:
    desk = Desk(policy("efaas"), check=True)
    desk.engine.state.limits = Limits(waiting_per_session=1)
    desk.open("s")
    desk.submit("runs", "s", 9.0)
    desk.submit("guess", "s", 1.0, speculative=True)
    desk.submit("waits", "s", 1.0)
    (ended,) = [one for one in desk.send(ev.QuantumCommitted("guess", "s")) if isinstance(one, cmd.TaskEnded)]
    assert ended.reason == "1 tasks of the session wait"


def test_an_exhausted_quota_that_lowers_the_weight_keeps_nobody_out() -> None:
    """Two tenants of one weight: after one's quota is used up, it gets a quarter of what the other gets."""
    market = Market(1, 3)
    market.send(ev.TenantSet("rich", 1.0))
    market.send(ev.TenantSet("poor", 1.0, qpu_quota_s=20.0, window_s=1e6, lowered=0.25))
    for name in ("rich", "poor"):
        market.flow(name, Flow(name, 3, 1.0))
    market.run(until=40.0)
    before = {name: market.had(name) for name in ("rich", "poor")}
    assert abs(before["rich"] - before["poor"]) <= 4.0
    market.run(until=240.0)
    rich, poor = (market.had(name) - before[name] for name in ("rich", "poor"))
    assert poor == pytest.approx(rich / 4.0, rel=0.15)


@pytest.mark.parametrize(("terms", "told"), [
    ({"weight": 0.0}, "the tenant's weight must be from 1e-06 to 1e+06"),
    ({"weight": -1.0}, "the tenant's weight must be from 1e-06 to 1e+06"),
    ({"weight": float("nan")}, "the tenant's weight must be from 1e-06 to 1e+06"),
    ({"qpu_quota_s": -1.0}, "the tenant's quota must be QPU seconds, 0 or more, not -1"),
    ({"cpu_quota_s": float("nan")}, "the tenant's quota must be CPU seconds, 0 or more, not nan"),
    ({"window_s": 0.0}, "the window of a quota must be from 1 to 3.16224e+07 s, not 0"),
    ({"lowered": 1.5}, "an exhausted quota lowers the weight by a factor from 0 (refuse) to 1, not 1.5"),
    ({"window_s": 1e-308, "qpu_quota_s": 1.0}, "the window of a quota must be from 1 to 3.16224e+07 s, not 1e-308"),
    ({"weight": 1e-6, "lowered": 0.5}, "the lowered weight, 5e-07, must be from 1e-06 to 1e+06"),
])
def test_terms_that_cannot_hold_change_nothing(terms: dict[str, float], told: str) -> None:
    desk = Desk(policy("efaas"), check=True)
    desk.send(ev.TenantSet("t", 3.0))
    found = refused(desk, ev.TenantSet("t", **terms))
    assert found == cmd.Refused("t", "invalid", told)
    assert desk.engine.state.flows[desk.engine.state.tenants["t"]][4] == 3.0


@settings(deadline=None, derandomize=True, max_examples=100)
@given(st.floats(0.5, 50.0), st.lists(st.tuples(st.floats(0.0, 40.0), st.floats(0.0, 9.0)), max_size=20))
def test_windows_follow_each_other_and_forget(window: float, uses: list[tuple[float, float]]) -> None:
    tenant = new_flow(0.0, -1.0, 2.0)
    assert tenant_weight(tenant) == 2.0
    assert tenant[QUOTA_UNTIL] == INF
    tenant[QUOTA], tenant[QUOTA_WINDOW], tenant[QUOTA_UNTIL] = 10.0, window, window
    now, spent, number = 0.0, 0.0, 0
    for step, seconds in uses:
        now += step
        quota.use(tenant, quota.QPU_SECONDS, seconds, now)
        assert tenant[QUOTA_UNTIL] - window <= now * (1 + 1e-12) + 1e-9
        assert tenant[QUOTA_UNTIL] > now
        current = round(tenant[QUOTA_UNTIL] / window)
        spent = spent + seconds if current == number or (number == 0 and current == 1) else seconds
        number = current
        assert tenant[SPENT] == pytest.approx(spent)
        assert (quota.exhausted(tenant, now) == quota.QPU_SECONDS) == (tenant[SPENT] >= 10.0)
