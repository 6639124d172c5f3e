"""What a tape's measurements ask of a QPU, and how their results come of the answers.

Expectation values are asked for as such, exact or from shots: the QPU groups the strings of a sum itself. Without
shots, the probability of each bit string is an expectation value too. With shots, all other measurements come from
counts, and those that can be read in one basis share their counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.loops.pennylane.gates import Shape, Step, flipped, read
from qloop.loops.pennylane.observables import WORD_WIRES, PauliSum, all_zero, eigenbasis, pauli_sum, word_of

Answer = Any
"""Expectation values (rows,), or one dictionary of counts for each row."""


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """Rows (rows, angles) of one circuit; expectation values of an observable, or counts where there is none."""

    shape: Shape
    observable: PauliSum | None
    rows: NDArray[np.float64]
    shots: int


@dataclass(frozen=True, slots=True)
class Reading:
    """Some measurements of a tape (`members`, by index): what they ask, and their results from the answers."""

    members: tuple[int, ...]
    asks: tuple[Ask, ...]
    finish: Callable[[Sequence[Answer]], Sequence[Any]]


@dataclass(slots=True)
class Asked:
    """One tape being read: its operations, each wire's qubit, and the source of the order of samples."""

    operations: Sequence[Any]
    measurements: Sequence[Any]
    qubit: Mapping[Any, int]
    random: np.random.Generator
    _own: tuple[list[Step], list[float]] = field(init=False)

    def __post_init__(self) -> None:
        self._own = read(self.operations, self.qubit)

    def ask(self, observable: PauliSum | None, shots: int, extra: Sequence[Any] = ()) -> Ask:
        """The tape's circuit, with further operations at its end, at its own angles."""
        shape, angles = self.shape(extra)
        return Ask(shape, observable, angles.reshape(1, -1), shots)

    def shape(self, extra: Sequence[Any] = ()) -> tuple[Shape, NDArray[np.float64]]:
        """The circuit's shape and its angles."""
        steps, angles = read(extra, self.qubit) if extra else ([], [])
        own_steps, own_angles = self._own
        return Shape(self.width, (*own_steps, *steps)), np.array([*own_angles, *angles], dtype=np.float64)

    @property
    def width(self) -> int:
        """How many qubits the circuit has."""
        return max(1, len(self.qubit))

    def sum(self, observable: Any, *, squared: bool = False) -> PauliSum:
        """An observable over the circuit's qubits."""
        return pauli_sum(observable, self.qubit, self.width, squared=squared)


def readings(tape: Asked, shots: int) -> list[Reading]:
    """All that the tape's measurements need, for one number of shots (0: exact values)."""
    if not shots:
        return [_analytic(tape, index) for index in range(len(tape.measurements))]
    bases: list[_Basis] = []
    found = [entry for index in range(len(tape.measurements))
             if (entry := _sampled(tape, index, shots, bases)) is not None]
    return found + [_counted(tape, basis, shots) for basis in bases]


def _analytic(tape: Asked, index: int) -> Reading:
    from pennylane.measurements import ExpectationMP, ProbabilityMP

    measurement = tape.measurements[index]
    if measurement.obs is None or isinstance(measurement, ProbabilityMP):
        return _distribution(tape, index)
    if isinstance(measurement, ExpectationMP):
        return _estimate(tape, index, 0)
    asks = (tape.ask(tape.sum(measurement.obs), 0), tape.ask(tape.sum(measurement.obs, squared=True), 0))
    return Reading((index,), asks, lambda answers: [answers[1][0] - answers[0][0] ** 2])


def _estimate(tape: Asked, index: int, shots: int) -> Reading:
    ask = tape.ask(tape.sum(tape.measurements[index].obs), shots)
    return Reading((index,), (ask,), lambda answers: [answers[0][0]])


def _distribution(tape: Asked, index: int) -> Reading:
    """Every bit string's probability: each is turned to all zeros by rotations, whose projector is measured."""
    measurement = tape.measurements[index]
    wires = tuple(tape.qubit[wire] for wire in measurement.wires)
    shape, angles = tape.shape(measurement.diagonalizing_gates() if measurement.obs is not None else ())
    bits = (np.arange(2 ** len(wires))[:, None] >> np.arange(len(wires))[::-1]) & 1
    rows = np.hstack([np.tile(angles, (len(bits), 1)), np.pi * bits])
    ask = Ask(flipped(shape, wires), all_zero(wires, tape.width), rows, 0)
    return Reading((index,), (ask,), lambda answers: [_of_probabilities(measurement, np.maximum(answers[0], 0.0))])


def _of_probabilities(measurement: Any, probabilities: NDArray[np.float64]) -> Any:
    from pennylane.measurements import ExpectationMP, ProbabilityMP

    if isinstance(measurement, ProbabilityMP):
        return probabilities
    values = np.asarray(measurement.eigvals(), dtype=np.float64)
    mean = probabilities @ values
    return mean if isinstance(measurement, ExpectationMP) else probabilities @ values**2 - mean**2


@dataclass(slots=True)
class _Basis:
    """Measurements that are read from the same counts: a letter for each wire, or gates of one measurement's own."""

    letters: dict[Any, str]
    members: list[int]
    gates: list[Any] = field(default_factory=list)
    own: bool = False

    def take(self, index: int, letters: Mapping[Any, str]) -> bool:
        """Add a measurement, if it can be read in this basis."""
        if self.own or any(self.letters.get(wire, letter) != letter for wire, letter in letters.items()):
            return False
        self.letters.update(letters)
        self.members.append(index)
        return True


def _sampled(tape: Asked, index: int, shots: int, bases: list[_Basis]) -> Reading | None:
    """What is estimated as it is; anything else joins a basis."""
    measurement = tape.measurements[index]
    letters = _letters(measurement)
    if _is_estimated(measurement, letters, len(tape.measurements)):
        return _estimate(tape, index, shots)
    if letters is None:
        bases.append(_Basis({}, [index], measurement.diagonalizing_gates(), own=True))
    elif not any(basis.take(index, letters) for basis in bases):
        bases.append(_Basis(dict(letters), [index]))
    return None


def _is_estimated(measurement: Any, letters: Mapping[Any, str] | None, count: int) -> bool:
    """Whether an expectation value is asked for as such: of a Pauli sum, of a word that is alone or very wide."""
    from pennylane.measurements import ExpectationMP

    if not isinstance(measurement, ExpectationMP) or measurement.obs is None:
        return False
    if letters is None:
        return not eigenbasis(measurement.obs)
    return count == 1 or len(measurement.wires) > WORD_WIRES


def _letters(measurement: Any) -> Mapping[Any, str] | None:
    """The basis of each wire in which a measurement can be read; None if it needs one of its own."""
    if measurement.obs is None:
        return dict.fromkeys(measurement.wires, "Z")
    return word_of(measurement.obs) if isinstance(measurement, _known()) else None


def _known() -> tuple[Any, ...]:
    """PennyLane's own measurements of bit strings; others are classes of users."""
    from pennylane.measurements import CountsMP, ExpectationMP, ProbabilityMP, SampleMP, VarianceMP

    return CountsMP, ExpectationMP, ProbabilityMP, SampleMP, VarianceMP


def _counted(tape: Asked, basis: _Basis, shots: int) -> Reading:
    import pennylane as qml

    gates = list(basis.gates)
    for wire, letter in basis.letters.items():
        if letter != "Z":
            gates += [qml.adjoint(qml.S(wire)), qml.H(wire)] if letter == "Y" else [qml.H(wire)]

    members = [tape.measurements[index] if basis.own else _turned(tape.measurements[index]) for index in basis.members]

    def finish(answers: Sequence[Answer]) -> list[Any]:
        counts = {bits[::-1]: times for bits, times in answers[0][0].items()}
        return _of_counts(tape, members, counts)

    return Reading(tuple(basis.members), (tape.ask(None, shots, gates),), finish)


def _turned(measurement: Any) -> Any:
    """The measurement of a Pauli word after its letters were turned to Z: its eigenvalues by bit string."""
    import pennylane as qml

    if measurement.obs is None:
        return measurement
    (coefficient,) = measurement.obs.pauli_rep.values()
    values = float(np.real(coefficient)) * qml.pauli.pauli_eigs(len(measurement.wires))
    if isinstance(measurement, qml.measurements.ProbabilityMP):
        return qml.probs(wires=measurement.wires)
    if isinstance(measurement, qml.measurements.CountsMP):
        return type(measurement)(eigvals=values, wires=measurement.wires, all_outcomes=measurement.all_outcomes)
    return type(measurement)(eigvals=values, wires=measurement.wires)


def _of_counts(tape: Asked, members: Sequence[Any], counts: dict[str, int]) -> list[Any]:
    """The measurements' results from counts of bit strings in the order of the wires; samples are of the same shots."""
    from pennylane.measurements import SampleMP

    wires = list(tape.qubit)
    counted = [isinstance(measurement, _known()) and not isinstance(measurement, SampleMP) for measurement in members]
    samples = None if all(counted) else _samples(tape, counts)
    return [measurement.process_counts(counts, wires) if is_counted else measurement.process_samples(samples, wires)
            for measurement, is_counted in zip(members, counted, strict=True)]


def _samples(tape: Asked, counts: dict[str, int]) -> NDArray[np.int64]:
    """Counts as one row of bits for each shot, in random order: whoever takes the first few gets no one-sided few."""
    strings = np.array([[int(bit) for bit in bits] for bits in counts], dtype=np.int64)
    return tape.random.permutation(np.repeat(strings, list(counts.values()), axis=0))
