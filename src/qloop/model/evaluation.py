"""What names one quantum evaluation, and the randomness that belongs to it.

A result is a pure function of its key, so a key that is in the journal is never bought again, and a run that is
repeated draws the same shots (spec: exact mode of the QuantumFuture).
"""

from __future__ import annotations

import hashlib
import struct

import msgspec
import numpy as np


class SimulatorId(msgspec.Struct, frozen=True):
    """The simulator that computes a session's amplitudes: `name`, `version`, number of `threads`."""

    name: str
    version: str
    threads: int = 1

    def __str__(self) -> str:
        return f"{self.name}-{self.version}/{self.threads}t"


class EvaluationKey(msgspec.Struct, frozen=True):
    """All that an evaluation's value depends on.

    `structure` is the hash of circuit and observables with symbolic parameters; `theta` the float64 bytes of the
    parameters; `nth` counts evaluations of this theta on the session's committed path; `shots` is 0 for an exact
    expectation; `qpu` and `epoch` are empty and 0 where the value does not depend on them (exact QPUs).
    """

    session_seed: int
    structure: str
    theta: bytes
    nth: int
    shots: int
    qpu: str
    epoch: int
    simulator: str

    def digest(self) -> bytes:
        """32 bytes that stand for this key, the same on every machine."""
        head = struct.pack("<QQQQ", self.session_seed & (2**64 - 1), self.nth, self.shots, self.epoch)
        parts = (head, self.structure.encode(), self.theta, self.qpu.encode(), self.simulator.encode())
        hasher = hashlib.sha256()
        for part in parts:
            hasher.update(struct.pack("<I", len(part)))
            hasher.update(part)
        return hasher.digest()


def generator(digest: bytes) -> np.random.Generator:
    """The counter-based generator (Philox) that belongs to an evaluation, keyed by its digest."""
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest[:16], "little")))
