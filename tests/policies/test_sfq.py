"""`sfq` and `drfq`: fair by QPU seconds, and by the larger of two shares."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.model import events as ev
from qloop.policies.catalog import policy

from .desk import Desk

LONGEST = 4.0


class Backlogged:
    """Two sessions, of a tenant each, that always have two tasks waiting or running."""

    def __init__(self, name: str, weights: tuple[float, float], cpu: tuple[float, float], services: list[float],
                 wrong: tuple[float, float] = (1.0, 1.0)) -> None:
        self.desk = Desk(policy(name), check=True)
        self.services, self.cpu, self.wrong, self.count = services, cpu, wrong, 0
        self.got = {"a": 0.0, "b": 0.0}
        for session, weight in zip("ab", weights, strict=True):
            self.desk.send(ev.TenantSet(session, weight))
            self.desk.open(session, session)
            for _ in range(2):
                self.submit(session)
        self.desk.then = self.again

    def submit(self, session: str) -> None:
        k, self.count = "ab".index(session), self.count + 1
        service = self.services[self.count % len(self.services)]
        self.desk.submit(f"{session}/{self.count}", session, service, service * self.wrong[k],
                         cpu_s=self.cpu[k] * service)

    def again(self, task: str) -> None:
        self.got[task[0]] += self.desk.service[task]
        self.submit(task[0])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 8).map(lambda n: n / 2.0), min_size=1, max_size=20), st.sampled_from([1.0, 2.0, 5.0]))
def test_the_lag_of_two_backlogged_sessions_is_bounded(services: list[float], weight: float) -> None:
    """|W_a/w_a - W_b/w_b| <= l/w_a + l/w_b for start-time fair queuing of one server (Goyal and others, theorem 1)."""
    pair = Backlogged("sfq", (weight, 1.0), (3.0, 0.0), services)
    again = pair.desk.then
    worst = [0.0]

    def watch(task: str) -> None:
        assert again is not None
        again(task)
        worst.append(abs(pair.got["a"] / weight - pair.got["b"]))

    pair.desk.then = watch
    pair.desk.run(400.0)
    assert max(worst) <= LONGEST / weight + LONGEST + 1e-9
    assert min(pair.got.values()) > 0.0


@pytest.mark.parametrize(("name", "ratio"), [("sfq", 1.0), ("drfq", 4.0)])
def test_drfq_counts_the_resource_of_which_a_session_uses_more(name: str, ratio: float) -> None:
    """a needs 4 CPU seconds a QPU second, on one worker and one QPU; b needs none."""
    pair = Backlogged(name, (1.0, 1.0), (4.0, 0.0), [1.0])
    pair.desk.run(500.0)
    assert pair.got["b"] / pair.got["a"] == pytest.approx(ratio, rel=0.03)


@pytest.mark.parametrize("name", ["sfq", "drfq"])
@pytest.mark.parametrize("wrong", [0.25, 4.0])
def test_wrong_estimates_gain_nothing_in_the_long_run(name: str, wrong: float) -> None:
    pair = Backlogged(name, (1.0, 1.0), (0.0, 0.0), [1.0, 2.0, 0.5], (wrong, 1.0))
    pair.desk.run(1000.0)
    assert pair.got["a"] <= 1.03 * pair.got["b"]
    assert pair.got["a"] >= 0.8 * pair.got["b"], "tasks that wait keep the tags that were estimated: some is lost"


def test_neither_knows_loops_in_progress() -> None:
    """A loop that comes back waits for those that came before it, unlike under efaas."""
    for name in ("sfq", "drfq"):
        desk = Desk(policy(name), check=True)
        for session in ("loop", "x", "y"):
            desk.open(session, session)
        desk.submit("loop/0", "loop", 2.0)
        desk.at(1.0, lambda desk=desk: [desk.submit(f"{s}/0", s, 2.0) for s in "xy"] and None)  # type: ignore[misc]
        desk.at(2.5, lambda desk=desk: desk.submit("loop/1", "loop", 2.0))  # type: ignore[misc]
        desk.run()
        assert desk.order() == ["loop/0", "x/0", "y/0", "loop/1"], name
