"""Anticipation: a QPU is held for the loop that is about to return, shortly, and never where it must not be."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.engine.state import State
from qloop.model import events as ev
from qloop.policies.anticipate import is_away, longest_hold
from qloop.policies.catalog import policy
from qloop.policies.columns import AWAY_SINCE, BUSY, ONLINE, SERVED, THINK, THINK_DEV
from qloop.policies.place import eligible, fits

from .backlog import Backlog
from .desk import Desk

STEPS = 12


def thinker(desk: Desk, think: float, steps: int = STEPS, name: str = "loop") -> None:
    """A loop whose tasks take 1 s and that thinks as long each time."""
    desk.open(name, name)
    done = {"count": 0}

    def again(task: str) -> None:
        if task.startswith(f"{name}/") and (done.update(count=done["count"] + 1) or done["count"] < steps):
            desk.at(desk.now + think, lambda: desk.submit(f"{name}/{done['count']}", name, 1.0))

    desk.then = again
    desk.submit(f"{name}/0", name, 1.0)


def begins(desk: Desk, task: str) -> float:
    return next(at for at, name, _ in desk.starts if name == task)


def meet(anticipate: float, arrival: float, length: float, think: float = 2.0, **more: float) -> Desk:
    """A loop with a period of 3 s on one QPU; its task 9 becomes ready at 27 s if nothing is in its way."""
    desk = Desk(policy("efaas", anticipate=anticipate, chunk_s=0.0, **more), check=True)
    thinker(desk, think)
    desk.open("background", "background")
    desk.at(arrival, lambda: desk.submit("normal", "background", length))
    desk.run()
    return desk


def test_the_thinking_time_is_the_moving_average_of_what_was_seen() -> None:
    desk = Desk(policy("efaas"), check=True)
    thinker(desk, 2.0)
    desk.run(until=20.0)
    flow = desk.engine.state.flows[desk.engine.state.sessions["loop"].row]
    assert flow[THINK] == pytest.approx(2.0)
    assert 0.0 < flow[THINK_DEV] < 0.3


def test_a_task_that_would_be_in_the_way_waits_for_the_loop() -> None:
    off, on = meet(0.0, 26.5, 5.0), meet(1.0, 26.5, 5.0)
    assert (begins(off, "normal"), begins(off, "loop/9")) == (26.5, 31.5)
    assert (begins(on, "loop/9"), begins(on, "normal")) == (27.0, 28.0)


def test_a_task_that_ends_before_the_return_is_started() -> None:
    on = meet(1.0, 26.25, 0.5)
    assert (begins(on, "normal"), begins(on, "loop/9")) == (26.25, 27.0)


def test_before_the_hold_nothing_is_held() -> None:
    """At most min(1 s, half the thinking time) is idled: what comes earlier is started, however long it is."""
    assert begins(meet(1.0, 25.5, 5.0), "normal") == 25.5
    assert begins(meet(100.0, 17.25, 5.0, think=1.0), "normal") == 17.25
    assert begins(meet(100.0, 17.75, 5.0, think=1.0), "normal") == 19.0


def test_a_loop_that_does_not_return_is_not_waited_for_long() -> None:
    desk = Desk(policy("efaas", anticipate=1.0), check=True)
    thinker(desk, 2.0, steps=9)
    desk.open("background", "background")
    desk.at(26.5, lambda: desk.submit("normal", "background", 5.0))
    desk.run()
    assert 27.0 < begins(desk, "normal") <= 27.5


@pytest.mark.parametrize("event", [ev.SessionClosing("loop"), ev.SessionCancelled("loop"), ev.SessionConverged("loop"),
                                   ev.CalibrationDue("u0", 1)])
def test_who_will_not_be_back_hot_and_warm_is_not_waited_for(event: ev.Event) -> None:
    desk = Desk(policy("efaas", anticipate=1.0), check=True)
    thinker(desk, 2.0, steps=9)
    desk.open("background", "background")
    desk.at(26.4, lambda: desk.send(event))
    desk.at(26.5, lambda: desk.submit("normal", "background", 5.0))
    desk.run()
    assert begins(desk, "normal") == 26.5


def test_a_session_that_lapsed_is_not_waited_for_and_its_silence_is_no_thinking() -> None:
    desk = Desk(policy("efaas", anticipate=1.0), check=True)
    desk.send(ev.SessionOpened("loop", "t", 1.0, 1_500_000_000, 10**18))
    for k in range(4):
        desk.at(2.0 * k, lambda k=k: desk.submit(f"loop/{k}", "loop", 1.0))     # type: ignore[misc]
    desk.run()
    state = desk.engine.state
    flow = state.flows[state.sessions["loop"].row]
    assert is_away(flow, state.qpu_rows[0], 0)
    desk.now = 8.5
    desk.send(ev.Tick())
    assert not is_away(flow, state.qpu_rows[0], 0)
    desk.now = 20.0
    desk.submit("loop/late", "loop", 1.0)
    assert (flow[THINK], flow[AWAY_SINCE]) == (1.0, -1.0)

def test_what_is_due_is_never_held_back() -> None:
    assert begins(meet(1.0, 26.5, 5.0, phi=0.0, aging=0.25), "normal") == pytest.approx(26.75, abs=1e-6)


class Watch:
    """How long each QPU idled for each return although a task waited that it could run."""

    def __init__(self) -> None:
        self.since, self.idle = 0.0, {}     # type: ignore[var-annotated]
        self.held: list[tuple[int, float, float]] = []

    def look(self, state: State) -> None:
        """Account what was held since the last look, and see what is held now."""
        for q, back, most in self.held:
            self.idle.setdefault((q, back), [0.0, 0.0])[0] += state.t - self.since
            self.idle[q, back][1] = most
        self.since, self.held = state.t, []
        for q, qpu in enumerate(state.qpu_rows):
            waits = any(eligible(state.tasks[i], qpu, q) and fits(state.tasks[i], qpu, state.t)
                        for i, task in enumerate(state.by_row) if task is not None and task.state.value == "ready")
            if waits and qpu[BUSY] == 0.0 and qpu[ONLINE] > 0.0:
                assert qpu[SERVED] >= 0.0, "idle beside a task that it could run, for nobody"
                flow = state.flows[int(qpu[SERVED])]
                self.held.append((q, flow[AWAY_SINCE], longest_hold(flow, state.totals)))


def busy(seed: int, qpus: int, anticipate: float, noise: float) -> tuple[Desk, Watch]:
    """Loops that think 1 to 4 s, more or less, beside background tasks of up to 5 s."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    desk, watch = Desk(policy("efaas", "least_wait", anticipate=anticipate, phi=0.1), qpus), Watch()
    send = desk.send

    def watched(event: ev.Event) -> list[object]:
        commands = send(event)
        watch.look(desk.engine.state)
        return commands     # type: ignore[return-value]

    desk.send = watched     # type: ignore[assignment, method-assign]
    think = {f"loop{k}": float(rng.uniform(1.0, 4.0)) for k in range(2 * qpus)}
    number = iter(range(10**6))

    def again(task: str) -> None:
        name = task.split("/")[0]
        if name in think and desk.now < 150.0:
            pause = think[name] * float(1.0 + noise * rng.uniform(-1.0, 1.0))
            desk.at(desk.now + pause, lambda: desk.submit(f"{name}/{next(number)}", name, 0.5))

    desk.then = again
    for name in think:
        desk.open(name, name)
        desk.submit(f"{name}/first", name, 0.5)
    desk.open("background", "background")
    desk.send(ev.SessionConverged("background"))
    for at in np.cumsum(rng.exponential(5.0 / qpus, 30 * qpus)):
        length = float(rng.uniform(0.2, 5.0))
        desk.at(float(at), lambda length=length: desk.submit(  # type: ignore[misc]
            f"background/{next(number)}", "background", length))
    desk.run()
    return desk, watch


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 3), st.sampled_from([0.25, 1.0, 10.0]), st.sampled_from([0.0, 0.3]))
def test_no_hold_exceeds_its_bound(seed: int, qpus: int, anticipate: float, noise: float) -> None:
    desk, watch = busy(seed, qpus, anticipate, noise)
    assert len(desk.ends) + len(desk.yields) == len(desk.starts) >= 30
    for idle, most in watch.idle.values():
        assert idle <= most + 1e-6
        assert most <= anticipate


def test_qpus_are_held_in_these_worlds_and_loops_gain() -> None:
    watches = [busy(seed, 2, 1.0, 0.1)[1] for seed in range(4)]
    assert sum(idle for watch in watches for idle, _ in watch.idle.values()) > 1.0


@pytest.mark.parametrize("qpus", [1, 3])
def test_nothing_is_held_with_anticipation_off(qpus: int) -> None:
    """Work conservation: no QPU idles beside a task that it could run."""
    for seed in range(4):
        assert not [idle for idle, _ in busy(seed, qpus, 0.0, 0.3)[1].idle.values() if idle > 0.0]


@pytest.mark.parametrize("qpus", [1, 3])
def test_the_bound_on_gaps_between_normal_dispatches_stays(qpus: int) -> None:
    world = Backlog(policy("efaas", "least_wait", aging=20.0, phi=0.0, anticipate=1.0), qpus, 1, seed=4)
    for k in range(3 * qpus):
        world.session(f"loop{k}", f"t{k % 3}", converged=False)
    for k in range(2):
        world.session(f"normal{k}", f"t{k}")
    world.desk.run(until=1500.0)
    normal = [at for at, task, _ in world.desk.starts if not world.desk.hot[task]]
    assert len(normal) > 50
    assert max(b - a for a, b in pairwise(normal)) <= 20.0 + world.longest
