"""Accounts of calls at QPUs that others run: under the intent and the provider's id, also of what ran in vain."""

from __future__ import annotations

import time

import pytest

import qloop
from qloop.errors import BudgetExceeded, Cancelled, InvalidInput, QpuError
from qloop.model.prices import Price
from qloop.testing.provider import Provider, Wire
from qloop.testing.scripted_remote import ScriptedRemoteQpu

from .two_qubits import ENERGY, circuit, runtime, value

START = [0.3, -0.2]
PRICE = Price.of("test", currency="USD", per_second=1, granule_s=1)


def remote(plan=None, name="remote", queue=1, seconds=1.5):
    """A remote QPU that predicts 1.5 s for each task: 2 USD."""
    return ScriptedRemoteQpu(Provider(plan, queue=queue), name=name, seconds=seconds)


def test_a_call_is_accounted_under_its_intent_and_the_providers_id():
    qpu = remote()
    with runtime(qpu, prices=PRICE) as platform, \
            qloop.Session("s", runtime=platform, budget="5 USD", shots=10) as session:
        f = session.objective(circuit(), ENERGY)
        f(START)
        f([0.1, 0.2])
        with pytest.raises(BudgetExceeded, match=r"4.00 USD of 5.00 USD are spent, and the call would cost 2.00 USD"):
            f([0.2, 0.2])
        rows, intents = platform.store.calls(), platform.store.intents()
        assert [row.intent for row in rows] == [intent.row.token for intent in intents]
        assert [row.provider_id for row in rows] == [intent.provider for intent in intents]
        assert all(row.provider_id for row in rows)
        assert [(row.net_ns, row.billed_ns) for row in rows] == [(1_500_000_000, 2_000_000_000)] * 2
        assert [row.outcome for row in rows] == ["done", "done"]
        assert rows[0].epoch == qpu.provider.read().epoch
    assert qpu.provider.bought == 2


def test_without_a_price_nothing_is_reckoned_and_no_budget_of_money_can_be_kept():
    with runtime(remote()) as platform:
        with pytest.raises(InvalidInput, match=r"QPU remote costs is not known. Give it a price: prices=\{'remote'"):
            qloop.Session("s", runtime=platform, budget="5 USD")
        with qloop.Session("s", runtime=platform, budget="2 s") as session:
            session.objective(circuit(), ENERGY)(START)
            assert (session.usage()["billed_s"], session.usage()["amount"]) == (1.5, 0.0)
            assert "unpriced" in str(session.estimate(circuit(), ENERGY))
            with pytest.raises(BudgetExceeded, match=r"1.50 s of 2.00 s are spent, and the call would cost 1.50 s"):
                session.objective(circuit(), ENERGY)([0.1, 0.2])


def test_a_tenants_budget_of_money_needs_prices_too():
    with runtime(remote(), budgets={"alice": "5 USD"}) as platform:
        with pytest.raises(InvalidInput, match=r"The budget of tenant 'alice' is 5.00 USD. What QPU remote costs"):
            qloop.Session("s", runtime=platform, tenant="alice")
        assert platform.store.sessions() == []
        qloop.Session("s", runtime=platform, tenant="bob").close()


def test_what_ran_in_vain_is_taken_as_billed():
    qpu = remote({("status", 1): Wire.FAILED})
    with runtime(qpu, prices=PRICE) as platform, qloop.Session("s", runtime=platform, budget="5 USD") as session:
        f = session.objective(circuit(), ENERGY)
        with pytest.raises(QpuError, match="the circuit melted"):
            f(START)
        assert f(START) == pytest.approx(value(START))
        failed, done = platform.store.calls()
        assert (failed.outcome, failed.amount, done.outcome, done.amount) == ("failed", 2 * 10**9, "done", 2 * 10**9)
        assert failed.provider_id not in ("", done.provider_id)
        assert session.usage()["amount"] == 4.0


def test_what_failed_before_it_ran_and_what_was_never_there_costs_nothing():
    qpu = remote({("status", 1): Wire.FAILED_UNRUN, ("submit", 2): Wire.NOT_SENT})
    with runtime(qpu, prices=PRICE) as platform, qloop.Session("s", runtime=platform, budget="2 USD") as session:
        assert session.objective(circuit(), ENERGY)(START) == pytest.approx(value(START))
        rows = platform.store.calls()
        assert [(row.outcome, row.amount) for row in rows] == [("failed", 0), ("done", 2 * 10**9)]
        assert len({row.id for row in rows}) == 2


def test_a_call_that_was_cancelled_at_its_provider():
    qpu = remote(queue=10**6)
    with runtime(qpu, prices=PRICE, sound=False) as platform, \
            qloop.Session("s", runtime=platform, budget="3 USD") as session:
        future = session.submit(circuit(), ENERGY, START)
        with pytest.raises(TimeoutError):
            future.result(0.2)
        future.cancel()
        with pytest.raises(Cancelled):
            future.result(10)
        for _ in range(200):
            if platform.store.calls():
                break
            time.sleep(0.05)
        row, = platform.store.calls()
        assert (row.outcome, row.amount) == ("cancelled", 0)
        assert row.provider_id
        qpu.provider.queue = 1
        session.objective(circuit(), ENERGY)([0.1, 0.2])


@pytest.mark.parametrize("plan", [{("submit", 1): Wire.REPLY_LOST}, {("submit", 1): Wire.DOUBLED},
                                  {("result", 1): Wire.TRUNCATED}, {("status", 2): Wire.BACKWARDS}])
def test_a_bad_wire_does_not_make_two_calls_of_one(plan):
    with runtime(remote(plan), prices=PRICE) as platform, qloop.Session("s", runtime=platform) as session:
        session.objective(circuit(), ENERGY)(START)
        assert [row.outcome for row in platform.store.calls()] == ["done"]
        assert session.usage()["amount"] == 2.0


def test_a_task_that_an_earlier_life_sent_is_paid_for_once(tmp_path):
    journal, qpu = tmp_path / "j.qloop", remote(queue=10**6)
    with runtime(qpu, prices=PRICE, journal=journal, run="r", sound=False) as platform:
        session = qloop.Session("s", runtime=platform, budget="3 USD")
        with pytest.raises(TimeoutError):
            session.submit(circuit(), ENERGY, START).result(0.3)
    qpu.provider.queue = 1
    with runtime(qpu, prices=PRICE, journal=journal, run="r", resume=True) as platform, \
            qloop.Session("s", runtime=platform, budget="3 USD") as session:
        assert session.submit(circuit(), ENERGY, START).result(20) == pytest.approx(value(START))
        assert [row.outcome for row in platform.store.calls()] == ["done"]
        assert session.usage()["amount"] == 2.0
    assert qpu.provider.bought == 1
