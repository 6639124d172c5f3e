import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.linalg import eigsh
from statevector import energy_of

from qloop.errors import InvalidInput, UnknownName
from qloop.miniapps.problems.ising import chain_observable, free_fermion_energy, ising


def _diagonalised(nodes: int, coupling: float, field: float, periodic: bool) -> float:
    matrix = chain_observable(nodes, coupling, field, periodic).to_matrix(sparse=True).real
    if nodes < 6:
        return float(np.linalg.eigvalsh(matrix.toarray())[0])
    start = np.random.default_rng(0).standard_normal(matrix.shape[0])
    return float(eigsh(matrix, k=2, which="SA", v0=start, return_eigenvectors=False).min())


@given(st.integers(3, 9), st.floats(0.1, 3), st.floats(0, 3), st.booleans())
@settings(max_examples=40, deadline=None)
def test_free_fermions_agree_with_diagonalisation(nodes: int, coupling: float, field: float, periodic: bool) -> None:
    exact = _diagonalised(nodes, coupling, field, periodic)
    assert free_fermion_energy(nodes, coupling, field, periodic) == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("periodic", [False, True])
def test_free_fermions_agree_with_diagonalisation_at_12_spins(periodic: bool) -> None:
    assert free_fermion_energy(12, 1, 0.9, periodic) == pytest.approx(_diagonalised(12, 1, 0.9, periodic), abs=1e-9)


def test_limits_with_a_closed_form() -> None:
    assert free_fermion_energy(9, 2.0, 0.0, periodic=False) == pytest.approx(-16)  # aligned spins
    assert free_fermion_energy(9, 2.0, 0.0, periodic=True) == pytest.approx(-18)
    # critical open chain: Pfeuty, Ann. Phys. 57, 79 (1970): 1 - 1 / sin(pi / (4 n + 2))
    for nodes in (2, 5, 20):
        closed = 1 - 1 / np.sin(np.pi / (4 * nodes + 2))
        assert free_fermion_energy(nodes, 1, 1, periodic=False) == pytest.approx(closed)
        assert ising(nodes=nodes).ground_energy == pytest.approx(closed)


@pytest.mark.parametrize("field", [0.5, 1.0])
def test_half_as_many_layers_as_spins_solve_a_ring_exactly(field: float) -> None:
    from scipy.optimize import minimize

    problem = ising(nodes=4, field=field, periodic=True, layers=2)
    value = energy_of(problem)
    best = min(minimize(value, problem.initial_point(seed), method="BFGS").fun for seed in range(3))
    assert best == pytest.approx(problem.ground_energy, abs=1e-7)


def test_real_amplitudes_suffice_for_the_open_chain() -> None:
    from scipy.optimize import minimize

    problem = ising(nodes=3, ansatz="real_amplitudes", layers=2)
    value = energy_of(problem)
    best = min(minimize(value, problem.initial_point(seed), method="BFGS").fun for seed in range(3))
    assert best == pytest.approx(problem.ground_energy, abs=1e-4)
    assert problem.n_parameters == 9


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_no_state_lies_below_the_ground_energy_nor_has_quality_above_one(seed: int) -> None:
    problem = ising(nodes=4, ansatz="efficient_su2", layers=1)
    value = energy_of(problem)(problem.initial_point(seed))
    assert value >= problem.ground_energy - 1e-12
    assert problem.quality(value) <= 1 + 1e-12


def test_the_observable_has_the_terms_of_the_model() -> None:
    terms = dict(ising(nodes=3, coupling=2, field=0.5).observable.to_list())
    assert terms == {"IZZ": -2, "ZZI": -2, "IIX": -0.5, "IXI": -0.5, "XII": -0.5}
    ring = dict(ising(nodes=3, coupling=2, field=0, periodic=True).observable.to_list())
    assert ring == {"IZZ": -2, "ZZI": -2, "ZIZ": -2}


@pytest.mark.parametrize(("given", "message"), [
    ({"nodes": 1}, "nodes is 1. it is out of range. Give nodes from 2 to 20."),
    ({"nodes": 2, "periodic": True}, "nodes is 2. it is out of range. Give nodes from 3 to 20."),
    ({"coupling": 0}, "coupling is 0. it is not finite or too small. Give coupling of at least 1e-09."),
    ({"field": float("nan")}, "field is nan. it is not finite or too small. Give field of at least 0."),
    ({"field": -1.0}, "field is -1.0. it is not finite or too small. Give field of at least 0."),
    ({"field": "1"}, "field is '1'. it must be a number. Give field of at least 0."),
    ({"periodic": 1}, "periodic is 1. it must be True or False. Give one of the two."),
    ({"layers": 51}, "layers is 51. it is out of range. Give layers from 1 to 50."),
])
def test_bad_parameters_are_refused_with_what_to_do(given: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput) as error:
        ising(**given)
    assert str(error.value) == message


def test_an_unknown_ansatz_names_the_valid_ones() -> None:
    with pytest.raises(UnknownName, match="Choose one of: efficient_su2, hva, real_amplitudes"):
        ising(ansatz="qaoa")
