"""MaxCut on random 3-regular graphs: split the nodes in two sets so that most edges run between them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput, UnknownName
from qloop.miniapps.problems import ansatz as circuits
from qloop.miniapps.problems.problem import GRAPH_STREAM, Problem, philox, whole

if TYPE_CHECKING:
    from qiskit.quantum_info import SparsePauliOp

DEGREE = 3
FEWEST, MOST = 4, 20
ANSAETZE = ("qaoa", "efficient_su2", "real_amplitudes")

Edges = tuple[circuits.Edge, ...]


def maxcut(nodes: int = 8, seed: int = 0, ansatz: str = "qaoa", layers: int = 2) -> Problem:
    """MaxCut of the random 3-regular graph of `nodes` (even, 4 to 20) that belongs to `seed`.

    Node i is qubit i; the energy is minus the number of edges cut, so `ground_energy` is minus the maximum
    cut. `ansatz` is "qaoa", "efficient_su2" or "real_amplitudes", with `layers` repetitions. Raises
    `InvalidInput`, `UnknownName`.
    """
    nodes, layers = whole("nodes", nodes, FEWEST, MOST), whole("layers", layers, 1, circuits.MAX_LAYERS)
    if nodes % 2:
        raise InvalidInput(f"nodes is {nodes}", "a 3-regular graph has an even number of nodes",
                           f"Give {nodes - 1} or {nodes + 1}")
    if ansatz not in ANSAETZE:
        raise UnknownName("ansatz of maxcut", ansatz, ANSAETZE)
    edges = regular_graph(nodes, seed)
    qaoa = ansatz == "qaoa"
    return Problem(
        name=f"maxcut-{nodes}-{seed}-{ansatz}-{layers}",
        parameters={"nodes": nodes, "seed": int(seed), "ansatz": ansatz, "layers": layers},
        description=f"MaxCut on the random 3-regular graph {seed} of {nodes} nodes and {len(edges)} edges",
        unit="cut edges",
        n_qubits=nodes,
        make_circuit=(partial(circuits.alternating, nodes, edges, layers) if qaoa
                      else partial(circuits.hardware_efficient, ansatz, nodes, layers)),
        make_observable=partial(cut_observable, nodes, edges),
        make_ground_energy=partial(ground_energy, nodes, edges),
        make_start=circuits.annealing_start if qaoa else circuits.uniform_start,
    )


def regular_graph(nodes: int, seed: int) -> Edges:
    """The edges (i < j, sorted) of the 3-regular simple graph that belongs to `seed`, uniform over all.

    Pairing model with rejection (Bollobas, European J. Combin. 1, 311, 1980): three half-edges a node,
    paired at random, again until the graph has no loop and no double edge (about 1 pairing in 7 or 8 of
    large graphs). Only raw Philox words are used, so a seed names the same graph on every machine and under
    every version of NumPy.
    """
    source = philox(seed, GRAPH_STREAM)
    owners = np.repeat(np.arange(nodes), DEGREE)
    while True:
        order = np.argsort(source.random_raw(nodes * DEGREE), kind="stable")
        pairs = np.sort(owners[order].reshape(-1, 2), axis=1)
        edges = sorted((int(i), int(j)) for i, j in pairs)
        if len(set(edges)) == len(edges) and all(i != j for i, j in edges):
            return tuple(edges)


def cut_observable(nodes: int, edges: Sequence[circuits.Edge]) -> SparsePauliOp:
    """sum over edges of (Z_i Z_j - 1) / 2: on a bit string, minus the number of edges it cuts."""
    from qiskit.quantum_info import SparsePauliOp

    terms = [("ZZ", [i, j], 0.5) for i, j in edges]
    return SparsePauliOp.from_sparse_list([*terms, ("", [], -0.5 * len(edges))], num_qubits=nodes)


def cut_sizes(nodes: int, edges: Sequence[circuits.Edge]) -> NDArray[np.int16]:
    """The number of edges cut by each of the 2**(nodes - 1) splits that keep the last node in set 0.

    The complement of a split cuts the same edges, so these are all values there are; bit i of the index is
    node i.
    """
    splits = np.arange(2 ** (nodes - 1), dtype=np.int32)
    cuts = np.zeros(len(splits), dtype=np.int16)
    for i, j in edges:
        cuts += ((splits >> i ^ splits >> j) & 1).astype(np.int16)
    return cuts


def ground_energy(nodes: int, edges: Sequence[circuits.Edge]) -> float:
    """Minus the maximum cut, by trying every split."""
    return -float(cut_sizes(nodes, edges).max())
