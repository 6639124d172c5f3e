"""What a user can get wrong, and what he is told; nothing is spent and nothing else is disturbed."""

from __future__ import annotations

import traceback

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

import qloop
from qloop.errors import InvalidInput, Refused, UnknownName
from qloop.qpus.exact import ExactQpu

from .two_qubits import ENERGY, circuit, runtime, scripted, value

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def session():
    with runtime(scripted(inner=ExactQpu("inner", n_qubits=4))) as platform, \
            qloop.Session("s", runtime=platform) as opened:
        yield opened
        f = opened.objective(circuit(), ENERGY)
        assert f([0.1, 0.2]) == pytest.approx(value([0.1, 0.2])), "the run was disturbed"
        assert opened.usage()["results"] == 1, "something was spent"


THETAS = [([NAN, 0.0], r"Parameter 0 of set 0 is nan.*finite"),
          ([0.0, INF], r"Parameter 1 of set 0 is inf.*an optimizer that diverged"),
          ([0.1], r"1 parameters were given. The circuit has 2.*order of circuit.parameters"),
          ([0.1, 0.2, 0.3], r"3 parameters were given. The circuit has 2"),
          ([], r"0 parameters were given. The circuit has 2"),
          (["a", "b"], r"The parameters are not numbers.*Give a sequence of real numbers"),
          ([[0.1, 0.2], [0.3, 0.4]], r"The parameters have shape \(2, 2\). One evaluation takes one set")]


@pytest.mark.parametrize(("theta", "says"), THETAS)
@pytest.mark.parametrize("way", ["call", "submit"])
def test_impossible_parameters(session, theta, says, way):
    f = session.objective(circuit(), ENERGY)
    with pytest.raises(InvalidInput, match=says):
        f(theta) if way == "call" else f.submit(theta)


def test_one_bad_row_of_a_batch(session):
    f = session.objective(circuit(), ENERGY)
    with pytest.raises(InvalidInput, match="Parameter 1 of set 2 is -inf"):
        f.values([[0.0, 0.0], [0.0, 0.0], [0.0, -INF]])
    with pytest.raises(InvalidInput, match=r"have shape \(0, 2\)"):
        f.values(np.zeros((0, 2)))


def test_an_observable_of_another_size(session):
    with pytest.raises(InvalidInput, match=r"(?s)observable.*3.*2|observable.*2.*3"):
        session.objective(circuit(), SparsePauliOp("ZZZ"))


def test_a_circuit_wider_than_any_qpu(session):
    wide = QuantumCircuit(7)
    with pytest.raises(Refused, match=r"needs 7 qubits. The widest QPU here, scripted, has 4. Use a narrower circuit"):
        session.objective(wide, SparsePauliOp("Z" * 7))


def test_something_that_is_no_circuit(session):
    with pytest.raises(InvalidInput, match=r"A circuit is a str.*qiskit.QuantumCircuit"):
        session.objective("circuit", ENERGY)


@pytest.mark.parametrize("shots", [0, -1, 1.5, True, "many", NAN])
def test_impossible_shots(session, shots):
    with pytest.raises(InvalidInput, match=r"The number of shots is .* above 0, or None"):
        session.objective(circuit(), ENERGY, shots=shots)
    with pytest.raises(InvalidInput, match="The number of shots is"):
        qloop.Session("other", runtime=session._client, shots=shots)


@pytest.mark.parametrize("shots", [0, -5, 10**12])
def test_impossible_shots_of_a_sample(session, shots):
    with pytest.raises(InvalidInput, match=r"shots"):
        session.sample(circuit(), [0.1, 0.2], shots=shots)


@pytest.mark.parametrize(("setting", "noun", "near"), [
    ({"policy": "efass"}, "policy", "efaas"), ({"qpus": ["exakt"]}, "QPU", "exact"),
    ({"qpus": ["twin-torin"]}, "QPU", "twin-torino"), ({"clock": "reel"}, "clock", "real"),
    ({"durability": "proces"}, "durability", "process")])
def test_unknown_names_of_a_runtime(setting, noun, near):
    with pytest.raises(UnknownName, match=rf"There is no {noun} named .*Did you mean '{near}'\?.*Choose one of"):
        qloop.Runtime(**{"journal": ":memory:", **setting})


def test_an_unknown_qpu_of_a_session(session):
    with pytest.raises(UnknownName, match=r"There is no QPU named 'scriptet'. Did you mean 'scripted'\?"):
        qloop.Session("other", runtime=session._client, qpu="scriptet")


def test_an_unknown_optimizer(session):
    with pytest.raises(UnknownName, match=r"named 'sps'. Did you mean 'spsa'\?"):
        session.minimize(circuit(), ENERGY, optimizer="sps")


@pytest.mark.parametrize(("setting", "says"), [
    ({"max_time": -1}, "max_time is -1"), ({"max_time": "2 years"}, "max_time is '2 years'.*units"),
    ({"max_time": 1e12}, "max_time is .*to a year"), ({"interactive_ttl": NAN}, "interactive_ttl is nan"),
    ({"interactive_ttl": 0}, "interactive_ttl is 0"), ({"name": "a/b"}, "name 'a/b' cannot be used"),
    ({"name": "x" * 65}, "at most 64"), ({"tenant": ""}, "tenant's name is empty"), ({"seed": -1}, "seed is -1"),
    ({"seed": 2**63}, "seed is"), ({"weight": 0}, "weight of the session is 0")])
def test_impossible_sessions(session, setting, says):
    with pytest.raises(InvalidInput, match=says):
        qloop.Session(**{"name": "other", "runtime": session._client, **setting})


@pytest.mark.parametrize(("setting", "says"), [
    ({"qpus": []}, "at least one QPU"), ({"seed": -1}, "seed is -1"), ({"workers": -1}, "workers is -1"),
    ({"workers": 10**6}, "from 0 to 1024"), ({"clock": 0}, "cannot run 0"), ({"clock": INF}, "cannot run"),
    ({"clock": -2.0}, "cannot run -2.0 times"), ({"qpus": ["exact", "exact"]}, "Two QPUs have the same name")])
def test_impossible_runtimes(setting, says):
    with pytest.raises(InvalidInput, match=says):
        qloop.Runtime(**{"journal": ":memory:", **setting})


def my_own_mistake(entry) -> None:
    raise KeyError(f"my own mistake in iteration {entry.number}")


def test_a_users_function_that_raises_is_shown_as_it_is():
    with runtime() as platform, pytest.raises(KeyError, match="my own mistake in iteration 3") as caught, \
            qloop.Session("s", runtime=platform) as session:
        session.minimize(circuit(), ENERGY, maxiter=5,
                         callback=lambda entry: my_own_mistake(entry) if entry.number == 3 else None)
    assert "my_own_mistake" in [frame.name for frame in traceback.extract_tb(caught.tb)]


def test_a_loop_that_is_driven_by_events_keeps_the_users_error():
    with runtime(scripted(seconds=1.0), clock="virtual") as platform, \
            qloop.Session("bad", runtime=platform) as bad, qloop.Session("good", runtime=platform) as good:
        loops = [session.loop(circuit(), ENERGY, maxiter=5) for session in (bad, good)]
        loops[0].callback = my_own_mistake
        for loop in loops:
            loop.start(lambda loop: None)
        platform.run_until(lambda: all(loop.finished for loop in loops))
        assert isinstance(loops[0].error, KeyError)
        assert loops[1].error is None
        assert loops[1].result().nit == 5
