"""VQE, SamplingVQE, QAOA and AdaptVQE of qiskit-algorithms run as they are on qloop's primitives.

Every problem's exact answer is known from its matrix.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import qiskit_algorithms as algorithms
from qiskit.circuit.library import efficient_su2, n_local, real_amplitudes
from qiskit.primitives import StatevectorEstimator
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_algorithms import gradients, optimizers
from qiskit_algorithms.observables_evaluator import estimate_observables

import qloop
from qloop.qiskit import EstimatorV2, SamplerV2

H2 = SparsePauliOp(["II", "IZ", "ZI", "ZZ", "XX"], [-1.0523732, 0.39793742, -0.39793742, -0.0112801, 0.18093120])
CUT = SparsePauliOp(["IIZZ", "IZZI", "ZZII", "ZIIZ", "IZIZ", "IIIZ"], [1.0, 1.0, 1.0, 1.0, 1.0, -0.1])
"""A cut of a graph of four nodes; the last term tells a cut from its mirror image, so that the best is one state."""


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    algorithms.utils.algorithm_globals.random_seed = 7
    yield
    algorithms.utils.algorithm_globals.random_seed = None


@pytest.fixture
def session() -> Iterator[qloop.Session]:
    with qloop.Runtime(journal=":memory:") as runtime, qloop.Session("loop", runtime=runtime, seed=3) as opened:
        yield opened


def lowest(observable: SparsePauliOp) -> float:
    return float(np.linalg.eigvalsh(observable.to_matrix())[0])


def best_string(observable: SparsePauliOp) -> str:
    """The bit string of the lowest energy of a diagonal observable."""
    return f"{int(np.argmin(observable.to_matrix().diagonal().real)):0{observable.num_qubits}b}"


@pytest.mark.parametrize("optimizer", ["SLSQP", "L_BFGS_B", "COBYLA"])
def test_vqe_finds_the_ground_state(session, optimizer):
    ansatz = n_local(2, rotation_blocks=["ry", "rz"], entanglement_blocks="cz", reps=2)
    start = np.linspace(-0.5, 0.5, ansatz.num_parameters)
    made = getattr(optimizers, optimizer)(maxiter=400)
    result = algorithms.VQE(EstimatorV2(session=session), ansatz, made, initial_point=start
                            ).compute_minimum_eigenvalue(H2, aux_operators=[SparsePauliOp("ZZ")])
    assert result.eigenvalue == pytest.approx(lowest(H2), abs=2e-4)
    state = Statevector(ansatz.assign_parameters(result.optimal_point))
    assert result.aux_operators_evaluated[0][0] == pytest.approx(state.expectation_value(SparsePauliOp("ZZ")).real)
    assert session.usage()["results"] > result.cost_function_evals


def test_vqe_takes_the_same_path_as_with_qiskits_estimator(session):
    """Exact values differ in their last bits only, so that a direct search makes the same evaluations."""
    def run(estimator):
        seen = []
        algorithms.VQE(estimator, efficient_su2(2, reps=1), optimizers.COBYLA(maxiter=60),
                       initial_point=np.linspace(-1, 1, 8), callback=lambda n, x, mean, meta: seen.append(mean)
                       ).compute_minimum_eigenvalue(H2)
        return seen

    ours, theirs = run(EstimatorV2(session=session)), run(StatevectorEstimator())
    assert len(ours) == len(theirs) == 60
    assert ours == pytest.approx(theirs, abs=1e-7)


def test_vqe_with_a_parameter_shift_gradient(session):
    estimator = EstimatorV2(session=session)
    result = algorithms.VQE(estimator, efficient_su2(2, reps=1), optimizers.L_BFGS_B(maxiter=100),
                            gradient=gradients.ParamShiftEstimatorGradient(estimator),
                            initial_point=np.linspace(-0.4, 0.4, 8)).compute_minimum_eigenvalue(H2)
    assert result.eigenvalue == pytest.approx(lowest(H2), abs=1e-4)


def test_vqe_from_shots(session):
    result = algorithms.VQE(EstimatorV2(session=session, default_precision=0.02), real_amplitudes(2, reps=1),
                            optimizers.SPSA(maxiter=120), initial_point=np.full(4, 0.3)).compute_minimum_eigenvalue(H2)
    ideal = estimate_observables(
        StatevectorEstimator(), real_amplitudes(2, reps=1).assign_parameters(result.optimal_point), [H2])[0][0]
    assert ideal == pytest.approx(lowest(H2), abs=0.05)
    assert session.usage()["shots"] >= 240 * 2500


def test_sampling_vqe_finds_the_best_bit_string(session):
    result = algorithms.SamplingVQE(SamplerV2(session=session, shots=2000), real_amplitudes(4, reps=1),
                                    optimizers.COBYLA(maxiter=150),
                                    initial_point=np.full(8, 0.4)).compute_minimum_eigenvalue(CUT)
    assert result.best_measurement["bitstring"] == best_string(CUT)
    assert result.best_measurement["value"].real == pytest.approx(lowest(CUT))


@pytest.mark.parametrize("reps", [1, 3])
def test_qaoa_finds_the_best_cut(session, reps):
    result = algorithms.QAOA(SamplerV2(session=session, shots=2000), optimizers.COBYLA(maxiter=80), reps=reps,
                             initial_point=np.full(2 * reps, 0.5)).compute_minimum_eigenvalue(CUT)
    assert result.best_measurement["bitstring"] == best_string(CUT)
    uniform = CUT.to_matrix().diagonal().real.mean()
    assert lowest(CUT) <= result.eigenvalue.real < uniform - 0.5


def test_adapt_vqe_chooses_the_excitation_that_matters(session):
    """Of three generators only one lowers the energy of the Hartree-Fock state; with it the answer is exact."""
    from qiskit import QuantumCircuit

    start = QuantumCircuit(2)
    start.x(0)
    pool = [SparsePauliOp("ZZ"), SparsePauliOp("XY"), SparsePauliOp("IZ")]
    solver = algorithms.VQE(EstimatorV2(session=session), QuantumCircuit(1), optimizers.SLSQP(maxiter=100))
    result = algorithms.AdaptVQE(solver, operators=pool, initial_state=start, max_iterations=3, gradient_threshold=1e-4,
                                 ).compute_minimum_eigenvalue(H2)
    assert result.eigenvalue == pytest.approx(lowest(H2), abs=1e-6)
    assert result.num_iterations >= 1
    assert len(result.optimal_point) == 1


def test_vqe_on_a_twin_in_virtual_time():
    """The twin's noise lifts every energy; the point it finds is near the ground state all the same."""
    ansatz = real_amplitudes(2, reps=1)
    with qloop.Runtime(qpus=["twin-hanoi"], clock="virtual", journal=":memory:", seed=1) as runtime, \
            qloop.Session("loop", runtime=runtime, shots=4000, seed=5) as session:
        result = algorithms.VQE(EstimatorV2(session=session), ansatz, optimizers.SPSA(maxiter=60),
                                initial_point=np.full(4, 0.3)).compute_minimum_eigenvalue(H2)
        assert runtime.now_s() > 2.0 * result.cost_function_evals     # each task costs two emulated seconds and more
        bound = ansatz.assign_parameters(result.optimal_point)
        lifted = float(EstimatorV2(session=session).run([(bound, H2)], precision=0).result()[0].data.evs)
    ideal = Statevector(bound).expectation_value(H2).real
    assert ideal == pytest.approx(lowest(H2), abs=0.1)
    assert ideal < lifted < ideal + 0.3
    assert result.eigenvalue == pytest.approx(lifted, abs=0.05)
