"""What the tests of the primitives share: a runtime in memory, an ansatz with a closed formula, joint counts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from qiskit.primitives import BitArray

from tests.runtime.two_qubits import ENERGY, circuit, scripted, value
from tests.runtime.two_qubits import runtime as memory

__all__ = ["ENERGY", "circuit", "joint", "memory", "scripted", "start", "value"]


def start(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-3.0, 3.0, shape)


def joint(data: Any, where: Any = ()) -> Counter[str]:
    """Counts of all registers together, shot by shot, at one place of the pub's shape."""
    whole = BitArray.concatenate_bits([bits[where] if data.ndim else bits for bits in data.values()])
    return Counter(whole.get_counts())
