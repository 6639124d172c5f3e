"""What every kernel's tables for the policies have in common."""

from __future__ import annotations

from typing import Any, NamedTuple

from qloop.policies import columns as c
from qloop.policies.record import Policy


class World(NamedTuple):
    """The four tables that policies see."""

    tasks: Any
    flows: Any
    qpus: Any
    totals: Any


def totals_of(policy: Policy, workers: float, qpus: int) -> c.Row:
    """The `totals` of an empty platform, with the policy's settings."""
    totals = c.new_totals(workers)
    totals[c.N_QPUS] = float(qpus)
    for column, value in policy.settings.items():
        totals[column] = value
    return totals
