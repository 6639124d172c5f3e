"""Times on QPUs where a task did not run: exact where the recording suffices, scaled where it does not."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.simulator.replay.durations import Measured, durations, slowness
from qloop.simulator.replay.sittings import follow
from qloop.simulator.replay.submissions import Submission

times = st.floats(0.1, 100.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(times, min_size=2, max_size=6), st.lists(st.floats(0.2, 5.0), min_size=2, max_size=5),
       st.integers(0, 2**32 - 1))
def test_factors_are_found_where_like_tasks_connect_the_qpus(sizes: list[float], factors: list[float], seed: int,
                                                             ) -> None:
    """If every time is size x factor and each group saw QPU 0 and another one, all ratios are recovered."""
    random = np.random.Generator(np.random.Philox(key=seed))
    like = [{0: size * factors[0], int(random.integers(1, len(factors))): 0.0} for size in sizes]
    like += [{0: factors[0], q: 0.0} for q in range(1, len(factors))]
    scale = [*sizes, *([1.0] * (len(factors) - 1))]
    like = [{q: size * factors[q] for q in row} for row, size in zip(like, scale, strict=True)]
    found = slowness(like, len(factors))
    for q, factor in enumerate(factors):
        assert math.isclose(found[q] / found[0], factor / factors[0], rel_tol=1e-6)


def test_recorded_times_are_kept_and_others_are_means_or_scaled() -> None:
    runs = [Measured("a", 0, 100), Measured("a", 0, 100), Measured("a", 1, 200), Measured("b", 0, 50),
            Measured("c", -1, -1)]
    found = durations(runs, 2, [0, 0, 0, 0, 70])
    assert found.ns.tolist() == [[100, 200], [100, 200], [100, 200], [50, 100], [70, 70]]
    assert found.guessed.tolist() == [[False, False]] * 3 + [[False, True], [True, True]]


def test_nothing_is_assumed_of_qpus_that_share_no_like_tasks() -> None:
    assert slowness([{0: 1.0}, {1: 9.0}], 2).tolist() == [1.0, 1.0]


def task(at: int, end: int, seq: int) -> Submission:
    return Submission("", "s", 0, at, 2 * seq, 1, 0.0, 0.0, 1.0, "", end, 2 * seq + 1, "q", at, end - at, 1, False,
                      False)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 10)), min_size=1, max_size=12))
def test_a_task_follows_all_that_had_ended_when_it_came(spans: list[tuple[int, int]]) -> None:
    """Ready at the latest of the ends it saw plus its delay: that is when it came, and it saw no other end."""
    tasks = [task(at, at + length, n) for n, (at, length) in enumerate(sorted(spans))]
    ordered = sorted(range(len(tasks)), key=lambda i: (tasks[i].end, tasks[i].end_seq))
    after, delay = np.zeros(len(tasks), np.int64), np.array([t.at for t in tasks], np.int64)
    follow(tasks, range(len(tasks)), ordered, after, delay)
    for i, one in enumerate(tasks):
        seen = [tasks[j].end for j in ordered[:after[i]]]
        assert len(seen) == sum((t.end, t.end_seq) < (one.at, one.seq) for t in tasks)
        assert max(seen, default=0) + delay[i] == one.at
        assert delay[i] >= 0
