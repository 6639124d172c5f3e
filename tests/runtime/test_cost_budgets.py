"""Budgets: nothing is bought that might exceed one, whatever runs at the same time, in this life or an earlier one."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import qloop
from qloop.errors import BudgetExceeded, InvalidInput, QpuError, UnknownName
from qloop.model.money import UNIT
from qloop.model.prices import Price
from qloop.testing.scripted_qpu import Fault

from .two_qubits import ENERGY, circuit, runtime, scripted

START = [0.4, 0.5]
PRICE = Price.of("test", currency="USD", per_second=1, granule_s=1)
"""A call of a QPU that takes 1.5 s costs 2 USD."""


def slow(plan=None, name="scripted"):
    return scripted(plan, seconds=1.5, name=name)


def spend(f, most=100):
    """Evaluate at ever new points until the budget is spent; how many were."""
    for k in range(most):
        try:
            f([0.01 * k, 0.2])
        except BudgetExceeded as error:
            return k, error
    raise AssertionError("no budget stopped it")


@pytest.mark.parametrize(("budget", "calls"), [("11 USD", 5), ("12 USD", 6), ("2 USD", 1), ("1.99 USD", 0),
                                               ("0 USD", 0), ("12 s", 6), ("0.1 min", 3), ("0.01 h", 18), ("1e1 s", 5),
                                               ("100 shots", 5), ("99 shots", 4), ("1,000 shots", 50)])
def test_the_call_that_would_exceed_the_budget_is_not_made(budget, calls):
    qpu = slow()
    with runtime(qpu, clock="virtual", prices=PRICE) as platform, \
            qloop.Session("s", runtime=platform, shots=20, budget=budget) as session:
        done, _ = spend(session.objective(circuit(), ENERGY))
        assert done == calls == len(qpu.asked)
        usage = session.usage()
        assert (usage["calls"], usage["net_s"], usage["billed_s"]) == (calls, 1.5 * calls, 2.0 * calls)
        assert (usage["amount"], usage["shots"]) == (2.0 * calls, 20 * calls)


def test_the_message_says_what_is_spent_what_it_would_cost_and_what_to_do():
    with runtime(slow(), clock="virtual", prices=PRICE) as platform, \
            qloop.Session("s", runtime=platform, budget="5 USD") as session:
        _, error = spend(session.objective(circuit(), ENERGY))
    assert str(error) == ("The budget of session 's' does not allow the next call. 4.00 USD of 5.00 USD are spent, and "
                          "the call would cost 2.00 USD. Raise the budget (budget= of the session) and resume: what "
                          "was bought is kept.")
    assert error.code == "budget"


@pytest.mark.parametrize("clock", ["virtual", 1e6])
def test_tasks_under_way_are_reserved_so_that_together_they_cannot_overrun(clock):
    qpu = slow()
    with runtime(qpu, clock=clock, prices=PRICE) as platform, \
            qloop.Session("s", runtime=platform, budget="11 USD") as session:
        f, futures = session.objective(circuit(), ENERGY), []
        with pytest.raises(BudgetExceeded, match=r"reserved for tasks under way|are spent"):
            for k in range(100):
                futures.append(f.submit([0.01 * k, 0.2]))
        assert len(futures) == 5
        for future in futures:
            future.result(30)
        assert session.usage()["amount"] == 10.0
        with pytest.raises(BudgetExceeded, match=r"10.00 USD of 11.00 USD are spent, and the call would cost 2.00 USD"):
            f([3.0, 0.2])


def test_threads_together_cannot_overrun():
    qpu = slow()
    with runtime(qpu, clock=1e3, prices=PRICE) as platform, \
            qloop.Session("s", runtime=platform, budget="60 USD") as session:
        f = session.objective(circuit(), ENERGY)
        refused = []

        def work(k):
            for j in range(10):
                try:
                    f([k, 0.1 * j])
                except BudgetExceeded:
                    refused.append(k)

        threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(qpu.asked) == 30
        assert len(refused) == 30
        assert session.usage()["amount"] == 60.0


def test_what_was_bought_in_an_earlier_life_counts_and_a_larger_budget_goes_on(tmp_path):
    journal, points = tmp_path / "j.qloop", [[0.01 * k, 0.2] for k in range(10)]
    asked = []
    for budget, known, allowed in (("10 USD", 0, 5), ("11 USD", 5, 5), ("15 USD", 5, 7), ("100 USD", 7, 10)):
        qpu = slow()
        with runtime(qpu, clock="virtual", prices=PRICE, journal=journal, run="r", resume=bool(asked)) as platform:
            session = qloop.Session("s", runtime=platform, budget=budget)
            f = session.objective(circuit(), ENERGY)
            done = 0
            try:
                for point in points:
                    f(point)
                    done += 1
            except BudgetExceeded:
                assert done < len(points)
            assert (session.usage()["resumed"], done) == (known, allowed)
            assert session.usage()["amount"] == 2.0 * allowed
            asked.append(len(qpu.asked))
    assert asked == [5, 0, 2, 3], "something was bought twice"
    store = platform.store
    assert store is not None


def test_a_budget_holds_in_the_next_life_unless_it_is_named_anew(tmp_path):
    path = tmp_path / "j.qloop"
    with runtime(slow(), clock="virtual", prices=PRICE, journal=path, run="r") as platform:
        session = qloop.Session("s", runtime=platform, budget="4 USD", project="h2")
        assert spend(session.objective(circuit(), ENERGY))[0] == 2
    with runtime(slow(), clock="virtual", prices=PRICE, journal=path, run="r", resume=True) as platform:
        session = qloop.Session("s", runtime=platform)
        assert (session.details().budget, session.details().project) == ("4 USD", "h2")
        assert spend(session.objective(circuit(), ENERGY))[0] == 2, "the two that are known, and no third"
    with runtime(slow(), clock="virtual", prices=PRICE, journal=path, run="r", resume=True) as platform:
        session = qloop.Session("s", runtime=platform, budget="8 USD")
        assert spend(session.objective(circuit(), ENERGY))[0] == 4


def test_a_session_taken_up_by_its_id_keeps_prices_and_budget(tmp_path):
    path = tmp_path / "j.qloop"
    with qloop.Runtime(qpus=["twin-hanoi"], clock="virtual", prices="ibm-flex", journal=path) as platform:
        session = qloop.Session("s", runtime=platform, shots=1000, budget="9 USD")
        done, _ = spend(session.objective(circuit(), ENERGY))
        spent = session.usage()["amount"]
    assert done == 2
    assert spent == pytest.approx(7.2), "2 calls of 3 billed seconds at 1.20 USD"
    with qloop.Session.from_id(session.id, str(path)) as again:
        assert again.usage()["amount"] == spent
        assert spend(again.objective(circuit(), ENERGY))[0] == 2
    with qloop.Session.from_id(session.id, str(path), budget="11 USD") as again:
        assert spend(again.objective(circuit(), ENERGY))[0] == 3


def test_what_the_journal_knows_costs_nothing_even_without_budget(tmp_path):
    qpu = slow()
    with runtime(qpu, clock="virtual", prices=PRICE, journal=tmp_path / "j.qloop") as platform:
        with qloop.Session("s", runtime=platform) as session:
            first = session.submit(circuit(), ENERGY, START)
            first.result()
            assert first.outcome().cost.text == "2.00 USD"
        with qloop.Session("s", runtime=platform, budget="2 USD") as session:
            again = session.submit(circuit(), ENERGY, START)
            assert again.result() == first.result()
            assert (again.outcome().net_ns, again.outcome().cost.text) == (1_500_000_000, "free")
            with pytest.raises(BudgetExceeded):
                session.submit(circuit(), ENERGY, [0.1, 0.1])


def test_failed_and_cancelled_tasks_give_back_what_they_reserved():
    qpu = slow({1: Fault.RAISE, 2: Fault.CRASH})
    with runtime(qpu, clock="virtual", prices=PRICE, sound=False) as platform, \
            qloop.Session("s", runtime=platform, budget="4 USD") as session:
        f = session.objective(circuit(), ENERGY)
        for kind in (QpuError, ZeroDivisionError):
            with pytest.raises(kind):
                f(START)
        futures = [f.submit([0.1, 0.1]), f.submit([0.2, 0.1])]
        with pytest.raises(BudgetExceeded):
            f.submit([0.3, 0.1])
        futures[1].cancel()
        assert f.submit([0.3, 0.1]).result() is not None
        with pytest.raises(BudgetExceeded):
            f.submit([0.4, 0.1])
        assert session.usage() == {**session.usage(), "amount": 4.0, "calls": 4, "results": 2}
        assert [row.outcome for row in platform.store.calls()] == ["failed", "failed", "done", "done"]


def test_a_tenants_budget_is_shared_by_its_sessions_and_lasts_as_long_as_the_journal(tmp_path):
    path = tmp_path / "j.qloop"
    with runtime(slow(), clock="virtual", prices=PRICE, journal=path, run="r", budgets={"alice": "11 USD"}) as platform:
        one = qloop.Session("one", runtime=platform, tenant="alice", budget="6 USD")
        two = qloop.Session("two", runtime=platform, tenant="alice")
        bob = qloop.Session("three", runtime=platform, tenant="bob")
        assert spend(one.objective(circuit(), ENERGY))[0] == 3
        done, error = spend(two.objective(circuit(), ENERGY))
        assert done == 2
        assert "budget of tenant 'alice'" in str(error)
        assert "budgets= of the runtime" in str(error)
        for k in range(7):
            bob.objective(circuit(), ENERGY)([0.1 * k, 0.0])
    more = {"alice": "14 USD"}
    with runtime(slow(), clock="virtual", prices=PRICE, journal=path, run="r2", budgets=more) as platform, \
            qloop.Session("four", runtime=platform, tenant="alice") as four:
        assert spend(four.objective(circuit(), ENERGY))[0] == 2, "10 USD were spent in the run before"


def test_without_a_pin_the_dearest_qpu_that_may_run_it_is_reserved():
    cheap, dear = slow(name="cheap"), slow(name="dear")
    with runtime(cheap, dear, clock="virtual", prices={"cheap": PRICE, "dear": "ibm-pay-as-you-go"}) as platform:
        with qloop.Session("s", runtime=platform, budget="3.10 USD") as session, \
                pytest.raises(BudgetExceeded, match=r"the call would cost 3.20 USD"):
            session.submit(circuit(), ENERGY, START)
        with qloop.Session("t", runtime=platform, budget="3.10 USD", qpu="cheap") as session:
            assert spend(session.objective(circuit(), ENERGY))[0] == 1


def test_a_loop_that_is_stopped_by_its_budget_goes_on_with_a_larger_one():
    with runtime(slow(), clock="virtual", prices=PRICE) as platform:
        costs = []
        with pytest.raises(BudgetExceeded), qloop.Session("s", runtime=platform, budget="10 USD") as session:
            session.minimize(circuit(), ENERGY, START, maxiter=8, callback=lambda entry: costs.append(entry.cost))
        assert [cost.text for cost in costs] == ["2.00 USD"] * 5
        with qloop.Session("s", runtime=platform, budget="100 USD") as session:
            found = session.minimize(circuit(), ENERGY, START, maxiter=8)
        assert found.resumed > 0
        assert found.cost.amount == session.details().cost.amount == 2 * len(found.iterations) * UNIT
        assert found.to_dict()["amount"] == found.cost.value
    with runtime(slow(), clock="virtual") as platform, qloop.Session("s", runtime=platform) as session:
        assert np.array_equal(session.minimize(circuit(), ENERGY, START, maxiter=8).x, found.x)


def test_a_loop_that_is_driven_by_events_ends_with_the_refusal():
    with runtime(slow(), clock="virtual", prices=PRICE) as platform, \
            qloop.Session("s", runtime=platform, budget="10 USD") as session:
        loop, ended = session.loop(circuit(), ENERGY, START, maxiter=8), []
        loop.start(ended.append)
        platform.run_until(lambda: bool(ended))
        assert isinstance(loop.error, BudgetExceeded)
        assert loop.result().cost.text == "10.00 USD"


@pytest.mark.parametrize(("budget", "says"), [
    ("50", "The budget of session 's' is '50'. A budget is a number with its unit. Write '50 USD'"),
    ("", None), ("fifty USD", "A budget is a number with its unit"), ("-5 USD", "A budget is a number with its unit"),
    ("nan USD", "A budget is a number with its unit"), ("5 dollars", "'dollars' is neither a currency nor a unit"),
    ("5 usd", "'usd' is neither a currency nor a unit"), ("5 EUR", "in EUR, and the prices are in USD"),
    ("1.5 shots", "There are no parts of shots"), ("5 m", "'m' is neither"), ("1e30 USD", "The largest possible is"),
    ("1..2 USD", "A budget is a number with its unit"), ("1,5 USD", "A budget is a number with its unit"),
    ("1e-10 USD", "is not a finite number from 0 with at most 9 decimals")])
def test_a_budget_that_cannot_be_kept_is_refused_before_anything_is_written(budget, says):
    with runtime(slow(), clock="virtual", prices=PRICE) as platform:
        if says is None:
            qloop.Session("s", runtime=platform, budget=budget).close()
            return
        with pytest.raises(InvalidInput) as caught:
            qloop.Session("s", runtime=platform, budget=budget)
        assert says in str(caught.value)
        assert platform.store.sessions() == []


@pytest.mark.parametrize("budget", [50, 1.5, True, b"5 USD", ["5 USD"]])
def test_a_budget_is_a_text(budget):
    with runtime(slow()) as platform, pytest.raises(InvalidInput, match="A budget is a number with"):
        qloop.Session("s", runtime=platform, budget=budget)


@pytest.mark.parametrize(("settings", "kind", "says"), [
    ({"budgets": {"alice": "5"}}, InvalidInput, "The budget of tenant 'alice' is '5'"),
    ({"budgets": {"alice": 5}}, InvalidInput, "The budget of tenant 'alice' is 5"),
    ({"budgets": {"": "5 USD"}}, InvalidInput, "The tenant's name is empty"),
    ({"budgets": ["alice"]}, InvalidInput, "budgets is ['alice']. Give a mapping of tenants to budgets"),
    ({"budgets": {"a": "5 EUR"}, "prices": "ibm-flex"}, InvalidInput, "in EUR, and the prices are in USD"),
    ({"prices": "ibm-flexx"}, UnknownName, "There is no price named 'ibm-flexx'. Did you mean 'ibm-flex'?"),
    ({"prices": {"scriptd": "ibm-flex"}}, UnknownName, "There is no QPU with a price named 'scriptd'"),
    ({"prices": {3: "ibm-flex"}}, InvalidInput, "A price is for the QPU 3"),
    ({"prices": {"scripted": 1.6}}, InvalidInput, "A price is 1.6. Give the name of a price, or a Price"),
    ({"prices": 1.6}, InvalidInput, "The prices are 1.6"),
    ({"prices": {"scripted": "ibm-flex", "*": Price.of("e", currency="EUR", per_second=1)}}, InvalidInput,
     "EUR cannot be added"),
    ({"prices": Price(name="p", per_second=-1, currency="USD")}, InvalidInput, "per_second of the price 'p' is -1"),
    ({"prices": "missing.toml"}, InvalidInput, "The price list missing.toml cannot be read")])
def test_a_runtime_whose_money_makes_no_sense_is_refused(settings, kind, says):
    with pytest.raises(kind) as caught:
        qloop.Runtime(qpus=[slow()], journal=":memory:", **settings)
    assert says in str(caught.value)


def test_money_of_another_currency_in_the_journal_is_refused(tmp_path):
    path = tmp_path / "j.qloop"
    with runtime(slow(), clock="virtual", prices=PRICE, journal=path, run="r") as platform:
        qloop.Session("s", runtime=platform).objective(circuit(), ENERGY)(START)
    euros = Price.of("lab", currency="EUR", per_second=1)
    with runtime(slow(), clock="virtual", prices=euros, journal=path, run="r", resume=True) as platform:
        with pytest.raises(InvalidInput, match=r"session 's' has spent 2.00 USD, and the prices are in EUR"):
            qloop.Session("s", runtime=platform)
        with qloop.Session("t", runtime=platform) as session:
            session.objective(circuit(), ENERGY)(START)
            assert session.usage()["currency"] == "EUR"
