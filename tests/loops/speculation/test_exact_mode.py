"""Exact mode: whatever is asked ahead, the loop's course is the one that it has alone."""

from __future__ import annotations

import functools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.loops.speculation.options import Speculation
from qloop.testing.virtual import virtual_runtime

from .courses import TWIN, Course, open_loop, run


@functools.cache
def alone(optimizer: str, shots: int | None) -> Course:
    """The course without speculation and without others."""
    return run(None, optimizer=optimizer, shots=shots)[0]


@settings(max_examples=15, deadline=None)
@given(depth=st.integers(1, 3), width=st.integers(1, 12), budget=st.sampled_from([0.0, 0.25, 1.0, 2.0, 8.0]),
       seed=st.integers(0, 9), others=st.sampled_from([0, 0, 5, 12]), every=st.sampled_from([1.0, 2.5, 7.0]),
       think=st.sampled_from([0.3, 2.0, 5.0]), phi=st.sampled_from([0.0, 0.2, 1.0]))
def test_the_course_is_the_same_for_every_depth_width_schedule_and_seed(depth, width, budget, seed, others, every,
                                                                         think, phi):
    course, _ = run(Speculation(depth=depth, width=width, budget=budget, qpu_value=0.0), seed=seed, think=think,
                          others=others, every=every, settings={"phi": phi})
    assert course == alone("nelder-mead", 100)


@pytest.mark.parametrize("optimizer", ["spsa", "rotosolve", "cma-es", "gradient-descent"])
def test_other_optimizers_keep_their_course_too(optimizer):
    course, _ = run(Speculation(depth=2, width=8, budget=2.0, qpu_value=0.0), optimizer=optimizer, maxiter=3)
    assert course == run(None, optimizer=optimizer, maxiter=3)[0]


def test_guesses_come_true_and_save_time():
    """Nelder-Mead with a generous budget: hits, less time, and no more waste than the budget allows."""
    plain, before = run(None, maxiter=25)
    course, runtime = run(Speculation(budget=2.0, width=8), maxiter=25)
    known = runtime.speculated(next(iter(runtime.sessions.speculated)))
    assert course == plain
    assert known.committed >= 10
    assert known.wasted_s <= 2.0 * known.useful_s
    assert known.masked_s > 10.0
    assert last_result(runtime) < last_result(before) - 5.0


def last_result(runtime) -> float:
    return max(event.t for event in runtime.trace().events if type(event).__name__ == "Result") * 1e-9


@pytest.mark.parametrize("budget", [0.25, 1.0])
def test_waste_stays_within_the_budget(budget):
    _, runtime = run(Speculation(budget=budget, width=8, depth=2, qpu_value=0.0), maxiter=25)
    known = runtime.speculated(next(iter(runtime.sessions.speculated)))
    assert known.launched > 0
    assert known.wasted_s <= budget * known.useful_s


def test_a_budget_of_nothing_asks_only_for_what_is_certain():
    _, runtime = run(Speculation(budget=0.0), maxiter=12)
    assert runtime.speculated(next(iter(runtime.sessions.speculated))).launched == 0


def test_a_policy_without_guesses_refuses_them_and_the_loop_goes_on():
    course, runtime = run(Speculation(budget=2.0), policy="fifo")
    assert course == alone("nelder-mead", 100)
    known = runtime.speculated(next(iter(runtime.sessions.speculated)))
    assert known.launched == 0
    assert "fifo takes no speculative tasks" in known.refused


def test_two_twins_guess_while_the_loop_waits():
    """Not pinned: exactness is not promised, but nothing is lost, and guesses run beside the loop's own tasks."""
    _, runtime = run(Speculation(budget=2.0, width=8), qpus=(TWIN, "twin-torino"), qpu="", think=0.0, maxiter=25)
    assert runtime.speculated(next(iter(runtime.sessions.speculated))).launched > 0


def test_the_approximate_mode_is_flagged_and_takes_only_what_is_close():
    """Another course, and said so: in the report, and for each iteration by how much it deviates."""
    with virtual_runtime((TWIN,), seed=5) as runtime:
        session, loop = open_loop(runtime, Speculation(mode="approximate", eps=0.05, budget=8.0, qpu_value=0.0),
                                  optimizer="spsa", shots=2000, maxiter=40)
        runtime.run_until(lambda: loop.finished)
        assert loop.error is None
        result = loop.result()
        session.close()
    report, deviations = result.speculation, [entry.deviation for entry in result.iterations]
    assert report.mode == "approximate"
    assert not report.trouble
    assert report.launched > 0
    assert max(deviations) <= 0.05
    assert sorted(report.deviations) == sorted(one for one in deviations if one in report.deviations)
