"""What a replay says of the terms of tenants, which it does not change during the run."""

from __future__ import annotations

import pytest

import qloop
from qloop.qpus.twin import TwinQpu
from qloop.simulator.replay.replay import replay
from qloop.trace.reader import Trace
from tests.runtime.two_qubits import ENERGY, circuit, runtime

TOLD = "terms of tenants changed during the run"


def recorded(before: dict[str, float], during: dict[str, float]) -> Trace:
    """Two sessions of two tenants; the one's terms are set before it opens, or while both wait for the QPU."""
    qpu = TwinQpu("hanoi", name="q", calibration_interval_s=0.0, task_overhead_s=10.0)
    with runtime(qpu, clock="virtual", trace=True) as platform:
        if before:
            platform.set_tenant("a", **before)
        with qloop.Session("a", runtime=platform, shots=100, tenant="a") as one, \
                qloop.Session("b", runtime=platform, shots=100, tenant="b") as two:
            objectives = [session.objective(circuit(), ENERGY) for session in (one, two)]
            futures = [f.submit([0.1 * k, 0.2]) for k in range(4) for f in objectives]
            if during:
                platform.set_tenant("a", **during)
            for future in futures:
                future.result()
        return platform.trace()


@pytest.mark.parametrize(("before", "during", "told"), [
    ({}, {}, False), ({"weight": 3.0}, {}, False), ({}, {"weight": 8.0}, True), ({"qpu_quota_s": 1e6}, {}, True)])
def test_a_replay_says_that_weights_changed_or_quotas_held(before: dict[str, float], during: dict[str, float],
                                                           told: bool) -> None:
    found = replay(recorded(before, during))
    assert any(TOLD in note for note in found.notes) == told
    assert found.exact or told
