"""The twin's fast noise: each shot succeeds with probability ESP, and is random otherwise (see `twin_noise`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qloop.model.evaluation import generator
from qloop.qpus.protocol import LocalQpu, Request
from qloop.qpus.twin_noise import merged, random_counts, random_sum, stream
from qloop.qpus.twin_program import TwinProgram

Row = NDArray[np.float64]


def expectation(own: TwinProgram, exact: LocalQpu, request: Request, thetas: Row, esp: float, gain: float = 1.0,
                ) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Expectation values of each row, noisy and noise-free.

    `gain` >= 1 undoes a loss of contrast that was measured (readout mitigation): what is left of the signal is scaled
    up, and the shot noise with it.
    """
    ideal = exact.evaluate(own.ideal, Request(thetas, 0, ())).values
    kept = gain * esp
    if not request.shots:
        return tuple(kept * value + (1.0 - kept) * own.constant for value in ideal), ideal
    return tuple(estimate(own, exact, row, esp, gain, request.shots, digest)
                 for row, digest in zip(thetas, request.digests, strict=True)), ideal


def estimate(own: TwinProgram, exact: LocalQpu, row: Row, esp: float, gain: float, shots: int, digest: bytes) -> float:
    """One expectation value from `shots` shots in each group (the estimator of `twin_noise`)."""
    total = own.constant
    for k, (group, part) in enumerate(zip(own.groups, own.parts, strict=True)):
        random = generator(stream(digest, f"mixture {k}"))
        good = int(random.binomial(shots, esp))
        signal = 0.0
        if good:
            asked = Request(row[np.newaxis], good, (stream(digest, f"ideal {k}"),))
            signal = good * exact.evaluate(part, asked).values[0]
        total += gain * (signal + random_sum(group, shots - good, random)) / shots
    return total


def counts(own: TwinProgram, exact: LocalQpu, request: Request, thetas: Row, esp: float) -> tuple[dict[str, int], ...]:
    """Bit strings of each row, of which Binomial(shots, ESP) are noise-free."""
    return tuple(counted(own, exact, row, esp, request.shots, digest)
                 for row, digest in zip(thetas, request.digests, strict=True))


def counted(own: TwinProgram, exact: LocalQpu, row: Row, esp: float, shots: int, digest: bytes) -> dict[str, int]:
    """Bit strings of one row."""
    random = generator(stream(digest, "mixture"))
    good = int(random.binomial(shots, esp))
    noise = random_counts(own.reading.clbits, own.reading.n_clbits, shots - good, random)
    if not good:
        return merged({}, noise)
    asked = Request(row[np.newaxis], good, (stream(digest, "ideal"),), counts=True)
    return merged(exact.evaluate(own.ideal, asked).counts[0], noise)
