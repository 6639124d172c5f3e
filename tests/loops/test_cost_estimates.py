"""Estimates before a run: what they say is what is paid."""

from __future__ import annotations

import pytest

import qloop
from qloop.errors import InvalidInput, Refused, UnknownName
from qloop.loops.optimizers.by_name import make
from qloop.model.prices import Price
from tests.runtime.two_qubits import ENERGY, circuit, runtime, scripted

START = [0.4, 0.5]
PRICE = Price.of("test", currency="USD", per_second=1, granule_s=1)


@pytest.fixture
def twins():
    with qloop.Runtime(qpus=["twin-hanoi"], clock="virtual", journal=":memory:", prices="ibm-premium") as platform:
        yield platform


@pytest.mark.parametrize("shots", [None, 100, 4000])
@pytest.mark.parametrize("batch", [1, 4])
def test_evaluations_cost_what_was_estimated(twins, shots, batch):
    with qloop.Session("s", runtime=twins, shots=shots) as session:
        found = session.estimate(circuit(), ENERGY, evaluations=10, batch=batch)
        assert session.usage()["calls"] == 0, "an estimate buys nothing"
        objective = session.objective(circuit(), ENERGY)
        points = [[0.1 * k, 0.2] for k in range(10)]
        for k in range(0, 10, batch):
            objective.values(points[k:k + batch])
        usage, one = session.usage(), found["twin-hanoi"]
        assert one.cost == session.details().cost
        assert (one.cost.value, one.cost.net_s, one.cost.billed_s) == tuple(
            usage[key] for key in ("amount", "net_s", "billed_s"))
        assert (one.calls, one.evaluations, one.shots) == (usage["calls"], 10, usage["shots"])


def test_counts_cost_what_was_estimated(twins):
    with qloop.Session("s", runtime=twins) as session:
        found = session.estimate(circuit(), shots=500)
        session.sample(circuit(), START, shots=500).result()
        assert found.most.cost == session.details().cost


@pytest.mark.parametrize(("optimizer", "options"), [("spsa", {}), ("adam", {}), ("spsa", {"last_evaluation": False}),
                                                    ("cma-es", {"popsize": 6})])
def test_a_loop_costs_what_was_estimated(twins, optimizer, options):
    with qloop.Session("s", runtime=twins, shots=200) as session:
        found = session.estimate(circuit(), ENERGY, optimizer=optimizer, maxiter=12, x0=START, **options)
        done = session.minimize(circuit(), ENERGY, START, optimizer=optimizer, maxiter=12, **options)
        assert done.message == "maxiter"
        assert found.most.cost == done.cost
        assert found.most.evaluations == done.nfev


def test_an_optimizer_object_is_rehearsed_on_a_copy(twins):
    with qloop.Session("s", runtime=twins, shots=200) as session:
        own = make("spsa", START, maxiter=5)
        before = own.dumps()
        found = session.estimate(circuit(), ENERGY, optimizer=own)
        assert own.dumps() == before
        assert session.minimize(circuit(), ENERGY, optimizer=own).cost == found.most.cost


def test_all_qpus_that_could_run_it_are_told_the_cheapest_first():
    narrow = scripted(seconds=1.0, name="narrow")
    with runtime("exact", "twin-hanoi", narrow, clock="virtual",
                 prices={"twin-hanoi": "ibm-premium", "narrow": PRICE}) as platform:
        with qloop.Session("s", runtime=platform, shots=100) as session:
            found = session.estimate(circuit(), ENERGY, evaluations=3)
        assert [one.qpu for one in found.qpus] == ["exact", "narrow", "twin-hanoi"]
        assert [one.cost.text for one in found.qpus] == ["free", "3.00 USD", "7.20 USD"]
        assert found.most.qpu == "twin-hanoi"
        with pytest.raises(UnknownName, match=r"QPU in this estimate named 'twin-hano'. Did you mean 'twin-hanoi'"):
            found["twin-hano"]
        with qloop.Session("t", runtime=platform, qpu="narrow") as session:
            assert [one.qpu for one in session.estimate(circuit(), ENERGY).qpus] == ["narrow"]


def test_the_text_of_an_estimate_names_its_assumptions(twins):
    with qloop.Session("s", runtime=twins) as session:
        text = str(session.estimate(circuit(), ENERGY, optimizer="nelder-mead", maxiter=5, x0=START))
    assert text.splitlines()[0].startswith("twin-hanoi: ")
    for part in ("calls with", "each call is rounded up by itself", "nelder-mead goes to its last iteration",
                 "net time is the QPU's own prediction", "exact values (0 shots) cost nothing per shot",
                 "price ibm-premium, 0.80 USD per second, in steps of 1 s: ibm.com/quantum/pricing", "(2026-05-25)"):
        assert part in text


def test_a_notebook_shows_an_estimate_as_a_table():
    price = Price.of("<b>lab & co</b>", currency="EUR", per_second=1)
    with runtime(scripted(seconds=2.0), clock="virtual", prices=price) as platform, \
            qloop.Session("s", runtime=platform) as session:
        shown = session.estimate(circuit(), ENERGY)._repr_html_()
    assert "<td>scripted</td><td>2.0</td><td>2.0</td><td>2.00 EUR</td>" in shown
    assert "&lt;b&gt;lab &amp; co&lt;/b&gt;" in shown
    assert "<b>" not in shown


@pytest.mark.parametrize(("options", "kind", "says"), [
    ({"evaluations": 0}, InvalidInput, "The estimate's evaluations is 0. Give an integer from 1"),
    ({"evaluations": -3}, InvalidInput, "The estimate's evaluations is -3"),
    ({"evaluations": 1.5}, InvalidInput, "The estimate's evaluations is 1.5"),
    ({"evaluations": True}, InvalidInput, "The estimate's evaluations is True"),
    ({"batch": 0}, InvalidInput, "The estimate's batch is 0"),
    ({"batch": 10**7, "evaluations": 10**8}, InvalidInput, "at most 1000000 evaluations in a call"),
    ({"shots": -1}, InvalidInput, "The number of shots is -1"),
    ({"shots": "many"}, InvalidInput, "The number of shots is 'many'"),
    ({"evaluation": 3}, UnknownName, "option of an estimate named 'evaluation'. Did you mean 'evaluations'?"),
    ({"optimizer": "spsb"}, UnknownName, "There is no optimizer named 'spsb'. Did you mean 'spsa'?"),
    ({"optimizer": "spsa", "maxiter": 0}, InvalidInput, "maxiter")])
def test_an_estimate_of_what_cannot_be(twins, options, kind, says):
    with qloop.Session("s", runtime=twins) as session:
        with pytest.raises(kind) as caught:
            session.estimate(circuit(), ENERGY, **options)
        assert says in str(caught.value)


def test_an_estimate_of_a_circuit_that_fits_nowhere(twins):
    with qloop.Session("s", runtime=twins) as session, pytest.raises(Refused, match="The circuit needs 40 qubits"):
        session.estimate(circuit(40), evaluations=1, shots=10)


def test_counts_need_shots(twins):
    with qloop.Session("s", runtime=twins) as session, pytest.raises(InvalidInput, match="without shots"):
        session.estimate(circuit())


def test_evaluations_and_an_optimizer_are_one_too_many():
    with runtime("exact") as platform, qloop.Session("s", runtime=platform) as session, \
            pytest.raises(InvalidInput, match="The optimizer decides"):
        session.estimate(circuit(), ENERGY, evaluations=10, optimizer="spsa")
