"""The account of every QPU call: who, what, where, when, how long, how much; also of calls that came to nothing."""

from __future__ import annotations

import threading

import pytest

import qloop
from qloop.errors import BudgetExceeded, InvalidInput, JournalError, QpuError
from qloop.model.cost import Cost, total
from qloop.model.limits import SECOND
from qloop.model.money import UNIT
from qloop.model.prices import PRICES, Price
from qloop.runtime.journal.memory import MemoryStore
from qloop.testing.faults import StoreFault, disk_full, faulty
from qloop.testing.scripted_qpu import Fault

from .two_qubits import ENERGY, circuit, runtime, scripted, value

START = [0.4, 0.5]
PRICE = Price.of("test", currency="USD", per_second=1, granule_s=1)


def spent(rows):
    return total(Cost(row.net_ns, row.billed_ns, row.amount, row.currency) for row in rows)


def test_a_call_is_accounted_with_all_that_it_was():
    with runtime(scripted(seconds=1.5), clock="virtual", prices=PRICE) as platform, \
            qloop.Session("s", runtime=platform, tenant="alice", project="h2", shots=30) as session:
        objective = session.objective(circuit(), ENERGY)
        objective(START)
        objective.values([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
        first, second = platform.store.calls(session=session.id)
        ticket = platform.store.results(session.id)[0].task
        assert first.id == f"{session.id}#1"
        assert (first.session, first.task, first.attempt) == (session.id, ticket, 1)
        assert (first.tenant, first.project, first.qpu, first.outcome) == ("alice", "h2", "scripted", "done")
        assert (first.begun_ns, first.ended_ns) == (0, 3 * SECOND // 2)
        assert (first.net_ns, first.billed_ns) == (3 * SECOND // 2, 2 * SECOND)
        assert (first.amount, first.currency, first.price) == (2 * UNIT, "USD", "test")
        assert (first.evaluations, first.circuits, first.shots, first.executions) == (1, 1, 30, 30)
        assert (second.id, second.begun_ns) == (f"{session.id}#2", 3 * SECOND // 2)
        assert (second.evaluations, second.circuits, second.shots, second.executions) == (3, 3, 90, 90)
        assert session.usage()["amount"] == 4.0
        assert platform.store.calls(run=platform.run) == [first, second]


def test_a_twin_is_billed_for_the_circuits_and_shots_of_all_groups():
    price = PRICES["braket-iqm-garnet"]
    with qloop.Runtime(qpus=["twin-hanoi"], clock="virtual", journal=":memory:", prices=price) as platform, \
            qloop.Session("s", runtime=platform, shots=1000) as session:
        mixed = ENERGY + type(ENERGY).from_list([("XX", 0.5), ("YY", 0.5)])
        session.objective(circuit(), mixed)(START)
        session.sample(circuit(), START, shots=1000).result()
        values, counts = platform.store.calls()
        assert (values.circuits, values.shots, values.executions) == (3, 1000, 3000)
        assert Cost(amount=values.amount, currency="USD").text == "5.25 USD"
        assert (counts.circuits, counts.shots, counts.executions) == (1, 1000, 1000)
        assert counts.net_ns < values.net_ns


@pytest.mark.parametrize("fault", [Fault.RAISE, Fault.CRASH, Fault.NOT_A_NUMBER, Fault.TOO_FEW])
@pytest.mark.parametrize("clock", ["real", "virtual"])
def test_a_failed_call_is_accounted_and_costs_nothing(fault, clock):
    seconds = 1.5 if clock == "virtual" else 0.001
    with runtime(scripted({1: fault}, seconds=seconds), clock=clock, prices=PRICE) as platform, \
            qloop.Session("s", runtime=platform) as session:
        f = session.objective(circuit(), ENERGY)
        with pytest.raises((QpuError, ZeroDivisionError)):
            f(START)
        assert f(START) == pytest.approx(value(START))
        failed, done = platform.store.calls()
        assert (failed.outcome, failed.amount, failed.net_ns, failed.shots, failed.id[-2:]) == ("failed", 0, 0, 0, "#1")
        assert failed.reason
        assert (done.outcome, done.id[-2:]) == ("done", "#2")
        assert session.usage()["calls"] == 2


def test_what_is_refused_before_a_qpu_sees_it_is_no_call():
    with runtime(scripted(seconds=1.0), clock="virtual") as platform, qloop.Session("s", runtime=platform) as session:
        f = session.objective(circuit(), ENERGY)
        with pytest.raises(InvalidInput):
            f([0.1])
        assert platform.store.calls() == []
        assert session.usage()["calls"] == 0


def test_a_call_whose_task_was_given_up_is_paid_for():
    """It was cancelled while the QPU ran it: its shots are bought, and nobody has its result."""
    qpu = scripted({1: Fault.HANG}, seconds=0.01)
    with runtime(qpu, prices=PRICE, sound=False) as platform, \
            qloop.Session("s", runtime=platform, budget="2 USD") as session:
        future = session.submit(circuit(), ENERGY, START)
        assert qpu.wait_until_hanging()
        future.cancel()
        with pytest.raises(qloop.errors.BudgetExceeded, match=r"2.00 USD are reserved for tasks under way"):
            for k in range(3):
                session.submit(circuit(), ENERGY, [0.1 * k, 0.0])
        qpu.release()
        with qloop.Session("other", runtime=platform) as other:
            other.submit(circuit(), ENERGY, START).result(30)
        rows = platform.store.calls(session=session.id)
        assert [row.outcome for row in rows] == ["squashed", "done"]
        assert session.details().cost == spent(rows)
        assert spent(rows).text == "2.00 USD"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_shots_that_could_not_be_journaled_are_paid_for_all_the_same(moment):
    store = MemoryStore()
    plan = {("put_result", 2): StoreFault(moment, disk_full())}
    with runtime(scripted(seconds=1.5), journal=faulty(store, plan), clock="virtual", prices=PRICE) as platform, \
            qloop.Session("s", runtime=platform, budget="7 USD") as session:
        f = session.objective(circuit(), ENERGY)
        f(START)
        with pytest.raises(JournalError):
            f([0.1, 0.2])
        f([0.1, 0.2])
        assert session.usage()["amount"] == 6.0
        with pytest.raises(qloop.errors.BudgetExceeded):
            f([0.3, 0.2])
        numbers = [row.id.rpartition("#")[2] for row in store.calls()]
        assert numbers == (["1", "3"] if moment == "before" else ["1", "2", "3"])


def test_numbers_go_on_in_the_next_life_and_sums_are_exact(tmp_path):
    path = tmp_path / "j.qloop"
    price = Price.of("odd", currency="EUR", per_second="0.1", per_shot="0.000000001", overhead_factor="1.1")
    for life in range(3):
        with runtime(scripted(seconds=0.7), clock="virtual", prices=price, journal=path, run="r",
                     resume=life > 0) as platform:
            session = qloop.Session("s", runtime=platform, shots=7)
            f = session.objective(circuit(), ENERGY)
            for k in range(4 * (life + 1)):
                f([0.1 * k, 0.3])
            rows = platform.store.calls()
            assert [row.id for row in rows] == [f"{session.id}#{k + 1}" for k in range(4 * (life + 1))]
            each = Cost(700_000_000, 770_000_000, 77_000_007, "EUR")
            assert session.details().cost == spent(rows) == each.times(len(rows))


def test_threads_give_every_call_a_number_of_its_own():
    with runtime(scripted(seconds=1.0), clock=1e3) as platform, qloop.Session("s", runtime=platform) as session:
        f = session.objective(circuit(), ENERGY)
        threads = [threading.Thread(target=lambda k=k: [f([k, 0.1 * j]) for j in range(40)]) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = platform.store.calls()
        assert sorted(int(row.id.rpartition("#")[2]) for row in rows) == list(range(1, 161))
        assert session.usage() == {"results": 160, "shots": 0, "resumed": 0, "calls": 160, "net_s": 160.0,
                                   "billed_s": 160.0, "amount": 0.0, "currency": ""}


def test_a_qpu_that_takes_no_time_and_costs_nothing_has_its_results_as_its_account():
    with runtime("exact") as platform, qloop.Session("s", runtime=platform) as session:
        session.objective(circuit(), ENERGY)(START)
        assert platform.store.calls() == []
        assert len(platform.store.results(session.id)) == session.usage()["calls"] == 1


def test_the_project_is_a_printable_text():
    with runtime("exact") as platform:
        for bad in ("a\nb", "x" * 201):
            with pytest.raises(InvalidInput, match=r"The session's project is .* Give a printable text"):
                qloop.Session("s", runtime=platform, project=bad)
        with pytest.raises(InvalidInput, match="The session cannot be opened"):
            qloop.Session("s", runtime=platform, project=7)


def test_a_tenants_budget_in_shots_holds_over_lives_on_a_free_qpu(tmp_path):
    bought = 0
    for life in range(3):
        with runtime("exact", journal=tmp_path / "j.qloop", run="r", resume=life > 0,
                     budgets={"default": "250 shots"}) as platform, \
                qloop.Session(f"s{life}", runtime=platform, shots=100) as session:
            f = session.objective(circuit(), ENERGY)
            for k in range(3):
                try:
                    f([0.1 * k, 0.1 * life])
                    bought += 100
                except BudgetExceeded:
                    break
    assert bought == 200
