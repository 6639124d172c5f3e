"""P13: a tenant's service does not depend on its name, the scale of weights, its sessions, or its estimates."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.model import events as ev
from qloop.policies import efaas
from qloop.policies.catalog import policy
from qloop.policies.columns import CHARGE, CHUNK_S, CPU, EARLIER, FLOW, LONGEST, PARENT, POSITION, SHARE, Row, Table

from .fair_market import PLAIN, Flow, Market

CALM = settings(deadline=None, derandomize=True, max_examples=8)
WEIGHTS = st.sampled_from([0.5, 1.0, 2.0, 5.0])
LONGEST_S = 4.0


@CALM
@given(st.integers(2, 6), st.integers(1, 3), WEIGHTS, st.integers(0, 10**6), st.booleans())
def test_splitting_a_tenant_into_sessions_gains_nothing(parts: int, qpus: int, weight: float, seed: int,
                                                        hot: bool) -> None:
    """The bound of two tenants, widened by a task of each session, from when all their sessions are of one class.

    Before that a session of loops has its first, NORMAL, tasks served behind the HOT ones of those that came earlier.
    """
    market = Market(qpus, seed)
    market.tenant("split", weight)
    for k in range(parts):
        market.flow(f"s{k}", Flow("split", qpus + 1, LONGEST_S, hot))
    market.flow("whole", Flow("whole", qpus + 2, LONGEST_S, hot))
    market.run(until=200.0 if hot else 0.0)
    assert not hot or all(len(flow.ends) > 0 for flow in market.flows.values())
    before = {"split": market.had("split"), "whole": market.had("whole")}
    market.run(until=350.0)
    got = {name: market.had(name) - had for name, had in before.items()}
    lag = abs(got["split"] / weight - got["whole"])
    assert lag <= (qpus + 1) * LONGEST_S * ((parts + 1) / weight + 1.0)


@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("qpus", [1, 3])
def test_a_fresh_session_for_each_task_gains_nothing(width: int, qpus: int) -> None:
    """A tenant whose tasks come each in a session of its own, `width` at a time, against one that stays."""
    market, number = Market(qpus, 7), count()
    market.flow("whole", Flow("whole", qpus + 2, LONGEST_S))
    got = {"churn": 0.0}

    def fresh() -> None:
        name = f"c{next(number)}"
        market.open(name, "churn")
        market.submit(f"{name}/1", name, float(market.rng.uniform(0.2, 1.0)) * LONGEST_S)
        market.send(ev.SessionClosing(name))

    def then(task: str) -> None:
        if task.startswith("c"):
            got["churn"] += market.service[task]
            fresh()
        else:
            market.again(task)

    market.note = lambda: None      # type: ignore[method-assign]
    market.then = then
    for _ in range(max(width, qpus + 1)):
        fresh()
    market.run(until=150.0)
    assert abs(got["churn"] - market.had("whole")) <= (qpus + 1) * LONGEST_S * (width + 2)
    assert got["churn"] + market.had("whole") >= qpus * 145.0


@CALM
@given(st.integers(1, 3), st.integers(0, 10**6), st.lists(WEIGHTS, min_size=2, max_size=3))
def test_the_sessions_of_a_tenant_share_by_their_weights(qpus: int, seed: int, weights: list[float]) -> None:
    market = Market(qpus, seed)
    for k, weight in enumerate(weights):
        market.flow(f"s{k}", Flow("one", qpus + 2, LONGEST_S), weight)
    market.flow("other", Flow("other", qpus + 2, LONGEST_S))
    market.run(until=150.0)
    whole = sum(weights)
    for k, weight in enumerate(weights):
        part = market.flows[f"s{k}"].got * whole / weight
        slack = (qpus + 2) * LONGEST_S * (whole / weight + whole / min(weights))
        assert abs(part - market.had("one")) <= slack


@CALM
@given(st.permutations(range(4)), st.integers(1, 3), st.integers(0, 10**6))
def test_names_do_not_matter(order: list[int], qpus: int, seed: int) -> None:
    """Relabelling symmetry: with names exchanged, the same happens to the others."""
    starts = []
    for names in (range(4), order):
        market = Market(qpus, seed)
        for place, k in enumerate(names):
            market.tenant(f"t{k % 4}", 1.0 + place)
            market.flow(f"s{k}", Flow(f"t{k}", qpus + place, LONGEST_S, hot=place % 2 == 0))
        market.run(until=60.0)
        place_of = {f"s{k}": place for place, k in enumerate(names)}
        starts.append([(at, place_of[task.split("/")[0]], task.split("/")[1], qpu) for at, task, qpu in market.starts])
    assert starts[0] == starts[1]


@CALM
@given(st.sampled_from([2.0, 0.25, 1024.0]), st.integers(1, 3), st.integers(0, 10**6), st.booleans())
def test_scaling_all_weights_changes_nothing(scale: float, qpus: int, seed: int, placed: bool) -> None:
    """Powers of two: others round differently, and ties may fall otherwise."""
    starts = []
    for factor in (1.0, scale):
        market = Market(qpus, seed, policy("efaas") if placed else PLAIN)
        for k in range(3):
            market.tenant(f"t{k}", factor * (1.0 + k))
            market.flow(f"s{k}", Flow(f"t{k}", qpus + 1, LONGEST_S, hot=k == 0), factor)
            market.flow(f"r{k}", Flow(f"t{k}", 1, LONGEST_S), factor)
        market.run(until=60.0)
        starts.append(market.starts)
    assert starts[0] == starts[1]


@CALM
@given(st.lists(st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0]), min_size=1, max_size=3), st.integers(1, 3),
       st.integers(0, 10**6), st.booleans())
def test_wrong_estimates_gain_nothing_in_the_long_run(wrong: list[float], qpus: int, seed: int, hot: bool) -> None:
    """The bound with estimates in it, and what runs, which is not counted yet; however long it goes on.

    Of loops from when both have begun: before, whose first tasks, which are NORMAL, are over first goes before.
    """
    market = Market(qpus, seed)
    market.flow("honest", Flow("honest", qpus + 2, LONGEST_S, hot))
    market.flow("wrong", Flow("wrong", qpus + 2, LONGEST_S, hot, misjudged=wrong))
    longest = LONGEST_S * max(1.0, *wrong)
    market.run(until=50.0 if hot else 0.0)
    assert not hot or all(flow.ends for flow in market.flows.values())
    before = market.had("honest") - market.had("wrong")
    for end in (150.0, 250.0):
        market.run(until=end)
        lag = abs(market.had("honest") - market.had("wrong") - before)
        assert lag <= (qpus + 1) * (longest + LONGEST_S) + qpus * LONGEST_S


@CALM
@given(st.integers(1, 3), st.integers(0, 10**6), st.sampled_from([0.0, 1.0, 9.0]), st.integers(1, 4))
def test_charges_sum_to_usage(qpus: int, seed: int, cpu: float, workers: int) -> None:
    """What a task was charged, at the weight it was charged at, is max(c/N_c, q/N_q)."""
    charged: dict[float, float] = {}
    seen: list[tuple[float, float]] = []

    def finish(tasks: Table, flows: Table, qpus_: Table, totals: Row, i: int, q: int, now: float) -> None:
        efaas.finish(tasks, flows, qpus_, totals, i, q, now)
        task = tasks[i]
        charged[task[0]] = charged.get(task[0], 0.0) + task[CHARGE] * task[SHARE]
        seen.append((task[0], max(task[CPU] / workers, task[EARLIER] / qpus)))

    market = Market(qpus, seed, replace(PLAIN, finish=finish))
    market.send(ev.WorkerJoined("w", workers))
    for k in range(3):
        market.tenant(f"t{k % 2}", 1.0 + k)
        market.flow(f"s{k}", Flow(f"t{k % 2}", 3, LONGEST_S, k == 1, cpu, (0.3, 1.0, 2.5)))
    market.run(until=60.0)
    assert len(seen) > 10
    for number, used in seen:
        assert charged[number] == pytest.approx(used)
    assert sum(charged.values()) == pytest.approx(sum(used for _, used in seen))


def test_an_iteration_whose_attempt_was_lost_is_charged_once_for_its_classical_step() -> None:
    market = Market(1, 1, PLAIN.with_settings({CHUNK_S: 0.0}))
    market.send(ev.WorkerJoined("w", 1))
    market.open("s", "t")
    market.note = lambda: None      # type: ignore[method-assign]
    market.then = None
    market.submit("s/1", "s", 1.0, cpu_s=5.0)
    market.send(ev.QpuLeft("u0", "broken"))
    market.now = 1.0
    market.send(ev.QpuJoined("u0", 9))
    market.run(until=20.0)
    state = market.engine.state
    row = state.flows[state.tenants["t"]]
    assert market.ends, "it was tried again"
    assert row[POSITION + efaas.NORMAL] == pytest.approx(5.0)


@CALM
@given(st.integers(1, 3), st.integers(0, 10**6), st.sampled_from([0.3, 1.0, 3.0]))
def test_an_idle_platform_forgets(qpus: int, seed: int, factor: float) -> None:
    """Whatever one had while the other was away, after an idle moment both are served like strangers."""
    market = Market(qpus, seed)
    market.flow("early", Flow("early", qpus + 2, LONGEST_S, misjudged=(factor,)))
    market.run(until=100.0)
    market.flows["early"].open = False
    market.wait_until(200.0)
    assert not market.engine.state.everything
    market.flows["early"].open, before = True, market.had("early")
    market.flow("late", Flow("late", qpus + 2, LONGEST_S))
    for _ in range(qpus + 2):
        market.one_more("early")
    market.flows["early"].misjudged = (1.0,)
    for end in (210.0, 230.0, 300.0):
        market.run(until=end)
        assert abs(market.had("early") - before - market.had("late")) <= 2 * (qpus + 1) * LONGEST_S
    assert market.engine.state.totals[LONGEST] > 0.0
    assert all(row[PARENT] < 0.0 or row[FLOW] >= 0.0 for row in market.engine.state.flows)
