"""The start-up transient is found where there is one, and parts of runs are what shorter runs would have been."""

from __future__ import annotations

import numpy as np
import pytest

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.analysis.measures import measures
from qloop.simulator.analysis.warmup import (
    OF_SESSIONS,
    mser,
    open_sessions,
    part_of,
    sensitivity,
    transient,
    welch,
)

from .made import S, queue, replication, scenario


def noise(key: int, n: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=key)).normal(0.0, 1.0, n)


def test_mser_is_its_formula() -> None:
    series = noise(1, 203) + np.where(np.arange(203) < 30, 3.0, 0.0)
    means = series[:200].reshape(40, 5).mean(axis=1)
    errors = [((means[d:] - means[d:].mean()) ** 2).sum() / (40 - d) ** 2 for d in range(35)]
    assert mser(series) == 5 * int(np.argmin(errors))
    assert mser(series + 1e6) == mser(series)


@pytest.mark.parametrize("key", range(5))
def test_mser_cuts_a_transient_and_little_of_what_has_none(key: int) -> None:
    fading = 20.0 * np.exp(-np.arange(2000) / 60.0)
    cut = mser(noise(key, 2000) + fading)
    assert cut is not None
    assert 100 <= cut <= 500
    steady = mser(noise(key, 2000))
    assert steady is not None
    assert steady <= 500
    assert mser(noise(key, 2000) + np.arange(2000) * 0.1) is None      # it never settles


def test_welch_is_a_moving_average_that_narrows_at_the_begin() -> None:
    found = welch(np.array([[1.0, 2, 3, 4, 5, 7], [3.0, 4, 5, 6, 7, 9]]), 2)
    assert found == pytest.approx([2, 3, (2 + 3 + 4 + 5 + 6) / 5, (3 + 4 + 5 + 6 + 8) / 5])
    with pytest.raises(InvalidInput, match="window of 3 does not fit into 6"):
        welch(np.zeros((1, 6)), 3)


def test_open_sessions_add_up_to_their_times_in_the_system() -> None:
    run = queue(scenario(duration_s=300.0, qpus=2), 1, rate=1.2, mean_s=1.5, room=5)
    inside = np.where(run.outcome == 2, 0, np.where(run.left_ns < 0, 300 * S, run.left_ns) - run.arrival_ns).sum()
    assert open_sessions(run, 7).mean() * 300 == pytest.approx(inside / S)
    one = replication(of=scenario(duration_s=10.0), arrival_ns=[2 * S], left_ns=[7 * S])
    assert open_sessions(one, 5) == pytest.approx([0, 1, 1, 0.5, 0])


def test_a_queue_that_fills_slowly_has_a_transient_and_an_overloaded_one_never_settles() -> None:
    busy = [queue(scenario(duration_s=4000.0, qpus=40), n, rate=0.3, mean_s=100.0) for n in range(20)]
    found = transient(busy)
    assert found.found
    assert 100 <= found.seconds <= 1000                     # it fills with a time constant of 100 s
    assert "is too short" in found.verdict(10.0)
    assert "covers it" in found.verdict(1500.0)
    over = transient([queue(scenario(duration_s=2000.0), n, rate=1.5, mean_s=1.0) for n in range(3)])
    assert not over.found
    assert "too short for a steady state" in over.verdict(0.0)


def test_a_line_that_wanders_for_long_is_not_taken_for_one_that_never_settles() -> None:
    """M/M/1 with room for 20 at full load: it settles within some 400 services and wanders all the same."""
    of = scenario(duration_s=800.0)
    found = [transient([queue(of, 20 * k + n, rate=1.0, mean_s=1.0, room=20) for n in range(10)]) for k in range(12)]
    assert sum(not one.found for one in found) <= 2
    assert sum(mser(one.open_sessions) is None for one in found) >= 2       # MSER alone would say so more often
    assert all(one.seconds < 400.0 for one in found if one.found)
    assert mser(noise(1, 2000) + np.arange(2000) * 0.1, first_half=True) is not None


@pytest.mark.parametrize("number", range(6))
def test_a_part_of_a_run_is_the_shorter_run(number: int) -> None:
    long = queue(scenario(duration_s=400.0, qpus=2), number, rate=1.2, mean_s=1.5, room=4)
    short = queue(scenario(duration_s=150.0, warmup_s=30.0, qpus=2), number, rate=1.2, mean_s=1.5, room=4)
    whole, part = measures(short), measures(part_of(long, 30.0, 150.0))
    for name in OF_SESSIONS:
        assert part[name] == pytest.approx(whole[name], nan_ok=True), name


def test_sensitivity_shows_the_transient_and_pairs_the_changes() -> None:
    runs = [queue(scenario(duration_s=1000.0, warmup_s=500.0, qpus=10), n, rate=0.11, mean_s=100.0, room=0)
            for n in range(30)]
    found = sensitivity(runs, "drop", warmups_s=(0.0, 500.0), lengths_s=(150.0, 1000.0))
    assert [(one.warmup_s, one.duration_s) for one in found] == [(0, 1000), (500, 1000), (75, 150), (500, 1000)]
    assert found[0].change.high < 0                         # with the empty begin the drop looks lower
    assert found[2].change.high < 0
    assert (found[1].change.mean, found[1].change.half) == (0.0, 0.0)
    assert found[1].value.mean == pytest.approx(np.mean([measures(one)["drop"] for one in runs]))
    assert len(sensitivity(runs[:2], "time_p95")) == 9


def test_what_cannot_be_asked_is_told() -> None:
    run = replication(arrival_ns=[1], left_ns=[2])
    with pytest.raises(InvalidInput, match="no part of a run of 100 s"):
        part_of(run, 10.0, 200.0)
    with pytest.raises(UnknownName, match="quantity of sessions alone named 'qpu_idle'"):
        sensitivity([run], "qpu_idle")
    with pytest.raises(InvalidInput, match="too few to find a transient"):
        mser(np.zeros(49))
    with pytest.raises(InvalidInput, match="no replications"):
        transient([])
