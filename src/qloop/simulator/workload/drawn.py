"""Sessions as arrays by number, and how a value is drawn for each: by (key, what is drawn, number of the session)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qloop.errors import InvalidInput
from qloop.simulator.paper.draws import rounds, uniforms
from qloop.simulator.paper.workload import Sessions
from qloop.simulator.workload.family import Floats
from qloop.simulator.workload.points import LONGEST_NS, Ints

MOST_ITERATIONS = 1 << 24           # of one session; also the room for its iterations among the counters
MOST_VALUES = 50_000_000            # iterations of all sessions, if each has a draw of its own
MOST_OPERATIONS = float(1 << 53)    # exact in float64


@dataclass(frozen=True, slots=True)
class Drawn:
    """Sessions by number, from the first that was asked for.

    Shape (n,): `size` (qubits), `priority`, `tenant` (an index), `pre` and `post` (operations), `iterations`, `begin`.
    Iteration i of session s takes `cost[begin[s] + stride * i]` operations and `quantum_ns[begin[s] + stride * i]` ns;
    a stride of 0 means that all iterations of a session are alike.
    """

    size: Ints
    priority: Ints
    tenant: Ints
    pre: Floats
    post: Floats
    iterations: Ints
    begin: Ints
    stride: int
    cost: Floats
    quantum_ns: Ints

    def of_paper(self, arrival_ns: Ints) -> Sessions:
        """The same as arrivals of the paper's model.

        Raises InvalidInput if the iterations of a session differ, which that model does not know.
        """
        if self.stride:
            raise InvalidInput("The iterations of these sessions differ", "The paper's model has one draw a session",
                               'Set redraw = "session"')
        return Sessions(arrival_ns, self.size, self.priority, self.pre, self.cost, self.post, self.quantum_ns,
                        self.iterations)


def choose(key: int, stream: int, first: int, count: int, weights: Sequence[float], choices: int) -> Ints:
    """One of so many choices for each session: alike, or by weights."""
    u = uniforms(key, stream, first, count)
    if not weights:
        return (u * choices).astype(np.int64)
    below = np.cumsum(weights)
    return np.minimum(np.searchsorted(below / below[-1], u, side="right"), choices - 1).astype(np.int64)


def of_iterations(key: int, stream: int, first: int, iterations: Ints) -> Floats:
    """A uniform draw for each iteration of each session, one session after the other.

    Raises InvalidInput for more than memory holds.
    """
    total = int(iterations.sum())
    if total > MOST_VALUES:
        raise InvalidInput(f"The sessions have {total:.1e} iterations", "A draw for each would not fit into memory",
                           'Set redraw = "session", or give a shorter run')
    sessions = np.repeat(np.arange(first, first + len(iterations), dtype=np.uint64), iterations)
    within = np.arange(total) - np.repeat(begins(iterations), iterations)
    counters = sessions * np.uint64(MOST_ITERATIONS) + within.astype(np.uint64)
    drawn: Floats = rounds(counters, np.uint64(stream), np.uint64(key))
    return drawn


def begins(iterations: Ints) -> Ints:
    """Where the iterations of each session begin."""
    return (np.cumsum(iterations) - iterations).astype(np.int64)


def operations(seconds: Floats) -> Floats:
    """Operations of a task that takes so long on a worker of 10^9 operations/s, whole."""
    whole: Floats = np.minimum(np.rint(seconds * 1e9), MOST_OPERATIONS)
    return whole


def nanoseconds(seconds: Floats) -> Ints:
    """Whole ns."""
    return np.rint(np.minimum(seconds * 1e9, LONGEST_NS)).astype(np.int64)


def counts(drawn: Floats) -> Ints:
    """Draws of numbers of iterations as whole numbers, at least 1."""
    return np.rint(np.clip(drawn, 1.0, MOST_ITERATIONS)).astype(np.int64)


def by_size(size: Ints, measured: dict[int, Floats], u: Floats) -> Floats:
    """For each size in turn one of the values measured at it, all alike."""
    found = np.zeros(len(size))
    for one, values in measured.items():
        chosen = size == one
        found[chosen] = values[(u[chosen] * len(values)).astype(np.int64)]
    return found
