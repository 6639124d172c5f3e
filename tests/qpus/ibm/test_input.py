"""Bad input is told before anything is asked of anybody, with what to do."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

from qloop.errors import InvalidInput, MissingExtra, QpuError, UnknownName
from qloop.model.evaluation import SimulatorId
from qloop.qpus.exact import ExactQpu
from qloop.qpus.ibm.local import fake_names
from qloop.qpus.ibm.names import is_ibm
from qloop.qpus.ibm.opening import open_ibm, option_types
from qloop.qpus.ibm.tags import LONGEST, tag_of
from qloop.qpus.protocol import Request
from qloop.qpus.remote import RemoteQpu
from tests.qpus.ibm.asking import asked, program_of, turned
from tests.qpus.ibm.conftest import Open
from tests.qpus.ibm.server import IbmServer

BAD_OPTIONS = [
    ({"mode": "sesion"}, r"no execution mode named 'sesion'.*Did you mean 'session'.*batch, job, session"),
    ({"max_time": "soon"}, r"max_time is 'soon'.*2h 30m"),
    ({"max_time": "9h"}, "max_time is '9h'.*after 8 hours"),
    ({"max_time": 0}, "max_time is 0"),
    ({"max_time": -5}, "max_time is -5"),
    ({"max_time": float("nan")}, "max_time is nan"),
    ({"max_time": 10**9}, "after 8 hours"),
    ({"max_time": True}, "max_time is True"),
    ({"default_shots": 0}, r"default_shots is 0.*from 1 to"),
    ({"default_shots": 10.5}, "default_shots is 10.5"),
    ({"optimization_level": 4}, r"optimization_level is 4.*0 to 3"),
    ({"resilience_level": 3}, r"resilience_level is 3.*0 to 2"),
    ({"max_execution_s": -1}, "max_execution_s is -1"),
    ({"tag_prefix": "a b"}, "tag prefix is 'a b'"),
    ({"call_s": 0}, "call_s is 0"),
    ({"options": {"default_shots": 5}}, "'default_shots' is set by qloop"),
    ({"options": {"environment": {}}}, "'environment' is set by qloop"),
    ({"options": {"twirlling": {}}}, "do not take the options twirlling"),
    ({"options": {"dynamical_decoupling": {"enable": "perhaps"}}}, "do not take the options dynamical_decoupling"),
]


@pytest.mark.parametrize(("options", "words"), BAD_OPTIONS, ids=[str(options) for options, _ in BAD_OPTIONS])
def test_a_wrong_option_is_told(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        open_ibm("ibm-local:fake_manila", **options)


@pytest.mark.parametrize(("wish", "seconds"), [(None, 0), (90, 90), ("90", 90), ("2h 30m", 9000), ("1h1m1s", 3661)])
def test_times_as_people_write_them(wish: int | str | None, seconds: int) -> None:
    assert open_ibm("ibm-local:fake_manila", max_time=wish)._settings.max_time_s == seconds


def test_good_further_options_reach_the_service(opened: Open, server: IbmServer) -> None:
    qpu = opened(options={"dynamical_decoupling": {"enable": True, "sequence_type": "XpXm"}}, resilience_level=2,
                 max_execution_s=77, tag_prefix="lab")
    task = server.world.tasks[qpu.submit(program_of(qpu), asked(250), "t")]
    sent = task.params["options"]
    assert sent["dynamical_decoupling"] == {"enable": True, "sequence_type": "XpXm"}
    assert sent["default_shots"] == 250
    assert task.params["resilience_level"] == 2
    assert task.tags == ["lab-t"]
    assert qpu.find("t") == (task.id,)


def test_an_unknown_backend_is_told_with_the_nearest(opened: Open) -> None:
    with pytest.raises(UnknownName, match=r"named 'ibm_manilla'.*Did you mean 'ibm_manila'.*ibm_lagos"):
        opened("ibm:ibm_manilla").describe()
    with pytest.raises(UnknownName, match=r"'fake_torin'.*Did you mean 'fake_torino'"):
        open_ibm("ibm-local:fake_torin")
    assert "fake_torino" in fake_names()
    assert len(fake_names()) > 40


def test_names_of_qpus() -> None:
    assert is_ibm("ibm:x")
    assert is_ibm("ibm-local:x")
    assert not is_ibm("exact")
    for name in ("ibm:", "ibm-local:", "exact"):
        with pytest.raises(InvalidInput, match=r"ibm:<backend>"):
            open_ibm(name)
    qpu = open_ibm("ibm-local:fake_manila", seed=3)
    assert isinstance(qpu, RemoteQpu)
    assert qpu.describe().name == "ibm-local:fake_manila"
    wish = "ibm-local:fake_manila?mode=batch"
    assert open_ibm("ibm-local:fake_manila", name=wish, mode="batch").describe().name == wish
    assert {"mode", "max_time", "account", "key_variable", "seed"} <= set(option_types())
    assert not {"local", "service", "credentials"} & set(option_types())
    with pytest.raises(UnknownName, match=r"option of IBM's QPUs named 'acount'.*Did you mean 'account'"):
        open_ibm("ibm-local:fake_manila", acount="lab")


def test_a_missing_client_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "qiskit-ibm-runtime":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(MissingExtra, match=r"pip install 'qloop\[ibm\]'"):
        open_ibm("ibm:ibm_torino")


@pytest.mark.parametrize("version", ["0.41.9", "0.60.0", "1.0", "weird"])
def test_a_client_of_another_age_is_named(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    with pytest.raises(QpuError, match=rf"qiskit-ibm-runtime {version} is installed.*0\.42 and later, below 0\.60"):
        open_ibm("ibm-local:fake_manila")


def test_a_session_of_another_version_is_refused_with_both(opened: Open) -> None:
    qpu = opened("ibm-local:fake_manila")
    own = program_of(qpu).simulator
    assert (own.name, own.threads) == ("qiskit-ibm-runtime", 1)
    older = SimulatorId("qiskit-ibm-runtime", "0.41.0")
    with pytest.raises(QpuError, match=rf"ran with qiskit-ibm-runtime 0\.41\.0.*{own.version}.*==0\.41\.0"):
        qpu.compile(turned(), None, simulator=older)
    with pytest.raises(QpuError, match=r"ran with qulacs 0.6"):
        qpu.compile(turned(), None, simulator=SimulatorId("qulacs", "0.6"))


def _dynamic(kind: str) -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    if kind == "if_else":
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(1)
    elif kind == "while_loop":
        with circuit.while_loop((circuit.clbits[0], 0)):
            circuit.x(1)
    else:
        circuit.x(0)
    return circuit


@pytest.mark.parametrize(("kind", "words"), [("if_else", "'if_else' is not supported.*dynamic circuit"),
                                             ("while_loop", "'while_loop' is not supported"),
                                             ("mid", "'x' follows a measurement of qubit 0")])
def test_dynamic_circuits_are_refused(kind: str, words: str, opened: Open) -> None:
    with pytest.raises(InvalidInput, match=words):
        opened("ibm-local:fake_manila").compile(_dynamic(kind), None)


def test_what_does_not_fit_is_refused(opened: Open, server: IbmServer) -> None:
    qpu = opened()
    with pytest.raises(InvalidInput, match="The circuit has 6 qubits, the QPU 5"):
        qpu.compile(QuantumCircuit(6), None)
    with pytest.raises(InvalidInput, match="no qubits"):
        qpu.compile(QuantumCircuit(), None)
    with pytest.raises(InvalidInput, match="The observable has 2 qubits, the circuit 1"):
        qpu.compile(turned(), SparsePauliOp("ZZ"))
    with pytest.raises(InvalidInput, match="must be a SparsePauliOp, not str"):
        qpu.compile(turned(), "Z")
    for coefficient in (1j, np.nan, np.inf):
        with pytest.raises(InvalidInput, match="not real and finite"):
            qpu.compile(turned(), SparsePauliOp(["Z"], [coefficient]))
    exact = ExactQpu().compile(turned(), SparsePauliOp("Z"))
    with pytest.raises(InvalidInput, match="cannot run a ExactProgram"):
        qpu.submit(exact, asked(), "foreign")
    with pytest.raises(InvalidInput, match=r"takes 1 parameters, and the request has shape \(0, 1\)"):
        qpu.submit(program_of(qpu), Request(np.zeros((0, 1)), 1, ()), "empty")
    assert server.count("POST", "/jobs$") == 0


def test_expressions_of_parameters_are_bound(opened: Open) -> None:
    angle, circuit = Parameter("a"), QuantumCircuit(1)
    circuit.ry(2 * angle + 1.0, 0)
    qpu = opened()
    program = qpu.compile(circuit, SparsePauliOp("Z"))
    request = Request(np.array([[0.2], [-0.5]]), 4000, (bytes(32),) * 2)
    task = qpu.submit(program, request, "expression")
    while qpu.status(task).phase != "done":
        pass
    values = qpu.result(task, program, request).values
    assert np.allclose(values, np.cos([1.4, 0.0]), atol=0.1)


@pytest.mark.parametrize("token", ["qloop-0123456789abcdef01234567", "a" * 200, "with space", "ü", ""])
def test_tags_are_short_and_plain_and_tell_tokens_apart(token: str) -> None:
    for prefix in ("", "lab"):
        tag = tag_of(token, prefix)
        assert 0 < len(tag) <= LONGEST
        assert tag.isascii()
        assert " " not in tag
        assert tag_of(token + "x", prefix) != tag
    assert tag_of("qloop-0123456789abcdef01234567", "") == "qloop-0123456789abcdef01234567"
