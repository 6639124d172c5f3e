"""The transverse-field Ising chain H = -J sum Z_i Z_(i+1) - h sum X_i, which free fermions solve exactly."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from qloop.errors import InvalidInput, UnknownName
from qloop.miniapps.problems import ansatz as circuits
from qloop.miniapps.problems.problem import Problem, real, whole

if TYPE_CHECKING:
    from qiskit.quantum_info import SparsePauliOp

MOST = 20
ANSAETZE = ("hva", "efficient_su2", "real_amplitudes")


def ising(nodes: int = 6, coupling: float = 1.0, field: float = 1.0, periodic: bool = False,
          ansatz: str = "hva", layers: int = 3) -> Problem:
    """The ferromagnetic chain of `nodes` spins (2, if `periodic` 3, to 20), coupling J > 0 and field h >= 0.

    Energies are in the unit of `coupling` and `field`. `ansatz` is "hva", "efficient_su2" or
    "real_amplitudes", with `layers` repetitions. An antiferromagnet on an open or even chain is the same
    problem with every second spin turned. Raises `InvalidInput`, `UnknownName`.
    """
    nodes = whole("nodes", nodes, 3 if periodic else 2, MOST)
    layers = whole("layers", layers, 1, circuits.MAX_LAYERS)
    coupling, field = real("coupling", coupling, 1e-9), real("field", field, 0.0)
    if not isinstance(periodic, bool):
        raise InvalidInput(f"periodic is {periodic!r}", "it must be True or False", "Give one of the two")
    if ansatz not in ANSAETZE:
        raise UnknownName("ansatz of ising", ansatz, ANSAETZE)
    bonds = chain(nodes, periodic)
    hva = ansatz == "hva"
    shape = "ring" if periodic else "chain"
    return Problem(
        name=f"ising-{nodes}-{shape}-{coupling:g}-{field:g}-{ansatz}-{layers}",
        parameters={"nodes": nodes, "coupling": coupling, "field": field, "periodic": periodic,
                    "ansatz": ansatz, "layers": layers},
        description=f"Transverse-field Ising {shape} of {nodes} spins, J = {coupling:g}, h = {field:g}",
        unit="coupling",
        n_qubits=nodes,
        make_circuit=(partial(circuits.hamiltonian_variational, nodes, bonds, layers) if hva
                      else partial(circuits.hardware_efficient, ansatz, nodes, layers)),
        make_observable=partial(chain_observable, nodes, coupling, field, periodic),
        make_ground_energy=partial(free_fermion_energy, nodes, coupling, field, periodic),
        make_start=circuits.annealing_start if hva else circuits.uniform_start,
    )


def chain(nodes: int, periodic: bool) -> tuple[circuits.Edge, ...]:
    """The neighbours in a line, or in a ring."""
    line = tuple((i, i + 1) for i in range(nodes - 1))
    return (*line, (0, nodes - 1)) if periodic else line


def chain_observable(nodes: int, coupling: float, field: float, periodic: bool) -> SparsePauliOp:
    """-coupling sum Z_i Z_j over neighbours - field sum X_i; a term whose factor is 0 is left out."""
    from qiskit.quantum_info import SparsePauliOp

    terms: list[tuple[str, list[int], float]] = [("ZZ", [i, j], -coupling) for i, j in chain(nodes, periodic)]
    if field:
        terms += [("X", [i], -field) for i in range(nodes)]
    return SparsePauliOp.from_sparse_list(terms, num_qubits=nodes)


def free_fermion_energy(nodes: int, coupling: float, field: float, periodic: bool) -> float:
    """The exact ground energy for coupling > 0 and field >= 0, from a matrix of nodes x nodes.

    After the Jordan-Wigner transformation the chain is H = i sum M_ij b_i a_j over Majorana modes, so its
    ground energy is minus the sum of the singular values of M (Lieb, Schultz and Mattis, Ann. Phys. 16,
    407, 1961). A ring's ground state has an even number of fermions, which makes its closing bond
    antiperiodic; then the sum is the closed form sum_k sqrt(J^2 + h^2 - 2 J h cos k), k = (2 m + 1) pi /
    nodes.
    """
    if periodic:
        momenta = (2 * np.arange(nodes) + 1) * np.pi / nodes
        energies = np.sqrt(coupling**2 + field**2 - 2 * coupling * field * np.cos(momenta))
    else:
        matrix = field * np.eye(nodes) + coupling * np.eye(nodes, k=1)
        energies = np.linalg.svd(matrix, compute_uv=False)
    return -float(energies.sum())
