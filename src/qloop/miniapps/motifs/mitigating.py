"""Folding, extrapolation and readout mitigation: error mitigation without effects.

Zero-noise extrapolation (Temme, Bravyi and Gambetta, PRL 119, 180509, 2017; folding after Giurgica-Tiron et al., IEEE
QCE 2020) runs each gate G as G (G^-1 G)^k, which multiplies its noise by 2 k + 1 and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput, MissingExtra

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Floats = NDArray[np.float64]
LEAST_SIGNAL = 1e-3     # below it a logarithm tells more of shots than of noise


def folded(circuit: QuantumCircuit, scale: int) -> QuantumCircuit:
    """The circuit with every gate folded to `scale` times its noise, odd; barriers keep compilers from undoing it."""
    if scale < 1 or scale % 2 == 0:
        raise InvalidInput(f"The noise is to be scaled by {scale}", "A gate and its inverse come in pairs",
                           "Give an odd number of at least 1")
    made = circuit.copy_empty_like()
    for one in circuit.data:
        made.append(one)
        for _ in range((scale - 1) // 2):
            for gate in (one.operation.inverse(), one.operation):
                made.barrier(*one.qubits)
                made.append(gate, one.qubits)
    return made


def extrapolated(scales: Sequence[int], values: Sequence[float], rule: str) -> float:
    """The value at noise 0: "linear" by least squares, "richardson" through all points, or "exponential".

    "exponential" fits a b^scale by least squares of the logarithm, and falls back to "linear" where values change
    their sign or are lost in shot noise.
    """
    x, y = np.array(scales, float), np.array(values, float)
    if rule == "richardson":
        return float(sum(value * np.prod([other / (other - one) for other in x if other != one])
                         for one, value in zip(x, y, strict=True)))
    if rule == "exponential" and np.all(np.abs(y) > LEAST_SIGNAL) and np.all(np.sign(y) == np.sign(y[0])):
        # an error of y is one of log y times 1 / y: weights by y
        slope, intercept = np.polyfit(x, np.log(np.abs(y)), 1, w=np.abs(y))
        return float(np.sign(y[0]) * np.exp(intercept)) if slope <= 0.0 else float(y[0])
    return float(np.polyfit(x, y, 1)[1])


def assignments(zeros: Mapping[str, int], ones: Mapping[str, int]) -> list[Floats]:
    """For each qubit the matrix of how its bit is read, from counts after preparing all 0 and all 1; qubit 0 first."""
    wrong_0, wrong_1 = _share(zeros, "1"), _share(ones, "0")
    return [np.array([[1.0 - a, b], [a, 1.0 - b]]) for a, b in zip(wrong_0, wrong_1, strict=True)]


def corrected(counts: Mapping[str, int], matrices: Sequence[Floats], masks: Sequence[int]) -> float:
    """The mean of Z strings (by their masks), each as likely as any, after mthree has undone the readout's errors.

    Raises `MissingExtra` without mthree.
    """
    mitigation = required().M3Mitigation(None)
    mitigation.cals_from_matrices([matrix.astype(np.float32) for matrix in matrices])
    quasi = mitigation.apply_correction(dict(counts), list(range(len(matrices))))
    return mean_of(quasi, masks)


def required() -> Any:
    """The library that undoes readout errors; `MissingExtra` where it is not installed."""
    try:
        return import_module("mthree")
    except ImportError as error:
        raise MissingExtra("Readout mitigation", "mitigation") from error


def mean_of(weights: Mapping[str, float], masks: Sequence[int]) -> float:
    """The mean of Z strings over bit strings with weights, which need not be positive."""
    total = sum(weights.values())
    signs = [sum((-1) ** (int(bits, 2) & mask).bit_count() for mask in masks) / len(masks) for bits in weights]
    return float(sum(weight * sign for weight, sign in zip(weights.values(), signs, strict=True)) / total)


def _share(counts: Mapping[str, int], letter: str) -> list[float]:
    """For each qubit how often its bit was this; qubit 0, the last letter, first."""
    total, width = sum(counts.values()), len(next(iter(counts)))
    return [sum(n for bits, n in counts.items() if bits[width - 1 - qubit] == letter) / total for qubit in range(width)]
