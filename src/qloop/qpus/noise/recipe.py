"""How a placed circuit is evaluated: one matrix for each run of operations on one pair of qubits.

Whatever acts on a single qubit joins the last pair that it was in, or the qubit's own beginning, so that the state is
touched once for each run. Angles stay open; they are filled in at each evaluation.
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

import numpy as np

from qloop.errors import InvalidInput
from qloop.qpus.noise.placed import ROTATION, Placed
from qloop.qpus.noise.transfer import GROUND, Transfer, exchanged, ideal

BOTH = 2


class Model(Protocol):
    """What the noise does, as transfer matrices on the used qubits."""

    def gate(self, name: str, qubits: tuple[int, ...]) -> Transfer | None:
        """What follows the ideal gate; None for nothing."""

    def wait(self, qubit: int, ns: float) -> Transfer:
        """What a wait does."""


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """A factor of a run: `side` 0 or 1 for the pair's qubits, or BOTH; a matrix, or the rotation of a slot."""

    side: int
    matrix: Transfer | None
    slot: int = -1


@dataclasses.dataclass(slots=True)
class Run:
    """Operations on one pair of qubits, in order."""

    pair: tuple[int, int]
    parts: list[Part] = dataclasses.field(default_factory=list)

    def add(self, side: int, matrix: Transfer) -> None:
        """Add a fixed matrix; two that follow each other on one side become one."""
        last = self.parts[-1] if self.parts else None
        if last is not None and last.side == side and last.matrix is not None:
            self.parts[-1] = Part(side, matrix @ last.matrix)
        else:
            self.parts.append(Part(side, matrix))

    def matrix(self, rotations: Transfer) -> Transfer:
        """The whole run (16, 16), for rotations (slots, 4, 4)."""
        total: Transfer | None = None
        sides: list[Transfer | None] = [None, None]
        for part in self.parts:
            factor = rotations[part.slot] if part.matrix is None else part.matrix
            if part.side == BOTH:
                total, sides = factor @ _joined(sides, total), [None, None]
            else:
                before = sides[part.side]
                sides[part.side] = factor if before is None else factor @ before
        return _joined(sides, total)


@dataclasses.dataclass(frozen=True, slots=True)
class Recipe:
    """Beginnings (one chain of single-qubit parts for each used qubit) and runs, in order."""

    beginnings: tuple[tuple[Part, ...], ...]
    runs: tuple[Run, ...]

    def initial(self, qubit: int, rotations: Transfer) -> Transfer:
        """The expectation values (4,) of a qubit before its first run."""
        state = GROUND
        for part in self.beginnings[qubit]:
            state = (rotations[part.slot] if part.matrix is None else part.matrix) @ state
        return state


def recipe_of(placed: Placed, model: Model) -> Recipe:
    """The recipe of a circuit under a noise model; `InvalidInput` for gates on three or more qubits."""
    maker = _Maker(placed, model)
    for step in placed.steps:
        for qubit, waited in zip(step.qubits, step.waited_ns, strict=True):
            maker.wait(qubit, waited)
        noise = model.gate(step.name, step.qubits)
        if len(step.qubits) == 1:
            maker.single(step.qubits[0], step.name, noise, step.slot)
        elif len(step.qubits) == BOTH:
            maker.pair((step.qubits[0], step.qubits[1]), step.name, noise)
        else:
            raise InvalidInput(f"The gate {step.name!r} acts on {len(step.qubits)} qubits",
                               "Noise is known for one and two", "Use a device with such gates")
    for qubit, waited in enumerate(placed.last_wait_ns):
        maker.wait(qubit, waited)
    return Recipe(tuple(tuple(run.parts) for run in maker.beginnings), tuple(maker.runs))


def pairs_of(placed: Placed) -> tuple[tuple[int, int], ...]:
    """The pairs of the circuit's runs, in order, without a model."""
    last: dict[int, int] = {}
    pairs: list[tuple[int, int]] = []
    for step in placed.steps:
        if len(step.qubits) == BOTH and (last.get(step.qubits[0], -1) != last.get(step.qubits[1], -2)):
            last[step.qubits[0]] = last[step.qubits[1]] = len(pairs)
            pairs.append((step.qubits[0], step.qubits[1]))
    return tuple(pairs)


class _Maker:
    """A recipe in the making."""

    def __init__(self, placed: Placed, model: Model) -> None:
        self.model = model
        self.runs: list[Run] = []
        self.beginnings = [Run((qubit, qubit)) for qubit in range(placed.n_qubits)]
        self._last: list[Run] = list(self.beginnings)
        self._ideal: dict[str, Transfer] = {}

    def wait(self, qubit: int, ns: float) -> None:
        """Nothing for no time."""
        if ns > 0.0:
            self._fixed(qubit, self.model.wait(qubit, ns))

    def single(self, qubit: int, name: str, noise: Transfer | None, slot: int) -> None:
        """A gate on one qubit: fixed, or a rotation whose angle comes later."""
        if name == ROTATION:
            run = self._last[qubit]
            run.parts.append(Part(_side(run, qubit), None, slot))
        else:
            self._fixed(qubit, self._of(name))
        if noise is not None:
            self._fixed(qubit, noise)

    def pair(self, pair: tuple[int, int], name: str, noise: Transfer | None) -> None:
        """A gate on two qubits: in the run that both are in, or in a new one."""
        run = self._last[pair[0]]
        if run is not self._last[pair[1]]:
            run = Run(pair)
            self.runs.append(run)
            self._last[pair[0]] = self._last[pair[1]] = run
        whole = self._of(name) if noise is None else noise @ self._of(name)
        run.add(BOTH, whole if run.pair == pair else exchanged(whole))

    def _fixed(self, qubit: int, matrix: Transfer) -> None:
        run = self._last[qubit]
        run.add(_side(run, qubit), matrix)

    def _of(self, name: str) -> Transfer:
        if name not in self._ideal:
            self._ideal[name] = ideal(name)
        return self._ideal[name]


def _side(run: Run, qubit: int) -> int:
    return 0 if run.pair[0] == qubit else 1


def _joined(sides: list[Transfer | None], total: Transfer | None) -> Transfer:
    """Both sides after what came before them."""
    eye = np.eye(4)
    if sides[0] is None and sides[1] is None and total is not None:
        return total
    first, second = (eye if side is None else side for side in sides)
    both = np.multiply.outer(second, first).transpose(0, 2, 1, 3).reshape(16, 16)
    return both if total is None else both @ total
