"""Erlang's formulas for c servers and one line (M/M/c), and how many servers goals take by them: where a search begins.

`load` is the offered load a = arrival rate x mean service, in servers (Erlang, 1917; Kleinrock, Queueing Systems I,
1975, 3.5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from qloop.simulator.capacity.goals import Goal

QUANTILES = {"wait_p25": 0.25, "wait_p50": 0.5, "wait_p75": 0.75, "wait_p95": 0.95, "wait_p99": 0.99}


def erlang_b(servers: int, load: float) -> float:
    """The probability that all servers are busy where nobody waits: B(0) = 1, B(c) = a B(c-1) / (c + a B(c-1))."""
    blocked = 1.0
    for c in range(1, servers + 1):
        blocked = load * blocked / (c + load * blocked)
    return blocked


def erlang_c(servers: int, load: float) -> float:
    """The probability that an arrival waits: c B / (c - a (1 - B)); 1 for a load of all servers or more."""
    if load >= servers:
        return 1.0
    blocked = erlang_b(servers, load)
    return servers * blocked / (servers - load * (1.0 - blocked))


def mean_wait(servers: int, load: float, service: float) -> float:
    """The mean wait: C(c, a) s / (c - a); infinite for a load of all servers or more."""
    return erlang_c(servers, load) * service / (servers - load) if load < servers else math.inf


def wait_quantile(servers: int, load: float, service: float, at: float) -> float:
    """The wait that the part `at` of the arrivals does not exceed: P(W > t) = C(c, a) exp(-(c - a) t / s)."""
    if load >= servers:
        return math.inf
    waits = erlang_c(servers, load)
    return math.log(waits / (1.0 - at)) * service / (servers - load) if waits > 1.0 - at else 0.0


def servers_for(goals: Sequence[Goal], load: float, service: float, most: int) -> int:
    """The least number of servers that meets the goals on waiting and refusal, by formula, at most `most`.

    Goals that Erlang's formulas do not know ask for square-root staffing, a + sqrt(a).
    """
    upper = [goal for goal in goals if goal.upper]
    if any(goal.quantity != "drop" and not _known(goal) for goal in upper):
        upper.append(Goal("waited", "<", 0.5))
    drop = min((goal.value for goal in upper if goal.quantity == "drop"), default=0.0)
    c = max(1, math.ceil(load * (1.0 - drop) * 0.999))
    while c < most and not all(_met(goal, c, load, service) for goal in upper):
        c += 1
    return min(c, most)


def _known(goal: Goal) -> bool:
    return goal.quantity in ("waited", "wait_mean", *QUANTILES)


def _met(goal: Goal, servers: int, load: float, service: float) -> bool:
    """Whether the formula meets a goal; one that it does not know asks for nothing."""
    if goal.quantity == "waited":
        return erlang_c(servers, load) < goal.value
    if goal.quantity == "wait_mean":
        return mean_wait(servers, load, service) < goal.value
    if goal.quantity in QUANTILES:
        return wait_quantile(servers, load, service, QUANTILES[goal.quantity]) < max(goal.value, 1e-300)
    return True
