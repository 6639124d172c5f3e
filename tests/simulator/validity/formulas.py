"""Closed formulas of queueing theory, each with where it comes from. Times in units of the mean service time."""

from __future__ import annotations

import math
from collections.abc import Sequence


def erlang_c(servers: int, load: float) -> float:
    """The probability of waiting in M/M/c under `load` erlangs (Erlang 1917)."""
    terms = [load**k / math.factorial(k) for k in range(servers)]
    last = load**servers / math.factorial(servers) * servers / (servers - load)
    return last / (sum(terms) + last)


def cobham(servers: int, loads: Sequence[float]) -> list[float]:
    """Mean waits in M/M/c with non-preemptive priorities, the highest first, one exponential service of mean 1.

    W_k = C(c, a)/c / ((1 - s_{k-1}) (1 - s_k)), where s_k is the utilisation by the classes 1 to k and a their load
    (A. Cobham, "Priority assignment in waiting line problems", Operations Research 2, 1954, for c servers).
    """
    waits, above = [], 0.0
    for load in loads:
        upto = above + load / servers
        waits.append(erlang_c(servers, sum(loads)) / servers / ((1.0 - above) * (1.0 - upto)))
        above = upto
    return waits


def cobham_general(rates: Sequence[float], means: Sequence[float], seconds: Sequence[float]) -> list[float]:
    """Mean waits in M/G/1 with non-preemptive priorities, each class with its own mean and second moment of service.

    W_k = sum_i(rate_i E[S_i^2])/2 / ((1 - s_{k-1}) (1 - s_k)) (Cobham 1954).
    """
    residual = sum(rate * second for rate, second in zip(rates, seconds, strict=True)) / 2.0
    waits, above = [], 0.0
    for rate, mean in zip(rates, means, strict=True):
        upto = above + rate * mean
        waits.append(residual / ((1.0 - above) * (1.0 - upto)))
        above = upto
    return waits


def pollaczek(rho: float, second: float) -> float:
    """Mean wait in M/G/1 with mean service 1 and second moment `second` (Pollaczek 1930, Khinchine 1932)."""
    return rho * second / (2.0 * (1.0 - rho))


def shared(servers: int, rho: float) -> float:
    """Mean time in M/G/c-PS with mean service 1: that of M/M/c, insensitive to the law of service (Cohen 1979)."""
    return 1.0 + erlang_c(servers, rho * servers) / (servers * (1.0 - rho))
