"""Sessions of the paper's model, drawn from measurements by counter: every value has a name, so policies meet the same.

A draw is named by (seed and replication, what is drawn, number of the session). Whoever asks for session 17 of
replication 3 gets the same session, whatever was asked before and whichever policy serves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.simulator.paper.draws import uniforms
from qloop.simulator.paper.measurements import Measured
from qloop.simulator.paper.model import PlatformModel

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# streams; 0 and 1 are the policies' own
ARRIVAL, SIZE, PRIORITY, PRE, COST, POST, QUANTUM, ITERATIONS = range(16, 24)
SEED_LIMIT, REPLICATION_LIMIT = 1 << 31, 1 << 32


@dataclass(frozen=True, slots=True)
class Sessions:
    """What arrives at a platform: arrays over sessions in order of arrival.

    Times and quantum durations in ns; `pre`, `cost` (of one iteration) and `post` in operations.
    """

    arrival_ns: Ints
    size: Ints
    priority: Ints
    pre: Floats
    cost: Floats
    post: Floats
    quantum_ns: Ints
    iterations: Ints

    def before(self, horizon_ns: int) -> Sessions:
        """Those that arrive before the horizon."""
        n = int(np.searchsorted(self.arrival_ns, horizon_ns))
        return Sessions(*(getattr(self, field.name)[:n] for field in fields(self)))


def key_of(seed: int, replication: int) -> int:
    """The 64-bit key of all draws of one replication."""
    if not 0 <= seed < SEED_LIMIT or not 0 <= replication < REPLICATION_LIMIT:
        raise InvalidInput(f"Seed {seed} with replication {replication} is out of range", "",
                           "Give a seed from 0 to 2^31 - 1 and a replication from 0 to 2^32 - 1")
    return seed << 32 | replication


def arrivals(key: int, interarrival_s: float, horizon_ns: int) -> Ints:
    """Poisson arrivals before the horizon, in ns; the first comes at 0, as in the paper's program."""
    expected = horizon_ns * 1e-9 / interarrival_s
    if expected > 2e7:
        raise InvalidInput(f"About {expected:.1e} sessions would arrive", "They would not fit into memory",
                           "Give a shorter run or a longer time between arrivals")
    count = int(expected + 6.0 * expected**0.5 + 16.0)
    gaps = [np.zeros(1)]
    total, drawn = 0.0, 0
    while total < horizon_ns:
        gaps.append(np.rint(-np.log1p(-uniforms(key, ARRIVAL, drawn, count)) * interarrival_s * 1e9))
        total, drawn = total + gaps[-1].sum(), drawn + count
    times = np.cumsum(np.concatenate(gaps).astype(np.int64))
    return times[times < horizon_ns]


def draw(model: PlatformModel, measured: Mapping[int, Measured], key: int) -> Sessions:
    """The sessions that arrive in one replication."""
    arrival = arrivals(key, model.interarrival_s, round(model.duration_s * 1e9))
    n = len(arrival)
    size = np.array(model.sizes)[_index(key, SIZE, n, len(model.sizes))]
    priority = np.array(model.priorities)[_index(key, PRIORITY, n, len(model.priorities))]
    columns = {name: np.zeros(n) for name in ("pre_s", "cost_s", "post_s", "quantum_s", "iterations")}
    streams = {"pre_s": PRE, "cost_s": COST, "post_s": POST, "quantum_s": QUANTUM, "iterations": ITERATIONS}
    for name, stream in streams.items():
        u = uniforms(key, PRE if model.joint and name != "quantum_s" else stream, 0, n)
        for one in model.sizes:
            values, chosen = getattr(measured[one], name), size == one
            columns[name][chosen] = values[(u[chosen] * len(values)).astype(np.int64)]
    whole = {name: np.rint(values * 1e9) for name, values in columns.items() if name != "iterations"}
    return Sessions(arrival, size, priority, whole["pre_s"], whole["cost_s"], whole["post_s"],
                    whole["quantum_s"].astype(np.int64), columns["iterations"].astype(np.int64))


def _index(key: int, stream: int, count: int, choices: int) -> Ints:
    """A uniform choice for each session."""
    return (uniforms(key, stream, 0, count) * choices).astype(np.int64)
