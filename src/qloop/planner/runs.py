"""The tasks of a cut circuit and the way back: each task has a key, and values are joined by key, in any order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.planner.cutting import Cut, End, Fragment
from qloop.qpus.simulators.branching import Tree, values_of

Key = tuple[int, tuple[int, ...]]
"""A fragment, and the choices at its first points."""
Values = NDArray[np.float64]
_ENTRIES = 1 << 22


@dataclass(frozen=True, slots=True)
class Task:
    """One walk through a fragment's tree below a choice at its first points; needs nothing else and can be pickled."""

    key: Key
    tree: Tree


def tasks_of(cut: Cut, depths: Sequence[int] | None = None) -> tuple[Task, ...]:
    """The tasks of all fragments; fragment f is split at its first `depths[f]` points (default: not at all).

    `InvalidInput` for depths that a fragment does not have.
    """
    depths = [0] * len(cut.fragments) if depths is None else list(depths)
    if len(depths) != len(cut.fragments) or any(
            not 0 <= depth <= len(fragment.tree.points) for depth, fragment in zip(depths, cut.fragments, strict=True)):
        points = [len(fragment.tree.points) for fragment in cut.fragments]
        raise InvalidInput(f"Fragments cannot be split at depths {depths}", f"They have {points} points",
                           "Give one depth for each, at most its points")
    return tuple(Task((number, tuple(int(choice) for choice in prefix)), fragment.tree)
                 for number, (fragment, depth) in enumerate(zip(cut.fragments, depths, strict=True))
                 for prefix in np.ndindex(*fragment.tree.shape()[:depth]))


def run_task(task: Task) -> Values:
    """The task's values; a pure function."""
    return values_of(task.tree, task.key[1])


def recombine(cut: Cut, found: Mapping[Key, Values]) -> float:
    """The observable's expectation value from the values of all tasks, by key; the order of arrival means nothing.

    `InvalidInput` for keys that are missing, unknown or overlap, wrong shapes, and values that are not finite.
    """
    value = cut.constant
    tensors = [_assembled(number, fragment, found) for number, fragment in enumerate(cut.fragments)]
    _check_known(cut, found)
    if not len(cut.weights):
        return value
    # So many terms of the observable are joined at once that a fragment's values still fit the caches' next of kin.
    width = max([math.prod(tensor.shape[:-1]) for tensor in tensors], default=1)
    step = max(1, _ENTRIES // max(1, width))
    for begin in range(0, len(cut.weights), step):
        value += _joined(cut, tensors, slice(begin, begin + step))
    return float(value)


def _assembled(number: int, fragment: Fragment, found: Mapping[Key, Values]) -> Values:
    """A fragment's values, put where their keys say."""
    shape = fragment.tree.shape()
    whole, filled = np.empty(shape), np.zeros(shape[:-1], dtype=np.int64)
    for (owner, prefix), values in found.items():
        if owner != number:
            continue
        if len(prefix) >= len(shape) or any(not 0 <= p < size for p, size in zip(prefix, shape, strict=False)):
            raise InvalidInput(f"Fragment {number} has no choices {prefix}", f"Its values have the shape {shape}",
                               "Take keys from the tasks of this cut")
        if np.shape(values) != shape[len(prefix):] or not np.isfinite(values).all():
            raise InvalidInput(f"The values of task {(number, prefix)} have the shape {np.shape(values)} "
                               f"or are not finite", f"Finite values of shape {shape[len(prefix):]} are due",
                               "Run the task again")
        whole[prefix] = values
        filled[prefix] += 1
    if (filled != 1).any():
        missing = "missing" if (filled == 0).any() else "given twice"
        place = tuple(int(k) for k in np.argwhere(filled != 1)[0])
        raise InvalidInput(f"Values of fragment {number} are {missing}, such as those of choices {place}",
                           "Every branch is needed once", "Wait for all tasks before joining them")
    return whole


def _check_known(cut: Cut, found: Mapping[Key, Values]) -> None:
    for key in found:
        if not 0 <= key[0] < len(cut.fragments):
            raise InvalidInput(f"The key {key} names no fragment", f"There are {len(cut.fragments)}",
                               "Take keys from the tasks of this cut")


def _joined(cut: Cut, tensors: Sequence[Values], chosen: slice) -> float:
    """The weighted sum over the chosen terms: all fragments and joins contracted, the terms as a shared axis."""
    axes: dict[End, int] = {}
    operands: list[object] = []
    for fragment, tensor, rows in zip(cut.fragments, tensors, cut.rows, strict=True):
        split = tensor.reshape(*tensor.shape[:-1], fragment.own_strings, *fragment.letters)
        picked = np.take(split, rows[chosen], axis=len(fragment.branched))
        named = [axes.setdefault(end, len(axes) + 1) for end in fragment.branched]
        operands += [picked, [*named, 0, *(axes.setdefault(end, len(axes) + 1) for end in fragment.read)]]
    for number, join in enumerate(cut.joins):
        operands += [join, [axes[number, 0], axes[number, 1]]]
    operands += [cut.weights[chosen], [0]]
    total = np.einsum(*operands, [], optimize="greedy")  # type: ignore[call-overload]
    return float(total)
