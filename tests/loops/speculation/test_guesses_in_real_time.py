"""Guesses that end in a thread of their own at the moment at which somebody wants them, or does not."""

from __future__ import annotations

import threading
import time

import pytest

from qloop.model import events as ev
from qloop.runtime.embedded import Runtime

from .test_ends_of_guesses import LIKELY, opened, theta, twin


def until(condition, seconds=20.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def runtime():
    with Runtime(qpus=(twin(),), journal=":memory:", clock=200.0, trace=True) as made:
        yield made


def test_one_that_is_squashed_as_it_ends_is_accounted(runtime, monkeypatch):
    session, structure = opened(runtime)
    quantum = runtime.parts.quantum
    report, told = quantum._report, threading.Event()
    guess = runtime.speculate(session.id, structure, theta(0.5), 100, LIKELY)

    def late(turn, *args, **options):
        if turn.ticket is guess:
            runtime.squash(guess, "theta_mismatch")
        report(turn, *args, **options)
        if turn.ticket is guess:
            told.set()

    monkeypatch.setattr(quantum, "_report", late)
    assert told.wait(20.0)
    calls = list(runtime.store.calls(session=session.id))
    assert [row.outcome for row in calls] == ["done", "squashed"]
    assert sum(row.net_ns for row in calls) * 1e-9 == pytest.approx(session.details().cost.net_s)
    assert guess.held is None
    session.close()


def test_one_that_ends_as_it_is_committed_is_a_hit_and_its_time_counts_once(runtime, monkeypatch):
    session, structure = opened(runtime)
    before = runtime.speculated(session.id).useful_s
    guess = runtime.speculate(session.id, structure, theta(0.5), 100, LIKELY)
    tell = runtime.core.tell

    def slow(event):
        if isinstance(event, ev.QuantumCommitted):
            assert guess.wait_done(20.0)
        tell(event)

    monkeypatch.setattr(runtime.core, "tell", slow)
    ticket = runtime.submit(session.id, structure, theta(0.5), 100)
    assert ticket is guess
    assert runtime.gather(ticket).source == "memo"
    assert any(type(event).__name__ == "SpeculationCommitted" for event in runtime.trace().events)
    assert runtime.speculated(session.id).useful_s - before == pytest.approx(ticket.took_ns * 1e-9)
    session.close()


def test_one_that_ends_right_after_it_was_committed_counts_once(runtime, monkeypatch):
    session, structure = opened(runtime)
    before = runtime.speculated(session.id).useful_s
    guess = runtime.speculate(session.id, structure, theta(0.5), 100, LIKELY)
    tell = runtime.core.tell

    def slow(event):
        tell(event)
        if isinstance(event, ev.QuantumCommitted):
            assert guess.wait_done(20.0)

    monkeypatch.setattr(runtime.core, "tell", slow)
    runtime.gather(runtime.submit(session.id, structure, theta(0.5), 100))
    assert runtime.speculated(session.id).useful_s - before == pytest.approx(guess.took_ns * 1e-9)
    session.close()


def test_what_a_cut_guess_took_counts_from_the_moment_it_is_squashed(runtime, monkeypatch):
    """Before its thread has told: in the report of a loop that just ended, and for the budget."""
    session, structure = opened(runtime)
    quantum, hold = runtime.parts.quantum, threading.Event()
    report = quantum._report
    guess = runtime.speculate(session.id, structure, theta(0.5), 100, LIKELY)

    def held_up(turn, *args, **options):
        assert turn.ticket is not guess or hold.wait(20.0)
        report(turn, *args, **options)

    monkeypatch.setattr(quantum, "_report", held_up)
    until(lambda: guess.begun_ns > 0 and runtime.now_s() > guess.begun_ns * 1e-9 + 2.0)
    runtime.squash(guess, "theta_mismatch")
    assert runtime.speculated(session.id).wasted_s >= 2.0
    hold.set()
    until(lambda: guess.reported == 1)
    assert runtime.speculated(session.id).wasted_s == pytest.approx(guess.took_ns * 1e-9)
    session.close()


def test_a_committed_guess_that_waits_is_in_the_journal_when_submit_returns(runtime):
    session, structure = opened(runtime)
    running = runtime.submit(session.id, structure, theta(0.2), 100)
    guess = runtime.speculate(session.id, structure, theta(0.5), 100, LIKELY)
    assert guess.id not in tasks(runtime, session)
    assert runtime.submit(session.id, structure, theta(0.5), 100) is guess
    assert guess.id in tasks(runtime, session)
    runtime.gather(running)
    runtime.gather(guess)
    session.close()


def tasks(runtime, session):
    """The ids of the session's tasks in the journal."""
    return {row.row.id for row in runtime.store.tasks(session.id)}
