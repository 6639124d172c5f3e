"""Poisson arrivals whose rate changes: with a hidden chain of states (MMPP), or with the hour (daily cycle).

Both lead the points of a Poisson process of rate 1 back through the integrated rate (the time-change theorem; Cinlar,
"Introduction to Stochastic Processes", section 4.7), which is exact: nothing is thinned and no step is chosen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from qloop.errors import InvalidInput
from qloop.simulator.paper.draws import uniforms
from qloop.simulator.workload.checks import positives
from qloop.simulator.workload.family import Floats
from qloop.simulator.workload.points import BLOCK, Ints, guard, in_ns, through_pieces, unit_points
from qloop.simulator.workload.streams import ARRIVAL, STATE, STAY

MOST_STATES, MOST_STAYS = 64, 10_000_000
OF_STATES = 1 << 32     # added to a stream of states: several processes of one run each have their own


@dataclass(frozen=True)
class MMPP:
    """Bursts: Poisson arrivals at `rates[i]` (1/s) while a hidden chain is in state i, for `stays_s[i]` on average.

    The chain goes through the states in turn, or by the rows of `transitions` (probabilities of the next state; none
    to itself). It begins in its long-run balance, so no warm-up is needed.

    Raises InvalidInput for lists of unequal length, rates that are all 0, and rows that do not add up to 1.
    """

    kind: ClassVar[str] = "mmpp"
    rates: tuple[float, ...]
    stays_s: tuple[float, ...]
    transitions: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "rates", positives(self.kind, "rates", self.rates, 0.0, 1e9))
        object.__setattr__(self, "stays_s", positives(self.kind, "stays_s", self.stays_s, 1e-6, 1e12))
        k = len(self.rates)
        if len(self.stays_s) != k or not 2 <= k <= MOST_STATES:
            raise InvalidInput(f"The mmpp arrivals have {k} rates and {len(self.stays_s)} stays", "",
                               f"Give as many of the one as of the other, 2 to {MOST_STATES}")
        if not any(self.rates):
            raise InvalidInput("The rates of the mmpp arrivals are all 0", "Nothing would arrive", "Give one above 0")
        rows = tuple(positives(self.kind, f"row {i} of transitions", row, 0.0, 1.0)
                     for i, row in enumerate(self.transitions, 1))
        object.__setattr__(self, "transitions", rows)
        self._check_rows(k)

    def mean_rate(self) -> float:
        """Arrivals per s in the long run."""
        return float(self.balance() @ np.array(self.rates))

    def balance(self) -> Floats:
        """The share of time in each state, in the long run."""
        k = len(self.rates)
        steps = self._next()
        visits = np.linalg.lstsq(np.vstack((steps.T - np.eye(k), np.ones(k))), np.append(np.zeros(k), 1.0), rcond=None)
        shares: Floats = np.maximum(visits[0], 0.0) * np.array(self.stays_s)
        return np.asarray(shares / shares.sum())

    def dispersion(self) -> float:
        """Variance over mean of the number of arrivals in a long time.

        1 + 2 / m  p L D L 1, with mean rate m, balance p, rates L on a diagonal and D the deviation matrix of the chain
        (Fischer and Meier-Hellstern, "The MMPP cookbook", Performance Evaluation 18, 1993).
        """
        share, rates = self.balance(), np.array(self.rates)
        generator = (self._next() - np.eye(len(rates))) / np.array(self.stays_s)[:, None]
        always = np.tile(share, (len(rates), 1))
        deviation = np.linalg.inv(always - generator) - always
        mean = float(share @ rates)
        return float(1.0 + 2.0 / mean * (share * rates) @ deviation @ rates)

    def times(self, key: int, horizon_ns: int, stream: int = ARRIVAL) -> Ints:
        """Arrivals before the horizon, ns in order."""
        guard(self.mean_rate() * horizon_ns * 1e-9, horizon_ns)
        ends, states = self.path(key, horizon_ns, stream)
        breaks = np.append(0, ends).astype(np.float64)
        masses = np.append(0.0, np.cumsum(np.diff(breaks) * 1e-9 * np.array(self.rates)[states]))
        guard(float(masses[-1]), horizon_ns)
        points = unit_points(key, stream, float(masses[-1]))
        return in_ns(through_pieces(points[points < masses[-1]], breaks, masses), horizon_ns)

    def path(self, key: int, horizon_ns: int, stream: int = ARRIVAL) -> tuple[Ints, Ints]:
        """The hidden chain: ends of its stays in ns, the last at the horizon or beyond, and its states."""
        apart = OF_STATES * stream
        state = int(np.searchsorted(np.cumsum(self.balance())[:-1], uniforms(key, STATE + apart, 0, 1)[0], "right"))
        stays, cumulative = np.array(self.stays_s), np.cumsum(self._next(), axis=1)[:, :-1]
        now, drawn, ends, states = 0, 0, [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        expected = horizon_ns * 1e-9 * float((self.balance() / stays).sum())
        if expected > MOST_STAYS:
            raise InvalidInput(f"The mmpp arrivals would change their state about {expected:.1e} times",
                               "The stays would not fit into memory", "Give longer stays or a shorter run")
        block = int(min(expected + 6.0 * math.sqrt(expected) + 16.0, BLOCK))
        while now < horizon_ns:
            visited = self._walk(state, uniforms(key, STATE + apart, drawn + 1, block), cumulative)
            spans = -np.log1p(-uniforms(key, STAY + apart, drawn, block)) * stays[visited[:-1]] * 1e9
            spans = np.minimum(np.rint(spans), horizon_ns)
            reach = int(np.searchsorted(np.cumsum(spans), 2.0 * horizon_ns)) + 1
            ends.append(now + np.cumsum(spans[:reach].astype(np.int64)))
            states.append(visited[:-1][:reach])
            now, drawn, state = int(ends[-1][-1]), drawn + block, int(visited[-1])
        return np.concatenate(ends), np.concatenate(states)

    def _walk(self, state: int, u: Floats, cumulative: Floats) -> Ints:
        """The states from this one on, one step for each draw."""
        if not self.transitions:
            return (state + np.arange(len(u) + 1)) % len(self.rates)
        found = [state]
        for one in u:
            found.append(int(np.searchsorted(cumulative[found[-1]], one, side="right")))
        return np.array(found)

    def _next(self) -> Floats:
        """Probabilities of the next state, by state."""
        return np.array(self.transitions) if self.transitions else np.roll(np.eye(len(self.rates)), 1, axis=1)

    def _check_rows(self, k: int) -> None:
        """Raise InvalidInput unless the rows, if any, are those of a chain."""
        if not self.transitions:
            return
        if len(self.transitions) != k or any(len(row) != k for row in self.transitions):
            raise InvalidInput("transitions of the mmpp arrivals is not square", f"There are {k} states",
                               f"Give {k} rows of {k} probabilities")
        for i, row in enumerate(self.transitions):
            if abs(sum(row) - 1.0) > 1e-9 or row[i] > 0.0:
                raise InvalidInput(f"Row {i + 1} of the mmpp arrivals' transitions is {row!r}", "",
                                   "Give probabilities that add up to 1, with 0 for the state itself")
        reached = np.linalg.matrix_power(np.eye(k) + (np.array(self.transitions) > 0.0), k) > 0.0
        if not reached.all():
            raise InvalidInput("The states of the mmpp arrivals do not all lead to each other", "",
                               "Give transitions by which every state is reached from every other")
