"""Randomness of optimizers: Philox keyed by (seed, iteration, what is drawn), so that nothing depends on history."""

from __future__ import annotations

import enum

import numpy as np

from qloop.loops.optimizers.protocol import Array


class Stream(enum.IntEnum):
    """What is drawn; part of the counter, so that two purposes never share numbers."""

    SPSA_PERTURBATION = 1
    SPSA_CALIBRATION = 2
    CMAES_NORMALS = 3


def bits(seed: int, iteration: int, stream: Stream) -> np.random.Philox:
    """The counter-based bit generator that belongs to one draw."""
    key = np.array([seed, iteration], dtype=np.uint64)
    counter = np.array([0, 0, 0, int(stream)], dtype=np.uint64)
    return np.random.Philox(key=key, counter=counter)


def signs(seed: int, iteration: int, stream: Stream, shape: tuple[int, ...]) -> Array:
    """Independent fair signs, +1 or -1, of the given shape.

    They are the top bits of the raw stream, which NumPy keeps stable over its versions; its distributions may change.
    """
    raw = bits(seed, iteration, stream).random_raw(int(np.prod(shape)))
    top = np.asarray(raw, dtype=np.uint64) >> np.uint64(63)
    return (1.0 - 2.0 * top.astype(np.float64)).reshape(shape)
