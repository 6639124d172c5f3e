"""efaas: loops in progress first, NORMAL never starved, fair shares by tags that are corrected to what was used."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.model import events as ev
from qloop.policies import efaas
from qloop.policies.catalog import policy
from qloop.policies.columns import CHARGE, CLASS, FLOW, START_TAG, VIRTUAL, WEIGHT

from .backlog import Backlog
from .desk import Desk

PLAIN = policy("efaas", "least_wait")
SEEDS = range(4)


def loop(desk: Desk, name: str, steps: int = 1) -> None:
    """A session that has finished its first quantum steps."""
    desk.open(name)
    for k in range(steps):
        desk.submit(f"{name}/first{k}", name, 1.0)
    desk.run()


def test_hot_goes_before_normal_that_came_earlier() -> None:
    desk = Desk(policy("efaas", chunk_s=0.0), check=True)
    loop(desk, "loop")
    desk.open("background")
    for k in range(3):
        desk.submit(f"b{k}", "background", 1.0)
    desk.submit("hot", "loop", 1.0)
    desk.run()
    assert desk.order()[1:] == ["b0", "hot", "b1", "b2"]


def test_a_loop_keeps_its_class_while_it_waits_but_not_while_it_thinks_too_long() -> None:
    desk = Desk(policy("efaas", ttl_hot=5.0, aging=1000.0, phi=0.0), check=True)
    loop(desk, "quick")
    loop(desk, "slow")
    desk.open("background")
    desk.at(3.0, lambda: desk.submit("blocker", "background", 50.0))
    desk.at(4.0, lambda: desk.submit("normal", "background", 1.0))
    desk.at(5.0, lambda: desk.submit("hot", "quick", 1.0))
    desk.at(9.0, lambda: desk.submit("late", "slow", 1.0))
    desk.run()
    assert desk.order()[2:4] == ["blocker", "hot"]
    assert (desk.hot["hot"], desk.hot["late"]) == (True, False)


def test_a_converged_loop_is_normal() -> None:
    desk = Desk(policy("efaas", aging=1000.0, phi=0.0), check=True)
    loop(desk, "done")
    loop(desk, "going")
    desk.send(ev.SessionConverged("done"))
    desk.submit("blocker", "going", 5.0)
    desk.submit("converged", "done", 1.0)
    desk.submit("hot", "going", 1.0)
    desk.run()
    assert desk.order()[-2:] == ["hot", "converged"]


def contended(name: str, qpus: int, seed: int, **settings: float) -> Backlog:
    """Hot loops enough to fill all QPUs for ever, beside a backlog of NORMAL tasks."""
    world = Backlog(policy("efaas", name, **settings), qpus, 2, seed)
    for k in range(3 * qpus):
        world.session(f"loop{k}", f"t{k % 3}", converged=False)
    for k in range(2):
        world.session(f"normal{k}", f"t{k}")
    world.desk.run(until=1500.0)
    return world


@pytest.mark.parametrize("name", ["warm", "least_wait"])
@pytest.mark.parametrize("qpus", [1, 3])
@pytest.mark.parametrize("phi", [0.0, 0.2])
def test_normal_waits_at_most_its_age_and_the_longest_task(name: str, qpus: int, phi: float) -> None:
    """gap between NORMAL dispatches <= T_s + L_max (spec/efaas.md, section 5)."""
    for seed in SEEDS:
        world = contended(name, qpus, seed, aging=20.0, phi=phi)
        normal = [at for at, task, _ in world.desk.starts if not world.desk.hot[task]]
        assert len(normal) > 50
        assert max(b - a for a, b in pairwise(normal)) <= 20.0 + world.longest
        assert len(world.desk.starts) > 2 * len(normal), "loops came first in between"


@pytest.mark.parametrize("qpus", [1, 3])
def test_normal_gets_its_promised_share_over_any_backlogged_interval(qpus: int) -> None:
    """service >= phi*m*t - ((m+1)L + phi*m*T_s) (spec/efaas.md, section 5)."""
    for seed in SEEDS:
        world, phi, aging = contended("least_wait", qpus, seed, aging=60.0, phi=0.3), 0.3, 60.0
        served = [(at, world.desk.service[task]) for at, task, _ in world.desk.ends if task.startswith("normal")]
        slack = (qpus + 1) * world.longest + phi * qpus * aging
        assert len(served) > 100
        assert min_over_intervals(served, phi * qpus) >= -slack


def min_over_intervals(served: list[tuple[float, float]], rate: float) -> float:
    """The smallest W(s, t) - rate*(t - s) over all intervals, service counted when it ends."""
    peak, lowest, total = 0.0, 0.0, 0.0
    for at, service in served:
        lowest = min(lowest, total - rate * at - peak)      # just before this service is counted
        total += service
        peak = max(peak, total - rate * at)
    return lowest


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([1.0, 2.0, 3.0, 5.0]), min_size=2, max_size=4), st.sampled_from([1, 2, 3]),
       st.integers(0, 99), st.booleans())
def test_backlogged_tenants_are_served_in_proportion_to_their_weights(
        weights: list[float], qpus: int, seed: int, converged: bool) -> None:
    """|W_f/w_f - W_g/w_g| <= (m+1)(l/w_f + l/w_g) at every end (spec/efaas.md, section 5)."""
    world = Backlog(PLAIN, qpus, 2 * qpus + 1, seed)
    for k, weight in enumerate(weights):
        world.desk.send(ev.TenantSet(f"t{k}", weight))
    for k in range(len(weights)):
        world.session(f"s{k}", f"t{k}", converged=True)
    for horizon in range(20, 400, 20):
        world.desk.run(until=float(horizon))
        for f, w_f in enumerate(weights):
            for g, w_g in enumerate(weights[:f]):
                lag = abs(world.got[f"s{f}"] / w_f - world.got[f"s{g}"] / w_g)
                assert lag <= (qpus + 1) * world.longest * (1 / w_f + 1 / w_g) * 1.5
    assert sum(world.got.values()) >= qpus * 360.0


@pytest.mark.parametrize("scale", [2.0, 0.25, 1024.0])
def test_scaling_all_weights_changes_nothing(scale: float) -> None:
    starts = []
    for factor in (1.0, scale):
        world = Backlog(policy("efaas"), 2, 3, seed=5)
        for k in range(3):
            world.desk.send(ev.TenantSet(f"t{k}", factor * (1.0 + k)))
            world.session(f"s{k}", f"t{k}", converged=k == 0)
        world.desk.run(until=400.0)
        starts.append(world.desk.starts)
    assert starts[0] == starts[1]


def test_names_do_not_matter() -> None:
    """Relabelling symmetry: with the names of tenants and sessions exchanged, the same happens to the other."""
    orders = []
    for names in (("a", "b"), ("b", "a")):
        world = Backlog(PLAIN, 2, 4, seed=3)
        for name in names:
            world.session(name, name.upper())
        world.desk.run(until=200.0)
        orders.append([(at, names.index(task.split("/")[0]), qpu) for at, task, qpu in world.desk.starts])
    assert orders[0] == orders[1]


@pytest.mark.parametrize("parts", [1, 2, 5])
def test_splitting_a_tenant_into_sessions_gains_nothing(parts: int) -> None:
    for seed in SEEDS:
        world = Backlog(PLAIN, 2, 6, seed)
        of = {f"s{k}": "split" for k in range(parts)} | {"whole": "whole"}
        for name, tenant in of.items():
            world.session(name, tenant)
        world.desk.run(until=1200.0)
        got = world.tenants(of)
        assert abs(got["split"] - got["whole"]) <= 3 * world.longest * (parts + 1)
        assert got["split"] + got["whole"] >= 2 * 1190.0


@pytest.mark.parametrize("factors", [(0.25,), (4.0,), (0.25, 0.5, 2.0, 4.0)])
def test_wrong_estimates_gain_nothing_in_the_long_run(factors: tuple[float, ...]) -> None:
    for seed in SEEDS:
        world = Backlog(PLAIN, 1, 3, seed)
        world.session("honest", "a")
        world.session("wrong", "b", misjudged=factors)
        world.desk.run(until=2000.0)
        assert world.got["wrong"] - world.got["honest"] <= 8 * world.longest
        assert world.got["wrong"] >= 0.8 * world.got["honest"]


def test_charges_sum_to_usage() -> None:
    """When a task ends, what it was charged is what it used, at the weight it was charged with."""
    charged: list[tuple[float, float, float]] = []
    shares: dict[int, float] = {}

    def enter(tasks, flows, qpus, totals, i, now, u):  # type: ignore[no-untyped-def]
        shares[i] = efaas.share(flows, int(tasks[i][FLOW]))
        return efaas.enter(tasks, flows, qpus, totals, i, now, u)

    def finish(tasks, flows, qpus, totals, i, q, now):  # type: ignore[no-untyped-def]
        efaas.finish(tasks, flows, qpus, totals, i, q, now)
        charged.append((tasks[i][CHARGE] * shares[i], tasks[i][7], tasks[i][8]))

    world = Backlog(replace(PLAIN, enter=enter, finish=finish), 2, 3, seed=1)
    for k in range(3):
        world.desk.send(ev.TenantSet(f"t{k % 2}", 1.0 + k))
        world.session(f"s{k}", f"t{k % 2}", misjudged=(0.3, 1.0, 2.5))
    world.desk.run(until=300.0)
    assert len(charged) > 100
    for charge, measured, cpu in charged:
        assert charge == pytest.approx(max(cpu, measured / 2))
    assert sum(charge for charge, _, _ in charged) == pytest.approx(sum(world.got.values()) / 2, rel=0.02)


def test_what_is_cancelled_before_it_ran_is_not_charged() -> None:
    desk = Desk(PLAIN, check=True)
    for name in ("a", "b"):
        desk.open(name, name)
    desk.submit("a/first", "a", 5.0)
    for k in range(20):
        desk.submit(f"a/{k}", "a", 4.0)
    for k in range(20):
        desk.send(ev.TaskCancelled(f"a/{k}"))
    desk.submit("b/1", "b", 2.0)
    desk.submit("a/last", "a", 2.0)
    flow = desk.engine.state.flows[desk.engine.state.sessions["a"].row]
    assert flow[13] == pytest.approx(7.0), "the finish tag: 5 s that run and 2 s that wait"
    desk.run()
    assert desk.order() == ["a/first", "b/1", "a/last"]


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
def test_an_idle_system_forgets(factor: float) -> None:
    """Whatever A had while B was away, after an idle moment both are served like strangers."""
    desk = Desk(PLAIN, check=True)
    for name in ("a", "b", "c"):
        desk.open(name, name)
        desk.send(ev.SessionConverged(name))
    for k in range(30):
        desk.submit(f"a/{k}", "a", 2.0, 2.0 * factor)
    desk.run()
    desk.at(1000.0, lambda: desk.submit("c/blocker", "c", 1.0))
    for k in range(6):
        desk.at(1000.1, lambda k=k: desk.submit(f"a/new{k}", "a", 1.0))  # type: ignore[misc]
        desk.at(1000.1, lambda k=k: desk.submit(f"b/new{k}", "b", 1.0))  # type: ignore[misc]
    desk.run()
    turns = [task[0] for task in desk.order()[31:]]
    for end in range(len(turns)):
        assert abs(turns[:end].count("a") - turns[:end].count("b")) <= 2


def test_virtual_time_never_falls() -> None:
    seen: list[float] = []
    world = Backlog(policy("efaas"), 2, 2, seed=2)
    for k in range(3):
        world.session(f"s{k}", f"t{k}", converged=k == 0, misjudged=(0.25, 4.0))
    for horizon in range(1, 200):
        world.desk.run(until=float(horizon))
        seen.append(world.desk.engine.state.totals[VIRTUAL])
    assert seen == sorted(seen)
    assert seen[-1] > 10.0


def test_within_a_class_the_smallest_tag_is_served() -> None:
    """At each dispatch on one QPU, the task that starts has the smallest start tag of its class."""
    world = Backlog(PLAIN, 1, 3, seed=8)
    for k in range(3):
        world.session(f"s{k}", f"t{k}", converged=k == 2)
    state = world.desk.engine.state
    checked = 0
    for horizon in range(5, 300):
        world.desk.run(until=float(horizon))
        running = state.qpus[0].running
        if running is None or not state.waiting:
            continue
        tags = [state.tasks[i][START_TAG] for i, task in enumerate(state.by_row)
                if task is not None and task.state.value == "ready" and state.tasks[i][CLASS]
                == state.tasks[running.row][CLASS] and state.tasks[i][5] <= state.tasks[running.row][6]]
        assert all(state.tasks[running.row][START_TAG] <= tag for tag in tags)
        checked += len(tags)
    assert checked > 100
    assert all(state.flows[row][WEIGHT] == 1.0 for row in state.tenants.values())
