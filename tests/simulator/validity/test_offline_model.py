"""The constraints of section II.B, and that every schedule of the kernels without sharing satisfies them."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput
from qloop.policies.catalog import builtin
from qloop.policies.record import Policy
from qloop.simulator.compile import CompiledPolicy
from qloop.simulator.offline.model import Instance, Starts, Task, delays, violations
from qloop.simulator.offline.schedules import instance_of, small_platform, starts_of, under
from qloop.simulator.paper.model import PlatformModel
from qloop.simulator.paper.platform_kernel import simulate
from qloop.simulator.paper.run import serve
from tests.policies.chosen import LONG
from tests.seam import small_kernel as seam
from tests.seam.driver import draw
from tests.seam.script import Script
from tests.simulator.paper.test_against_plain import bind

C, Q = False, True


def instance(*sessions: str, arrival: tuple[int, ...] = (), workers: int = 9, qpus: int = 1) -> Instance:
    """Sessions in a short form: "c2 q3" is a classical task of 2 ns, then a quantum one of 3."""
    tasks = tuple(tuple(Task(word[0] == "q", int(word[1:])) for word in session.split()) for session in sessions)
    return Instance(arrival or (0,) * len(sessions), tasks, workers, qpus)


@pytest.mark.parametrize(("given_", "starts", "told"), [
    (instance("c2 q3"), [[0, 2]], []),
    (instance("c2 q3", arrival=(5,)), [[4, 7]], ["session 0 begins at 4, before it arrives at 5"]),
    (instance("c2 q3"), [[0, 1]], ["task 1 of session 0 begins at 1, task 0 ends at 2"]),
    (instance("q3", "q3"), [[0], [3]], []),         # one may begin when another ends
    (instance("q3", "q3"), [[0], [2]], ["2 quantum tasks run when task 0 of session 1 begins, with 1 places"]),
    (instance("q3", "q3", qpus=2), [[0], [2]], []),
    (instance("c3", "c3", workers=1), [[1], [0]], ["2 classical tasks run when task 0 of session 0 begins"
                                                   ", with 1 places"]),
    (instance("c3", "q3", workers=1), [[1], [0]], []),      # of different kinds
    (instance("q3", "q0", "q0"), [[0], [1], [1]], []),      # what takes no time takes no place
    (instance("q3"), [[0, 3]], ["the schedule has [2] tasks, the instance [1]"]),
])
def test_each_constraint_is_told(given_: Instance, starts: Starts, told: list[str]) -> None:
    assert violations(given_, starts) == told


def test_delays_are_from_arrival_to_the_last_end() -> None:
    assert delays(instance("c2 q3", "q4", arrival=(1, 2)), [[1, 3], [6]]) == (5, 8)


@pytest.mark.parametrize(("wrong", "told"), [
    (lambda: Instance((0,), (), 1, 1), "1 arrivals were given for 0 sessions"),
    (lambda: Instance((0,), ((),), 1, 1), "Session 0 has no tasks.*Give each session at least one"),
    (lambda: Instance((0,), ((Task(C, 1),),), 0, 1), "workers is 0.*at least 1"),
    (lambda: Instance((0,), ((Task(C, 1),),), 1, True), "qpus is True"),
    (lambda: Instance((-1,), ((Task(C, 1),),), 1, 1), "A time is -1"),
    (lambda: Instance((0,), ((Task(C, 1.5),),), 1, 1), "A time is 1.5.*whole nanoseconds"),     # type: ignore[arg-type]
    (lambda: Instance((0,), ((Task(C, 1 << 53),),), 1, 1), "at most 52 days"),
])
def test_instances_that_cannot_be_are_told(wrong, told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        wrong()


sessions_drawn = st.lists(st.lists(st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 9)), min_size=1,
                                   max_size=3), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(sessions_drawn, st.integers(1, 2), st.integers(1, 2))
def test_the_constraints_are_those_of_a_look_at_every_moment(
        drawn: list[list[tuple[bool, int, int]]], workers: int, qpus: int) -> None:
    """A second reading: order within sessions, and a count of who runs in each unit of time."""
    tasks = tuple(tuple(Task(quantum, length) for quantum, length, _ in session) for session in drawn)
    starts = [[begin for _, _, begin in session] for session in drawn]
    ordered = all(a + length <= b for session in drawn
                  for (_, length, a), (_, _, b) in pairwise(session))
    fits = True
    for quantum, places in ((C, workers), (Q, qpus)):
        for unit in range(15):
            count = sum(kind == quantum and begin <= unit < begin + length
                        for session in drawn for kind, length, begin in session)
            # a task without length may begin at a crowded moment only if no more run than may
            fits = fits and count <= places
    found = violations(Instance((0,) * len(drawn), tasks, workers, qpus), starts)
    assert (not found) == (ordered and fits)


@pytest.mark.parametrize("name", LONG)
def test_the_papers_kernel_keeps_the_constraints(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every policy, a worker for each session: the log is a schedule, and a begin any earlier would break it."""
    bind(monkeypatch, builtin()[name])
    pulled = 0
    for seed in range(60):
        model, sessions = small_platform(seed)
        found = serve(under(model, name), sessions, seed, log=10_000, loop=simulate)
        given_, starts = instance_of(model, sessions), starts_of(found)
        assert violations(given_, starts) == [], (name, seed)
        assert sum(delays(given_, starts)) == (found.end_ns - sessions.arrival_ns).sum()
        waits = [(i, j) for i, session in enumerate(starts) for j in range(1, len(session))
                 if session[j] > session[j - 1] + given_.tasks[i][j - 1].length]
        for i, j in waits:
            earlier = [list(session) for session in starts]
            earlier[i][j] -= 1
            broken = violations(given_, earlier)
            # reservation keeps QPUs idle for their holders, so there an earlier begin may be free
            assert broken or name == "reservation", (name, seed, i, j)
            pulled += bool(broken)
    assert pulled > 100


def plainly(policy: Policy, script: Script) -> list[tuple[int, int, int, int]]:
    """The seam's kernel as plain Python, with plain policy functions in the place of compiled ones."""
    record = CompiledPolicy(policy.enter, policy.pick, policy.start, policy.finish, policy.place,
                            policy.scan or policy.pick, policy.classes, policy.shared, policy.enter_draws,
                            policy.pick_draws)
    arrays = (script.arrival_ns, script.iterations, script.cancel_ns, script.service_ns, script.think_ns,
              script.estimate_s, script.window_ns, script.window_length_ns, script.window_gap_ns)
    log: list[tuple[int, int, int, int]] = seam.simulate(record, arrays, seam.tables(script, policy), script.seed)
    return log


@pytest.mark.parametrize("name", LONG)
def test_the_seams_kernel_keeps_the_constraints(name: str) -> None:
    """Lanes of single QPUs, wrong estimates, many events at one time: quantum -> (think -> quantum) x (n - 1)."""
    for seed in range(40):
        script = draw(seed)
        n, m = script.arrival_ns.shape[0], script.qpu_width.shape[0]
        never = np.full(max(n, m), seam.NEVER)
        script = replace(script, cancel_ns=never[:n], window_ns=never[:m], width=np.full(n, 1))
        tasks, starts = [], [[] for _ in range(n)]      # type: ignore[var-annotated]
        for s in range(n):
            row = [Task(Q, int(script.service_ns[s, 0]))]
            for k in range(1, int(script.iterations[s])):
                row += [Task(C, int(script.think_ns[s, k - 1])), Task(Q, int(script.service_ns[s, k]))]
            tasks.append(tuple(row))
        ended: dict[int, int] = {}
        for time, kind, s, _ in plainly(builtin()[name], script):
            if kind == seam.START:
                starts[s] += [ended[s]] if s in ended else []
                starts[s].append(int(time))
            elif kind == seam.FINISH:
                assert time - starts[s][-1] == tasks[s][len(starts[s]) - 1].length
                ended[s] = int(time)
        given_ = Instance(tuple(int(at) for at in script.arrival_ns), tuple(tasks), n, m)
        assert violations(given_, starts) == [], (name, seed)


def test_runs_that_are_no_schedules_are_told() -> None:
    model, sessions = small_platform(3)
    with pytest.raises(InvalidInput, match=r"Workers were shared.*as many workers as sessions"):
        starts_of(serve(replace(model, workers=1), sessions, log=10_000, loop=simulate))
    with pytest.raises(InvalidInput, match="does not hold the whole of session"):
        starts_of(serve(model, sessions, log=5, loop=simulate))
    with pytest.raises(InvalidInput, match="does not hold the whole of session"):
        starts_of(serve(replace(model, max_classical=1), sessions, log=10_000, loop=simulate))
    with pytest.raises(InvalidInput, match="between two nanoseconds"):
        instance_of(PlatformModel(capacity=3e9), sessions)
