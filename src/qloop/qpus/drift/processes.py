"""The processes of `qloop.policies.drift` for many parameters at once: bit for bit what the scalar formulas give."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qloop.policies.drift import GRID_S, ou_step, telegraph_chance

Values = NDArray[np.float64] | NDArray[np.bool_]


class Wandering:
    """Ornstein-Uhlenbeck processes: `sd` and `relax_s` have shape (n,). The draws are standard normal numbers."""

    def __init__(self, sd: NDArray[np.float64], relax_s: NDArray[np.float64]) -> None:
        self.sd, self.relax_s = sd, relax_s
        self._decay, self._spread = self._coefficients(np.full(sd.shape, GRID_S))

    def _coefficients(self, dt: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Of a step of `dt` (n,) s: x*decay + spread*z, both by the scalar formula; few of them are different."""
        known: dict[tuple[float, float, float], tuple[float, float]] = {}
        rows = list(zip(dt.tolist(), self.sd.tolist(), self.relax_s.tolist(), strict=True))
        for t, sd, relax in set(rows):
            known[t, sd, relax] = ou_step(1.0, t, sd, relax, 0.0), ou_step(0.0, t, sd, relax, 1.0)
        both = np.array([known[row] for row in rows])
        return both[:, 0], both[:, 1]

    def step(self, before: Values, draws: NDArray[np.float64], dt: NDArray[np.float64]) -> Values:
        """The values (n,) after one step of `dt` (n,) s."""
        decay, spread = self._coefficients(dt)
        return np.asarray(before * decay + spread * draws)

    def follow(self, before: Values, draws: NDArray[np.float64]) -> Values:
        """The values (rows, n) after each of some steps of the grid, by draws (rows, n)."""
        path = draws * self._spread
        decayed = np.empty_like(self._decay)
        for row in path:
            np.multiply(before, self._decay, out=decayed)
            row += decayed
            before = row
        return path


class Telegraph:
    """`n` two-level systems that come every `every_s` and stay `hold_s` on average. The draws are uniform numbers."""

    def __init__(self, every_s: float, hold_s: float) -> None:
        self.every_s, self.hold_s = every_s, hold_s
        self._comes, self._stays = self._chances(GRID_S)

    def _chances(self, dt: float) -> tuple[float, float]:
        """The probability of being active after `dt` s, from inactive and from active."""
        return (telegraph_chance(0.0, dt, self.every_s, self.hold_s),
                telegraph_chance(1.0, dt, self.every_s, self.hold_s))

    def step(self, before: Values, draws: NDArray[np.float64], dt: NDArray[np.float64]) -> Values:
        """What is active (n,) after one step of `dt` (n,) s."""
        chances = {t: self._chances(t) for t in set(dt.tolist())}
        comes, stays = (np.array([chances[t][k] for t in dt.tolist()]) for k in (0, 1))
        return np.asarray(draws < np.where(before, stays, comes))

    def follow(self, before: Values, draws: NDArray[np.float64]) -> Values:
        """What is active (rows, n) after each of some steps of the grid, by draws (rows, n)."""
        path, stays = draws < self._comes, draws < self._stays
        for row, stay in zip(path, stays, strict=True):
            row |= stay & before
            before = row
        return path
