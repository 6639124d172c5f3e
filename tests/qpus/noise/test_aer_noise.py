"""Aer's noise model: against the reference, against Aer's own simulators, and against closed formulas."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import PTM, Operator, SparsePauliOp, SuperOp, random_quantum_channel

from qloop.qpus.noise.aer_errors import transfer_of_error
from qloop.qpus.noise.aer_model import AerModel
from qloop.qpus.noise.density import strings_of
from qloop.qpus.noise.evolution import Strings, evolve, plan_of
from qloop.qpus.noise.exact_solver import waits_of
from qloop.qpus.noise.figures import figures_of
from qloop.qpus.noise.reading import Readout, group_of
from qloop.qpus.noise.recipe import pairs_of, recipe_of
from qloop.qpus.noise.trajectories import TrajectorySolver, noisy_circuit
from qloop.qpus.noise.transfer import exchanged, rotations, transfer_of
from qloop.qpus.protocol import Request
from qloop.qpus.simulators.circuits import pauli_sum
from qloop.qpus.twin import TwinQpu
from qloop.qpus.twin_program import TwinProgram
from tests.qpus.circuits_for_tests import circuits, observable
from tests.qpus.snapshots_for_tests import line, line_data, parsed


def twins(snapshot: object = None, **options: object) -> list[TwinQpu]:
    return [TwinQpu(snapshot or line(5), noise=noise, **options) for noise in ("aer", "density")]


def digests(n: int, salt: str = "") -> tuple[bytes, ...]:
    return tuple(hashlib.sha256(f"{salt}{k}".encode()).digest() for k in range(n))


def values(twin: TwinQpu, circuit: QuantumCircuit, op: SparsePauliOp, theta: np.ndarray, **more: object) -> np.ndarray:
    program = twin.compile(circuit, op, seed=1)
    return np.array(twin.evaluate(program, Request(theta, 0, (), **more)).values)


@settings(max_examples=12, deadline=None)
@given(circuits(max_qubits=4, max_gates=12), st.integers(0, 99))
def test_aers_model_is_the_reference(circuit: QuantumCircuit, seed: int) -> None:
    op, random = observable(circuit.num_qubits, seed), np.random.default_rng(seed)
    theta = random.uniform(-3, 3, (2, circuit.num_parameters))
    aer, density = (values(twin, circuit, op, theta) for twin in twins())
    assert aer == pytest.approx(density, abs=1e-9)


@pytest.mark.parametrize("device", ["torino", "sherbrooke", "hanoi"])
def test_on_real_devices_with_drift(device: str) -> None:
    circuit = efficient_su2(5, reps=2)
    theta = np.linspace(-2, 2, circuit.num_parameters)[np.newaxis]
    at = [10**14 * k for k in range(2)]
    found = [[values(twin, circuit, observable(5, 3), theta, at_ns=now)[0] for now in at]
             for twin in twins(device, drift="x2")]
    assert found[0] == pytest.approx(found[1], abs=1e-9)
    assert found[0][0] != found[0][1]


def solver_parts(twin: TwinQpu, program: TwinProgram) -> tuple[object, ...]:
    placed, op = program.isa.placed, program.reading.observable
    figures = figures_of(placed, twin.snapshot_at(0))
    groups = tuple(group_of(part, program.circuit.num_qubits) for part in op.observables)
    return placed, figures, waits_of(placed), groups


def test_aers_own_density_matrix_agrees() -> None:
    from qiskit_aer import AerSimulator

    twin, circuit = TwinQpu("torino", noise="aer"), efficient_su2(5, reps=3)
    program = twin.compile(circuit, observable(5, 7), seed=1)
    theta = np.linspace(-2, 3, circuit.num_parameters)
    placed, figures, waits, groups = solver_parts(twin, program)
    trajectories = TrajectorySolver(placed, figures, waits, groups)
    noisy = noisy_circuit(placed, placed.angles(theta))
    noisy.save_expectation_value(pauli_sum(trajectories._terms(), placed.n_qubits), list(range(placed.n_qubits)))
    model = AerModel(figures, waits).noise_model
    aer = AerSimulator(method="density_matrix", noise_model=model, max_parallel_threads=1)
    theirs = program.constant + aer.run(noisy).result().data(0)["expectation_value"]
    ours = twin.evaluate(program, Request(theta[np.newaxis], 0, ())).values[0]
    # Aer drops branches of an error that are rarer than about 1e-8.
    assert ours == pytest.approx(theirs, abs=1e-6)


def test_trajectories_agree_within_their_stated_error() -> None:
    data = line_data(4)
    data["gates"][0]["error"]["value"] = [0.05] * 6
    twin, circuit = TwinQpu(parsed(data), noise="aer"), efficient_su2(4, reps=1)
    program = twin.compile(circuit, observable(4, 5, n_terms=4), seed=1)
    theta = np.linspace(-2, 3, circuit.num_parameters)
    solver = TrajectorySolver(*solver_parts(twin, program))
    angles = program.isa.placed.angles(theta)
    truth = twin.evaluate(program, Request(theta[np.newaxis], 0, ())).values[0] - program.constant
    mean, error = solver.exact(angles)
    assert 0.001 < error < 0.2
    assert abs(mean - truth) < 5 * error
    assert solver.exact(angles) == (mean, error)
    sampled = [solver.estimate(angles, 200, digest) for digest in digests(4)]
    spread = np.sqrt(sum(term.coefficient**2 for group in solver._groups for term in group.terms) / 800)
    assert abs(np.mean(sampled) - truth) < 6 * spread
    assert len(set(sampled)) == 4
    assert solver.estimate(angles, 200, digests(1)[0]) == sampled[0]


def test_wide_circuits_go_shot_by_shot(monkeypatch: pytest.MonkeyPatch) -> None:
    circuit, op = efficient_su2(3, reps=1), SparsePauliOp(["IZZ", "XXI", "III"], [1.0, 0.7, 0.3])
    theta = np.linspace(-2, 3, circuit.num_parameters)[np.newaxis]
    truth = values(TwinQpu(line(3), noise="aer"), circuit, op, theta)[0]
    monkeypatch.setattr("qloop.qpus.noise.noisy.EXACT_QUBITS", 2)
    twin = TwinQpu(line(3), noise="aer")
    program = twin.compile(circuit, op, seed=1)
    ((mean, error),) = twin._noise.exact(program, theta, twin.snapshot_at(0))
    assert 0.0 < error < 0.1
    assert abs(mean - truth) < 5 * error
    assert values(twin, circuit, op, theta)[0] == mean
    found = twin.evaluate(program, Request(np.repeat(theta, 3, axis=0), 500, digests(3))).values
    assert abs(np.mean(found) - truth) < 5 * np.hypot(1.0, 0.7) / np.sqrt(1500)
    (counts,) = twin.evaluate(program, Request(theta, 200, digests(1), counts=True)).counts
    assert sum(counts.values()) == 200


def test_counts_of_trajectories_and_of_the_exact_state_have_one_distribution() -> None:
    twin, circuit = TwinQpu(line(3), noise="aer"), QuantumCircuit(3, 4)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure([0, 1, 2], [3, 0, 1])
    program = twin.compile(circuit, None, seed=1)
    exact = twin.evaluate(program, Request(np.zeros((1, 0)), 20_000, digests(1), counts=True)).counts[0]
    placed = program.isa.placed
    figures = figures_of(placed, twin.snapshot_at(0))
    shot_by_shot = TrajectorySolver(placed, figures, waits_of(placed), ())
    rough = shot_by_shot.counts(placed.angles(np.zeros(0)), ((0, 3), (1, 0), (2, 1)), 4, 4000, digests(1)[0])
    assert sum(exact.values()) == 20_000
    assert sum(rough.values()) == 4000
    assert all(bits[1] == "0" for bits in exact)           # clbit 2 is never written
    for bits in {*exact, *rough}:
        a, b = exact.get(bits, 0) / 20_000, rough.get(bits, 0) / 4000
        assert abs(a - b) < 6 * np.sqrt((a + 1e-3) / 4000)
    assert exact["0000"] > exact["1001"] > 8000             # relaxation favours the ground state


def test_one_qubit_by_hand() -> None:
    """x, a wait of 300 ns until the other pair's cx is over, readout: all closed formulas."""
    circuit = QuantumCircuit(2)
    circuit.x(0)
    circuit.barrier()
    circuit.x(1)
    (value,) = values(twins(line(2))[0], circuit, SparsePauliOp(["ZI", "IZ"], [1.0, 0.0]), np.zeros((1, 0)))
    placed = twins(line(2))[0].compile(circuit, SparsePauliOp("ZI"), seed=1).isa.placed
    at = dict(placed.ends)[1]
    t1, t2, ro = (placed.places[at] + 1) * 1e5, (placed.places[at] + 1) * 5e4, (0.01, 0.02)[placed.places[at] % 2]
    relaxed, dephased = np.exp(-50 / t1), np.exp(-50 / t2)
    fidelity = (2 * (1 + 2 * dephased + relaxed) / 4 + 1) / 3
    wrong = 2 * (fidelity - (1 - 0.003)) / (2 * fidelity - 1)
    z = -(1 - wrong)                                        # after x and depolarisation
    z = 1 - relaxed * (1 - z)                               # relaxation towards +1
    assert value == pytest.approx((1 - 2 * ro) * z, abs=1e-12)


def test_without_errors_nothing_is_lost() -> None:
    data = line_data(4)
    for gate in data["gates"]:
        gate["error"]["value"] = [0.0] * len(gate["qubits"])
    data["qubits"]["readout_error"]["value"] = [0.0] * 4
    for name in ("t1_ns", "t2_ns"):
        data["qubits"][name]["value"] = [9e11] * 4
    circuit, op = efficient_su2(4, reps=2), observable(4, 11)
    theta = np.linspace(-2, 3, circuit.num_parameters)[np.newaxis]
    for twin in twins(parsed(data)):
        result = twin.evaluate(twin.compile(circuit, op, seed=3), Request(theta, 0, ()))
        assert result.values == pytest.approx(result.ideal, abs=1e-6)


@pytest.mark.parametrize("device", ["torino", "hanoi"])
def test_waits_are_those_of_the_schedule(device: str) -> None:
    isa = TwinQpu(device, noise="density").compile(efficient_su2(6, reps=2), SparsePauliOp("ZIIZIZ"), seed=2).isa
    waited = dict.fromkeys(isa.placed.places, 0.0)
    for step in isa.placed.steps:
        for qubit, ns in zip(step.qubits, step.waited_ns, strict=True):
            waited[isa.placed.places[qubit]] += ns
    for qubit, ns in enumerate(isa.placed.last_wait_ns):
        waited[isa.placed.places[qubit]] += ns
    assert waited == pytest.approx(dict(isa.idle_ns))
    assert sum(waited.values()) > 0


def test_shots_are_unbiased_and_a_function_of_the_digest() -> None:
    twin, circuit, op = TwinQpu(line(4), noise="aer"), efficient_su2(4, reps=1), observable(4, 2)
    program = twin.compile(circuit, op, seed=1)
    theta = np.linspace(-2, 3, circuit.num_parameters)[np.newaxis]
    truth = twin.evaluate(program, Request(theta, 0, ())).values[0]
    request = Request(np.repeat(theta, 300, axis=0), 200, digests(300))
    found = np.array(twin.evaluate(program, request).values)
    assert abs(found.mean() - truth) < 5 * found.std() / np.sqrt(300)
    again = pickle.loads(pickle.dumps(twin))
    alone = Request(theta, 200, digests(300)[17:18])
    assert again.evaluate(again.compile(circuit, op, seed=1), alone).values[0] == found[17]


def test_mitigated_readout_leaves_the_gates_errors() -> None:
    data = line_data(4)
    clean = line_data(4)
    for given_data, error in ((data, 0.1), (clean, 0.0)):   # all qubits alike, so that both are placed alike
        given_data["qubits"]["readout_error"]["value"] = [error] * 4
        given_data["qubits"]["t1_ns"]["value"] = given_data["qubits"]["t2_ns"]["value"] = [1e5] * 4
    circuit, op = efficient_su2(4, reps=1), observable(4, 2)
    theta = np.linspace(-2, 3, circuit.num_parameters)[np.newaxis]
    mitigated = values(TwinQpu(parsed(data), noise="aer", mitigate_readout=True), circuit, op, theta)
    raw = values(TwinQpu(parsed(data), noise="aer"), circuit, op, theta)
    assert mitigated == pytest.approx(values(TwinQpu(parsed(clean), noise="aer"), circuit, op, theta), abs=1e-12)
    assert abs(raw - mitigated)[0] > 0.05


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(0, 10**6))
def test_a_pair_of_axes_is_multiplied_wherever_it_lies(n: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    axes = [int(q) for q in random.permutation(n)]
    a, b = (int(q) for q in random.choice(n, 2, replace=False))
    state, matrix = Strings(axes, random.normal(size=4**n)), random.normal(size=(16, 16))
    before = state.tensor().transpose([axes.index(q) for q in range(n)]).copy()
    state.apply((a, b), matrix)
    after_all = state.tensor().transpose([state.axes.index(q) for q in range(n)])
    first, after = (np.moveaxis(tensor, (b, a), (0, 1)).reshape(16, -1) for tensor in (before, after_all))
    assert after == pytest.approx(matrix @ first)


@pytest.mark.parametrize("n", [1, 2])
def test_transfer_matrices_are_qiskits(n: int) -> None:
    channel = random_quantum_channel(2**n, 2**n, seed=n)
    assert transfer_of(SuperOp(channel).data) == pytest.approx(np.real(PTM(channel).data), abs=1e-12)


@pytest.mark.parametrize("t2", [5e4, 1.5e5])
def test_errors_are_converted_as_qiskit_does(t2: float) -> None:
    from qiskit_aer.noise import depolarizing_error, thermal_relaxation_error

    one = depolarizing_error(0.01, 1).compose(thermal_relaxation_error(1e5, t2, 3e4))
    two = depolarizing_error(0.02, 2).compose(thermal_relaxation_error(1e5, t2, 3e4).expand(one))
    known: dict = {}
    for error in (one, two, one):
        assert transfer_of_error(error, known) == pytest.approx(np.real(PTM(SuperOp(error)).data), abs=1e-12)


def test_rotations_and_exchange() -> None:
    circuit = QuantumCircuit(1)
    circuit.rz(0.7, 0)
    assert rotations(np.array([0.7]))[0] == pytest.approx(np.real(PTM(Operator(circuit)).data))
    one_way, other_way = QuantumCircuit(2), QuantumCircuit(2)
    one_way.cx(0, 1)
    other_way.cx(1, 0)
    assert exchanged(np.real(PTM(Operator(one_way)).data)) == pytest.approx(np.real(PTM(Operator(other_way)).data))


def test_probabilities_are_those_of_the_rotated_state() -> None:
    from qiskit.quantum_info import random_density_matrix

    rho = random_density_matrix(8, seed=4)
    readout = Readout(((0, 2), (1, 0), (2, 1)), (0.0, 0.0, 0.0))
    rotated = QuantumCircuit(3)
    rotated.h(2)          # circuit qubit 0 is read in X; it ended as used qubit 2
    rotated.sdg(0)
    rotated.h(0)          # circuit qubit 1 in Y
    expected = rho.evolve(rotated).probabilities([2, 0, 1])
    assert readout.probabilities(strings_of(rho.data), (0, 1, 2), (1, 2, 3)) == pytest.approx(expected)
    noisy = Readout(((0, 2), (1, 0), (2, 1)), (0.0, 0.1, 0.2))
    one = expected.reshape(2, 2, 2).sum(axis=(0, 1))        # circuit qubit 0 alone
    flipped = noisy.probabilities(strings_of(rho.data), (0,), (1,))
    assert flipped == pytest.approx(0.8 * one + 0.2 * one[::-1])


def test_qubits_that_only_help_on_the_way_come_and_go() -> None:
    """A ring on a line: swaps bring in other qubits, and the value stays that of the reference."""
    circuit = QuantumCircuit(4)
    for a, b in ((0, 2), (1, 3), (0, 3), (0, 1), (1, 2)):
        circuit.ry(0.3 + a, b)
        circuit.cx(a, b)
    op = SparsePauliOp(["ZIII", "IIXI"], [1.0, 0.5])
    twin, reference = TwinQpu(line(6), noise="aer"), TwinQpu(line(6), noise="density")
    program = twin.compile(circuit, op, seed=1)
    placed = dataclasses.replace(program.isa.placed, ends=program.isa.placed.ends[1:2])
    plan = plan_of(placed)
    assert plan.read == (program.isa.placed.ends[1][1],)
    assert sum(map(len, plan.leaving)) == len({q for pair in pairs_of(placed) for q in pair} - set(plan.read))
    recipe = recipe_of(placed, AerModel(figures_of(placed, twin.snapshot_at(0)), waits_of(placed)))
    assert [run.pair for run in recipe.runs] == list(pairs_of(placed))
    whole = twin.evaluate(program, Request(np.zeros((1, 0)), 0, ())).values[0]
    assert whole == pytest.approx(values(reference, circuit, op, np.zeros((1, 0)))[0], abs=1e-9)
    alone = evolve(recipe, placed.angles(np.zeros(0)), plan)
    x = evolve(recipe, placed.angles(np.zeros(0)), plan_of(program.isa.placed))
    at = tuple(1 if q == plan.read[0] else 0 for q in x.axes)
    assert alone.values[1] == pytest.approx(x.tensor()[at], abs=1e-12)
