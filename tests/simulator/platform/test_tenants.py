"""Tenants: under saturation fair queuing gives each the share that its weight says."""

from __future__ import annotations

import numpy as np
import pytest

from qloop.simulator.platform.parts import Tenant
from qloop.simulator.platform.result import Replication
from qloop.simulator.workload.distributions import Uniform

from .plain import plain
from .stage import SECOND, sessions, small

WEIGHTS = (1.0, 2.0, 4.0)


def contest(policy: str, weights: tuple[float, ...], shares: tuple[float, ...], count: int = 24,
            seconds: float = 1500.0) -> Replication:
    """So many endless loops of the tenants on one QPU, which they keep busy all the time."""
    tenants = tuple(Tenant(name=f"t{k}", weight=weight, share=share)
                    for k, (weight, share) in enumerate(zip(weights, shares, strict=True)))
    return plain(small(*[0.0] * count, policy=policy, tenants=tenants, duration_s=seconds,
                       sessions=sessions(iterations=100_000, quantum=Uniform(0.5, 1.5), redraw="session")))


def service(found: Replication, tenants: int) -> np.ndarray:
    """Seconds on the QPU of each tenant."""
    return np.bincount(found.tenant, found.served_ns / SECOND, minlength=tenants)


def settled(policy: str, weights: tuple[float, ...], shares: tuple[float, ...], count: int = 24) -> np.ndarray:
    """Seconds of each tenant from 300 to 1500 s: by then all have become loops. A shorter run is the same run."""
    late, early = (contest(policy, weights, shares, count, seconds) for seconds in (1500.0, 300.0))
    assert early.tenant.tolist() == late.tenant.tolist()
    return service(late, len(weights)) - service(early, len(weights))


def jain(values: np.ndarray) -> float:
    """Jain's index: 1 if all are equal, 1/n if one has it all (Jain, Chiu, Hawe 1984)."""
    return float(values.sum() ** 2 / (len(values) * (values**2).sum()))


def test_service_is_in_proportion_to_weights_within_the_bound_of_fair_queuing() -> None:
    """|W_f/w_f - W_g/w_g| <= (m + 1)(l_f/w_f + l_g/w_g) for m QPUs and tasks of at most l (spec of fair queuing)."""
    got = settled("efaas", WEIGHTS, (1.0, 1.0, 1.0))
    assert got.sum() == pytest.approx(1200.0)
    each = got / np.array(WEIGHTS)
    for f in range(3):
        for g in range(3):
            assert abs(each[f] - each[g]) <= 2.0 * 1.5 * (1.0 / WEIGHTS[f] + 1.0 / WEIGHTS[g])
    assert jain(each) > 0.999


def test_more_sessions_give_a_tenant_no_more() -> None:
    """Eight of nine sessions are one tenant's; its share stays what its weight says, a half."""
    got = settled("efaas", (1.0, 1.0), (8.0, 1.0), 40)
    assert got / got.sum() == pytest.approx([0.5, 0.5], abs=0.005)


def test_under_fifo_weights_say_nothing_and_sessions_count() -> None:
    found = contest("fifo", (1.0, 1.0), (8.0, 1.0), 40)
    got, sessions_of = service(found, 2), np.bincount(found.tenant, minlength=2)
    assert sessions_of.min() < 10
    per_session = got / sessions_of
    assert per_session[0] == pytest.approx(per_session[1], rel=0.35)
    assert jain(got) < 0.8


def test_sessions_belong_to_tenants_by_their_shares() -> None:
    tenants = tuple(Tenant(name=f"t{k}", share=share) for k, share in enumerate((1.0, 3.0)))
    found = plain(small(*[float(k) for k in range(900)], tenants=tenants, sessions=sessions(quantum=0.0)))
    assert found.tenant.mean() == pytest.approx(0.75, abs=4 * np.sqrt(0.75 * 0.25 / 900))
