"""The decision: never worse than not cutting, better with workers, within memory, and right when it is carried out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qloop.errors import InvalidInput
from qloop.planner.others import MPS, STABILIZER, evaluate_other
from qloop.planner.plan import Plan, Question, carry_out, plan_cutting
from qloop.planner.runs import run_task

from .drawn import circuit_of, exact, line, observable_of


def _tangled(n_qubits: int, layers: int = 2) -> tuple[QuantumCircuit, SparsePauliOp]:
    """Two tangled halves with one link: matrix product states refuse them, a cut is cheap."""
    circuit, observable = line(n_qubits, layers)
    half = n_qubits // 2
    for begin in (0, half):
        for qubit in range(begin, begin + half - 2):
            circuit.rzz(0.3, qubit, qubit + 2)
    return circuit, observable


def _plan(n_qubits: int = 18, **asked: float) -> Plan:
    return plan_cutting(*_tangled(n_qubits), Question(**{"search_s": 0.2, **asked}))  # type: ignore[arg-type]


@given(st.integers(0, 10**6), st.integers(1, 7), st.integers(1, 3))
@settings(max_examples=12, deadline=None)
def test_it_is_never_worse_than_not_cutting_and_right(seed: int, n_qubits: int, workers: int) -> None:
    circuit, observable = circuit_of(seed, n_qubits, 3 * n_qubits), observable_of(seed, n_qubits)
    plan = plan_cutting(circuit, observable, Question(workers=workers, search_s=0.1))
    assert plan.chosen.cost.seconds <= plan.reference.cost.seconds
    assert plan.speed_up(plan.chosen) >= 1
    assert carry_out(plan) == pytest.approx(exact(circuit, observable), abs=1e-8)


def test_a_wide_circuit_with_a_narrow_place_is_cut_there() -> None:
    plan = _plan(18)
    assert plan.chosen.is_cut
    assert plan.chosen.sizes == (9, 9)
    assert plan.why().startswith("cut: cut 9+9, 2 cuts is forecast to be ")
    assert carry_out(plan) == pytest.approx(carry_out(plan, way=plan.reference), abs=1e-10)


def test_a_narrow_circuit_is_left_whole() -> None:
    circuit, observable = _tangled(8)
    plan = plan_cutting(circuit, observable, Question(search_s=0.2))
    assert not plan.chosen.is_cut
    assert plan.why().startswith("do not cut")


def test_every_way_gives_the_same_value() -> None:
    circuit, observable = line(8, 2)
    plan = plan_cutting(circuit, observable, Question(workers=3, search_s=1.0))
    ways = [one for one in plan.alternatives if not one.why_not and one.runs < 5000]
    assert len(ways) > 4
    assert {one.source for one in ways} >= {"blocks", "state vector", MPS}
    for one in ways:
        assert carry_out(plan, way=one) == pytest.approx(exact(circuit, observable), abs=1e-8), one.name


def test_tasks_may_run_anywhere_and_in_any_order() -> None:
    plan = _plan(18)
    backwards = carry_out(plan, lambda tasks: [run_task(task) for task in reversed(tasks)][::-1])
    assert backwards == carry_out(plan)


def test_more_workers_are_never_forecast_to_be_slower() -> None:
    circuit, observable = _tangled(20, 3)
    spent = []
    for workers in (1, 2, 4, 8):
        plan = plan_cutting(circuit, observable, Question(workers=workers, search_s=0.0))
        spent.append(plan.chosen.cost.seconds)
        assert plan.chosen.workers <= workers
    assert spent == sorted(spent, reverse=True)


@given(st.integers(20, 34))
@settings(max_examples=8, deadline=None)
def test_it_keeps_within_memory_or_says_what_would_do(log_bytes: int) -> None:
    memory = 2**log_bytes
    if log_bytes < 23:      # two tasks' own needs
        with pytest.raises(InvalidInput, match=r"no way to evaluate this circuit in .* The nearest is 'cut"):
            _plan(18, memory_bytes=memory)
        return
    plan = _plan(18, memory_bytes=memory)
    assert plan.chosen.cost.memory_bytes <= memory
    assert all(bool(one.why_not) or one.cost.memory_bytes <= memory for one in plan.alternatives)


def test_with_little_memory_a_wide_circuit_is_cut_and_with_less_refused() -> None:
    circuit, observable = _tangled(26, 1)
    plan = plan_cutting(circuit, observable, Question(memory_bytes=64 << 20, search_s=0.0))
    assert plan.chosen.is_cut
    assert plan.reference.why_not == "it needs 2.01 GiB, and 0.0625 GiB are there"
    assert plan.why().endswith("whole, state vector cannot be taken, as it needs 2.01 GiB, and 0.0625 GiB are there")
    with pytest.raises(InvalidInput, match=r"The nearest is 'cut .*': it needs 0\.00\d+ GiB and is forecast to take"):
        plan_cutting(circuit, observable, Question(memory_bytes=1 << 20, search_s=0.0))


def test_a_circuit_wider_than_any_memory_is_planned_and_right() -> None:
    circuit, observable = line(60, 1)
    plan = plan_cutting(circuit, observable, Question(workers=40, search_s=0.5))
    assert plan.reference.why_not.startswith("it needs ")
    by_name = {one.source: one for one in reversed(plan.alternatives) if not one.why_not}
    values = [carry_out(plan, way=by_name[source]) for source in (MPS, "blocks")]
    assert values[0] == pytest.approx(values[1], abs=1e-8)


def test_the_width_of_fragments_can_be_bounded() -> None:
    plan = _plan(16, qubits=5)
    assert max(plan.chosen.sizes) <= 5
    whole = [one for one in plan.alternatives if not one.is_cut]
    assert all(one.why_not for one in whole)
    assert plan.reference.why_not == "it has 16 qubits"


def test_shots_follow_from_the_error_and_the_overhead() -> None:
    plan = _plan(12, error=0.1)
    spread = 11.0       # eleven strings of weight 1
    for one in plan.alternatives:
        assert one.shots == math.ceil(one.overhead * (spread / 0.1) ** 2)
    assert all(one.shots == 0 for one in _plan(12).alternatives)


def test_clifford_circuits_go_to_the_stabilizer() -> None:
    circuit = QuantumCircuit(24)
    circuit.h(0)
    for first in range(24):
        for second in range(first + 1, min(first + 5, 24)):
            circuit.cx(first, second)
            circuit.rzz(math.pi / 2, first, second)
    observable = SparsePauliOp.from_sparse_list([("ZZ", [0, 23], 1.0), ("X", [3], 2.0)], 24)
    plan = plan_cutting(circuit, observable, Question(search_s=0.0))
    assert plan.chosen.simulator == STABILIZER
    assert math.isfinite(carry_out(plan))


@given(st.integers(0, 10**6), st.integers(2, 5))
@settings(max_examples=15, deadline=None)
def test_the_stabilizer_is_exact(seed: int, n_qubits: int) -> None:
    clifford = QuantumCircuit(n_qubits)
    for item in circuit_of(seed, n_qubits, 20, ("cx", "cz", "swap")).data:
        if len(item.qubits) == 2:
            clifford.append(item.operation, [circuit_qubit % n_qubits for circuit_qubit in (0, 1)])
        else:
            clifford.sx(seed % n_qubits)
            clifford.s((seed + 1) % n_qubits)
    observable = observable_of(seed, n_qubits)
    assert evaluate_other(STABILIZER, clifford, observable) == pytest.approx(exact(clifford, observable), abs=1e-10)


@pytest.mark.parametrize(("name", "value"), [("workers", 0), ("memory_bytes", -1), ("qubits", -2), ("search_s", -1.0),
                                             ("search_s", math.inf), ("error", math.nan), ("error", -0.1)])
def test_questions_without_sense_are_refused(name: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=f"{name} is "):
        _plan(6, **{name: value})
