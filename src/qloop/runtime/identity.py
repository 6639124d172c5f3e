"""What names an evaluation, so that it is never bought twice, and what names its randomness.

The *identity* says what was asked: session seed, structure, theta, how often this theta was asked, shots. A result is
journaled under it, so that a loop that crashed finds it again wherever it was bought. The *draw* adds where it runs
(QPU, epoch, simulator): the same assignment gives the same shots, bit by bit.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qloop.model.evaluation import EvaluationKey


class Counter:
    """How often each theta was asked for on the committed path of one session; to be used from any thread."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._asked: dict[tuple[str, bytes, int], int] = {}
        self._free: dict[tuple[str, bytes, int], list[bytes]] = {}
        self._lock = threading.Lock()

    def identify(self, structure: str, thetas: NDArray[np.float64], shots: int) -> tuple[bytes, ...]:
        """The identity of each row, counted."""
        with self._lock:
            return tuple([self._one((structure, row.tobytes(), shots)) for row in thetas])

    def forget(self, structure: str, thetas: NDArray[np.float64], shots: int, identities: Sequence[bytes]) -> None:
        """Take back rows of which nothing was bought: who asks again gets their identities again."""
        with self._lock:
            for row, identity in zip(thetas, identities, strict=True):
                self._free.setdefault((structure, row.tobytes(), shots), []).append(identity)

    def peek(self, structure: str, thetas: NDArray[np.float64], shots: int,
             ahead: Sequence[NDArray[np.float64]] = ()) -> tuple[bytes, ...]:
        """The identities that these rows would get if they were asked for after the rows `ahead`; nothing counts."""
        with self._lock:
            before: dict[bytes, int] = {}
            for rows in ahead:
                for row in rows:
                    before[row.tobytes()] = before.get(row.tobytes(), 0) + 1
            found = []
            for row in thetas:
                theta = row.tobytes()
                nth = before.get(theta, 0)
                before[theta] = nth + 1
                found.append(self._later((structure, theta, shots), nth))
            return tuple(found)

    def _later(self, key: tuple[str, bytes, int], nth: int) -> bytes:
        """The identity that is given out for this theta after `nth` others."""
        free = self._free.get(key, ())
        if nth < len(free):
            return free[nth]
        number = self._asked.get(key, 0) + nth - len(free)
        return EvaluationKey(self.seed, key[0], key[1], number, key[2], "", 0, "").digest()

    def _one(self, key: tuple[str, bytes, int]) -> bytes:
        if self._free and key in self._free:
            waiting = self._free[key]
            identity = waiting.pop(0)
            if not waiting:
                del self._free[key]
            return identity
        nth = self._asked.get(key, 0)
        self._asked[key] = nth + 1
        return EvaluationKey(self.seed, key[0], key[1], nth, key[2], "", 0, "").digest()


def batch_digest(identities: Sequence[bytes], counts: bool) -> bytes:
    """One name for the rows of a task together; of a single expectation value it is the row's own."""
    if len(identities) == 1 and not counts:
        return identities[0]
    return hashlib.sha256((b"counts" if counts else b"values") + b"".join(identities)).digest()


def draws(identities: Sequence[bytes], qpu: str, epoch: int, simulator: str) -> tuple[bytes, ...]:
    """The source of each row's randomness, given where it runs."""
    where = f"{qpu}\0{epoch}\0{simulator}".encode()
    return tuple(hashlib.sha256(identity + where).digest() for identity in identities)
