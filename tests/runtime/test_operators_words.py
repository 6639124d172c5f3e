"""What operators are told, what they may not say, and how the trace tells of it."""

from __future__ import annotations

import pytest

import qloop
from qloop.errors import InvalidInput, UnknownName
from qloop.model import events as ev
from qloop.trace import schema as tr
from qloop.trace.check import check
from tests.runtime.test_operators import pair, states
from tests.runtime.two_qubits import ENERGY, circuit, runtime

VERBS = ["pause", "resume", "drain", "retire"]


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_qpu_is_named_with_those_that_are_there(verb):
    with runtime(*pair()) as platform, \
            pytest.raises(UnknownName, match=r"no QPU named 'helt'\. Did you mean 'held'\? Choose one of: held, other"):
        getattr(platform, verb)("helt")


@pytest.mark.parametrize("reason", [7, None, "two\nlines", "x" * 201])
def test_a_reason_that_cannot_be_shown_is_refused(reason):
    with runtime(*pair()) as platform:
        for verb in ("pause", "drain", "retire"):
            with pytest.raises(InvalidInput, match="Give a line of at most 200 printable characters"):
                getattr(platform, verb)("held", reason=reason)
        assert states(platform) == {"held": "on", "other": "on"}


@pytest.mark.parametrize("timeout", [-1.0, float("nan"), float("inf"), "5", True])
def test_a_timeout_that_is_none_is_refused_before_anything_is_done(timeout):
    with runtime(*pair()) as platform:
        with pytest.raises(InvalidInput, match="Give seconds from 0 on, or None to wait as long as it takes"):
            platform.drain("held", timeout=timeout)
        assert states(platform) == {"held": "on", "other": "on"}


def test_the_operator_sees_what_runs_waits_and_costs():
    with runtime(*pair(2.0), clock="virtual", policy="fifo") as platform, \
            qloop.Session("a", runtime=platform, qpu="held") as one, qloop.Session("b", runtime=platform) as two:
        futures = [one.submit(circuit(), ENERGY, [0.1 * k, 0.2]) for k in range(3)]
        futures += [two.submit(circuit(), ENERGY, [0.1 * k, 0.3]) for k in range(2)]
        held, other = platform.qpus()
        assert (held.running, other.running) == (futures[0].id, futures[3].id)
        assert held.waiting == (futures[1].id, futures[2].id)
        assert other.waiting == (futures[4].id,)
        assert (held.wait_s, other.wait_s) == (pytest.approx(6.0), pytest.approx(4.0)), "what runs and what waits"
        assert (held.epoch, held.qubits, held.online, held.calibrating) == (0, held.qubits, True, False)
        for future in futures:
            future.result()


def test_the_trace_tells_of_each_change_once_whatever_comes_together():
    """Outages and pauses within one another: the QPU is off from the first to the last, and its facts are told."""
    with runtime(*pair(), clock="virtual", trace=True) as platform:
        post, at = platform.core.post, platform.later
        story = [(1, ev.QpuPaused("held", "one")), (2, ev.QpuPaused("held", "two")), (3, ev.QpuLeft("held", "gone")),
                 (4, ev.QpuJoined("held", 5, 0.5, 3)), (5, ev.QpuResumed("held")), (6, ev.QpuLeft("held", "gone")),
                 (7, ev.QpuLeft("held", "gone")), (8, ev.QpuDrained("held", "three")), (9, ev.QpuResumed("held")),
                 (10, ev.QpuJoined("held", 6, 0.0, 3)), (11, ev.QpuRetired("held", "sold")),
                 (12, ev.QpuJoined("held", 6))]
        for second, event in story:
            at(float(second), lambda event=event: post(event))
        with qloop.Session("s", runtime=platform) as session:
            session.objective(circuit(), ENERGY)([0.1, 0.2])
            platform.run_until(lambda: platform.now_s() >= 13.0)
    trace = platform.trace()
    check(trace)
    told = [(e.t // 10**9, e.operator, e.reason) if isinstance(e, tr.QpuOffline) else (e.t // 10**9, e.qubits, e.epoch)
            for e in trace.events if isinstance(e, tr.QpuOffline | tr.QpuOnline) and e.qpu == "held" and e.t > 0]
    assert told == [(1, "paused", "one"), (4, 5, 3), (4, "paused", "two"), (5, 5, 3), (6, "", "gone"), (10, 6, 3),
                    (11, "retired", "sold")]
    spans = [(b // 10**9, e // 10**9) for b, e in trace.index.qpus["held"].offline if b < e]
    assert [span for span in spans if span[0] < 11] == [(1, 4), (4, 5), (6, 10)]


def test_a_task_for_which_the_operator_is_not_the_reason_goes_on():
    with runtime(*pair(1.0), clock="virtual") as platform, qloop.Session("s", runtime=platform, qpu="held") as session:
        future = session.submit(circuit(), ENERGY, [0.1, 0.2])
        platform.pause("other")
        with pytest.raises(TimeoutError, match="It goes on"):
            future.result(timeout=0.25)
        future.result()
