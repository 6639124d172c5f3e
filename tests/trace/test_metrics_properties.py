import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_queue_model import S, simulate

from qloop.errors import InvalidInput
from qloop.trace import schema as ev
from qloop.trace.errors import TraceError
from qloop.trace.intervals import Clockwork, difference, intersection, length, union
from qloop.trace.metrics.convergence import convergence
from qloop.trace.metrics.fairness import fairness, jain
from qloop.trace.metrics.lag import Service
from qloop.trace.metrics.qdc import PARTS, partition, qdc
from qloop.trace.metrics.statistics import pair, paired_bootstrap
from qloop.trace.metrics.summary import compare, summary
from qloop.trace.metrics.ttns import ttns
from qloop.trace.metrics.usage import qpu_usage
from qloop.trace.reader import Trace
from qloop.trace.steps import gaps

RUNS = {"seed": st.integers(0, 10**6), "order": st.sampled_from(["fifo", "hot"]), "qpus": st.integers(1, 4),
        "fail_rate": st.sampled_from([0.0, 0.25]), "horizon_s": st.sampled_from([0.0, 20.0, 500.0])}
SMALL = {"loops": 3, "iterations": 6, "background": 12, "span_s": 50}
SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def runs(**plan):
    return simulate(**plan, **SMALL)


@settings(max_examples=40, deadline=None)
@given(**RUNS)
def test_the_parts_of_the_duty_cycle_sum_to_one(**plan):
    trace = runs(**plan)
    parts = partition(trace)
    assert sum(parts[name] for name in PARTS) == len(trace.qpus) * trace.horizon_ns
    assert all(value >= 0 for value in parts.values())
    found = qdc(trace)
    assert math.isclose(sum(getattr(found, name) for name in PARTS), 1, abs_tol=1e-12)
    assert found.useful_loops <= found.useful + 1e-12


@settings(max_examples=15, deadline=None)
@given(**RUNS)
def test_execution_is_conserved_between_metrics(**plan):
    trace = runs(**plan)
    parts = partition(trace)
    executed = sum(parts[n] for n in ("useful_hot", "useful_background", "speculation_waste", "failed", "overhead"))
    assert executed == sum(end - begin for _, begin, end in qpu_usage(trace))
    assert math.isclose(sum(s.qpu_seconds for s in fairness(trace).shares), executed / S, rel_tol=1e-9)


def moved(trace, by):
    """The same run, begun later."""
    header = msgspec.structs.replace(trace.header, horizon_ns=trace.horizon_ns + by)
    return Trace.of(header, [msgspec.structs.replace(event, t=event.t + by) for event in trace.events])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), by=st.integers(1, 10**13))
def test_shifting_time_changes_no_duration(seed, by):
    trace = runs(seed=seed)
    later = moved(trace, by)
    assert ttns(later) == ttns(trace)
    assert [(g.gap, g.waiting) for g in gaps(later.steps)] == [(g.gap, g.waiting) for g in gaps(trace.steps)]
    assert fairness(later).slowdown_loops == fairness(trace).slowdown_loops
    for one, two in zip(convergence(trace), convergence(later), strict=True):
        assert [r.k for r in one.each] == [r.k for r in two.each]
        assert [r.seconds for r in one.each] == pytest.approx([r.seconds for r in two.each])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_names_do_not_matter(seed):
    trace = runs(seed=seed)

    def renamed(event):
        changes = {f: "z" + getattr(event, f)[::-1] for f in ("session", "task", "tenant") if hasattr(event, f)}
        return msgspec.structs.replace(event, **changes)

    other = Trace.of(trace.header, map(renamed, trace.events))
    assert qdc(other) == qdc(trace)
    assert ttns(other).waiting.p95 == pytest.approx(ttns(trace).waiting.p95)
    assert fairness(other).jain == pytest.approx(fairness(trace).jain)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), factor=st.floats(0.01, 100))
def test_scaling_all_weights_changes_no_fairness(seed, factor):
    trace = runs(seed=seed)
    scaled = Trace.of(trace.header, (
        msgspec.structs.replace(e, tenant_weight=e.tenant_weight * factor) if isinstance(e, ev.SessionOpened) else e
        for e in trace.events))
    before, after = fairness(trace), fairness(scaled)
    assert after.jain == pytest.approx(before.jain)
    assert after.min_over_max == pytest.approx(before.min_over_max)
    assert (after.lag is None) == (before.lag is None)
    if before.lag is not None:
        assert after.lag.over_bound == pytest.approx(before.lag.over_bound)


@settings(max_examples=10, deadline=None)
@given(**RUNS)
def test_a_gap_is_thinking_network_and_waiting_and_no_queue_waits_less_than_nothing(**plan):
    for gap in gaps(runs(**plan).steps):
        assert gap.gap == gap.think + gap.network + gap.waiting
        assert gap.waiting >= -1  # the model rounds network time to whole ns
        assert gap.think >= 0


def points(spans):
    return {x for begin, end in spans for x in range(begin, end)}


@given(SPANS, SPANS, st.integers(0, 60), st.integers(0, 60))
def test_interval_sets_agree_with_sets_of_points(left, right, low, high):
    a, b = union(left), union(right)
    assert points(a) == points(left)
    assert all(one[1] < two[0] for one, two in pairwise(a))
    assert points(intersection(a, b)) == points(left) & points(right)
    assert points(difference(a, b)) == points(left) - points(right)
    assert length(a) == len(points(left))
    assert Clockwork(a).between(low, high) == len(points(left) & set(range(low, high)))
    assert points(union(left, low, high)) == points(left) & set(range(low, high))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), min_size=1, max_size=8))
def test_service_counts_parallel_execution(tasks):
    spans = [(begin, begin + size) for begin, size in tasks]
    times = np.arange(0, 70)
    wanted = [sum(max(0, min(t, e) - b) for b, e in spans) for t in times]
    assert Service(spans).until(times) == pytest.approx(wanted)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.floats(0.001, 1000))
def test_jain_lies_between_one_nth_and_one_and_knows_no_unit(values, unit):
    found = jain(values)
    if found is not None:
        assert 1 / len(values) - 1e-9 <= found <= 1 + 1e-9
        scaled = jain([value * unit for value in values])
        assert scaled is None or scaled == pytest.approx(found, rel=1e-6)


def test_the_bootstrap_interval_covers_as_often_as_it_says():
    draws = np.random.Generator(np.random.Philox(key=5))
    covered = 0
    for trial in range(200):
        common = draws.normal(0, 10, 40)
        found = paired_bootstrap(common + draws.normal(0, 1, 40), common + draws.normal(0.5, 1, 40), seed=trial,
                                 resamples=800)
        covered += found.low <= 0.5 <= found.high
        assert found.enough
    # 95 % of 200 is 190; the percentile interval of 40 pairs covers a little less; 4.5 sd below is 176.
    assert 176 <= covered <= 200


def test_pairing_removes_the_common_noise_and_the_draws_are_fixed():
    draws = np.random.Generator(np.random.Philox(key=6))
    common = draws.normal(0, 100, 30)
    found = paired_bootstrap(common, common * 1.0 - 1.0, seed=3)
    assert (found.low, found.high) == (pytest.approx(-1), pytest.approx(-1))
    noisy = common + draws.normal(0, 1, 30)
    assert paired_bootstrap(common, noisy, seed=3) == paired_bootstrap(common, noisy, seed=3)
    assert paired_bootstrap(common, noisy, seed=3) != paired_bootstrap(common, noisy, seed=4)
    forth, back = paired_bootstrap(common, noisy, seed=3), paired_bootstrap(noisy, common, seed=3)
    assert (back.difference, back.low, back.high) == pytest.approx((-forth.difference, -forth.high, -forth.low))
    assert not paired_bootstrap([1.0], [2.0]).enough


def test_what_cannot_be_paired():
    assert pair({"a": 1.0, "b": 2.0}, {"b": 3.0, "c": 4.0}) == ([2.0], [3.0])
    with pytest.raises(InvalidInput, match=r"no key in common.*same seeds"):
        pair({"a": 1.0}, {"b": 1.0})
    with pytest.raises(InvalidInput, match="Pairs are needed, not 1 and 2"):
        paired_bootstrap([1.0], [1.0, 2.0])
    with pytest.raises(InvalidInput, match="not finite"):
        paired_bootstrap([1.0], [float("nan")])


def test_two_policies_are_compared_session_by_session():
    fifo, hot = simulate(background=80, span_s=250), simulate(background=80, span_s=250, order="hot")
    found = compare(fifo, hot)
    assert (found.policy_a, found.policy_b, found.clock, found.waiting.n) == ("fifo", "hot", "virtual", 8)
    assert found.waiting.high < 0 < found.slowdown_background.low
    assert found.waiting.mean_a == pytest.approx(ttns(fifo).waiting.mean)
    same = compare(fifo, fifo)
    assert (same.waiting.difference, same.waiting.low, same.waiting.high) == (0, 0, 0)
    with pytest.raises(TraceError, match=r"Their seeds differ.*same seeds"):
        compare(fifo, runs(seed=3))
    real = Trace.of(msgspec.structs.replace(hot.header, clock="real"), hot.events)
    with pytest.raises(TraceError, match="Their clocks differ: virtual and real"):
        compare(fifo, real)


def test_the_report_of_an_empty_trace_holds_no_number_that_is_not_one():
    empty = Trace.of(runs(seed=1).header, ())
    report = summary(empty)
    assert msgspec.json.decode(report.to_json(), type=type(report)) == report


def test_a_report_survives_json_and_says_its_clock():
    report = summary(runs(seed=2), price_per_second=1.5)
    again = msgspec.json.decode(report.to_json(), type=type(report))
    assert again == report
    assert again.header.clock == "virtual"
    assert report.counts.results == 3 * 6 + 12
