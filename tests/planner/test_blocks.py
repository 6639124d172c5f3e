"""The best partition of a line, against all partitions; and what an order by the Fiedler vector finds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit

from qloop.planner.blocks import _interval_costs, _partition, best_blocks
from qloop.planner.candidates import MOST_CUTS, candidates

from .drawn import circuit_of, line, observable_of


@given(st.integers(0, 10**6), st.integers(2, 8), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_no_partition_into_intervals_is_cheaper(seed: int, size: int, bound: int) -> None:
    random = np.random.Generator(np.random.Philox(key=seed))
    weights = np.triu(random.integers(0, 3, (size, size)) * 2.0, 1)
    logs = _interval_costs(weights + weights.T, random.integers(1, 9, size))
    found = _partition(logs, bound, np.arange(size))
    every = []
    for borders in itertools.product((False, True), repeat=size - 1):
        ends = [0, *(k + 1 for k, border in enumerate(borders) if border), size]
        if max(end - begin for begin, end in itertools.pairwise(ends)) <= bound:
            every.append(sum(2.0 ** logs[begin, end] for begin, end in itertools.pairwise(ends)))
    assert 2.0**found.log_cost == pytest.approx(min(every), rel=1e-9)
    assert max(found.sizes) <= bound


@given(st.integers(0, 10**6), st.integers(3, 9), st.data())
@settings(max_examples=25, deadline=None)
def test_blocks_keep_their_bound_and_hold_every_qubit(seed: int, n_qubits: int, data: st.DataObject) -> None:
    widest = data.draw(st.integers(1, n_qubits - 1))
    for blocks in best_blocks(circuit_of(seed, n_qubits, 3 * n_qubits), widest):
        assert len(blocks.labels) == n_qubits
        assert max(blocks.sizes) <= widest
        assert sum(blocks.sizes) == n_qubits


def test_a_line_is_cut_where_the_fewest_gates_cross() -> None:
    circuit, _ = line(10, 1)
    circuit.rzz(0.3, 1, 4)
    circuit.rzz(0.3, 5, 8)
    best = best_blocks(circuit, 9)[0]
    assert best.labels == (0,) * 5 + (1,) * 5


def test_clusters_are_found_whatever_their_order() -> None:
    """Two cliques of every second qubit with one link: only another order than the circuit's finds them."""
    circuit = QuantumCircuit(10)
    for first, second in itertools.combinations(range(10), 2):
        if first % 2 == second % 2:
            circuit.cx(first, second)
    circuit.cx(0, 1)
    best = best_blocks(circuit, 9)[0]
    assert best.sizes == (5, 5)
    assert len({best.labels[k] for k in range(0, 10, 2)}) == 1


def test_the_search_ends_with_its_time() -> None:
    """With a clock that runs at a second a look, a search of no time makes its first candidate and stops."""
    clock = itertools.count().__next__
    circuit, observable = line(8, 1)
    found = list(candidates(circuit, observable, 7, 0.0, clock=clock))
    assert [one.source for one in found] == ["blocks"]


def test_find_cuts_is_asked_as_well() -> None:
    circuit, observable = line(6, 1)
    assert {one.source for one in candidates(circuit, observable, 5, 60.0)} == {"blocks", "find_cuts"}


@given(st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_candidates_keep_the_bound_and_can_be_joined(seed: int) -> None:
    circuit, observable = circuit_of(seed, 6, 24), observable_of(seed, 6)
    for one in candidates(circuit, observable, 4, 5.0):
        assert max(one.sizes) <= 4
        assert len(one.cut.joins) <= MOST_CUTS
