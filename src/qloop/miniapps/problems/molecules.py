"""Two small molecules, H2 and LiH, from Hamiltonians that are shipped with qloop (`data/NOTICE`)."""

from __future__ import annotations

from functools import partial
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from qloop.errors import UnknownName
from qloop.miniapps.problems import ansatz as circuits
from qloop.miniapps.problems.problem import Problem, whole

if TYPE_CHECKING:
    from qiskit.quantum_info import SparsePauliOp

CHEMICAL_ACCURACY = 1.6e-3
"""One kilocalorie per mole, in hartree: the error that chemistry accepts."""

ANSAETZE = ("efficient_su2", "real_amplitudes")


class ActiveSpace(msgspec.Struct, frozen=True):
    """The electrons and orbitals (numbered by orbital energy from 0) that are treated exactly."""

    electrons: int
    orbitals: tuple[int, ...]
    frozen_electrons: int


class Energies(msgspec.Struct, frozen=True):
    """Reference energies in hartree, all constants included; `active_space` from the ground state upwards."""

    hartree_fock: float
    active_space: tuple[float, ...]
    full: float


class Molecule(msgspec.Struct, frozen=True):
    """One shipped data file; `data/NOTICE` explains its fields. Hartree and angstrom."""

    name: str
    formula: str
    basis: str
    charge: int
    multiplicity: int
    geometry_angstrom: tuple[tuple[str, tuple[float, float, float]], ...]
    active_space: ActiveSpace
    mapping: str
    qubits: int
    reference_bits: str
    terms: tuple[tuple[str, float], ...]
    nuclear_repulsion: float
    frozen_core: float
    energies: Energies
    made_with: str

    @property
    def constant(self) -> float:
        """What is added to the electrons' energy to give the molecule's."""
        return self.nuclear_repulsion + self.frozen_core


def h2(ansatz: str = "efficient_su2", layers: int = 1) -> Problem:
    """The hydrogen molecule at 0.735 angstrom, all of STO-3G, on 2 qubits; total energy -1.137306 hartree.

    `ansatz` is "efficient_su2" or "real_amplitudes", with `layers` repetitions; it starts near Hartree-Fock.
    Raises `InvalidInput`, `UnknownName`.
    """
    return _problem("h2", ansatz, layers)


def lih(ansatz: str = "efficient_su2", layers: int = 2) -> Problem:
    """LiH at 1.6 angstrom in STO-3G, 2 electrons in 3 sigma orbitals, on 4 qubits; -7.881072 hartree.

    `ansatz` is "efficient_su2" or "real_amplitudes", with `layers` repetitions; it starts near Hartree-Fock.
    Raises `InvalidInput`, `UnknownName`.
    """
    return _problem("lih", ansatz, layers)


def load(name: str) -> Molecule:
    """The data of a shipped molecule ("h2" or "lih")."""
    text = resources.files(__package__).joinpath("data", f"{name}.json").read_bytes()
    return msgspec.json.decode(text, type=Molecule)


def total_observable(molecule: Molecule) -> SparsePauliOp:
    """The Hamiltonian whose expectation is the total energy: electrons, frozen core and nuclear repulsion."""
    from qiskit.quantum_info import SparsePauliOp

    constant = ("I" * molecule.qubits, molecule.constant)
    return SparsePauliOp.from_list([*molecule.terms, constant]).simplify(atol=1e-12)


def diagonalised_ground_energy(molecule: Molecule) -> float:
    """The lowest eigenvalue of `total_observable`, by dense diagonalisation (at most 2**8 rows)."""
    import numpy as np

    return float(np.linalg.eigvalsh(total_observable(molecule).to_matrix())[0])


def _problem(name: str, ansatz: str, layers: int) -> Problem:
    layers = whole("layers", layers, 1, circuits.MAX_LAYERS)
    if ansatz not in ANSAETZE:
        raise UnknownName(f"ansatz of {name}", ansatz, ANSAETZE)
    molecule = load(name)
    active = molecule.active_space
    return Problem(
        name=f"{name}-{ansatz}-{layers}",
        parameters={"ansatz": ansatz, "layers": layers},
        description=(f"Ground state of {molecule.formula} in {molecule.basis.upper()}, "
                     f"{active.electrons} electrons in {len(active.orbitals)} orbitals"),
        unit="hartree",
        n_qubits=molecule.qubits,
        make_circuit=partial(circuits.hardware_efficient, ansatz, molecule.qubits, layers, molecule.reference_bits),
        make_observable=partial(total_observable, molecule),
        make_ground_energy=partial(diagonalised_ground_energy, molecule),
        make_start=circuits.near_reference_start,
    )
