"""Scenarios for tests: small ones with one effect, and one in which every effect is on and does nothing.

Kernels are compiled for a policy and its set of effects, so tests with the latter share two of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from qloop.simulator.platform.parts import Classical, Lifetimes, QpuKind
from qloop.simulator.platform.result import Replication
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Poisson, Recorded
from qloop.simulator.workload.distributions import Constant, Distribution
from qloop.simulator.workload.sessions import SessionModel

SECOND = 1_000_000_000
NOTHING_S = 1e-12       # above 0, and 0 ns: the effect is there and takes no time
BEYOND_S = 1e12         # finite, and beyond every run
SELDOM = 1e-300         # a probability that nothing meets


def of(value: float | Distribution) -> Distribution:
    return value if isinstance(value, Distribution) else Constant(value)


def sessions(iterations: float | Distribution = 1, quantum: float | Distribution = 1.0,
             classical: float | Distribution = 0.0, **more: Any) -> SessionModel:
    """Sessions without measurements: 4 qubits, and neither pre nor post if not asked for."""
    return SessionModel(**{"sizes": (4,), "pre": Constant(0.0), "post": Constant(0.0), **more},
                        iterations=of(iterations), quantum=of(quantum), classical=of(classical))


def at(*times_s: float) -> Recorded:
    """Sessions that arrive at these times."""
    return Recorded(times_s=times_s)


def small(*times_s: float, **more: Any) -> Scenario:
    """`fifo` on one QPU with plenty of workers, sessions at these times; every effect off."""
    if times_s:
        more["arrivals"] = at(*times_s)
    return Scenario(**{"policy": "fifo", "duration_s": 1000.0, "sessions": sessions(),
                       "classical": Classical(workers=1000), **more})


def qpu(**more: Any) -> QpuKind:
    """A QPU on which every effect is on and does nothing."""
    return QpuKind(**{"compile_s": NOTHING_S, "calibrate_every_s": BEYOND_S, "mtbf_s": BEYOND_S, "failure": SELDOM,
                      **more})


def slots(**more: Any) -> Classical:
    """Slots and containers that start at once and are kept; tasks fail, in theory."""
    return Classical(**{"discipline": "slots", "workers": 100_000, "cold_start_s": NOTHING_S,
                        "keep_alive_s": math.inf, "failure": SELDOM, **more})


def everything(**more: Any) -> Scenario:
    """`fifo`, open arrivals and slots, with every effect on and doing nothing: one kernel for many tests."""
    return Scenario(**{
        "policy": "fifo", "duration_s": 10_000.0, "arrivals": Poisson(every_s=1.0), "sessions": sessions(),
        "classical": slots(), "qpus": (qpu(),), "lifetimes": Lifetimes(max_s=BEYOND_S),
        "error_per_qubit": NOTHING_S, **more})


def long(seconds: float, **more: Any) -> Scenario:
    """The same over so many seconds, of which a tenth is warm-up."""
    return everything(duration_s=seconds, warmup_s=seconds / 10.0, **more)


def ns(seconds: float) -> int:
    return round(seconds * SECOND)


def lines(found: Replication, *kinds: int) -> list[tuple[float, int, int, int]]:
    """The log's lines of these kinds: (s, kind, session, QPU)."""
    return [(int(at_ns) / SECOND, int(kind), int(session), int(q)) for at_ns, kind, session, q in found.log
            if int(kind) in kinds]


def starts(found: Replication) -> list[tuple[float, int, int]]:
    """When which session began on which QPU."""
    from qloop.simulator.platform.accounts import QUANTUM_START

    return [(when, session, q) for when, _, session, q in lines(found, QUANTUM_START)]


def mean_s(column: np.ndarray) -> float:
    """The mean of times in ns, s."""
    return float(column.mean()) / SECOND


def near(values: list[float], expected: float, *, floor: float = 0.0, within: float = 0.15) -> bool:
    """Whether a mean over replications is within 4 standard errors of what is expected.

    AssertionError if these are more than the part `within` of it (beside the floor): so wide an interval shows nothing.
    """
    error = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    assert 4.0 * error <= within * abs(expected) + floor, f"4 standard errors are {4.0 * error:.3g} of {expected:.3g}"
    return abs(float(np.mean(values)) - expected) <= 4.0 * error + floor
