"""The problem instances of a recording: random 3-regular graphs, by counter, or those of a HamLib file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from qloop.errors import InvalidInput
from qloop.miniapps.problems.maxcut import Edges, regular_graph
from qloop.miniapps.recording.plan import Plan

EXPERIMENT_STREAM = 3   # second word of the Philox key; 1 and 2 are those of starting points and graphs


@dataclass(frozen=True, slots=True)
class Instance:
    """A graph of `n_qubits` nodes: its `edges` (i < j, sorted); `name` says where it is from."""

    n_qubits: int
    number: int
    edges: Edges
    name: str


Source = Callable[[int, int], Instance]
"""Gives the instance of (size, number)."""


def seed_of(seed: int, size: int, number: int) -> int:
    """The seed (63 bits) of an experiment: a function of what it is, not of when it runs."""
    key = np.array([seed, EXPERIMENT_STREAM], dtype=np.uint64)
    counter = np.array([size, number, 0, 0], dtype=np.uint64)
    return int(np.random.Philox(key=key, counter=counter).random_raw()) >> 1


def generated(seed: int) -> Source:
    """Random 3-regular graphs, uniform over all: the same seed gives the same graphs on every machine."""
    def make(size: int, number: int) -> Instance:
        own = seed_of(seed, size, number)
        return Instance(size, number, regular_graph(size, own), f"generated-{own}")

    return make


def stored(found: Mapping[int, Mapping[int, Instance]], plan: Plan, where: str) -> Source:
    """The instances of a file, by size and their order in it; InvalidInput if it has too few for the plan."""
    for size in plan.sizes:
        there = found.get(size, {})
        if not there:
            sizes = ", ".join(map(str, sorted(found)[:40])) or "none"
            raise InvalidInput(f"{where} has no graph of {size} nodes", f"Its sizes: {sizes}", "Choose among them")
        if len(there) < plan.instances:
            raise InvalidInput(f"{where} has {len(there)} graphs of {size} nodes, and {plan.instances} are asked for",
                               "", f"Set instances to at most {len(there)}")
    chosen = {size: [found[size][number] for number in sorted(found[size])] for size in plan.sizes}
    return lambda size, number: chosen[size][number]
