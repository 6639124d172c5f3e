"""Runs of one-qubit gates multiplied to one matrix each, all runs at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qloop.qpus.simulators.contract import Theta
from qloop.qpus.simulators.lowering import Gate, Lowered

_AXES = ("rx", "ry", "rz")
_FIXED = {
    "x": ((0, 1), (1, 0)), "y": ((0, -1j), (1j, 0)), "z": ((1, 0), (0, -1)),
    "h": ((0.5**0.5, 0.5**0.5), (0.5**0.5, -(0.5**0.5))),
    "s": ((1, 0), (0, 1j)), "sdg": ((1, 0), (0, -1j)),
    "t": ((1, 0), (0, complex(0.5**0.5, 0.5**0.5))), "tdg": ((1, 0), (0, complex(0.5**0.5, -(0.5**0.5)))),
    "sx": ((0.5 + 0.5j, 0.5 - 0.5j), (0.5 - 0.5j, 0.5 + 0.5j)),
    "sxdg": ((0.5 - 0.5j, 0.5 + 0.5j), (0.5 + 0.5j, 0.5 - 0.5j)),
}


@dataclass(frozen=True, slots=True)
class Block:
    """A gate left as it is, or (gate None) the `product`-th fused matrix on one qubit."""

    gate: Gate | None
    qubit: int = -1
    product: int = -1


@dataclass(frozen=True, slots=True)
class Step:
    """The d-th factors of all fused runs that have one: `runs` says which, and where their matrices come from.

    A factor is a rotation (`axis` 0, 1, 2 and `slot`) or a fixed matrix (`axis` -1).
    """

    runs: NDArray[np.intp]
    axis: NDArray[np.intp]
    slot: NDArray[np.intp]
    fixed: NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class Plan:
    """How the fused matrices follow from the angles."""

    n_products: int
    steps: tuple[Step, ...]


def fused(lowered: Lowered) -> tuple[tuple[Block, ...], Plan]:
    """Blocks in an order equal to the circuit's: a run ends where a wider gate touches its qubit."""
    blocks: list[Block] = []
    runs: list[list[Gate]] = []
    open_runs: dict[int, list[Gate]] = {}
    for gate in lowered.gates:
        if len(gate.qubits) == 1:
            open_runs.setdefault(gate.qubits[0], []).append(gate)
            continue
        for qubit in gate.qubits:
            _close(open_runs.pop(qubit, []), blocks, runs)
        blocks.append(Block(gate))
    for run in open_runs.values():
        _close(run, blocks, runs)
    return tuple(blocks), _plan(runs)


def matrices(plan: Plan, angles: Theta) -> NDArray[np.complex128]:
    """The fused matrices (n_products, 2, 2) for angles (n_slots,)."""
    products = np.empty((plan.n_products, 2, 2), dtype=np.complex128)
    for depth, step in enumerate(plan.steps):
        factors = _factors(step, angles)
        if depth == 0:
            products[step.runs] = factors
        else:
            products[step.runs] = _times(factors, products[step.runs])
    return products


def _close(run: list[Gate], blocks: list[Block], runs: list[list[Gate]]) -> None:
    """End a run: a single gate keeps its own, faster kernel."""
    if len(run) == 1:
        blocks.append(Block(run[0]))
    elif run:
        blocks.append(Block(None, run[0].qubits[0], len(runs)))
        runs.append(run)


def _plan(runs: list[list[Gate]]) -> Plan:
    steps = []
    for depth in range(max(map(len, runs), default=0)):
        having = [k for k, run in enumerate(runs) if len(run) > depth]
        gates = [runs[k][depth] for k in having]
        fixed = np.array([_fixed(gate) for gate in gates], dtype=np.complex128)
        axis = [_AXES.index(gate.name) if gate.name in _AXES else -1 for gate in gates]
        steps.append(Step(np.array(having, dtype=np.intp), np.array(axis, dtype=np.intp),
                          np.array([max(gate.slot, 0) for gate in gates], dtype=np.intp), fixed))
    return Plan(len(runs), tuple(steps))


def _fixed(gate: Gate) -> NDArray[np.complex128]:
    if gate.matrix is not None:
        return gate.matrix
    return np.array(_FIXED.get(gate.name, ((0, 0), (0, 0))), dtype=np.complex128)


def _factors(step: Step, angles: Theta) -> NDArray[np.complex128]:
    """The matrices of one step: `cos(a/2) I - i sin(a/2) P` for rotations."""
    factors = step.fixed.copy()
    if not angles.size:
        return factors
    half = angles[step.slot] * 0.5
    cosine, sine = np.cos(half), np.sin(half)
    x, y, z = (np.flatnonzero(step.axis == k) for k in range(3))
    for chosen in (x, y):
        factors[chosen, 0, 0] = factors[chosen, 1, 1] = cosine[chosen]
    factors[x, 0, 1] = factors[x, 1, 0] = -1j * sine[x]
    factors[y, 0, 1], factors[y, 1, 0] = -sine[y], sine[y]
    factors[z, 0, 0], factors[z, 1, 1] = cosine[z] - 1j * sine[z], cosine[z] + 1j * sine[z]
    return factors


def _times(left: NDArray[np.complex128], right: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Products of stacks of 2 x 2 matrices, elementwise: the same bits for every BLAS."""
    result: NDArray[np.complex128] = (left[:, :, :, None] * right[:, None, :, :]).sum(axis=2)
    return result
