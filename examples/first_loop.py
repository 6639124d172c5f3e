"""The first loop: a small VQE on the exact QPU of this machine."""

from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

import qloop

energy = SparsePauliOp.from_list([("ZZI", 1.0), ("IZZ", 1.0), ("XII", 0.5), ("IXI", 0.5), ("IIX", 0.5)])

with qloop.Session("first") as session:
    result = session.minimize(efficient_su2(3, reps=2), energy, optimizer="adam", maxiter=100)

print(f"energy {result.fun:.4f} after {result.nfev} evaluations")
