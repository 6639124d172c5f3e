"""What is kept of a replication says the same as the replication itself, however it is counted."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from qloop.errors import InvalidInput
from qloop.simulator.paper.model import big_classical, small
from qloop.simulator.paper.run import replicate, run
from qloop.simulator.paper.sample import Sample, hours_of, observe
from qloop.simulator.paper.studies import ARRIVALS_S, COUNTS, POLICIES, campaign, week_name

MODEL = small("random", duration_s=86_400.0, interarrival_s=200.0)


def test_it_says_what_a_run_says() -> None:
    ours, theirs = Sample(MODEL, tuple(observe(MODEL, 5, range(3)))).outcome, run(MODEL, 3, 5)
    for name in ("drops", "active", "censored", "times_s", "size", "priority", "replication"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name


def test_corrected_counting_is_that_of_the_model() -> None:
    sample = Sample(MODEL, tuple(observe(MODEL, 5, range(2))))
    for number in range(2):
        alone = replicate(replace(MODEL, counting="corrected"), number, 5)
        mine = sample.replication == number
        assert sample.drops(12)[number] == alone.drop() > 0.0
        assert (sample.unfinished() & mine).sum() == alone.censored() > 0
        assert np.array_equal(sample.times_s(sample.finished("corrected") & mine), alone.times_s())


def test_the_first_day_of_a_week_is_a_run_of_a_day() -> None:
    """The transient is read off runs of seven days: their first day must be the short run, session by session."""
    day, week = (Sample(model, tuple(observe(model, 1, range(3))))
                 for model in (big_classical(2, 450), big_classical(2, 450, days=7.0)))
    assert np.array_equal(day.arrived, week.arrived[:, :24])
    assert np.array_equal(day.refused, week.refused[:, :24])
    assert day.refused.sum() > 0
    assert (week.hours, day.hours) == (168, 24)


def test_a_warm_up_of_part_of_an_hour_is_told() -> None:
    with pytest.raises(InvalidInput, match="not whole hours"):
        hours_of(replace(MODEL, warmup_s=1800.0))


@pytest.mark.parametrize(("week", "count"), [(False, 87), (True, 117)])
def test_the_points_of_the_paper(week: bool, count: int) -> None:
    points = campaign(100, week)
    assert len({point.name for point in points}) == len(points) == count
    by_study = {study: [point for point in points if point.study == study] for study in ("small", "q", "c", "week")}
    assert [point.model.policy for point in by_study["small"]] == list(POLICIES)
    assert {(p.model.qpus, p.model.interarrival_s) for p in by_study["q"]} == set(product(COUNTS, ARRIVALS_S))
    assert {p.model.duration_s for p in by_study["c"]} == {86_400.0}
    assert {p.model.capacity for p in (*by_study["c"], *by_study["week"])} == {1e7}
    assert all(point.replications == 100 for study in ("small", "q", "c") for point in by_study[study])
    assert {point.replications for point in by_study["week"]} == ({100} if week else {30})
    assert week_name(3) in {point.name for point in points}
    assert all(point.model.admission == "paper" for point in points if point.study == "admission")


@pytest.mark.parametrize("wrong", [0, -1, 1001])
def test_replications_that_cannot_be(wrong: int) -> None:
    with pytest.raises(InvalidInput, match=r"from 1 to 1,000"):
        campaign(wrong)
