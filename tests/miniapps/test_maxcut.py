from collections import Counter
from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statevector import energy, energy_of, state

from qloop.errors import InvalidInput, UnknownName
from qloop.miniapps.problems import ansatz
from qloop.miniapps.problems.maxcut import cut_observable, cut_sizes, ground_energy, maxcut, regular_graph

even_nodes = st.integers(2, 10).map(lambda half: 2 * half)
seeds = st.integers(0, 2**63 - 1)


@given(even_nodes, seeds)
@settings(max_examples=100, deadline=None)
def test_the_graph_is_simple_and_3_regular_and_belongs_to_its_seed(nodes: int, seed: int) -> None:
    edges = regular_graph(nodes, seed)
    assert all(0 <= i < j < nodes for i, j in edges)
    assert len(set(edges)) == len(edges) == 3 * nodes // 2
    degrees = Counter(node for edge in edges for node in edge)
    assert set(degrees.values()) == {3}
    assert edges == tuple(sorted(edges)) == regular_graph(nodes, seed)


def test_a_seed_names_the_same_graph_for_ever() -> None:
    expected = "01 04 05 12 14 26 27 35 36 37 47 56"
    assert " ".join(f"{i}{j}" for i, j in regular_graph(8, 3)) == expected


def test_every_labelled_cubic_graph_of_6_nodes_comes_equally_often() -> None:
    draws = 7000
    seen = Counter(regular_graph(6, seed) for seed in range(draws))
    assert len(seen) == 70  # 10 labellings of K(3,3) and 60 of the prism
    chi_square = sum((count - draws / 70) ** 2 / (draws / 70) for count in seen.values())
    assert chi_square < 111.06  # the 99.9 % quantile with 69 degrees of freedom


@given(even_nodes.filter(lambda n: n <= 10), seeds)
@settings(max_examples=25, deadline=None)
def test_the_observable_is_minus_the_cut_of_every_bit_string(nodes: int, seed: int) -> None:
    edges = regular_graph(nodes, seed)
    matrix = cut_observable(nodes, edges).to_matrix(sparse=True)
    diagonal = matrix.diagonal().real
    assert abs(matrix).sum() == pytest.approx(abs(diagonal).sum())  # nothing off the diagonal
    half = 2 ** (nodes - 1)
    assert np.allclose(diagonal[:half], -cut_sizes(nodes, edges))
    assert np.allclose(diagonal[half:], -cut_sizes(nodes, edges)[::-1])  # the complements
    assert diagonal.min() == pytest.approx(ground_energy(nodes, edges))


@pytest.mark.parametrize(("graph", "best"), [
    (nx.complete_graph(4), 4), (nx.complete_bipartite_graph(3, 3), 9), (nx.circular_ladder_graph(3), 7),
    (nx.cubical_graph(), 12), (nx.petersen_graph(), 12), (nx.heawood_graph(), 21),
    (nx.dodecahedral_graph(), 24),  # 12 odd faces, so 6 of the 30 edges stay uncut
], ids=["K4", "K33", "prism", "cube", "Petersen", "Heawood", "dodecahedron"])
def test_maximum_cuts_of_known_cubic_graphs(graph: nx.Graph, best: int) -> None:
    edges = sorted((min(edge), max(edge)) for edge in nx.convert_node_labels_to_integers(graph).edges)
    assert ground_energy(graph.number_of_nodes(), edges) == -best


def test_brute_force_agrees_with_a_search_over_sets() -> None:
    edges = regular_graph(10, 11)
    best = max(sum((i in part) != (j in part) for i, j in edges)
               for size in range(6) for part in map(set, combinations(range(10), size)))
    assert ground_energy(10, edges) == -best


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_our_qaoa_circuit_is_qiskits(layers: int) -> None:
    from qiskit.circuit.library import qaoa_ansatz

    problem = maxcut(nodes=6, seed=5, layers=layers)
    theirs = qaoa_ansatz(problem.observable, reps=layers)
    theta = np.random.default_rng(layers).uniform(-3, 3, 2 * layers)
    overlap = np.vdot(state(problem.circuit, theta), state(theirs, theta))
    assert abs(overlap) == pytest.approx(1, abs=1e-12)


def _one_layer_formula(edges: tuple[tuple[int, int], ...], beta: float, gamma: float) -> float:
    """Wang, Hadfield, Jiang and Rieffel, Phys. Rev. A 97, 022304 (2018), equation 14, for degree 3."""
    neighbours = nx.Graph(list(edges))
    total = 0.0
    for i, j in edges:
        triangles = len(set(neighbours[i]) & set(neighbours[j]))
        total += (0.5 + np.sin(4 * beta) * np.sin(gamma) * np.cos(gamma) ** 2 / 2
                  - np.sin(2 * beta) ** 2 * np.cos(gamma) ** (4 - 2 * triangles)
                  * (1 - np.cos(2 * gamma) ** triangles) / 4)
    return total


@given(st.integers(0, 50), st.floats(-1.5, 1.5), st.floats(-3, 3))
@settings(max_examples=15, deadline=None)
def test_one_layer_of_qaoa_follows_the_closed_formula(seed: int, beta: float, gamma: float) -> None:
    problem = maxcut(nodes=8, seed=seed, layers=1)
    # our phase is exp(-i gamma H) with H = -cut, theirs exp(-i gamma cut)
    assert energy_of(problem)(np.array([beta, gamma])) == pytest.approx(
        -_one_layer_formula(regular_graph(8, seed), beta, -gamma), abs=1e-9)


def test_the_annealing_start_of_qaoa_beats_random_angles_and_more_layers_do_better() -> None:
    quality = []
    for layers in (1, 3, 8):
        problem = maxcut(nodes=8, seed=2, layers=layers)
        value = energy_of(problem)
        quality.append(np.mean([problem.quality(value(problem.initial_point(seed))) for seed in range(5)]))
    assert 0.3 < quality[0] < quality[1] < quality[2]


def test_efficient_su2_reaches_the_maximum_cut() -> None:
    from scipy.optimize import minimize

    problem = maxcut(nodes=4, seed=1, ansatz="efficient_su2", layers=1)
    result = minimize(energy_of(problem), problem.initial_point(0), method="COBYLA", options={"maxiter": 500})
    assert result.fun == pytest.approx(problem.ground_energy, abs=1e-3) == pytest.approx(-4, abs=1e-3)


def test_circuits_have_simple_gates_and_ordered_parameters() -> None:
    qaoa = maxcut(nodes=8, layers=2).circuit
    assert dict(qaoa.count_ops()) == {"h": 8, "rzz": 24, "rx": 16}
    assert [parameter.name for parameter in qaoa.parameters] == ["β[0]", "β[1]", "γ[0]", "γ[1]"]
    rows = maxcut(nodes=8, layers=2, ansatz="efficient_su2").circuit
    assert dict(rows.count_ops()) == {"ry": 24, "rz": 24, "cx": 14}
    assert maxcut(nodes=8, layers=2, ansatz="real_amplitudes").n_parameters == 24


def test_weights_of_alternating_scale_gamma() -> None:
    edges = regular_graph(4, 0)
    observable = cut_observable(4, edges)
    single = energy(ansatz.alternating(4, edges, 1), observable)
    double = energy(ansatz.alternating(4, edges, 1, coupling=1.0), observable)
    assert double(np.array([0.3, 0.2])) == pytest.approx(single(np.array([0.3, 0.4])))


@pytest.mark.parametrize(("given", "message"), [
    ({"nodes": 7}, "nodes is 7. a 3-regular graph has an even number of nodes. Give 6 or 8."),
    ({"nodes": 5}, "nodes is 5. a 3-regular graph has an even number of nodes. Give 4 or 6."),
    ({"nodes": 2}, "nodes is 2. it is out of range. Give nodes from 4 to 20."),
    ({"nodes": 22}, "nodes is 22. it is out of range. Give nodes from 4 to 20."),
    ({"nodes": 8.0}, "nodes is 8.0. it must be a whole number. Give nodes from 4 to 20."),
    ({"nodes": True}, "nodes is True. it must be a whole number. Give nodes from 4 to 20."),
    ({"nodes": "8"}, "nodes is '8'. it must be a whole number. Give nodes from 4 to 20."),
    ({"layers": 0}, "layers is 0. it is out of range. Give layers from 1 to 50."),
    ({"seed": -1}, "seed is -1. it is out of range. Give seed from 0 to 9223372036854775807."),
])
def test_bad_parameters_are_refused_with_what_to_do(given: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput) as error:
        maxcut(**given)
    assert str(error.value) == message


def test_an_unknown_ansatz_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no ansatz of maxcut named 'qaao'. Did you mean 'qaoa'\?"):
        maxcut(ansatz="qaao")
