"""The cost model: counts by hand, queues, and what splitting into tasks is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.quantum_info import SparsePauliOp

from qloop.errors import InvalidInput
from qloop.planner.cutting import cut_circuit
from qloop.planner.effort import JOIN, PREPARE, TASK, join_features, memory_bytes, prepare_features, task_features
from qloop.planner.model import Constants, Sharing, cost, longest_queue, memory, run_seconds
from qloop.planner.runs import tasks_of
from qloop.planner.splitting import MOST_TASKS, split
from qloop.planner.typical import TYPICAL
from qloop.planner.whole import whole_circuit

from .drawn import line

FREE = Sharing()


def _constants(**named: float) -> Constants:
    """Constants that are zero but for some of `TASK`."""
    return Constants(tuple(named.get(name, 0.0) for name in TASK), (0.0,) * len(PREPARE), (0.0,) * len(JOIN), FREE)


def test_passes_of_a_whole_circuit_are_counted_by_kind() -> None:
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.ry(0.2, 0)      # fused with the one before
    circuit.rz(0.3, 1)
    circuit.cx(0, 1)
    circuit.rzz(0.4, 1, 2)  # a ladder of two CNOTs and a rotation
    circuit.x(2)
    (task,) = tasks_of(whole_circuit(circuit, SparsePauliOp(["ZZI", "XII"])))
    found = dict(zip(TASK, task_features(task), strict=True))
    assert found["gate"] == 6
    assert found["dense"] == 8
    assert found["diagonal"] == 2 * 8
    assert found["light"] == (1 + 2 + 1) * 8
    assert found["call"] == 1 + 2 + 4
    assert (found["leaf"], found["leaf_flip"], found["string"]) == (1, 1, 2 * 8)
    assert found["branch"] == found["copy"] == found["far"] == found["fresh"] == 0


def test_pieces_run_once_for_each_choice_before_them() -> None:
    circuit, observable = line(4, 2)
    cut = cut_circuit(circuit, observable, [0, 0, 1, 1])
    for task, fragment in zip(tasks_of(cut), cut.fragments, strict=True):
        found = dict(zip(TASK, task_features(task), strict=True))
        sizes = fragment.tree.shape()[:-1]
        assert found["leaf"] == np.prod(sizes)
        assert found["branch"] == sum(np.prod(sizes[:k + 1]) for k in range(len(sizes)))


def test_tasks_of_a_split_fragment_share_its_leaves() -> None:
    circuit, observable = line(4, 2)
    cut = cut_circuit(circuit, observable, [0, 0, 1, 1])
    leaf = TASK.index("leaf")
    together = sum(task_features(task)[leaf] for task in tasks_of(cut))
    assert sum(task_features(task)[leaf] for task in tasks_of(cut, [1, 2])) == together


def test_what_preparing_and_joining_count() -> None:
    circuit, observable = line(4, 2)
    whole, cut = whole_circuit(circuit, observable), cut_circuit(circuit, observable, [0, 0, 1, 1])
    gates = len(circuit.data)
    assert prepare_features(gates, whole).tolist() == [1, gates, gates] + [0] * (len(PREPARE) - 3)
    found = dict(zip(PREPARE, prepare_features(gates, cut), strict=True))
    assert (found["gate"], found["cut_gate"], found["cut"]) == (gates, gates, 1)
    assert found["lowered"] == gates - 2
    assert found["branched"] + found["read"] == 2 * 2 * 6
    assert join_features(cut)[1] == 2 + 2


@given(st.lists(st.floats(0.001, 10), min_size=1, max_size=30), st.integers(1, 8))
def test_a_queue_lies_between_its_bounds(seconds: list[float], workers: int) -> None:
    """Graham's bound: the longest task first is within 4/3 of the best, which no less than the mean and the longest."""
    longest = longest_queue(seconds, workers)
    bound = max(sum(seconds) / workers, max(seconds))
    assert bound - 1e-9 <= longest <= 4 / 3 * bound + max(seconds) / 3 + 1e-9


def test_one_worker_pays_nothing_for_sharing() -> None:
    constants = Constants(TYPICAL.task, TYPICAL.prepare, TYPICAL.join, Sharing(9.0, 9.0, 9.0, 9.0))
    circuit, observable = line(4, 1)
    rows = [task_features(task) for task in tasks_of(cut_circuit(circuit, observable, [0, 0, 1, 1]))]
    alone = sum(float(np.dot(TYPICAL.task, row)) for row in rows)
    assert run_seconds(constants, rows, 1) == pytest.approx(alone)
    assert run_seconds(constants, rows[:1], 4) == pytest.approx(float(np.dot(TYPICAL.task, rows[0])))
    assert run_seconds(constants, rows, 2) > 9.0


@given(st.integers(2, 6))
@settings(max_examples=5, deadline=None)
def test_without_a_price_for_tasks_splitting_spreads_the_leaves(workers: int) -> None:
    circuit, observable = line(8, 3)
    cut = cut_circuit(circuit, observable, [0] * 4 + [1] * 4)
    constants = _constants(leaf=1.0)
    tasks = split(cut, constants, workers)
    whole = run_seconds(constants, [task_features(task) for task in tasks_of(cut)], 1)
    assert workers <= len(tasks) <= MOST_TASKS
    spread = run_seconds(constants, [task_features(task) for task in tasks], workers)
    assert whole / workers <= spread < 0.75 * whole


def test_with_a_high_price_for_tasks_nothing_is_split() -> None:
    circuit, observable = line(8, 3)
    cut = cut_circuit(circuit, observable, [0] * 4 + [1] * 4)
    dear = Constants(TYPICAL.task, TYPICAL.prepare, TYPICAL.join, Sharing(0.0, 0.0, 100.0, 0.0))
    assert len(split(cut, dear, 4)) == len(cut.fragments)
    with pytest.raises(InvalidInput, match="0 workers cannot run anything"):
        split(cut, dear, 0)


def test_memory_is_that_of_the_widest_at_once() -> None:
    circuit, observable = line(9, 1)
    cut = cut_circuit(circuit, observable, [0] * 6 + [1] * 3)
    tasks = tasks_of(cut)
    assert memory(tasks, 1) == max(map(memory_bytes, tasks))
    assert memory(tasks, 2) == memory(tasks, 9) == sum(map(memory_bytes, tasks))
    assert memory_bytes(tasks[0]) >= 16 * 2 * 2**6


def test_a_cost_is_the_sum_of_its_parts() -> None:
    circuit, observable = line(6, 1)
    cut = cut_circuit(circuit, observable, [0] * 3 + [1] * 3)
    found = cost(TYPICAL, cut, tasks_of(cut), len(circuit.data), 1)
    assert found.seconds == found.prepare_s + found.run_s + found.join_s
    assert min(found.prepare_s, found.run_s, found.join_s) > 0


@pytest.mark.parametrize("wrong", [(1.0,), (*TYPICAL.task[1:], -1.0), (*TYPICAL.task[1:], float("nan"))])
def test_constants_must_be_complete_and_not_negative(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="'task' needs"):
        Constants(wrong, TYPICAL.prepare, TYPICAL.join)
