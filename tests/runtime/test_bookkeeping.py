"""A runtime that serves for months: what ended sessions leave behind is bounded."""

from __future__ import annotations

import gc

import pytest

import qloop
from qloop.errors import SessionEnded
from qloop.model.prices import Price
from qloop.model.states import TaskState
from qloop.runtime import sessions
from qloop.runtime.budget import SWEEP, Charge, Purse, parse
from qloop.runtime.ticket import QuantumTicket
from qloop.testing.scripted_qpu import Fault

from .two_qubits import ENERGY, circuit, runtime, scripted


def test_the_account_of_a_session_that_ended_is_dropped():
    with runtime("exact") as platform:
        for k in range(20):
            with qloop.Session(runtime=platform) as session:
                session.submit(circuit(), ENERGY, [0.1 * k, 0.2]).result()
        del session
        gc.collect()
        assert len(platform.parts.accounts._accounts) <= 1, "the QPU's thread may hold on to its last turn"
        kept = qloop.Session("kept", runtime=platform)
        kept.submit(circuit(), ENERGY, [0.1, 0.2]).result()
        gc.collect()
        assert list(platform.parts.accounts._accounts) == [kept.id]


def test_a_late_call_of_a_session_that_ended_is_accounted_all_the_same():
    """The QPU still computes when its session is cancelled; what it brings is paid for, and then the account goes."""
    qpu = scripted({1: Fault.HANG}, seconds=0.01)
    price = Price.of("test", currency="USD", per_second=1, granule_s=1)
    with runtime(qpu, prices=price, sound=False, budgets={"default": "3 USD"}) as platform:
        session = qloop.Session("s", runtime=platform)
        future = session.submit(circuit(), ENERGY, [0.1, 0.2])
        assert qpu.wait_until_hanging()
        session.cancel()
        name = session.id
        del session, future
        gc.collect()
        assert list(platform.parts.accounts._accounts) == [name], "its attempt is under way"
        qpu.release()
        with qloop.Session("other", runtime=platform) as other:
            other.submit(circuit(), ENERGY, [0.3, 0.2]).result(30)
            assert [row.outcome for row in platform.store.calls(session=name)] == ["squashed"]
            other.submit(circuit(), ENERGY, [0.4, 0.2]).result(30)
            with pytest.raises(qloop.errors.BudgetExceeded, match=r"3\.00 USD of 3\.00 USD are spent"):
                other.submit(circuit(), ENERGY, [0.5, 0.2])
        gc.collect()
        assert name not in platform.parts.accounts._accounts


def test_only_the_last_sessions_are_remembered_and_the_journal_tells_of_the_others(monkeypatch):
    monkeypatch.setattr(sessions, "REMEMBERED", 5)
    with runtime("exact") as platform:
        names = []
        for _ in range(12):
            with qloop.Session(runtime=platform) as session:
                names.append(session.id)
        parts = platform.parts
        assert list(parts.sessions.past) == list(parts.sessions.ended) == list(parts.kinds) == names[-5:]
        assert platform.view(names[-1]).state == "closed"
        for name in (names[0], names[-1]):
            with pytest.raises(SessionEnded, match=r"is not open\. It is closed"):
                parts.sessions.find(name)
        with pytest.raises(SessionEnded, match="It was never opened"):
            parts.sessions.find(f"{platform.run}.nobody")


def test_a_purse_forgets_tasks_that_ended_even_if_they_reserved_nothing():
    purse = Purse("tenant 't'", parse("tenant 't'", "1 USD"), "")
    for k in range(20 * SWEEP):
        ticket = QuantumTicket(f"t{k}", "s")
        purse.reserve(ticket, [Charge()])
        if k % 100:
            ticket.settle(TaskState.CANCELLED, "")
    assert 0 < len(purse._under_way) <= SWEEP + 2 * (20 * SWEEP // 100 + 1)
    assert all(f"t{k}" in purse._under_way for k in range(0, 20 * SWEEP, 100))
