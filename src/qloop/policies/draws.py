"""Uniform draws by counter: Philox 4x32-10 in integer arithmetic, one source for live and compiled code.

Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). A draw is named by (seed, stream, counter),
so it depends on what is drawn and never on when.
"""

from __future__ import annotations

MASK = 0xFFFFFFFF
MULTIPLIER_0, MULTIPLIER_1 = 0xD2511F53, 0xCD9E8D57
WEYL_0, WEYL_1 = 0x9E3779B9, 0xBB67AE85

ENTER, PICK = 0, 1      # streams of a policy's draws


def uniform(seed: int, stream: int, counter: int) -> float:
    """A number in [0, 1) with 53 random bits, for a 64-bit seed, a stream and a counter below 2^62."""
    c0, c1 = counter & MASK, (counter >> 32) & MASK
    c2, c3 = stream & MASK, (stream >> 32) & MASK
    k0, k1 = seed & MASK, (seed >> 32) & MASK
    for _ in range(10):
        p0, p1 = MULTIPLIER_0 * c0, MULTIPLIER_1 * c2
        c0, c1, c2, c3 = ((p1 >> 32) & MASK) ^ c1 ^ k0, p1 & MASK, ((p0 >> 32) & MASK) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + WEYL_0) & MASK, (k1 + WEYL_1) & MASK
    return ((c0 >> 5) * 67108864.0 + (c1 >> 6)) / 9007199254740992.0
