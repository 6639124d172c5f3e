import functools
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.miniapps.problems.problem import Problem
from qloop.miniapps.problems.registry import names, parameters, problem

EVERY = pytest.mark.parametrize("name", names())


def test_names() -> None:
    assert names() == ("h2", "ising", "lih", "maxcut")


@EVERY
def test_defaults_make_a_whole_problem(name: str) -> None:
    made = problem(name)
    assert made.circuit.num_qubits == made.observable.num_qubits == made.n_qubits
    assert made.circuit.num_clbits == 0
    assert {gate.num_qubits for gate in (step.operation for step in made.circuit.data)} <= {1, 2}
    assert made.initial_point(0).shape == (made.n_parameters,) == (made.circuit.num_parameters,)
    assert dict(made.parameters) == dict(parameters(name))
    assert made.description
    assert made.unit


@EVERY
def test_ground_and_mean_energy_are_those_of_the_matrix(name: str) -> None:
    made = problem(name)
    levels = np.linalg.eigvalsh(made.observable.to_matrix())
    assert made.ground_energy == pytest.approx(levels[0], abs=1e-9)
    assert made.mean_energy == pytest.approx(levels.mean(), abs=1e-9)
    assert made.quality(made.ground_energy) == pytest.approx(1)
    assert made.quality(made.mean_energy) == pytest.approx(0)


@EVERY
def test_a_problem_survives_pickling(name: str) -> None:
    made = problem(name)
    copy = pickle.loads(pickle.dumps(made))
    assert copy.name == made.name
    assert copy.observable == made.observable
    assert copy.ground_energy == made.ground_energy
    assert np.array_equal(copy.initial_point(7), made.initial_point(7))


@given(st.sampled_from(names()), st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_starting_points_belong_to_their_seed(name: str, first: int, second: int) -> None:
    made = _kept(name)
    assert np.array_equal(made.initial_point(first), made.initial_point(first))
    assert np.isfinite(made.initial_point(first)).all()
    assert (first == second) == np.array_equal(made.initial_point(first), made.initial_point(second))


def test_what_is_costly_is_made_once() -> None:
    made = problem("maxcut", nodes=12, seed=9)
    assert made.circuit is made.circuit
    assert made.observable is made.observable


def test_two_problems_never_share_a_name() -> None:
    given = [("maxcut", {}), ("maxcut", {"seed": 1}), ("maxcut", {"layers": 3}), ("maxcut", {"nodes": 4}),
             ("ising", {}), ("ising", {"periodic": True}), ("ising", {"field": 0.5}),
             ("ising", {"ansatz": "efficient_su2"}), ("h2", {}), ("lih", {}), ("lih", {"layers": 3}),
             ("lih", {"ansatz": "real_amplitudes"})]
    assert len({problem(name, **values).name for name, values in given}) == len(given)


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(UnknownName) as error:
        problem("maxcutt")
    assert str(error.value) == ("There is no problem named 'maxcutt'. Did you mean 'maxcut'? "
                                "Choose one of: h2, ising, lih, maxcut.")
    with pytest.raises(UnknownName) as error:
        problem("maxcut", node=8)
    assert str(error.value) == ("There is no parameter of maxcut named 'node'. Did you mean 'nodes'? "
                                "Choose one of: ansatz, layers, nodes, seed.")


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, None, "1"])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    with pytest.raises(InvalidInput, match="seed is"):
        problem("h2").initial_point(seed)  # type: ignore[arg-type]


def test_numpy_numbers_are_welcome() -> None:
    made = problem("maxcut", nodes=np.int64(6), seed=np.uint8(3), layers=np.int32(1))
    assert made.name == problem("maxcut", nodes=6, seed=3, layers=1).name


def test_nothing_heavy_is_imported_before_a_circuit_is_asked_for() -> None:
    code = ("import sys; from qloop.miniapps.problems.registry import names, problem\n"
            "made = [problem(name) for name in names()]\n"
            "assert made[3].ground_energy < 0 and made[1].ground_energy < 0\n"
            "assert not {'qiskit', 'scipy', 'networkx', 'rustworkx'} & set(sys.modules), sorted(sys.modules)\n"
            "made[3].circuit\nassert 'qiskit' in sys.modules")
    subprocess.run([sys.executable, "-c", code], check=True)


@functools.cache
def _kept(name: str) -> Problem:
    return problem(name)
