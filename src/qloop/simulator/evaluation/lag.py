"""The lag between tenants that both wait, beside its bound: what fair queuing promises (efaas.md 5).

While two tenants both have NORMAL tasks waiting, what each is given for its weight differs by at most
(m + 1)(l_f / w_f + l_g / w_g): m QPUs, l the longest task of each. HOT goes before NORMAL whoever's it is, so only
NORMAL, the class that is backlogged where QPUs are saturated, has such a bound.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from qloop.simulator.evaluation.shots import Shots
from qloop.simulator.platform.result import Replication

NS = 1e9
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def worst_lag(table: Shots, one: Replication) -> float:
    """The largest lag of two tenants' NORMAL service as a part of its bound; nan if no two ever wait together.

    NORMAL is the first task of a session. Its service counts when it begins; tasks that never began are not known.
    """
    first = table.k == 0
    weights = np.array([tenant.weight for tenant in one.scenario.tenants])
    owner = one.tenant[table.session[first]]
    given = table.served[first] / NS / weights[owner]
    longest = np.array([given[owner == row].max(initial=0.0) for row in range(len(weights))])
    at = np.concatenate([table.ready[first], table.begin[first]])
    order = np.argsort(at, kind="stable")       # at one time, who comes before who begins
    who = np.concatenate([owner, owner])[order]
    change = np.repeat([1, -1], len(given))[order]
    amount = np.concatenate([np.zeros(len(given)), given])[order]
    waiting = [np.cumsum(change * (who == row)) > 0 for row in range(len(weights))]
    service = [np.cumsum(amount * (who == row)) for row in range(len(weights))]
    found = [_range(waiting[f] & waiting[g], service[f] - service[g]) / (
        (len(one.qpus) + 1) * (longest[f] + longest[g])) for f, g in combinations(range(len(weights)), 2)
        if (waiting[f] & waiting[g]).any()]
    return max(found, default=float("nan"))


def _range(both: NDArray[np.bool_], ahead: Floats) -> float:
    """How far a value wanders, at most, within one of the stretches in which `both` holds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], both.view(np.int8)])) == 1)
    kept, starts = ahead[both], np.cumsum(both)[edges] - 1
    return float((np.maximum.reduceat(kept, starts) - np.minimum.reduceat(kept, starts)).max())
