"""`fairshare`: least used first, by what was used in the last 28 days, and first in, first out inside."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.policies.catalog import policy
from qloop.policies.columns import DAY, DAYS, RECENT, WINDOW_DAYS, new_flow
from qloop.policies.fairshare import DAY_S, roll

from .desk import Desk

WEIGHTS = {"a": 1.0, "b": 2.0, "c": 1.0}


def used_before(desk: Desk, tenant: str, now: float) -> float:
    """QPU seconds of the tenant's runs that ended within the window, from the record of ends."""
    first = math.floor(now / DAY_S) - WINDOW_DAYS + 1
    return sum(desk.service[task] for at, task, _ in desk.ends
               if task.startswith(tenant) and at <= now and math.floor(at / DAY_S) >= first)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1), st.integers(1, 9), st.integers(0, 30),
                          st.sampled_from([0.25, 1.0, 4.0])), min_size=1, max_size=40), st.integers(1, 3))
def test_the_oldest_task_of_the_tenant_that_used_least_goes_first(
        wishes: list[tuple[str, int, int, int, float]], qpus: int) -> None:
    from qloop.model import events as ev

    desk = Desk(policy("fairshare"), qpus, check=True)
    for tenant, weight in WEIGHTS.items():
        desk.send(ev.TenantSet(tenant, weight))
        for k in (0, 1):
            desk.open(f"{tenant}{k}", tenant)
    came: dict[str, tuple[float, int]] = {}

    def submit(n: int, tenant: str, k: int, service: int, wrong: float) -> None:
        came[f"{tenant}/{n}"] = (desk.now, n)
        desk.submit(f"{tenant}/{n}", f"{tenant}{k}", float(service), service * wrong)

    for n, (tenant, k, service, at, wrong) in enumerate(sorted(wishes, key=lambda wish: wish[3])):
        desk.at(at, lambda n=n, t=tenant, k=k, d=service, e=wrong: submit(n, t, k, d, e))  # type: ignore[misc]
    begin = desk.begin

    def check(command: object) -> None:
        task, now = command.task, desk.now  # type: ignore[attr-defined]
        done = {other for _, other, _ in desk.starts}
        waiting = [other for other in came if other not in done]
        rank = {other: (used_before(desk, other[0], now) / WEIGHTS[other[0]], came[other][1]) for other in waiting}
        assert task == min(waiting, key=lambda other: rank[other]), (task, rank)
        begin(command)  # type: ignore[arg-type]

    desk.begin = check  # type: ignore[method-assign,assignment]
    desk.run()
    assert len(desk.ends) == len(wishes)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.floats(0.0, 90 * DAY_S), st.floats(0.0, 1e4)), max_size=30), st.floats(0.0, 120 * DAY_S))
def test_the_window_is_the_present_day_and_those_before(uses: list[tuple[float, float]], late: float) -> None:
    tenant, last = new_flow(1.0, -1.0, 1.0), 0.0
    for at, seconds in sorted(uses):
        roll(tenant, at)
        tenant[DAYS + int(tenant[DAY]) % WINDOW_DAYS] += seconds
        tenant[RECENT] += seconds
        last = at
    now = last + late
    roll(tenant, now)
    today = math.floor(now / DAY_S)
    counted = [seconds for at, seconds in uses if math.floor(at / DAY_S) > today - WINDOW_DAYS]
    assert math.isclose(tenant[RECENT], sum(counted), abs_tol=1e-6)
    assert all(seconds in counted for at, seconds in uses if at > now - (WINDOW_DAYS - 1) * DAY_S)
    assert not any(seconds in counted for at, seconds in uses
                   if at <= now - WINDOW_DAYS * DAY_S and [s for _, s in uses].count(seconds) == 1)


def after(days: float) -> list[str]:
    """b goes first unless its use, longer than a's, was so many days ago that it is forgotten."""
    desk = Desk(policy("fairshare"), check=True)
    for name in "ab":
        desk.open(name, name)
    later = ("a/1", "b/2", "a/3", "b/4")
    desk.submit("b/0", "b", 100.0)
    desk.at(200.0, lambda: desk.submit("a/0", "a", 50.0))
    desk.at(days * DAY_S + 300.0, lambda: [desk.submit(task, task[0]) for task in later] and None)
    desk.run()
    return desk.order()[2:]


def test_usage_is_forgotten_after_28_days() -> None:
    assert after(27.9) == ["a/1", "a/3", "b/2", "b/4"]
    assert after(28.0) == ["a/1", "b/2", "a/3", "b/4"]


def test_beyond_what_the_line_is_read_the_prediction_keeps_the_order() -> None:
    """a has 300 tasks waiting when b comes: b's first is among the entries that are read, and goes next."""
    desk = Desk(policy("fairshare"), check=True)
    for name in "ab":
        desk.open(name, name)
    for k in range(300):
        desk.submit(f"a/{k}", "a", 1.0)
    desk.at(20.5, lambda: [desk.submit(f"b/{k}", "b", 1.0) for k in range(30)] and None)
    desk.run()
    order = desk.order()
    assert order[21:41] == [f"b/{k}" for k in range(20)] or order.index("b/0") == 21
    assert [task for task in order if task[0] == "a"] == [f"a/{k}" for k in range(300)]
