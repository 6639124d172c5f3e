"""Quotas of tenants: QPU seconds and CPU seconds in windows that follow each other; facts that every host keeps alike.

What is used counts when it ends, at its measured time. A tenant whose quota is exhausted is served at a lowered weight
until the window ends (`shares.tenant_weight`), or, with LOWERED 0, its further tasks are refused (engine/tenants.py).
"""

from __future__ import annotations

from math import floor

from qloop.policies.columns import QUOTA, QUOTA_UNTIL, QUOTA_WINDOW, SPENT, Row

QPU_SECONDS, CPU_SECONDS = 0, 1


def renew(tenant: Row, now: float) -> None:
    """Begin the window in which `now` lies, if the last one is over."""
    if now < tenant[QUOTA_UNTIL]:
        return
    window = tenant[QUOTA_WINDOW]
    if window <= 0.0:
        return
    tenant[QUOTA_UNTIL] += (floor((now - tenant[QUOTA_UNTIL]) / window) + 1.0) * window
    if tenant[QUOTA_UNTIL] <= now:      # by rounding
        tenant[QUOTA_UNTIL] += window
    tenant[SPENT] = tenant[SPENT + 1] = 0.0


def use(tenant: Row, kind: int, seconds: float, now: float) -> None:
    """The tenant used so many QPU seconds (`kind` 0) or CPU seconds (1), which ended now."""
    renew(tenant, now)
    tenant[SPENT + kind] += seconds


def exhausted(tenant: Row, now: float) -> int:
    """Which quota is exhausted: 0 of QPU seconds, 1 of CPU seconds, -1 none."""
    renew(tenant, now)
    if tenant[SPENT] >= tenant[QUOTA]:
        return QPU_SECONDS
    return CPU_SECONDS if tenant[SPENT + 1] >= tenant[QUOTA + 1] else -1
