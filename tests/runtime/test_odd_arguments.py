"""Arguments of wrong types and out of range: an InvalidInput that says what to do, and nothing is written."""

from __future__ import annotations

import re

import numpy as np
import pytest
from qiskit.circuit import Parameter
from qiskit.quantum_info import Pauli, SparsePauliOp

import qloop
from qloop.errors import InvalidInput, UnknownName
from qloop.model.limits import Limits
from tests.runtime.two_qubits import ENERGY, circuit, runtime, scripted

START = [0.4, 0.5]


@pytest.mark.parametrize(("options", "message"), [
    ({"qpus": "exact"}, "The QPUs are 'exact'. A runtime needs a list"),
    ({"limits": 5}, "limits is 5"),
    ({"limits": Limits(open_sessions=-1)}, "The limit open_sessions is -1"),
    ({"limits": Limits(attempts=0)}, "The limit attempts is 0"),
    ({"run": "../../x"}, "The run id '../../x' cannot be used"),
    ({"resume": True, "run": "r1"}, "cannot be resumed from a journal in memory"),
    ({"tenants": {"": 1.0}}, "The tenant's name is empty"),
    ({"tenants": {"a": 1e308}}, "The weight of tenant 'a' is 1e+308"),
    ({"tenants": ["a"]}, "tenants is ['a']"),
    ({"seed": True}, "The seed is True"),
    ({"workers": True}, "The number of workers is True"),
    ({"trace": 5}, "trace is 5"),
    ({"policy_settings": 5}, "policy_settings is 5"),
    ({"qpu": ["exact"]}, "no option of a runtime named 'qpu'. Did you mean 'qpus'?"),
])
def test_a_runtime_says_what_is_wrong_with_its_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(message)):
        qloop.Runtime(**{"journal": ":memory:", **options})


def test_an_unknown_run_is_not_begun_by_resuming_it(tmp_path) -> None:
    path = tmp_path / "j.qloop"
    qloop.Runtime(journal=path, run="r1").close()
    with pytest.raises(InvalidInput, match="A run is to be resumed, but not which"):
        qloop.Runtime(journal=path, resume=True)
    with pytest.raises(UnknownName, match=r"no run in this journal named 'r2'"):
        qloop.Runtime(journal=path, run="r2", resume=True)


@pytest.mark.parametrize(("wish", "message"), [
    ({"name": 5}, "Expected `str`, got `int` - at `$.name`"),
    ({"weight": "2"}, "at `$.weight`"),
    ({"weight": 1e17}, "The weight of the session is 1e+17"),
    ({"kind": "foo"}, "no kind of session named 'foo'"),
    ({"optimum": float("nan")}, "The session's optimum is nan"),
    ({"tenant": "a\nb"}, "The tenant's name is 'a\\nb'"),
    ({"tenant": "a" * 5000}, "Give a printable text of 1 to 200"),
    ({"max_time": 10**400}, "max_time is 1000"),
])
def test_a_session_says_what_is_wrong_with_its_wish(wish: dict[str, object], message: str) -> None:
    with runtime(scripted()) as platform, pytest.raises(InvalidInput, match=re.escape(message)) as caught:
        qloop.Session(runtime=platform, **wish)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("observable", [Pauli("ZZ"), "ZZ", np.eye(4),
                                        SparsePauliOp(["ZZ"], np.array([Parameter("a")], dtype=object))])
def test_observables_of_other_kinds_are_refused(observable: object) -> None:
    with runtime(scripted()) as platform, qloop.Session("s", runtime=platform) as session:
        with pytest.raises(InvalidInput, match="The observable"):
            session.objective(circuit(), observable)
        assert session.usage()["results"] == 0


def test_parameters_that_are_no_real_numbers_are_refused() -> None:
    with runtime(scripted()) as platform, qloop.Session("s", runtime=platform) as session:
        f = session.objective(circuit(), ENERGY)
        with pytest.raises(InvalidInput, match="The parameters are complex"):
            f([0.1 + 1j, 0.2])
        with pytest.raises(InvalidInput, match="The parameters are not numbers"):
            f.values("abc")
        with pytest.raises(InvalidInput, match="The parameters are not numbers"):
            f.submit_batch([[1, 2], [3]])


def test_numpy_integers_are_shots_and_a_runtime_must_be_one() -> None:
    with qloop.Runtime(journal=":memory:") as platform, qloop.Session("s", runtime=platform) as session:
        counts = session.sample(circuit(), START, shots=np.int64(5)).result(30)
        assert sum(counts.values()) == 5
    with pytest.raises(InvalidInput, match="The runtime is 'x'"):
        qloop.Session(runtime="x")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="The session id is None"):
        qloop.Session.from_id(None)  # type: ignore[arg-type]


def test_a_session_taken_up_again_keeps_its_times_and_weight(tmp_path) -> None:
    path = tmp_path / "j.qloop"
    with qloop.Runtime(journal=path, run="r1") as platform:
        opened = qloop.Session("s", runtime=platform, weight=3.0, max_time=70, interactive_ttl=30, optimum=-1.5)
    again = qloop.Session.from_id(opened.id, journal=str(path))
    engine = again._client.core.engine.state.sessions[opened.id]  # type: ignore[attr-defined]
    assert engine.interactive_ttl == 30 * 10**9
    assert engine.expires_at - engine.opened_at == 70 * 10**9
    again.close()
