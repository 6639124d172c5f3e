"""The policies as the seam's tests run them: those with times in their settings let go within a scenario's length."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from qloop.policies import catalog
from qloop.policies.columns import CHUNK_S
from qloop.policies.record import Policy

# Off the half-second grid of the scenarios, so that a TTL never ends together with an event: at one time the hosts may
# look at a QPU that lapses and at one whose session ends in either order.
TUNED: Mapping[str, Mapping[str, float]] = MappingProxyType({
    "session": {"hold_idle": 2.25, "hold_max": 15.25},
    "pilot": {"hold_max": 15.25},
    "batch": {"hold_idle": 2.25, "hold_max": 15.25, "lanes": 1.0},
})


def tuned(name: str) -> Policy:
    """The policy of this name without chunks, which the small kernel lacks: test_chunks.py has them."""
    found = catalog.policy(name, **TUNED.get(name, {}))
    return found.with_settings({CHUNK_S: 0.0}) if CHUNK_S in found.settings else found
