"""Censored sessions are put right where the truth is known, and outliers are those beyond the whisker."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.errors import InvalidInput
from qloop.simulator.analysis.measures import measures
from qloop.simulator.analysis.tails import AT, censoring, kaplan_meier, outliers, with_unfinished
from qloop.simulator.paper.model import small
from qloop.simulator.paper.sample import Sample
from qloop.simulator.paper.tails import censored_quantile, tells
from qloop.simulator.platform import result as r
from qloop.simulator.platform.parts import Tenant
from qloop.trace.metrics.convergence import survival
from tests.simulator.paper.synthetic import row

from .made import S, replication, scenario


def test_the_product_limit_on_the_textbooks_remission_times() -> None:
    """Freireich's 21 patients with 6-MP: S = .857, .807, .753, .690, .627, .538, .448 at 6, 7, 10, 13, 16, 22, 23."""
    ends, censored = [6, 6, 6, 7, 10, 13, 16, 22, 23], [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    time = np.array(ends + censored, float)
    ended = np.array([True] * 9 + [False] * 12)
    at = np.array([0.14, 0.15, 0.20, 0.25, 0.31, 0.38, 0.47, 0.5, 0.56])
    found = kaplan_meier(time, ended, at)
    assert found[:8].tolist() == [6, 7, 10, 13, 16, 22, 23, 23]
    assert math.isnan(found[8])


def test_the_papers_quantiles_are_by_the_same_estimate() -> None:
    """All ended: the median is end n/2, also where the product comes out above 1/2 in floating point (n = 24)."""
    for n in range(2, 200, 2):
        sample = Sample(small(), (row(np.full(n, small().warmup_s), np.arange(1.0, n + 1)),))
        assert censored_quantile(0.5)(sample, np.ones(n, np.bool_)) == pytest.approx(n // 2)
        assert tells(0.5, sample)


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=30), st.floats(0.05, 0.95))
def test_the_product_limit_is_that_of_the_trace_metrics(rows: list[tuple[int, bool]], at: float) -> None:
    time, ended = np.array([float(t) for t, _ in rows]), np.array([done for _, done in rows])
    steps = [t for t, alive in survival(list(time), list(ended)) if alive <= 1 - at + 1e-12]
    (found,) = kaplan_meier(time, ended, np.array([at]))
    assert math.isnan(found) if not steps else found == min(steps)


def test_censoring_is_counted_and_corrected() -> None:
    """Exponential times of mean 100 s, looked at for 150 s: the finished ones are the short ones."""
    draw = np.random.Generator(np.random.Philox(key=5))
    came, took = np.zeros(4000), draw.exponential(100.0, 4000)
    came[2000:] = draw.uniform(0.0, 150.0, 2000)
    ended = came + took
    open_ = ended >= 150.0
    run = replication(of=scenario(duration_s=150.0), arrival_ns=np.rint(came * S).astype(np.int64),
                      left_ns=np.where(open_, -1, np.rint(ended * S)).astype(np.int64),
                      outcome=np.where(open_, r.OPEN, r.DONE))
    found = censoring([run])
    assert (found.admitted, found.censored) == (4000, int(open_.sum()))
    assert found.oldest_s == pytest.approx(150.0)
    assert found.finished[0] < 0.75 * 100 * math.log(2)
    assert found.corrected[0] == pytest.approx(100 * math.log(2), rel=0.06)
    assert math.isnan(found.corrected[AT.index(0.99)])
    assert "p50, p75, p95, p99 of those that finished are too low" in found.verdict()


def test_nothing_censored_is_said() -> None:
    run = replication(arrival_ns=[0, 0], left_ns=[5 * S, 7 * S], outcome=[r.DONE, r.REFUSED])
    found = censoring([run, run])
    assert (found.admitted, found.censored, found.stopped, found.share) == (2, 0, 0, 0.0)
    assert found.verdict() == "All admitted sessions finished: no quantile is censored"
    assert found.finished == found.corrected == (5.0,) * 4
    assert math.isnan(censoring([]).share)


def test_failed_and_expired_sessions_are_censored_when_they_stopped() -> None:
    """1, 2+, 3, 4+: 3/4 stay beyond 1 and 3/8 beyond 3, so the median is 3 and p75 is not known."""
    run = replication(arrival_ns=[0] * 5, left_ns=[S, 2 * S, 3 * S, 4 * S, S],
                      outcome=[r.DONE, r.FAILED, r.DONE, r.EXPIRED, r.REFUSED])
    found = censoring([run])
    assert (found.admitted, found.censored, found.stopped, found.share, found.unfinished) == (4, 0, 2, 0.0, 0.5)
    assert (found.oldest_s, found.corrected[0]) == (0.0, 3.0)
    assert all(math.isnan(value) for value in found.corrected[1:])
    assert found.verdict() == ("50.0% of the admitted sessions failed or expired; "
                               "p50, p75, p95, p99 of those that finished are too low")


def test_a_product_that_is_exactly_one_half_is_one_half() -> None:
    """For n = 24 and many others the product comes out above 1/2 in floating point: one end too late."""
    for n in range(2, 200, 2):
        assert kaplan_meier(np.arange(1.0, n + 1), np.ones(n, bool), np.array([0.5])) == n // 2


def test_the_measures_of_all_sessions_are_those_of_the_finished_if_all_finished() -> None:
    left = np.array([10, 20, 30, 40, 50]) * S
    run = replication(arrival_ns=[0] * 5, left_ns=left, waited_ns=left // 2)
    found, plain = with_unfinished(run), measures(run)
    assert found["time_mean"] == pytest.approx(30.0)
    assert [found[f"time_p{share}"] for share in (25, 50, 75, 99)] == [20.0, 30.0, 40.0, 50.0]
    assert {name: found[name] for name in found if name.startswith("wait_")} == {
        name: plain[name] for name in plain if name.startswith("wait_") and name != "wait_share"}


def test_with_open_sessions_the_mean_of_an_exponential_time_is_found() -> None:
    """Mean 100 s, seen for up to 150 s: those that finished took 57 s on average."""
    took = np.random.Generator(np.random.Philox(key=6)).exponential(100.0, 4000)
    open_ = took >= 150.0
    run = replication(of=scenario(duration_s=150.0), arrival_ns=np.zeros(4000, np.int64),
                      left_ns=np.where(open_, -1, np.rint(took * S)).astype(np.int64),
                      outcome=np.where(open_, r.OPEN, r.DONE), waited_ns=np.where(open_, 150 * S, 0))
    found, plain = with_unfinished(run), measures(run)
    assert plain["time_mean"] < 60.0
    assert found["time_mean"] == pytest.approx(100.0, rel=0.05)
    assert math.isnan(found["time_p95"])
    assert found["time_max"] == 150.0
    assert (plain["wait_p95"], found["wait_p95"]) == (0.0, 150.0)


def test_outliers_lie_beyond_the_whisker_and_name_their_cause() -> None:
    of = scenario(duration_s=10_000.0, tenants=(Tenant(name="a"), Tenant(name="b")))
    left = np.array([10, 20, 30, 40, 50, 60, 70, 80, 500, 300]) * S
    waited, lost = np.zeros(10, np.int64), np.zeros(10, np.int64)
    waited[8], lost[9] = 400 * S, 280 * S
    run = replication(4, of, arrival_ns=np.zeros(10, np.int64), left_ns=left, waited_ns=waited, served_ns=lost,
                      lost_ns=lost, tenant=[0] * 9 + [1], size=np.arange(10))
    found = outliers([run])
    low, high = np.quantile(left / S, (0.25, 0.75))
    assert found.whisker_s == pytest.approx(high + 1.5 * (high - low))
    assert (found.count, found.finished) == (2, 10)
    assert [(one.replication, one.session, one.tenant, one.size, one.time_s, one.cause) for one in found.worst] == [
        (4, 8, "a", 8, 500.0, "waiting for QPUs"), (4, 9, "b", 9, 300.0, "lost attempts")]
    assert [one.session for one in outliers([run], most=1).worst] == [8]
    assert outliers([run, run]).count == 4
    assert outliers([]).count == 0
    with pytest.raises(InvalidInput, match="-1 outliers"):
        outliers([run], most=-1)
