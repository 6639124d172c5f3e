"""P13 on the workers: classical tasks go HOT before NORMAL and by tenants' weights under `efaas`, else in order."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.engine import invariants
from qloop.engine.engine import Engine
from qloop.engine.pool import first
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.policies import pool as rules
from qloop.policies.catalog import policy
from qloop.policies.columns import LAST_END, POSITION, STEPS
from qloop.policies.shares import WORKERS

FOREVER = 10**18
CALM = settings(deadline=None, derandomize=True, max_examples=12)


class Pool:
    """Workers of one engine in virtual time; `order` lists what began, `got` the CPU seconds of each session."""

    def __init__(self, name: str = "efaas", workers: int = 1, **terms: float) -> None:
        self.engine = Engine(policy(name, **terms))
        self.heap: list[tuple[int, int, Callable[[], None]]] = []
        self.number, self.now = count(), 0
        self.length: dict[str, float] = {}
        self.order: list[tuple[float, str]] = []
        self.got: dict[str, float] = {}
        self.again: dict[str, float] = {}
        self.send(ev.QpuJoined("u0", 9))
        for k in range(workers):
            self.send(ev.WorkerJoined(f"w{k}"))

    def open(self, session: str, tenant: str, hot: bool = False) -> None:
        self.send(ev.SessionOpened(session, tenant, 1.0, FOREVER, FOREVER))
        self.got[session] = 0.0
        if hot:     # as if it had just finished a quantum step
            row = self.engine.state.flows[self.engine.state.sessions[session].row]
            row[STEPS], row[LAST_END] = 1.0, 1e6

    def compute(self, session: str, length: float, estimate: float = 0.0) -> None:
        task = f"{session}/{next(self.number)}"
        self.length[task] = length
        self.send(ev.ClassicalSubmitted(task, session, estimate_s=estimate))

    def send(self, event: ev.Event) -> None:
        commands = self.engine.handle(self.now, event)
        invariants.check(self.engine.state)
        for command in commands:
            if isinstance(command, cmd.StartClassical):
                self.order.append((self.now / SECOND, command.task))
                length = round(self.length[command.task] * SECOND)
                heappush(self.heap, (self.now + length, next(self.number), lambda c=command, n=length: self.end(c, n)))

    def end(self, command: cmd.StartClassical, length: int) -> None:
        session = command.task.split("/")[0]
        self.got[session] += length / SECOND
        self.send(ev.ClassicalEnded(command.task, command.attempt, command.worker, measured_ns=length))
        if session in self.again:
            self.compute(session, self.again[session])

    def run(self, until: float) -> None:
        while self.heap and self.heap[0][0] <= until * SECOND:
            self.now, _, action = heappop(self.heap)
            action()


def names(pool: Pool) -> list[str]:
    return [task.split("/")[0] for _, task in pool.order]


def test_loops_compute_first() -> None:
    pool = Pool()
    pool.open("background", "a")
    pool.open("loop", "b", hot=True)
    for _ in range(3):
        pool.compute("background", 1.0)
    pool.compute("loop", 1.0)
    pool.run(10.0)
    assert names(pool) == ["background", "loop", "background", "background"]


@pytest.mark.parametrize("name", ["fifo", "sjf", "easy"])
def test_other_policies_stay_first_come_first_served(name: str) -> None:
    pool = Pool(name)
    pool.open("background", "a")
    pool.open("loop", "b", hot=True)
    for _ in range(3):
        pool.compute("background", 1.0)
    pool.compute("loop", 1.0)
    pool.run(10.0)
    assert names(pool) == ["background"] * 3 + ["loop"]


@CALM
@given(st.lists(st.tuples(st.sampled_from([0.5, 1.0, 3.0]), st.sampled_from([0.5, 1.0, 2.0])), min_size=2, max_size=3),
       st.integers(1, 3), st.integers(1, 3))
def test_tenants_compute_by_weight(terms: list[tuple[float, float]], workers: int, sessions: int) -> None:
    """The bound of two tenants, widened by a task of each session."""
    pool = Pool(workers=workers)
    for k, (weight, length) in enumerate(terms):
        pool.send(ev.TenantSet(f"t{k}", weight))
        for s in range(sessions):
            name = f"s{k}-{s}"
            pool.open(name, f"t{k}")
            pool.again[name] = length
            for _ in range(workers + 2):
                pool.compute(name, length)
    pool.run(80.0)
    had = [sum(got for name, got in pool.got.items() if name.startswith(f"s{k}-")) / weight
           for k, (weight, _) in enumerate(terms)]
    widest = sum(length * (sessions + 1) / weight for weight, length in terms)
    assert max(had) - min(had) <= (workers + 1) * widest
    assert sum(pool.got.values()) >= workers * 75.0


@CALM
@given(st.integers(1, 3), st.sampled_from([3.0, 10.0]))
def test_normal_is_not_starved_of_workers(workers: int, aging: float) -> None:
    pool = Pool(workers=workers, aging=aging)
    for k in range(2 * workers):
        pool.open(f"loop{k}", "a", hot=True)
        pool.again[f"loop{k}"] = 2.0
        pool.compute(f"loop{k}", 2.0)
    pool.open("normal", "b")
    for _ in range(20):
        pool.compute("normal", 2.0)
    pool.run(60.0)
    begun = [at for at, task in pool.order if task.startswith("normal")]
    assert len(begun) >= 4
    assert max(b - a for a, b in pairwise([0.0, *begun])) <= aging + 2.0


@CALM
@given(st.lists(st.sampled_from([0.5, 1.0, 4.0]), min_size=3, max_size=12), st.integers(1, 3),
       st.sampled_from([0.0, 0.5, 8.0]))
def test_charges_sum_to_cpu_seconds(lengths: list[float], workers: int, estimate: float) -> None:
    """A tenant's position moves by what its tasks used, c/N_c, whatever was estimated."""
    pool = Pool(workers=workers)
    for k, length in enumerate(lengths):
        if k < 3:
            pool.open(f"s{k}", "one")
        pool.compute(f"s{k % 3}", length, estimate)
    pool.run(100.0)
    state = pool.engine.state
    assert state.flows[state.tenants["one"]][POSITION + WORKERS + 1] == pytest.approx(sum(lengths) / workers)


def long_line(others: int) -> Pool:
    """A tenant's line of tasks whose estimates are too low by 100, so that each end takes it beyond many keys."""
    pool = Pool()
    pool.open("many", "a")
    for _ in range(1000):
        pool.compute("many", 1.0, 0.01)
    for k in range(others):
        pool.open(f"other{k}", f"b{k}")
        pool.again[f"other{k}"] = 1.0
        pool.compute(f"other{k}", 1.0, 0.01)
    return pool


def test_the_line_of_a_tenant_that_is_alone_is_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody else computes, nobody is ahead of anybody: a begin costs no more in a long line than in a short."""
    pool = long_line(0)
    monkeypatch.setattr(rules, "tag", None)     # it would be asked for each task that may stand further back
    pool.run(0.5)
    task = first(pool.engine.state, pool.engine.state.classical_normal)
    assert task is not None
    assert task.id == "many/2"


def test_wrong_estimates_do_not_keep_another_tenant_from_the_workers() -> None:
    pool = long_line(1)
    pool.run(40.0)
    assert abs(names(pool).count("other0") - names(pool).count("many")) <= 2


def test_a_task_that_is_cancelled_in_line_is_not_charged() -> None:
    pool = Pool()
    pool.open("s", "one")
    for _ in range(4):
        pool.compute("s", 1.0)
    for task in list(pool.length)[1:]:
        pool.send(ev.TaskCancelled(task))
    pool.run(10.0)
    state = pool.engine.state
    assert names(pool) == ["s"]
    assert state.flows[state.tenants["one"]][POSITION + WORKERS + 1] == pytest.approx(1.0)


def test_a_warm_worker_keeps_its_session() -> None:
    """The order says who is next, affinity where: the session goes back to its worker if that is free."""
    pool = Pool(workers=2)
    pool.open("s", "one")
    pool.compute("s", 1.0)
    pool.run(5.0)
    first = pool.engine.state.sessions["s"].worker
    pool.compute("s", 1.0)
    assert pool.engine.state.sessions["s"].worker == first
