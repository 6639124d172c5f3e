"""Accounts of calls at QPUs that others run: under the intent and the provider's id, also of what ran in vain."""

from __future__ import annotations

import time

import msgspec
import pytest

import qloop
from qloop.errors import BudgetExceeded, Cancelled, InvalidInput, JournalError, QpuError
from qloop.model.prices import Price
from qloop.runtime.budget import Purse
from qloop.runtime.journal.memory import MemoryStore
from qloop.runtime.journal.purchases import CallRow, IntentRow
from qloop.runtime.journal.rows import ResultRow
from qloop.runtime.remote.deal import Left
from qloop.runtime.ticket import Outcome, Turn
from qloop.testing.faults import StoreFault, disk_full, faulty
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


def accounted(platform, count):
    """The accounts, once there are so many."""
    for _ in range(400):
        rows = platform.store.calls()
        if len(rows) >= count:
            return rows
        time.sleep(0.02)
    raise AssertionError(f"there are {len(rows)} accounts, not {count}")


def cancelled_late(platform, session, qpu, shots=3):
    """Cancel a task that its provider has; returns when the provider was looked at."""
    future = session.submit(circuit(), ENERGY, START, shots=shots)
    while not qpu.provider.read().calls.get("status"):
        time.sleep(0.01)
    future.cancel()


def test_a_cancelled_task_that_its_provider_goes_on_with_is_paid_for_once(tmp_path):
    journal = tmp_path / "j.qloop"
    qpu = remote({("cancel", n): Wire.IGNORED for n in range(1, 40)}, queue=10**6)
    qpu.about = msgspec.structs.replace(qpu.about, settle_s=0.01)
    with runtime(qpu, prices=PRICE, journal=journal, run="r", sound=False) as platform:
        session = qloop.Session("s", runtime=platform, budget="3 USD")
        cancelled_late(platform, session, qpu)
        row, = accounted(platform, 1)
        intent, = platform.store.intents()
        assert (row.outcome, row.amount, row.shots) == ("cancelled", 2 * 10**9, 3)
        assert (row.intent, row.provider_id) == (intent.row.token, intent.provider)
        assert session.usage()["amount"] == 2.0
        with pytest.raises(BudgetExceeded, match=r"2\.00 USD of 3\.00 USD are spent, and the call would cost 2\.00"):
            session.submit(circuit(), ENERGY, [0.1, 0.3], shots=3)
        platform.sessions.kept.add(session.id)
    qpu.provider.queue = 1
    with runtime(qpu, prices=PRICE, journal=journal, run="r", resume=True) as platform, \
            qloop.Session("s", runtime=platform, budget="4 USD") as session:
        assert session.usage()["amount"] == 2.0
        session.submit(circuit(), ENERGY, START, shots=3).result(20)    # it was bought under the same intent
        assert [one.outcome for one in platform.store.calls()] == ["cancelled"]
        assert (session.usage()["amount"], session.usage()["calls"]) == (2.0, 1)
        session.submit(circuit(), ENERGY, [0.1, 0.3], shots=3).result(20)
        assert session.usage()["amount"] == 4.0
    assert qpu.provider.bought == 2
    with runtime(qpu, prices=PRICE, journal=journal, run="r", resume=True) as platform, \
            qloop.Session("s", runtime=platform) as session:
        assert (session.usage()["amount"], session.usage()["calls"]) == (4.0, 2), "no shots are counted twice"


def test_a_result_that_is_fetched_twice_is_paid_for_once():
    """Two attempts of a task may both end with the same purchase."""
    qpu = remote()
    with runtime(qpu, prices=PRICE) as platform, qloop.Session("s", runtime=platform, budget="9 USD") as session:
        ticket = session.submit(circuit(), ENERGY, START, shots=3)._ticket
        platform.gather(ticket, 20)
        accounts, intent = platform.parts.accounts, platform.store.intents()[0]
        book = platform.sessions.books[session.id]
        before = platform.store.calls()
        for attempt in (1, 2):
            again = Turn(ticket, book, attempt, qpu.name, 0)
            row = accounts.bought(again, Outcome((1.0,), qpu=qpu.name), platform.timers.clock.now(), intent)
            assert [row] == before
            accounts.settle(ticket, row)
            accounts.squashed(ticket, row)
            accounts.failed(again, Left("the runtime closes"), "", 0)
            accounts.failed(again, QpuError("it melted"), "", 0)
        assert platform.store.calls() == before
        assert (session.usage()["amount"], session.usage()["calls"]) == (2.0, 1)
        assert session.details().shots == 3


def test_a_journal_that_cannot_be_read_does_not_end_the_thread_of_a_failed_call(monkeypatch):
    with runtime(remote(), prices=PRICE) as platform, qloop.Session("s", runtime=platform) as session:
        ticket = session.submit(circuit(), ENERGY, START)._ticket
        platform.gather(ticket, 20)
        turn = Turn(ticket, platform.sessions.books[session.id], 1, "remote", 0)

        def broken(*arguments):
            raise JournalError("the disk is gone")

        with monkeypatch.context() as bad:
            bad.setattr(platform.store, "intents", broken)
            platform.parts.accounts.failed(turn, QpuError("it melted"), "", 0)
        assert len(platform.store.calls()) == 1


def test_a_failed_call_that_cannot_be_journaled_is_paid_for_all_the_same():
    store = faulty(MemoryStore(), {("put_call", 1): StoreFault("before", disk_full())})
    qpu = remote({("status", 1): Wire.FAILED})
    with runtime(qpu, prices=PRICE, journal=store) as platform, \
            qloop.Session("s", runtime=platform, budget="3 USD") as session:
        f = session.objective(circuit(), ENERGY)
        with pytest.raises(QpuError, match="the circuit melted"):
            f(START)
        with pytest.raises(BudgetExceeded, match=r"2\.00 USD of 3\.00 USD are spent"):
            f(START)


def test_a_purchase_that_an_earlier_attempt_began_is_the_tasks_own():
    qpu = remote(queue=10**6)
    with runtime(qpu, prices=PRICE) as platform, qloop.Session("s", runtime=platform) as session:
        future = session.submit(circuit(), ENERGY, START)
        while not qpu.provider.read().calls.get("status"):
            time.sleep(0.01)
        turn = Turn(future._ticket, platform.sessions.books[session.id], 0, "remote", 0)
        row = platform.parts.accounts.bought(turn, Outcome((1.0,), qpu="remote"), 10**12, platform.store.intents()[0])
        assert row.outcome == "done", "the attempt that follows goes on with it"
        qpu.provider.queue = 1
        future.result(20)
        assert platform.store.calls() == [row]


def test_the_shots_of_a_result_whose_account_names_another_attempt_count_once():
    with runtime(remote()) as platform, qloop.Session("s", runtime=platform) as session:
        store, digest = platform.store, bytes(32)
        store.put_intent(IntentRow("token", session.id, digest, "task", "remote", 3, 0, 0))
        store.put_call(CallRow(f"{session.id}#1", session.id, "task", 1, "default", "remote", "done", shots=3,
                               intent="token"))
        store.put_result(ResultRow(digest, session.id, "task", 2, "remote", 0, 3, "simulator", b"", 0))
        store.put_result(ResultRow(bytes([1] * 32), session.id, "free", 1, "exact", 0, 5, "simulator", b"", 0))
        purse = Purse("session 's'", None, "")
        last, rows = platform.parts.accounts._remember(purse, session.id)
        assert (last, list(rows), purse.calls, purse.shots) == (1, ["token"], 2, 8)
