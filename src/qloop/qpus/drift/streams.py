"""The random numbers of a twin's life: each has its place in a counter-based stream, whoever draws it and when."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

BLOCK = 60
"""Steps of the grid whose draws are made together: an hour."""


def key_of(seed: int, name: str, what: str) -> NDArray[np.uint64]:
    """The 128-bit Philox key of one stream of a QPU."""
    digest = hashlib.sha256(f"drift/{what}/{seed}/{name}".encode()).digest()
    return np.frombuffer(digest[:16], dtype="<u8").astype(np.uint64)


class Stream:
    """Draws by (number of a block); the n-th block is the same, whichever was drawn before.

    The second word of Philox's counter is the block, the third 1 for the draws of the run's begin, and the first
    counts within.
    """

    def __init__(self, seed: int, name: str, what: str) -> None:
        self._key = key_of(seed, name, what)
        self._bits = np.random.Philox(key=self._key)
        self._random = np.random.Generator(self._bits)

    def normals(self, block: int, rows: int, columns: int) -> NDArray[np.float64]:
        """Standard normal numbers (rows, columns)."""
        return self._at(block).standard_normal((rows, columns))

    def uniforms(self, block: int, rows: int, columns: int) -> NDArray[np.float64]:
        """Uniform numbers in [0, 1) of shape (rows, columns)."""
        return self._at(block).random((rows, columns))

    def exponentials(self, block: int, rows: int, columns: int) -> NDArray[np.float64]:
        """Exponential numbers of mean 1, (rows, columns)."""
        return self._at(block).standard_exponential((rows, columns))

    def _at(self, block: int) -> np.random.Generator:
        """The generator, wound to a block; -1 is the run's begin. Winding is much cheaper than making a new one."""
        counter = np.array([0, max(0, block), int(block < 0), 0], dtype=np.uint64)
        self._bits.state = {"bit_generator": "Philox", "state": {"counter": counter, "key": self._key},
                            "buffer": np.zeros(4, dtype=np.uint64), "buffer_pos": 4, "has_uint32": 0, "uinteger": 0}
        return self._random
