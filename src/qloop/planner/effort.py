"""What a task does, counted: the features that the cost model multiplies with this machine's constants.

Counting is exact, from the tree that will be walked: each piece runs once for each choice before it. Passes over the
state are told apart by kind (a dense one-qubit gate costs ten times a CNOT), and passes over states that fit no cache.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from qloop.planner.runs import Task
from qloop.qpus.simulators.branching import Tree
from qloop.qpus.simulators.fusion import Block, fused

if TYPE_CHECKING:
    from qloop.planner.cutting import Cut

Features = NDArray[np.float64]
TASK = ("task", "gate", "string_table", "call", "dense", "diagonal", "light", "far", "branch", "copy", "leaf",
        "leaf_flip", "read", "string", "flip", "fresh")
"""A task; gates built; entries of sign tables; gates called; amplitudes passed by dense gates, diagonal ones, CNOTs,
and by any of them outside the caches; branches; amplitudes copied; leaves, times sets of flips; amplitudes read, times
strings, times sets of flips; and those of large states, which the system gives page by page."""
PREPARE = ("circuit", "gate", "lowered", "cut", "cut_gate", "cut_lowered", "branched", "read", "string")
"""A circuit; its gates as written and as run; and if it is cut: 1, both again, terms of the ends that branch and of
those that are read off, and strings in all fragments."""
JOIN = ("join", "operand", "entry")
"""A recombination; its tensors; products made by contracting them one after the other."""
_CHUNKS = 4 << 20     # what a chunk of a state is worked on with, and the task itself
FAR, FRESH = 1 << 21, 1 << 18
"""Amplitudes (16 bytes each) from which a state lies outside the caches, and from which its memory is new each time."""

_LIGHT = ("cx", "cz", "swap", "x", "ccx", "h")
_DIAGONAL = ("rz", "z", "s", "sdg", "t", "tdg")
_LADDER = ("rzz",)


def task_features(task: Task) -> Features:
    """What a task does, in the order of `TASK`."""
    tree, taken = task.tree, len(task.key[1])
    found = dict.fromkeys(TASK, 0.0)
    found["task"] = 1.0
    amplitudes = float(2**tree.n_qubits)
    times = 1.0
    for number, piece in enumerate(tree.pieces):
        blocks, _ = fused(piece)
        found["gate"] += len(piece.gates)
        _add_passes(found, blocks, times, amplitudes)
        if number < len(tree.points):
            choices = len(tree.points[number].operators) if number >= taken else 1
            times *= choices
            found["branch"] += times
            found["dense"] += times * amplitudes
            found["copy"] += times * amplitudes if number >= taken else 0.0
    _add_leaves(found, tree, times, amplitudes)
    return np.array([found[name] for name in TASK])


def prepare_features(gates: int, cut: Cut) -> Features:
    """What preparing a circuit of so many gates takes, whole or cut, in the order of `PREPARE`."""
    lowered = float(sum(gates_of(fragment.tree) for fragment in cut.fragments))
    if len(cut.fragments) < 2 and not cut.joins:
        return np.array([1.0, float(gates), lowered] + [0.0] * (len(PREPARE) - 3))
    branched = sum(cut.terms[number] for fragment in cut.fragments for number, _ in fragment.branched)
    read = sum(cut.terms[number] for fragment in cut.fragments for number, _ in fragment.read)
    strings = sum(fragment.own_strings for fragment in cut.fragments) + len(cut.weights)
    both = [float(gates), lowered]
    return np.array([1.0, *both, 1.0, *both, float(branched), float(read), float(strings)])


def gates_of(tree: Tree) -> int:
    """Gates in all pieces of a tree."""
    return sum(len(piece.gates) for piece in tree.pieces)


def join_features(cut: Cut) -> Features:
    """What joining the values takes, in the order of `JOIN`."""
    entries = sum(math.prod(fragment.tree.shape()[:-1]) * math.prod(fragment.letters) for fragment in cut.fragments)
    return np.array([1.0, float(len(cut.fragments) + len(cut.joins)), entries * float(max(1, len(cut.weights)))])


def memory_bytes(task: Task) -> int:
    """Memory that a task needs at once: a state for each depth, a copy to read, and the strings' tables."""
    depths = len(task.tree.points) - len(task.key[1]) + 1
    n_qubits = task.tree.n_qubits
    tables = 8 * len(task.tree.strings) * ((1 << min(n_qubits, 12)) + (1 << max(0, n_qubits - 12)))
    return (16 * (depths + 1) << n_qubits) + tables + _CHUNKS


def runs_of(cut: Cut) -> int:
    """Leaves of all fragments' trees: subexperiments that are really run."""
    return sum(math.prod(fragment.tree.shape()[:-1]) for fragment in cut.fragments)


def terms_of(cut: Cut) -> int:
    """Terms of the whole sum, M: the product over cuts of their decompositions' terms."""
    return math.prod(cut.terms)


def _add_passes(found: dict[str, float], blocks: Sequence[Block], times: float, amplitudes: float) -> None:
    for block in blocks:
        name = "matrix" if block.gate is None else block.gate.name
        light, diagonal = (2, 1) if name in _LADDER else (int(name in _LIGHT), int(name in _DIAGONAL))
        dense = _dense(block) if not light and not diagonal else 0
        found["call"] += times * (light + diagonal + dense)
        found["light"] += times * light * amplitudes
        found["far"] += times * (light + diagonal + dense) * amplitudes * (amplitudes >= FAR)
        found["diagonal"] += times * diagonal * amplitudes
        found["dense"] += times * dense * amplitudes


def _dense(block: Block) -> int:
    """A dense gate in passes of a dense one-qubit gate: twice as many for each further qubit."""
    return 1 if block.gate is None else int(2 ** (len(block.gate.qubits) - 1))


def _add_leaves(found: dict[str, float], tree: Tree, leaves: float, amplitudes: float) -> None:
    flips = {x for x, _ in tree.strings}
    found["fresh"] = amplitudes * (leaves + len(tree.points) + 1) * (amplitudes >= FRESH)
    found["leaf"] = leaves
    found["leaf_flip"] = leaves * len(flips - {0})
    found["read"] = leaves * amplitudes
    found["string"] = leaves * amplitudes * len(tree.strings)
    found["flip"] = leaves * amplitudes * len(flips - {0})
    low = min(tree.n_qubits, 12)
    found["string_table"] = (len(tree.strings) + 2 * len(flips)) * float(2**low + 2 ** (tree.n_qubits - low))
