import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from statevector import energy_of, state

from qloop.errors import InvalidInput, UnknownName
from qloop.miniapps.problems import ansatz
from qloop.miniapps.problems.molecules import CHEMICAL_ACCURACY, h2, lih, load, total_observable

BOTH = pytest.mark.parametrize("name", ["h2", "lih"])


def test_h2_has_the_published_hamiltonian() -> None:
    # as printed in the documentation of Qiskit (parity mapping, two-qubit reduction, 0.735 angstrom)
    published = {"II": -1.052373245772859, "IZ": 0.39793742484318045, "ZI": -0.39793742484318045,
                 "ZZ": -0.01128010425623538, "XX": 0.18093119978423156}
    assert dict(load("h2").terms) == pytest.approx(published, abs=1e-10)
    assert load("h2").nuclear_repulsion == pytest.approx(0.529177210903 / 0.735, abs=1e-9)


def test_ground_energies_are_the_full_configuration_interaction_ones() -> None:
    assert h2().ground_energy == pytest.approx(-1.137306036, abs=5e-9)
    assert lih().ground_energy == pytest.approx(-7.881072044, abs=5e-9)
    assert load("lih").energies.full == pytest.approx(-7.882324, abs=5e-7)  # published, no orbital left out


@BOTH
def test_every_energy_of_the_active_space_is_an_eigenvalue(name: str) -> None:
    # PySCF found them among Slater determinants, without qubits: another route to the same spectrum
    molecule = load(name)
    levels = np.linalg.eigvalsh(total_observable(molecule).to_matrix())
    for energy in molecule.energies.active_space:
        assert abs(levels - energy).min() < 1e-9
    assert levels[0] == pytest.approx(molecule.energies.active_space[0], abs=1e-9)
    sector = len(molecule.active_space.orbitals) ** 2
    assert len(molecule.energies.active_space) == sector <= len(levels)


@BOTH
def test_the_reference_state_has_the_hartree_fock_energy(name: str) -> None:
    molecule = load(name)
    index = int(molecule.reference_bits, 2)
    diagonal = total_observable(molecule).to_matrix().diagonal().real
    assert diagonal[index] == pytest.approx(molecule.energies.hartree_fock, abs=1e-9)


@BOTH
def test_energies_obey_the_variational_order(name: str) -> None:
    energies = load(name).energies
    assert energies.full <= energies.active_space[0] < energies.hartree_fock
    assert energies.active_space[0] - energies.full < CHEMICAL_ACCURACY
    assert energies.hartree_fock - energies.active_space[0] > 10 * CHEMICAL_ACCURACY


@given(st.text("01", min_size=2, max_size=6), st.integers(1, 4), st.sampled_from(["efficient_su2", "real_amplitudes"]))
@settings(max_examples=25, deadline=None)
def test_zero_parameters_prepare_the_reference_state(bits: str, layers: int, kind: str) -> None:
    circuit = ansatz.hardware_efficient(kind, len(bits), layers, bits)
    psi = state(circuit, np.zeros(circuit.num_parameters))
    assert abs(psi[int(bits, 2)]) == pytest.approx(1)


@pytest.mark.parametrize("problem", [h2(), h2(ansatz="real_amplitudes"), lih(ansatz="real_amplitudes"), lih()],
                         ids=lambda problem: problem.name)
def test_vqe_reaches_chemical_accuracy(problem) -> None:  # type: ignore[no-untyped-def]
    value = energy_of(problem)
    start = problem.initial_point(4)
    assert value(start) > problem.ground_energy + 5 * CHEMICAL_ACCURACY
    result = minimize(value, start, method="L-BFGS-B", options={"maxfun": 1500})
    assert -1e-9 < result.fun - problem.ground_energy < CHEMICAL_ACCURACY


@BOTH
def test_observables_are_real_and_hermitian(name: str) -> None:
    observable = total_observable(load(name))
    assert abs(observable.coeffs.imag).max() == 0
    assert all(label.count("Y") % 2 == 0 for label in observable.paulis.to_labels())
    assert observable.num_qubits == load(name).qubits


def test_bad_parameters_are_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="layers is 0"):
        h2(layers=0)
    with pytest.raises(UnknownName, match="There is no ansatz of lih named 'uccsd'"):
        lih(ansatz="uccsd")
