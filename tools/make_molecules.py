"""Compute the molecular Hamiltonians that `qloop.miniapps.problems.molecules` ships as JSON.

Needs PySCF, which qloop itself never imports: run it in an environment of its own.

    python3 -m venv chem && chem/bin/pip install pyscf
    chem/bin/python tools/make_molecules.py src/qloop/miniapps/problems/data

Steps: restricted Hartree-Fock; effective integrals of an active space (the frozen core enters them as a
mean field); second quantisation; the parity encoding with spin-blocked modes (Seeley, Richard and Love, J.
Chem. Phys. 137, 224109, 2012); removal of the two qubits that hold the conserved parities (Bravyi et al.,
arXiv:1701.08213).
"""

from __future__ import annotations

import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyscf
from numpy.typing import NDArray
from pyscf import ao2mo, fci, gto, mcscf, scf

MOLECULES: tuple[dict[str, Any], ...] = (
    {"name": "h2", "formula": "H2", "atoms": (("H", (0.0, 0.0, 0.0)), ("H", (0.0, 0.0, 0.735))),
     "orbitals": (0, 1), "electrons": 2},
    # Orbital 0 is the 1s core of lithium, 3 and 4 are the two pi orbitals, empty by symmetry to first order.
    {"name": "lih", "formula": "LiH", "atoms": (("Li", (0.0, 0.0, 0.0)), ("H", (0.0, 0.0, 1.6))),
     "orbitals": (1, 2, 5), "electrons": 2},
)
SMALLEST = 1e-12  # coefficients below it are rounding noise of the integrals
DIGITS = 12  # decimals kept, so that every machine writes the same file

Pauli = tuple[int, int]  # bit masks (x, z); the operator is i^|x & z| X^x Z^z, hence Hermitian
Operator = dict[Pauli, complex]


def multiply(left: Operator, right: Operator) -> Operator:
    """The product of two sums of Pauli strings."""
    result: Operator = {}
    for ((x1, z1), c1), ((x2, z2), c2) in product(left.items(), right.items()):
        x, z = x1 ^ x2, z1 ^ z2
        # Z^z1 X^x2 = (-1)^|z1 & x2| X^x2 Z^z1; the powers of i restore the Hermitian form of each string.
        power = (x1 & z1).bit_count() + (x2 & z2).bit_count() - (x & z).bit_count()
        power += 2 * (z1 & x2).bit_count()
        result[x, z] = result.get((x, z), 0) + c1 * c2 * 1j ** (power % 4)
    return result


def add(total: Operator, other: Operator, factor: float) -> None:
    """Add `factor * other` to `total` in place."""
    for pauli, coefficient in other.items():
        total[pauli] = total.get(pauli, 0) + factor * coefficient


def creator(mode: int, modes: int) -> Operator:
    """The creation operator of a mode, parity-encoded: (Z[j-1] X[j] - i Y[j]) / 2 times X on all above."""
    bit = 1 << mode
    above = ((1 << modes) - 1) & ~((bit << 1) - 1)
    below = bit >> 1
    return {(bit | above, below): 0.5, (bit | above, bit): -0.5j}


def dagger(operator: Operator) -> Operator:
    """The Hermitian conjugate."""
    return {pauli: np.conj(coefficient) for pauli, coefficient in operator.items()}


def second_quantised(h1: NDArray[np.float64], h2: NDArray[np.float64]) -> Operator:
    """sum h1[p,q] p+ q + 1/2 sum (pq|rs) p+ r+ s q over both spins; all alpha modes first, then all beta."""
    n = len(h1)
    up = [creator(mode, 2 * n) for mode in range(2 * n)]
    down = [dagger(operator) for operator in up]
    hop = {(p, q): multiply(up[p], down[q]) for p, q in product(range(2 * n), repeat=2)}
    total: Operator = {}
    for p, q, spin in product(range(n), range(n), (0, n)):
        add(total, hop[p + spin, q + spin], h1[p, q])
    for (p, q, r, s), a, b in product(product(range(n), repeat=4), (0, n), (0, n)):
        add(total, multiply(hop[p + a, q + a], hop[r + b, s + b]), 0.5 * h2[p, q, r, s])
        # p+ r+ s q = (p+ q)(r+ s) - delta(q, r) p+ s, the delta also asking for equal spin
        if q == r and a == b:
            add(total, hop[p + a, s + b], -0.5 * h2[p, q, r, s])
    return total


def drop_bit(mask: int, bit: int) -> int:
    """The mask without the given bit, higher bits moved down."""
    return (mask & ((1 << bit) - 1)) | (mask >> (bit + 1) << bit)


def taper(operator: Operator, bit: int, value: int) -> Operator:
    """Replace Z on a conserved qubit by its eigenvalue and remove the qubit."""
    result: Operator = {}
    for (x, z), coefficient in operator.items():
        if abs(coefficient) < SMALLEST:
            continue
        if x >> bit & 1:
            raise ValueError(f"qubit {bit} is not conserved")
        sign = value if z >> bit & 1 else 1
        key = (drop_bit(x, bit), drop_bit(z, bit))
        result[key] = result.get(key, 0) + sign * coefficient
    return result


def label(pauli: Pauli, qubits: int) -> str:
    """The Pauli string as Qiskit writes it: qubit 0 is the last letter."""
    x, z = pauli
    return "".join("IXZY"[(x >> q & 1) + 2 * (z >> q & 1)] for q in reversed(range(qubits)))


def reference_bits(orbitals: int, alpha: int, beta: int) -> str:
    """The Hartree-Fock determinant in the reduced parity encoding, qubit 0 last."""
    occupied = [int(m < alpha) for m in range(orbitals)] + [int(m < beta) for m in range(orbitals)]
    parity = np.cumsum(occupied) % 2
    kept = [int(parity[m]) for m in range(2 * orbitals) if m not in (orbitals - 1, 2 * orbitals - 1)]
    return "".join(str(bit) for bit in reversed(kept))


def reduced(h1: NDArray[np.float64], h2: NDArray[np.float64], alpha: int, beta: int) -> list[list[object]]:
    """The Hamiltonian's terms [label, coefficient] on two qubits fewer than there are modes."""
    n = len(h1)
    operator = second_quantised(h1, h2)
    operator = taper(operator, 2 * n - 1, (-1) ** (alpha + beta))
    operator = taper(operator, n - 1, (-1) ** alpha)
    terms = []
    for pauli in sorted(operator, key=lambda key: label(key, 2 * n - 2)):
        coefficient = operator[pauli]
        if abs(coefficient) > SMALLEST:
            assert abs(complex(coefficient).imag) < SMALLEST, "a Hamiltonian is Hermitian"
            terms.append([label(pauli, 2 * n - 2), round(float(coefficient.real), DIGITS)])
    return terms


def fixed_signs(orbitals: NDArray[np.float64]) -> NDArray[np.float64]:
    """The orbitals with their largest component positive: eigenvectors come with an arbitrary sign."""
    largest = np.abs(orbitals).argmax(axis=0)
    signs: NDArray[np.float64] = np.sign(orbitals[largest, np.arange(orbitals.shape[1])])
    return np.asarray(orbitals * signs)


def compute(spec: dict[str, Any]) -> dict[str, Any]:
    """Everything the JSON file of one molecule holds; energies in hartree."""
    molecule = gto.M(atom=list(spec["atoms"]), basis="sto-3g", unit="Angstrom", verbose=0)
    field = scf.RHF(molecule).set(conv_tol=1e-13).run()
    size, electrons = len(spec["orbitals"]), spec["electrons"]
    active = mcscf.CASCI(field, size, electrons)
    orbitals = active.sort_mo([index + 1 for index in spec["orbitals"]], fixed_signs(field.mo_coeff))
    h1, core = active.get_h1eff(orbitals)
    h2 = ao2mo.restore(1, active.get_h2eff(orbitals), size)
    half = electrons // 2
    states = size * size if size < 4 else 4
    roots = np.atleast_1d(fci.direct_spin1.kernel(h1, h2, size, (half, half), nroots=states)[0]) + core
    # every orbital and electron: the yardstick of the active space
    full = fci.FCI(field).set(conv_tol=1e-13).kernel()[0]
    return {
        "name": spec["name"], "formula": spec["formula"], "basis": "sto-3g", "charge": 0, "multiplicity": 1,
        "geometry_angstrom": [[symbol, list(place)] for symbol, place in spec["atoms"]],
        "active_space": {"electrons": electrons, "orbitals": list(spec["orbitals"]),
                         "frozen_electrons": molecule.nelectron - electrons},
        "mapping": "parity, alpha modes first, two qubits removed by symmetry",
        "qubits": 2 * size - 2, "reference_bits": reference_bits(size, half, half),
        "terms": reduced(h1, h2, half, half),
        "nuclear_repulsion": round(float(molecule.energy_nuc()), DIGITS),
        "frozen_core": round(float(core - molecule.energy_nuc()), DIGITS),
        "energies": {"hartree_fock": round(float(field.e_tot), 10),
                     "active_space": [round(float(root), 10) for root in roots],
                     "full": round(float(full), 10)},
        "made_with": f"PySCF {pyscf.__version__}",
    }


def main(folder: str) -> None:
    """Write one file per molecule into `folder`."""
    for spec in MOLECULES:
        record = compute(spec)
        path = Path(folder) / f"{spec['name']}.json"
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(path, record["qubits"], "qubits", len(record["terms"]), "terms", record["energies"])


if __name__ == "__main__":
    main(sys.argv[1])
