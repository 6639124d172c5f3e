"""A program for Qiskit's primitives, with its import changed: a VQE, then samples of what it found."""

from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp
from scipy.optimize import minimize

# The line that was changed; it was: from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qloop.qiskit import EstimatorV2, SamplerV2

# H2 at .735 angstrom on two qubits
hydrogen = SparsePauliOp(["II", "ZI", "IZ", "ZZ", "XX"], [-1.052373, 0.397937, -0.397937, -0.011280, 0.180931])
ansatz = efficient_su2(2, reps=1)

with EstimatorV2(qpu="exact", name="h2") as estimator:
    def energy(theta):
        return float(estimator.run([(ansatz, hydrogen, theta)]).result()[0].data.evs)

    found = minimize(energy, [0.5] * ansatz.num_parameters, method="SLSQP")

with SamplerV2(qpu="exact", name="h2-bits", shots=1000) as sampler:
    data = sampler.run([(ansatz.measure_all(inplace=False), found.x)]).result()[0].data

print(f"energy {found.fun:.4f} hartree after {found.nfev} calls")
print(f"most frequent bits: {max(data.meas.get_counts().items(), key=lambda pair: pair[1])}")
