"""Where a line of qubits could be cut: the best partition into contiguous blocks, for each bound on a block's size.

A quick formula stands in for the cost of a fragment: its runs (4 or 16 for each cut gate that touches it) times its
gates times its amplitudes. It depends on one block alone, so dynamic programming finds the best of all partitions of an
order exactly. Two orders are tried: the circuit's own, and that of the Fiedler vector of its interaction graph, which
puts qubits that meet often next to each other (Fiedler, Czech. Math. J. 23, 298, 1973).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qloop.planner import overheads

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

_LEAF = 2.0**13       # what a run costs beside its gates, in amplitudes passed
_HUGE = 300.0         # log2 of what counts as infinite


@dataclass(frozen=True, slots=True)
class Blocks:
    """A partition: the block of each qubit, the sizes of the blocks, and the quick formula's log2 cost."""

    labels: tuple[int, ...]
    sizes: tuple[int, ...]
    log_cost: float


def best_blocks(circuit: QuantumCircuit, widest: int) -> list[Blocks]:
    """The best partitions whose blocks have at most `widest` qubits, for it and each bound below; cheapest first."""
    links = _links(circuit)
    weights = np.zeros((circuit.num_qubits, circuit.num_qubits))
    for first, second, weight in links:
        weights[first, second] += weight
        weights[second, first] += weight
    gates = np.bincount([circuit.find_bit(bit).index for item in circuit.data for bit in item.qubits],
                        minlength=circuit.num_qubits)
    found: dict[tuple[int, ...], Blocks] = {}
    for order in _orders(weights):
        logs = _interval_costs(weights[np.ix_(order, order)], gates[order])
        for bound in range(widest, 0, -1):
            made = _partition(logs, bound, order)
            found.setdefault(made.labels, made)
    return sorted(found.values(), key=lambda blocks: blocks.log_cost)


def _links(circuit: QuantumCircuit) -> list[tuple[int, int, float]]:
    """Pairs of qubits that meet in a gate, with log2 of the runs that cutting it takes on each side."""
    links = []
    for item in circuit.data:
        if len(item.qubits) == 2:
            first, second = (circuit.find_bit(bit).index for bit in item.qubits)
            overhead = overheads.gate(item.operation)
            links.append((first, second, 0.0 if overhead < 1.0 + 1e-9 else 2.0 if overhead <= 9.0 + 1e-9 else 4.0))
    return links


def _orders(weights: NDArray[np.float64]) -> Iterator[NDArray[np.intp]]:
    """The circuit's own order of qubits, and the Fiedler vector's."""
    own = np.arange(len(weights))
    yield own
    laplacian = np.diag(weights.sum(axis=0)) - weights
    fiedler = np.argsort(np.linalg.eigh(laplacian)[1][:, min(1, len(own) - 1)], kind="stable")
    if not np.array_equal(fiedler, own) and not np.array_equal(fiedler[::-1], own):
        yield fiedler


def _interval_costs(weights: NDArray[np.float64], gates: NDArray[np.intp]) -> NDArray[np.float64]:
    """log2 of the quick formula for each interval [i, j) of a line; (n, n + 1), infinite where j <= i."""
    size = len(weights)
    inside = np.zeros((size + 1, size + 1))
    inside[1:, 1:] = weights.cumsum(axis=0).cumsum(axis=1)
    own = np.concatenate([[0], np.cumsum(gates)])
    logs = np.full((size, size + 1), np.inf)
    for i in range(size):
        for j in range(i + 1, size + 1):
            within = inside[j, j] - inside[i, j] - inside[j, i] + inside[i, i]
            leaving = inside[j, size] - inside[i, size] - within
            logs[i, j] = min(leaving, _HUGE) + np.log2(_LEAF + float(own[j] - own[i]) * 2.0 ** (j - i))
    return logs


def _partition(logs: NDArray[np.float64], bound: int, order: NDArray[np.intp]) -> Blocks:
    """The partition of the line into intervals of at most `bound` with the least sum of costs."""
    size = len(logs)
    best, back = np.full(size + 1, np.inf), np.zeros(size + 1, dtype=np.intp)
    best[0] = -np.inf
    for j in range(1, size + 1):
        begin = max(0, j - bound)
        totals = np.logaddexp2(best[begin:j], logs[begin:j, j])
        back[j] = begin + int(np.argmin(totals))
        best[j] = totals[back[j] - begin]
    borders = [size]
    while borders[-1]:
        borders.append(int(back[borders[-1]]))
    borders.reverse()
    labels = np.zeros(size, dtype=np.intp)
    for block, (begin, end) in enumerate(itertools.pairwise(borders)):
        labels[order[begin:end]] = block
    sizes = tuple(int(count) for count in np.bincount(labels))
    return Blocks(tuple(int(label) for label in labels), sizes, float(best[size]))
