"""Whom each plain policy serves next."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from qloop.engine import invariants
from qloop.engine.engine import Engine
from qloop.model import events as ev
from qloop.model.commands import StartQuantum
from qloop.policies.catalog import policy

from .desk import Desk

SERVICES = st.lists(st.integers(1, 9), min_size=2, max_size=25)


def served(name: str, services: list[int], qpus: int = 1, seed: int = 0, weights: list[float] | None = None,
           ) -> list[int]:
    """The order in which tasks that wait together are served, after a first one that held all QPUs."""
    desk = Desk(policy(name), qpus, seed, check=True)
    desk.open("s")
    for q in range(qpus):
        desk.submit(f"first{q}", "s", 1.0)
    for k, service in enumerate(services):
        desk.submit(f"{k}", "s", float(service), weight=weights[k] if weights else 1.0)
    desk.run()
    return [int(task) for task in desk.order()[qpus:]]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SERVICES, st.integers(1, 3))
def test_fifo_serves_in_order_of_arrival_on_any_number_of_qpus(services: list[int], qpus: int) -> None:
    assert served("fifo", services, qpus) == list(range(len(services)))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SERVICES, st.integers(1, 3))
def test_lifo_serves_the_newest_first(services: list[int], qpus: int) -> None:
    assert served("lifo", services, qpus) == list(range(len(services)))[::-1]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(SERVICES, st.integers(1, 3))
def test_sjf_serves_the_shortest_first_and_equals_in_order(services: list[int], qpus: int) -> None:
    assert served("sjf", services, qpus) == sorted(range(len(services)), key=lambda k: (services[k], k))


def test_random_serves_each_order_equally_often() -> None:
    seen = Counter(tuple(served("random", [1, 1, 1, 1], seed=seed)) for seed in range(2400))
    assert len(seen) == 24
    assert stats.chisquare(list(seen.values())).pvalue > 0.01


def test_random_forgets_how_long_a_task_waited() -> None:
    """With one task that waits all along and one that is new at each dispatch, the old one wins half of the time."""
    wins = 0
    for seed in range(600):
        desk = Desk(policy("random"), seed=seed)
        desk.open("s")
        for task in ("first", "old", "new"):
            desk.submit(task, "s")
        desk.at(1.5, lambda desk=desk: desk.submit("newer", "s"))  # type: ignore[misc]
        desk.run()
        if desk.order()[1] == "new":
            wins += desk.order()[2] == "old"
        else:
            wins += desk.order()[2] == "new"
    assert stats.binomtest(wins, 600).pvalue > 0.01


@pytest.mark.parametrize("weights", [[1.0, 2.0, 4.0, 1.0], [3.0, 1.0, 1.0, 1.0]])
def test_weighted_serves_first_in_proportion_and_then_again_among_the_rest(weights: list[float]) -> None:
    """P(first = i) = w_i / sum w, P(second = j | first = i) = w_j / (sum w - w_i)."""
    runs = 2000
    seen = Counter(tuple(served("weighted", [1] * 4, seed=seed, weights=weights)[:2]) for seed in range(runs))
    total = sum(weights)
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    expected = [runs * weights[i] / total * weights[j] / (total - weights[i]) for i, j in pairs]
    assert stats.chisquare([seen[pair] for pair in pairs], expected).pvalue > 0.01


def test_draws_depend_on_the_task_and_the_seed_and_not_on_when_it_came() -> None:
    assert served("random", [1] * 9, seed=3) == served("random", [2] * 9, seed=3)
    assert served("random", [1] * 9, seed=3) != served("random", [1] * 9, seed=4)


class LiteralList:
    """The reference: the first of a list leaves, and the last takes its place."""

    def __init__(self) -> None:
        self.line: list[int] = []
        self.order: list[int] = []
        self.busy = False

    def arrive(self, task: int) -> None:
        self.line.append(task)
        self.serve()

    def end(self) -> None:
        self.busy = False
        self.serve()

    def serve(self) -> None:
        if self.line and not self.busy:
            self.order.append(self.line[0])
            self.line[0] = self.line[-1]
            self.line.pop()
            self.busy = True


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.booleans(), min_size=1, max_size=80))
def test_fifo_swap_serves_as_a_list_whose_first_is_replaced_by_its_last(arrives: list[bool]) -> None:
    """Any sequence of arrivals and ends, on one QPU."""
    engine, reference, order, count = Engine(policy("fifo_swap")), LiteralList(), [], 0
    engine.handle(0, ev.QpuJoined("u", 5))
    engine.handle(0, ev.SessionOpened("s", "t"))
    for arrival in arrives:
        if arrival:
            commands = engine.handle(0, ev.QuantumSubmitted(str(count), "s", 1, estimate_s=1.0))
            reference.arrive(count)
            count += 1
        else:
            running = engine.state.qpus[0].running
            commands = engine.handle(0, ev.QuantumEnded(running.id if running else "none", 1, "u"))
            reference.end()
        invariants.check(engine.state)
        order += [int(command.task) for command in commands if isinstance(command, StartQuantum)]
        assert order == reference.order
