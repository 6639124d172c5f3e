"""Layer 3, tenants: their weights and quotas, which may change while their sessions run."""

from __future__ import annotations

from qloop.engine.state import State
from qloop.model.commands import Refused
from qloop.model.events import TenantSet
from qloop.model.limits import MAX_WEIGHT, MAX_WINDOW_S, MIN_WEIGHT, MIN_WINDOW_S
from qloop.policies.columns import INF, LOWERED, QUOTA, QUOTA_UNTIL, QUOTA_WINDOW, SPENT, WEIGHT, Row
from qloop.policies.quota import exhausted, renew

WEIGHTS = f"from {MIN_WEIGHT:g} to {MAX_WEIGHT:g}"
KINDS = ("QPU", "CPU")


def wrong(event: TenantSet) -> str:
    """What is wrong with a tenant's terms, in words; empty if nothing is."""
    if not MIN_WEIGHT <= event.weight <= MAX_WEIGHT:
        return f"the tenant's weight must be {WEIGHTS}"
    for kind, quota in zip(KINDS, (event.qpu_quota_s, event.cpu_quota_s), strict=True):
        if quota != quota or quota < 0.0:
            return f"the tenant's quota must be {kind} seconds, 0 or more, not {quota:g}"
    if not MIN_WINDOW_S <= event.window_s <= MAX_WINDOW_S:
        return f"the window of a quota must be from {MIN_WINDOW_S:g} to {MAX_WINDOW_S:g} s, not {event.window_s:g}"
    if not 0.0 <= event.lowered <= 1.0:
        return f"an exhausted quota lowers the weight by a factor from 0 (refuse) to 1, not {event.lowered:g}"
    if event.lowered > 0.0 and event.weight * event.lowered < MIN_WEIGHT:
        return f"the lowered weight, {event.weight * event.lowered:g}, must be {WEIGHTS}"
    return ""


def apply(tenant: Row, event: TenantSet, now: float) -> None:
    """Let the terms hold from now on; a window of another length begins now, with nothing used."""
    tenant[WEIGHT], tenant[LOWERED] = event.weight, event.lowered
    tenant[QUOTA], tenant[QUOTA + 1] = event.qpu_quota_s, event.cpu_quota_s
    window = event.window_s if min(event.qpu_quota_s, event.cpu_quota_s) < INF else INF
    if tenant[QUOTA_WINDOW] != window:
        tenant[QUOTA_WINDOW], tenant[QUOTA_UNTIL] = window, now + window
        tenant[SPENT] = tenant[SPENT + 1] = 0.0
    renew(tenant, now)


def refusal(state: State, tenant: str, task: str) -> Refused | None:
    """A refusal if a quota of the tenant is exhausted and does not only lower its weight."""
    cells = state.flows[state.tenants[tenant]]
    kind = exhausted(cells, state.t)
    if kind < 0 or cells[LOWERED] > 0.0:
        return None
    left = max(cells[QUOTA_UNTIL] - state.t, 0.0)
    used = f"{cells[SPENT + kind]:.6g} of its {cells[QUOTA + kind]:.6g} {KINDS[kind]} seconds"
    return Refused(task, "quota", f"tenant {tenant} has used {used} of this window of {cells[QUOTA_WINDOW]:.6g} s; "
                   f"the next one begins in {left:.6g} s", left)
