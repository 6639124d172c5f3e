"""Long tasks in chunks: who stands aside, who does not, and that nothing is lost, paid twice, or left behind."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.engine import invariants
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.policies.catalog import policy
from qloop.policies.columns import CPU, DROPPED, EARLIER, PAID, QUEUED, RUNNING, USED, WAITING
from qloop.policies.record import Policy
from qloop.policies.shares import dominant

from .backlog import Backlog
from .desk import Desk

CHUNKED = {"chunk_s": 1.0, "phi": 0.0, "aging": 1000.0}


def meet(desk: Desk, at: float, length: float = 10.0) -> None:
    """A NORMAL task of 10 s begins at 1 s on one QPU; a loop's task of 2 s becomes ready `at`."""
    desk.open("loop", "loop")
    desk.open("single", "single")
    desk.submit("loop/0", "loop", 1.0)
    desk.submit("long", "single", length)
    desk.at(at, lambda: desk.submit("loop/1", "loop", 2.0))


def used(desk: Desk, session: str, column: int = USED) -> float:
    return desk.engine.state.flows[desk.engine.state.sessions[session].row][column]


@pytest.mark.parametrize(("at", "begin"), [(3.25, 4.0), (3.0, 3.0), (10.5, 11.0)])
def test_a_loop_begins_at_the_next_edge_and_the_rest_follows_without_a_gap(at: float, begin: float) -> None:
    desk = Desk(policy("efaas", **CHUNKED), check=True)
    meet(desk, at)
    desk.run()
    assert desk.order() == ["loop/0", "long", "loop/1"] + ["long"] * (begin < 11.0)
    assert [(at, task) for at, task, _ in desk.ends[1:]] == (
        [(begin + 2.0, "loop/1"), (13.0, "long")] if begin < 11.0 else [(11.0, "long"), (13.0, "loop/1")])
    assert used(desk, "single") == pytest.approx(10.0)
    assert used(desk, "single", DROPPED) == 0.0


@pytest.mark.parametrize("more", [{"chunk_s": 0.0}, {"chunk_s": 10.0}])
def test_it_goes_on_where_chunks_are_off_or_too_long(more: dict[str, float]) -> None:
    desk = Desk(policy("efaas", **{**CHUNKED, **more}), check=True)
    meet(desk, 3.25)
    desk.run()
    assert desk.order() == ["loop/0", "long", "loop/1"]
    assert not desk.yields


def test_it_goes_on_if_it_could_not_end_before_the_next_window() -> None:
    """Standing aside for 2 s it would end at 13 s."""
    for window, aside in ((12.9, 0), (13.1, 1)):
        desk = Desk(policy("efaas", **CHUNKED), qpus=0, check=True)
        desk.send(ev.QpuJoined("u0", 9, 0.0, 0, round(window * 1e9), 100 * 10**9))
        meet(desk, 3.25)
        desk.run()
        assert len(desk.yields) == aside


def test_a_calibration_that_is_due_waits_for_all_of_it() -> None:
    desk = Desk(policy("efaas", **CHUNKED), check=True)
    meet(desk, 3.25)
    desk.at(3.0, lambda: desk.send(ev.CalibrationDue("u0", 10**9)))
    desk.run()
    assert not desk.yields
    assert [at for at, task, _ in desk.starts if task == "loop/1"] == [12.0]


def aside(desk: Desk) -> None:
    """The long task stands aside from 4 to 6 s, with 3 s of shots."""
    meet(desk, 3.25)
    desk.run(until=4.0)
    assert desk.yields == [(4.0, "long", True)]


def test_shots_of_another_epoch_are_dropped_and_the_loss_is_kept() -> None:
    desk = Desk(policy("efaas", **CHUNKED), check=True)
    aside(desk)
    desk.at(5.0, lambda: desk.send(ev.CalibrationDue("u0", 10**9)))
    desk.run()
    assert [(at, task) for at, task, _ in desk.starts[-2:]] == [(4.0, "loop/1"), (7.0, "long")]
    assert desk.ends[-1][0] == 17.0
    assert (used(desk, "single"), used(desk, "single", DROPPED)) == (pytest.approx(13.0), pytest.approx(3.0))


def test_restarts_are_no_failed_attempts() -> None:
    desk = Desk(policy("efaas", **CHUNKED), check=True)
    desk.open("loop", "loop")
    desk.open("single", "single")
    desk.submit("loop/0", "loop", 1.0)
    desk.submit("long", "single", 10.0)
    for k in range(6):
        desk.at(3.25 + 6.0 * k, lambda k=k: desk.submit(f"loop/{k + 1}", "loop", 2.0))     # type: ignore[misc]
        desk.at(5.0 + 6.0 * k, lambda: desk.send(ev.CalibrationDue("u0", 10**9)))
    lost = desk.send
    desk.at(44.5, lambda: lost(ev.QuantumEnded("long", 7, "u0", measured_ns=1, outcome=ev.Outcome.LOST)))
    desk.run()
    assert used(desk, "single", DROPPED) == pytest.approx(18.0)
    assert desk.ends[-1][1] == "long"


@pytest.mark.parametrize(("leave", "again"), [(ev.QpuLeft("u0", back_ns=10**12), 7.0), (ev.QpuPaused("u0"), 5.0)])
def test_on_a_qpu_that_takes_no_tasks_the_shots_are_of_no_use(leave: ev.Event, again: float) -> None:
    """What was lost with the QPU, the loop's task, goes first on the other one."""
    desk = Desk(policy("efaas", **CHUNKED), qpus=1, check=True)
    aside(desk)
    desk.at(4.5, lambda: desk.send(ev.QpuJoined("u1", 9)))
    desk.at(5.0, lambda: desk.send(leave))
    desk.run(until=100.0)
    assert [(at, qpu) for at, task, qpu in desk.starts if task == "long"][-1] == (again, "u1")
    assert used(desk, "single", DROPPED) == pytest.approx(3.0)


@pytest.mark.parametrize("when", [3.5, 4.0, 5.0, 6.0, 6.5, 7.0, 7.5])
@pytest.mark.parametrize("whole", [True, False])
def test_a_cancel_leaves_nothing_behind(when: float, whole: bool) -> None:
    desk = Desk(policy("efaas", **CHUNKED), check=True)
    meet(desk, 3.25)
    event = ev.SessionCancelled("single") if whole else ev.TaskCancelled("long")
    desk.at(when, lambda: desk.send(event))
    desk.run()
    state = desk.engine.state
    invariants.check(state)
    assert desk.ends[-1][1] == "loop/1"
    assert desk.ends[-1][0] <= max(6.0, 1.0 + when + 2.0)
    assert (state.waiting, state.totals[WAITING + 1], state.totals[RUNNING], state.qpu_rows[0][QUEUED + 1]) == (0,) * 4
    assert not state.unwanted
    assert "long" not in state.everything


def test_an_unwanted_task_ends_at_its_next_edge() -> None:
    desk = Desk(policy("efaas", **CHUNKED), check=True)
    meet(desk, 9.0)
    desk.at(3.25, lambda: desk.send(ev.TaskCancelled("long")))
    desk.run()
    assert desk.yields == [(4.0, "long", False)]
    assert used(desk, "single") == pytest.approx(3.0)
    assert desk.starts[-1][:2] == (9.0, "loop/1")


def test_a_report_of_an_edge_that_comes_late_changes_nothing() -> None:
    desk = Desk(policy("efaas", **CHUNKED), check=True)
    aside(desk)
    for event in (ev.ChunkEnded("long", 1, "u0"), ev.ChunkEnded("loop/1", 2, "u0"), ev.ChunkEnded("x", 1, "nowhere")):
        assert desk.send(event) == []


def noting(base: Policy, paid: list[tuple[float, float]]) -> Policy:
    """The policy; when an attempt is over, what was charged for it and what it used."""
    def finish(tasks, flows, qpus, totals, i, q, now):  # type: ignore[no-untyped-def]
        base.finish(tasks, flows, qpus, totals, i, q, now)
        paid.append((tasks[i][PAID], dominant(totals, tasks[i][CPU], tasks[i][EARLIER])))

    return replace(base, finish=finish)


class Seen:
    """A world of loops and long tasks, with how long each task ran since it last began anew."""

    def __init__(self, seed: int, qpus: int, chunk: float) -> None:
        self.paid: list[tuple[float, float]] = []
        rng = np.random.Generator(np.random.Philox(key=seed))
        base = policy("efaas", "least_wait", chunk_s=chunk, phi=0.05, aging=30.0)
        desk = self.desk = Desk(noting(base, self.paid), qpus)
        self.shots: dict[str, float] = {}
        self.begun: dict[str, float] = {}
        self.total = 0.0
        self.watch()
        number = iter(range(10**6))

        def again(task: str) -> None:
            if task.startswith("loop") and desk.now < 80.0:
                name = task.split("/")[0]
                desk.at(desk.now + float(rng.uniform(0.5, 3.0)), lambda: desk.submit(
                    f"{name}/{next(number)}", name, float(rng.uniform(0.2, 1.0))))

        desk.then = again
        for k in range(2 * qpus):
            desk.open(f"loop{k}", f"t{k % 2}")
            desk.submit(f"loop{k}/first", f"loop{k}", 0.5)
        for k, at in enumerate(np.cumsum(rng.exponential(4.0 / qpus, 15 * qpus))):
            desk.open(f"single{k}", f"t{k % 2}")
            length = float(rng.uniform(0.5, 9.0))
            desk.at(float(at), lambda k=k, length=length: desk.submit(   # type: ignore[misc]
                f"single{k}/long", f"single{k}", length, length * float(rng.choice([0.3, 1.0, 2.0]))))
        for at in rng.uniform(10.0, 90.0, 4):
            desk.at(float(at), lambda: desk.send(ev.CalibrationDue(f"u{int(rng.integers(qpus))}", 10**9)))

    def watch(self) -> None:
        send, end = self.desk.send, self.desk.end

        def watched(event: ev.Event) -> list[cmd.Command]:
            invariants.check(self.desk.engine.state)
            return send(event)

        def begin(command: cmd.StartQuantum, inner=self.desk.begin) -> None:    # type: ignore[no-untyped-def]
            if not command.resumed:
                self.shots[command.task] = 0.0
            self.begun[command.task] = self.desk.now
            inner(command)

        def edge(command: cmd.StartQuantum, since: float, last: float, inner=self.desk.edge) -> None:     # type: ignore[no-untyped-def]
            self.count(command.task, lambda: inner(command, since, last), yields=True)

        def ended(command: cmd.StartQuantum, since: float) -> None:
            self.count(command.task, lambda: end(command, since), yields=False)

        self.desk.send, self.desk.begin = watched, begin      # type: ignore[method-assign]
        self.desk.edge, self.desk.end = edge, ended           # type: ignore[method-assign]

    def count(self, task: str, act, yields: bool) -> None:  # type: ignore[no-untyped-def]
        """Count the stretch that ends here, if it does."""
        before, ran = len(self.desk.yields), self.desk.now - self.begun[task]
        act()
        if not yields or len(self.desk.yields) > before:
            self.shots[task] += ran
            self.total += ran


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 2), st.sampled_from([0.25, 1.0, 3.0]))
def test_every_task_gets_all_its_shots_once_in_one_epoch_and_pays_for_what_it_used(
        seed: int, qpus: int, chunk: float) -> None:
    seen = Seen(seed, qpus, chunk)
    seen.desk.run()
    assert len(seen.shots) == len({task for _, task, _ in seen.desk.ends}) == len(seen.desk.ends)
    for task, ran in seen.shots.items():
        assert ran == pytest.approx(seen.desk.service[task], abs=1e-6)
    assert all(paid == pytest.approx(cost) for paid, cost in seen.paid)
    state = seen.desk.engine.state
    flows = [state.flows[session.row] for session in state.sessions.values()]
    assert sum(flow[USED] for flow in flows) == pytest.approx(seen.total)
    assert seen.total == pytest.approx(sum(seen.shots.values()) + sum(flow[DROPPED] for flow in flows))


def test_in_these_worlds_tasks_stand_aside_and_lose_shots() -> None:
    yields, dropped = 0, 0.0
    for seed in range(6):
        seen = Seen(seed, 2, 0.5)
        seen.desk.run()
        yields += len(seen.desk.yields)
        state = seen.desk.engine.state
        dropped += sum(state.flows[session.row][DROPPED] for session in state.sessions.values())
    assert yields > 30
    assert dropped > 0.0


@pytest.mark.parametrize("qpus", [1, 3])
@pytest.mark.parametrize(("phi", "aging"), [(0.0, 20.0), (0.3, 60.0)])
def test_the_bounds_of_normal_stay(qpus: int, phi: float, aging: float) -> None:
    """Gap between dispatches <= T_s + L_max; service >= phi*m*t - ((m+1)L + phi*m*T_s) (spec/efaas.md, section 5)."""
    world = Backlog(policy("efaas", "least_wait", aging=aging, phi=phi, chunk_s=0.5), qpus, 2, seed=4)
    for k in range(3 * qpus):
        world.session(f"loop{k}", f"t{k % 3}", converged=False)
    for k in range(2):
        world.session(f"normal{k}", f"t{k}")
    world.desk.run(until=1500.0)
    normal = [at for at, task, _ in world.desk.starts if not world.desk.hot[task]]
    assert len(normal) > 50
    assert max(b - a for a, b in pairwise(normal)) <= aging + world.longest
    got = sum(used(world.desk, f"normal{k}") for k in range(2))
    assert got >= phi * qpus * 1500.0 - ((qpus + 1) * world.longest + phi * qpus * aging)
    assert len(world.desk.yields) > 2
