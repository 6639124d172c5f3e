"""TTLs of sessions, worked by hand: 10 s of thinking or of transfer, a shot, and again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qloop.simulator.platform.accounts import EXPIRY, LAPSE
from qloop.simulator.platform.parts import Classical, Lifetimes, Transfer
from qloop.simulator.platform.result import DONE, EXPIRED, OPEN
from qloop.simulator.workload.distributions import Constant

from .plain import plain
from .stage import lines, ns, sessions, small, starts

THINKING = sessions(iterations=2, classical=10.0, quantum=1.0)


AWAY = small(0.0, 2.0, policy="reservation", sessions=sessions(iterations=2, quantum=1.0), transfer=Transfer(up_s=10.0))


def test_a_reservation_is_held_while_its_session_is_away() -> None:
    assert starts(plain(AWAY)) == [(10.0, 0, 0), (21.0, 0, 0), (22.0, 1, 0), (33.0, 1, 0)]


def test_a_session_without_a_task_lapses_and_queues_again_as_a_new_one() -> None:
    """Each is away longer than 4 s, so each loses the QPU 4 s after its shot: session 1 gets it at 15 s, not at 22."""
    found = plain(replace(AWAY, lifetimes=Lifetimes(interactive_s=4.0)))
    assert starts(found) == [(10.0, 0, 0), (15.0, 1, 0), (21.0, 0, 0), (26.0, 1, 0)]
    assert [(when, session) for when, _, session, _ in lines(found, LAPSE)] == [
        (4.0, 0), (6.0, 1), (15.0, 0), (20.0, 1)]
    assert found.outcome.tolist() == [DONE, DONE]


def test_a_session_that_computes_does_not_lapse() -> None:
    found = plain(small(0.0, 2.0, policy="reservation", sessions=THINKING, lifetimes=Lifetimes(interactive_s=4.0)))
    assert not lines(found, LAPSE)
    assert starts(found) == [(10.0, 0, 0), (21.0, 0, 0), (22.0, 1, 0), (33.0, 1, 0)]


@pytest.mark.parametrize(("ttl", "lapses"), [(10.0, 2), (10.000000001, 0)])
def test_away_for_exactly_the_ttl_is_too_long_and_a_nanosecond_less_is_not(ttl: float, lapses: int) -> None:
    """At one time TTLs come before the ends of delays, as live."""
    found = plain(small(0.0, sessions=sessions(iterations=2), transfer=Transfer(up_s=10.0),
                        lifetimes=Lifetimes(interactive_s=ttl)))
    assert len(lines(found, LAPSE)) == lapses


def test_a_session_that_waits_for_a_qpu_does_not_lapse() -> None:
    long_shots = sessions(iterations=1, quantum=50.0)
    found = plain(small(0.0, 1.0, sessions=long_shots, lifetimes=Lifetimes(interactive_s=5.0)))
    assert not lines(found, LAPSE)
    assert found.left_ns.tolist() == [ns(50.0), ns(100.0)]


def test_at_the_maximum_ttl_what_waits_fails_and_what_runs_is_finished() -> None:
    """12 s are over: 0 runs until 15 s, 1 waits for the QPU; 2, which came at 5 s, has run until 20 s when it ends."""
    model = sessions(iterations=2, classical=10.0, quantum=5.0)
    found = plain(small(0.0, 0.0, 5.0, sessions=model, lifetimes=Lifetimes(max_s=12.0)))
    assert found.outcome.tolist() == [EXPIRED] * 3
    assert found.left_ns.tolist() == [ns(15.0), ns(12.0), ns(20.0)]
    assert found.steps.tolist() == [1, 0, 1]
    assert found.waited_ns.tolist() == [0, ns(2.0), 0]
    assert [line[0] for line in lines(found, EXPIRY)] == [12.0, 15.0, 20.0]


def test_a_classical_task_that_runs_is_finished_too_and_nothing_follows() -> None:
    found = plain(small(0.0, sessions=THINKING, lifetimes=Lifetimes(max_s=12.0)))
    assert found.left_ns.tolist() == [ns(21.0)]
    assert found.steps.tolist() == [1]


def test_who_waits_for_a_worker_or_is_in_transfer_leaves_at_once() -> None:
    model, lives = sessions(iterations=2, classical=10.0, quantum=1.0), Lifetimes(max_s=12.0)
    line = plain(small(0.0, 0.0, sessions=model, lifetimes=lives, classical=Classical(discipline="slots", workers=1)))
    assert line.left_ns.tolist() == [ns(12.0), ns(20.0)]        # 1 computes from 10 to 20 s; 0 waits again from 11 s
    assert line.outcome.tolist() == [EXPIRED, EXPIRED]
    moving = plain(small(0.0, sessions=model, lifetimes=lives, transfer=Transfer(up_s=5.0)))
    assert moving.left_ns.tolist() == [ns(12.0)]
    assert moving.delayed_ns.tolist() == [ns(2.0)]


def test_a_session_that_finishes_what_runs_at_the_horizon_is_still_open() -> None:
    model = sessions(iterations=2, classical=10.0, quantum=1.0)
    found = plain(small(0.0, sessions=model, lifetimes=Lifetimes(max_s=12.0), duration_s=15.0))
    assert (found.outcome.tolist(), found.left_ns.tolist()) == ([OPEN], [-1])


def test_a_session_whose_last_result_came_late_is_finished() -> None:
    """Its only shot runs from 10 to 15 s and its TTL is over at 12: nothing waits, so it ends as it wished."""
    model = sessions(iterations=1, classical=10.0, quantum=5.0, post=Constant(3.0))
    found = plain(small(0.0, sessions=model, lifetimes=Lifetimes(max_s=12.0)))
    assert (found.outcome.tolist(), found.left_ns.tolist()) == ([DONE], [ns(18.0)])
