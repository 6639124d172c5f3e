"""What an optimizer may ask next, before the values are known on which it depends.

An optimizer whose next batch follows from a few decisions lists one set of values for each (`Branching`). Each set is
told to a fork, and what the fork asks then is a guess: computed by the optimizer's own code, so it is the very batch,
bit by bit, if that way is taken. Deeper guesses fork the forks. The optimizer itself is never asked or told anything.

Which guess is the likely one is learned from the ways taken before. Predicted values, if there are any, say it better;
they only weigh the guesses, which stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple, TypeAlias

import numpy as np

from qloop.loops.optimizers import arguments
from qloop.loops.optimizers.protocol import Array, Branching, Optimizer
from qloop.loops.speculation.guess import PENDING, Guess
from qloop.loops.speculation.predict import Prediction

Predict: TypeAlias = Callable[[Array], Prediction]
QUANTILES = tuple(NormalDist().inv_cdf(share) for share in (0.5, 0.3, 0.7, 0.1, 0.9))
"""Standard deviations from a predicted value at which values are supposed, each as likely; the middle one first."""
TRUST = 0.8
"""What a prediction counts for, beside the ways taken before."""


class Node(NamedTuple):
    """A fork that was told a hypothesis, the batch it asks then, and how likely that is."""

    fork: Optimizer
    points: Array
    probability: float
    parent: int


class Way(NamedTuple):
    """A hypothesis that is not told yet: values (k,) for the batch of a node."""

    node: Node
    values: Array
    probability: float
    parent: int


def candidates(optimizer: Optimizer, depth: int = 1, width: int = 4, predict: Predict | None = None) -> list[Guess]:
    """The batches that the optimizer may ask after the one that it asks now, the most likely first.

    Up to `depth` batches ahead, at most `width` of each level; a guess comes after the one that it builds on. Exact:
    what is asked next is among the guesses if its branches are complete and `width` is not below their number; of
    deeper levels it may be missing, because a decision may depend on by how much an earlier one was taken. Empty for an
    optimizer that lists no branches or is done. `predict` weighs the guesses by predicted values of points (k, P).
    `InvalidInput` for a negative depth or width.
    """
    arguments.whole("depth", depth, 0)
    arguments.whole("width", width, 0)
    if optimizer.done or not isinstance(optimizer, Branching):
        return []
    root = optimizer.fork()
    level, found = [Node(root, root.ask(), 1.0, PENDING)], list[Node]()
    for step in range(depth):
        first = len(found) - len(level)
        level = _next_level(level, first if step else PENDING, width, predict)
        found += level
    return _best_first(found)


def _next_level(level: list[Node], first: int, width: int, predict: Predict | None) -> list[Node]:
    """The most likely batches after those of a level, whose nodes have the indices from `first` on."""
    ways = [way for index, node in enumerate(level, first) for way in _ways(node, index, predict)]
    nodes: list[Node] = []
    for way in ways if predict else sorted(ways, key=lambda way: -way.probability):
        if len(nodes) >= width and not predict:
            break
        node = _told(way)
        if node is not None:
            _add(nodes, node)
    return sorted(nodes, key=lambda node: -node.probability)[:width]


def _ways(node: Node, index: int, predict: Predict | None) -> list[Way]:
    """The hypotheses about a node's batch, with their probabilities; those of a prediction first."""
    listed = node.fork.branches() if isinstance(node.fork, Branching) else []
    total = sum(branch.weight for branch in listed)
    supposed = _supposed(predict(node.points)) if predict and listed else []
    trust = TRUST if supposed else 0.0
    ways = [Way(node, values, node.probability * trust / len(supposed), index) for values in supposed]
    return ways + [Way(node, branch.values, node.probability * (1.0 - trust) * branch.weight / total, index)
                   for branch in listed]


def _supposed(found: Prediction) -> list[Array]:
    """Values (k,) as likely as one another; of several points only the predicted ones."""
    if not (np.isfinite(found.values).all() and np.isfinite(found.sd).all()):
        return []
    if len(found.values) > 1:
        return [found.values]
    return [found.values + quantile * found.sd for quantile in QUANTILES]


def _told(way: Way) -> Node | None:
    """What is asked if the hypothesis holds; None if nothing is."""
    fork = way.node.fork.fork()
    fork.tell(way.values)
    return None if fork.done else Node(fork, fork.ask(), way.probability, way.parent)


def _add(nodes: list[Node], node: Node) -> None:
    """Add a node, or its probability to that of one with the same batch and parent."""
    for k, known in enumerate(nodes):
        if known.parent == node.parent and np.array_equal(known.points, node.points):
            nodes[k] = known._replace(probability=known.probability + node.probability)
            return
    nodes.append(node)


def _best_first(found: list[Node]) -> list[Guess]:
    """The nodes as guesses, the most likely first; of equal ones the earlier level, so that parents come first."""
    order = sorted(range(len(found)), key=lambda index: -found[index].probability)
    place = {index: rank for rank, index in enumerate(order)} | {PENDING: PENDING}
    return [Guess(found[index].points, found[index].probability, place[found[index].parent]) for index in order]
