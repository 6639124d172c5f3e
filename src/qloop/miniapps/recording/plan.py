"""What is to be recorded: sizes, instances, and everything that decides the course of an experiment."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from qloop.errors import InvalidInput, UnknownName
from qloop.miniapps.problems.maxcut import FEWEST, MOST

OBJECTIVES = ("maxcut", "hamiltonian")
REPETITIONS, ENTANGLEMENT = 3, "reverse_linear"
"""EfficientSU2 as Qiskit makes it by default, which the paper's program takes."""
FINAL_SHOTS = 10_000
MOST_INSTANCES, MOST_ITERATIONS, MOST_SHOTS, SEED_LIMIT = 10_000, 1_000_000, 10_000_000, 1 << 31


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A recording: `instances` problem instances of each of the `sizes` (qubits).

    `maxiter` bounds the evaluations of COBYLA; `shots` an evaluation (0: exact expectation values; 4096 is the
    precision of 1/64 that the paper's estimator takes by default). `objective`: "maxcut" minimises minus the number of
    edges cut; "hamiltonian" that number itself, which is what HamLib's Hamiltonian gives and the paper's program
    minimises (its answer is no cut at all). Raises InvalidInput or UnknownName for what cannot be recorded.
    """

    sizes: tuple[int, ...] = (4, 6, 8, 10, 12, 14)
    instances: int = 20
    maxiter: int = 1500
    shots: int = 4096
    seed: int = 0
    objective: str = "maxcut"
    qpu: str = "exact"

    def __post_init__(self) -> None:
        if not self.sizes or len(set(self.sizes)) < len(self.sizes):
            raise InvalidInput(f"The sizes are {_said(self.sizes)}", "", "Name at least one, and each once")
        for size in self.sizes:
            if size % 2 or not FEWEST <= size <= MOST:
                raise InvalidInput(f"No 3-regular graph of {size} nodes can be recorded", "", f"Give even sizes from "
                                   f"{FEWEST} to {MOST}")
        for name, least, most in (("instances", 1, MOST_INSTANCES), ("maxiter", 1, MOST_ITERATIONS),
                                  ("shots", 0, MOST_SHOTS), ("seed", 0, SEED_LIMIT - 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise InvalidInput(f"{name} is {value!r}", "", f"Give a whole number from {least} to {most:,}")
        fewest = fewest_evaluations(max(self.sizes))
        if self.maxiter < fewest:
            raise InvalidInput(f"maxiter is {self.maxiter}", f"COBYLA needs {fewest} evaluations to begin with the "
                               f"parameters of {max(self.sizes)} qubits", f"Give at least {fewest}")
        if self.objective not in OBJECTIVES:
            raise UnknownName("objective", self.objective, OBJECTIVES)

    @property
    def total(self) -> int:
        """How many experiments there are."""
        return len(self.sizes) * self.instances

    def order(self) -> Iterator[tuple[int, int]]:
        """All (size, number of the instance): a round of all sizes before the next, so that a part is useful too."""
        for number in range(self.instances):
            for size in sorted(self.sizes):
                yield size, number

    def identity(self, source: str) -> dict[str, int | str]:
        """What must be the same when a recording goes on; more sizes and instances may be asked for.

        `source` names where the graphs are from.
        """
        return {"source": source, "maxiter": self.maxiter, "shots": self.shots, "seed": self.seed,
                "objective": self.objective, "qpu": self.qpu, "final_shots": FINAL_SHOTS, "repetitions": REPETITIONS,
                "entanglement": ENTANGLEMENT}


def fewest_evaluations(size: int) -> int:
    """What COBYLA asks for at least: one more than its first simplex has points, for EfficientSU2 of this size."""
    return 2 * size * (REPETITIONS + 1) + 2


def _said(sizes: tuple[int, ...]) -> str:
    return ", ".join(map(str, sizes)) or "none"
