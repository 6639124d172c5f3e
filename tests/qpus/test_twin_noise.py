"""The surrogate: mean, variance and counts against the closed formulas, on seeded draws."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import Operator, SparsePauliOp, Statevector

from qloop.errors import InvalidInput
from qloop.qpus.protocol import LocalQpu, Request
from qloop.qpus.twin import TwinQpu
from qloop.qpus.twin_noise import Group, measured_as, random_counts, random_sum
from qloop.qpus.twin_program import TwinProgram

from .snapshots_for_tests import line, line_data, parsed

THETA = np.linspace(-1.0, 1.3, 16)
H = SparsePauliOp(["IIII", "ZZII", "IZZI", "IIZZ", "XIII", "IXII", "XXII", "IYYI", "ZIIZ"],
                  [0.7, 1.0, -0.8, 0.6, 0.5, -0.4, 0.3, 0.25, 0.9])


def noisy_twin() -> TwinQpu:
    """Errors so large that success and failure are both seen."""
    data = line_data(4)
    data["gates"][0]["error"]["value"] = [0.1] * 6
    return TwinQpu(parsed(data))


def digests(n: int, salt: str = "") -> tuple[bytes, ...]:
    return tuple(hashlib.sha256(f"{salt}{k}".encode()).digest() for k in range(n))


def rows(n: int, theta: np.ndarray = THETA) -> np.ndarray:
    return np.repeat(theta[np.newaxis], n, axis=0)


def compiled(twin: TwinQpu) -> TwinProgram:
    return twin.compile(efficient_su2(4, reps=1), H, seed=1)


def true_state(program: TwinProgram) -> Statevector:
    return Statevector(program.circuit.assign_parameters(THETA))


def test_without_shots_the_value_is_the_formula() -> None:
    twin = noisy_twin()
    program = compiled(twin)
    esp, energy = program.isa.success.esp, true_state(program).expectation_value(H).real
    found = twin.evaluate(program, Request(rows(2), 0, ()))
    assert 0.2 < esp < 0.9
    assert found.values == pytest.approx((esp * energy + (1 - esp) * 0.7,) * 2, abs=1e-9)
    assert found.ideal == pytest.approx((energy,) * 2, abs=1e-9)
    assert twin.evaluate(program, Request(rows(2), 50, digests(2))).ideal == found.ideal
    assert (found.qpu, found.shots, found.simulator) == ("twin-line", 0, str(program.simulator))


def variance(program: TwinProgram, shots: int) -> float:
    """sum over groups of (<A^2> - <A>^2) / shots in the state ESP*pure + (1-ESP)*mixed, by dense matrices."""
    state, esp, total = true_state(program), program.isa.success.esp, 0.0
    for part in program.reading.observable.observables:
        matrix = Operator(part)
        mean = esp * state.expectation_value(matrix).real
        square = esp * state.expectation_value(matrix @ matrix).real
        square += (1 - esp) * np.trace((matrix @ matrix).data).real / 16
        total += square - mean**2
    return total / shots


@pytest.mark.parametrize("shots", [1, 40, 4096])
def test_mean_and_variance_of_the_estimate(shots: int) -> None:
    twin, n = noisy_twin(), 1500
    program = compiled(twin)
    values = np.array(twin.evaluate(program, Request(rows(n), shots, digests(n, f"{shots}/"))).values)
    expected = twin.evaluate(program, Request(rows(1), 0, ())).values[0]
    sd = np.sqrt(variance(program, shots))
    assert abs(values.mean() - expected) < 4 * sd / np.sqrt(n)
    kurtosis = np.mean((values - values.mean()) ** 4) / values.var() ** 2
    assert abs(values.var(ddof=1) / sd**2 - 1) < 4 * np.sqrt((kurtosis - 1) / n)


def test_one_row_depends_on_its_digest_only() -> None:
    twin = noisy_twin()
    program = compiled(twin)
    keys = digests(5)
    together = twin.evaluate(program, Request(rows(5), 100, keys)).values
    alone = tuple(twin.evaluate(program, Request(rows(1), 100, (key,))).values[0] for key in reversed(keys))
    assert together == alone[::-1]
    assert len(set(together)) == 5


def test_counts_are_drawn_from_the_mixture() -> None:
    """Chi-square of 20,000 strings against ESP*ideal + (1-ESP)/16; 45 is far beyond the 15 degrees of freedom."""
    twin, shots = noisy_twin(), 20_000
    program = compiled(twin)
    esp = program.isa.success.esp
    counts = twin.evaluate(program, Request(rows(1), shots, digests(1), counts=True)).counts[0]
    ideal = true_state(program).probabilities()
    expected = shots * (esp * ideal + (1 - esp) / 16)
    seen = np.array([counts.get(format(k, "04b"), 0) for k in range(16)])
    assert seen.sum() == shots
    assert ((seen - expected) ** 2 / expected).sum() < 45
    assert ((seen - shots * ideal) ** 2 / (shots * ideal + 1)).sum() > 500, "without the noise it would not fit"


def test_counts_fill_only_the_bits_that_are_measured() -> None:
    circuit = QuantumCircuit(2, 4)
    circuit.x(0)
    circuit.measure(0, 2)
    twin = TwinQpu(line())
    program = twin.compile(circuit, None)
    counts = twin.evaluate(program, Request(np.zeros((1, 0)), 2000, digests(1), counts=True)).counts[0]
    assert set(counts) == {"0000", "0100"}
    assert counts["0100"] > 1900


def test_a_hopeless_circuit_gives_pure_noise() -> None:
    circuit = QuantumCircuit(3)
    for _ in range(4000):
        circuit.cx(0, 1)
        circuit.barrier()
        circuit.cx(1, 2)
    twin = TwinQpu(line())
    program = twin.compile(circuit, SparsePauliOp(["III", "ZZZ"], [2.0, 1.0]))
    assert program.isa.success.esp < 1e-60
    values = twin.evaluate(program, Request(np.zeros((200, 0)), 100, digests(200))).values
    assert np.mean(values) == pytest.approx(2.0, abs=4 * 0.1 / np.sqrt(200))
    counts = twin.evaluate(program, Request(np.zeros((1, 0)), 8000, digests(1), counts=True)).counts[0]
    assert len(counts) == 8


def test_a_constant_observable_has_no_noise() -> None:
    twin = TwinQpu(line())
    program = twin.compile(QuantumCircuit(2), SparsePauliOp(["II"], [1.5]))
    assert twin.evaluate(program, Request(np.zeros((1, 0)), 100, digests(1))).values == (1.5,)


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(1, 31), min_size=1, max_size=6), st.integers(1, 3), st.integers(0, 2**32))
def test_random_sums_are_sums_of_shots(masks: set[int], shots: int, seed: int) -> None:
    """With few shots the sum must be a sum of values that single outcomes can have."""
    group = Group(tuple(masks), tuple(2.0**-k for k in range(len(masks))))
    outcomes = {sum(c * (-1) ** (mask & j).bit_count() for mask, c in zip(group.masks, group.coefficients, strict=True))
                for j in range(32)}
    possible = {0.0}
    for _ in range(shots):
        possible = {a + b for a in possible for b in outcomes}
    drawn = random_sum(group, shots, np.random.Generator(np.random.Philox(seed)))
    assert min(abs(drawn - value) for value in possible) < 1e-12


def test_random_sums_of_many_shots_run_in_pieces() -> None:
    group, shots = Group((1, 2, 3), (1.0, 1.0, 1.0)), 100_000
    drawn = random_sum(group, shots, np.random.Generator(np.random.Philox(1)))
    assert abs(drawn) < 4 * np.sqrt(3 * shots)


def test_random_strings_wider_than_a_machine_word() -> None:
    counts = random_counts(tuple(range(70)), 71, 300, np.random.Generator(np.random.Philox(1)))
    assert sum(counts.values()) == len(counts) == 300
    assert all(len(key) == 71 and key[0] == "0" for key in counts)


def test_groups_are_the_observable() -> None:
    measured = measured_as(H, 4)
    whole = sum(measured.observables[1:], measured.observables[0]) + SparsePauliOp(["IIII"], [measured.constant])
    assert whole.equiv(H)
    assert all(len(part.group_commuting(qubit_wise=True)) == 1 for part in measured.observables)
    assert len(measured.groups) == len(H.group_commuting(qubit_wise=True)), "no worse than Qiskit's own, here"


def test_twins_and_programs_pickle_and_give_the_same_values() -> None:
    twin = noisy_twin()
    program = compiled(twin)
    request = Request(rows(3), 300, digests(3))
    twin.evaluate(program, request)
    twin_too, program_too = pickle.loads(pickle.dumps((twin, program)))
    assert isinstance(twin_too, LocalQpu)
    assert twin_too.evaluate(program_too, request) == twin.evaluate(program, request)
    assert twin_too.next_window(0) == twin.next_window(0)
    assert pickle.loads(pickle.dumps(program)).fingerprint == program.fingerprint


@pytest.mark.parametrize(("request_", "says"), [
    (Request(np.zeros((1, 15)), 0, ()), "takes 16 parameters, and the request has shape (1, 15)"),
    (Request(np.zeros(16), 0, ()), "has shape (16,)"),
    (Request(np.full((1, 16), np.nan), 0, ()), "Parameter 0 of row 0 is nan"),
    (Request(np.full((1, 16), np.inf), 9, digests(1)), "Parameter 0 of row 0 is inf"),
    (Request(np.zeros((1, 16)), -1, digests(1)), "asks for -1 shots"),
    (Request(np.zeros((1, 16)), 0, digests(1), counts=True), "asks for counts from 0 shots. Ask for at least 1"),
    (Request(np.zeros((1, 16)), -5, digests(1), counts=True), "asks for counts from -5 shots"),
    (Request(np.zeros((2, 16)), 10, digests(1)), "has 2 rows and 1 digests"),
])
def test_requests_that_do_not_fit_are_refused(request_: Request, says: str) -> None:
    twin = TwinQpu("hanoi")
    with pytest.raises(InvalidInput) as caught:
        twin.evaluate(compiled(twin), request_)
    assert says in str(caught.value)


def test_values_need_an_observable_and_a_program_of_a_twin() -> None:
    twin = TwinQpu(line())
    program = twin.compile(QuantumCircuit(2), None)
    with pytest.raises(InvalidInput, match="has no observable"):
        twin.evaluate(program, Request(np.zeros((1, 0)), 10, digests(1)))
    with pytest.raises(InvalidInput, match=r"cannot run a ExactProgram\. It was compiled elsewhere"):
        twin.evaluate(program.ideal, Request(np.zeros((1, 0)), 10, digests(1)))
    with pytest.raises(InvalidInput, match="acts on 3 qubits, the circuit has 2"):
        twin.compile(QuantumCircuit(2), SparsePauliOp("ZZZ"))


def test_a_program_keeps_the_circuit_that_was_compiled() -> None:
    circuit = QuantumCircuit(1)
    twin = TwinQpu(line())
    program = twin.compile(circuit, SparsePauliOp("Z"))
    circuit.x(0)
    assert twin.evaluate(program, Request(np.zeros((1, 0)), 1000, digests(1))).values[0] > 0.9


def test_a_journaled_simulator_is_used_again() -> None:
    twin = TwinQpu(line())
    circuit = QuantumCircuit(2)
    program = twin.compile(circuit, SparsePauliOp("ZZ"))
    again = twin.compile(circuit, SparsePauliOp("ZZ"), simulator=program.simulator)
    assert (again.simulator, again.parts[0].simulator) == (program.simulator, program.simulator)
    assert again.structure == program.structure
