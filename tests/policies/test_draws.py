"""The draws are Philox 4x32-10, the same in plain Python and compiled, and uniform."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from qloop.policies.draws import ENTER, PICK, uniform
from qloop.simulator.compile import Compiler


def as_draw(c0: int, c1: int) -> float:
    """The first two words of a block as a double: 27 and 26 of their bits."""
    return ((c0 >> 5) * 2**26 + (c1 >> 6)) / 2**53


@pytest.mark.parametrize(("seed", "stream", "counter", "words"), [
    # the known answers of Random123 (kat_vectors, philox4x32 10): counter = (c0, c1, c2, c3), key = (k0, k1)
    (0, 0, 0, (0x6627E8D5, 0xE169C58D)),
    (2**64 - 1, 2**64 - 1, 2**64 - 1, (0x408F276D, 0x41C83B0E)),
    (0xA4093822 | 0x299F31D0 << 32, 0x13198A2E | 0x03707344 << 32, 0x243F6A88 | 0x85A308D3 << 32,
     (0xD16CFE09, 0x94FDCCEB)),
])
def test_known_answers(seed: int, stream: int, counter: int, words: tuple[int, int]) -> None:
    assert uniform(seed, stream, counter) == as_draw(*words)


def test_plain_and_compiled_draws_are_equal() -> None:
    compiled = Compiler().compile(uniform)
    rng = np.random.Generator(np.random.Philox(key=1))
    for seed, counter in rng.integers(0, 2**62, (2000, 2)).tolist():
        for stream in (ENTER, PICK):
            assert compiled(seed, stream, counter) == uniform(seed, stream, counter)
    assert compiled(2**63 - 1, PICK, 0) == uniform(2**63 - 1, PICK, 0)


def test_draws_are_uniform_and_streams_differ() -> None:
    draws = [[uniform(7, stream, k) for k in range(5000)] for stream in (ENTER, PICK)]
    for drawn in draws:
        assert min(drawn) >= 0.0
        assert max(drawn) < 1.0
        assert stats.kstest(drawn, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(draws)[0, 1]) < 0.05
