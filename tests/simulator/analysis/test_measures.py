"""Each measure on sessions worked out by hand, sums that must be 1, and a queue against its formula."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.simulator.analysis.measures import MEASURES, Prices, jain, measure_named, measures
from qloop.simulator.platform import result as r
from qloop.simulator.platform.parts import Admission, Classical, QpuKind, Retries, Tenant, Transfer
from qloop.simulator.platform.run import replicate
from qloop.simulator.scenario import Scenario
from qloop.simulator.units import UNITS
from qloop.simulator.workload.arrivals import Poisson

from .made import S, queue, replication, scenario

USES = ("executed", "cold", "lost", "calibrating", "down", "idle")


def worked(**changes: Any) -> r.Replication:
    """Six sessions: two done, one each refused, failed, expired and open; the first arrived within the warm-up."""
    of = scenario(warmup_s=10.0, qpus=2, workers=2, tenants=(Tenant(name="a"), Tenant(name="b", weight=2.0)))
    areas = np.zeros((2, 6), np.int64)
    areas[1] = np.array([40, 9, 27, 4, 20, 45]) * S
    columns: dict[str, Any] = {
        "arrival_ns": np.array([5, 10, 20, 30, 40, 50, 60]) * S,
        "left_ns": np.array([15, 50, 20, 90, 80, -1, 80]) * S,
        "outcome": [r.DONE, r.DONE, r.REFUSED, r.FAILED, r.EXPIRED, r.OPEN, r.DONE],
        "tenant": [0, 0, 1, 1, 1, 0, 1], "steps": [1, 3, 0, 1, 1, 0, 2],
        "waited_ns": np.array([0, 12, 0, 5, 5, 5, 0]) * S, "served_ns": np.array([5, 16, 0, 3, 4, 0, 8]) * S,
        "lost_ns": np.array([0, 4, 0, 0, 0, 0, 0]) * S, "classical_ns": np.array([5, 8, 0, 0, 0, 0, 12]) * S,
        "delayed_ns": np.array([0, 4, 0, 0, 0, 0, 0]) * S, "gap_ns": np.array([0, 20, 0, 0, 0, 0, 4]) * S,
        "colds": [1, 2, 0, 0, 1, 0, 0], "epochs": [0, 1, 0, 0, 0, 0, 0], "loss": [0.0, 0.3, 0, 0, 0, 0, 0.2],
        "areas": areas,
        "qpus": np.array([[30 * S, 5 * S, 4 * S, 9 * S, 0, 5, 1, 0], [10 * S, 0, 0, 0, 18 * S, 2, 0, 1]])}
    return replication(of=of, **{**columns, **changes})


def test_sessions_are_counted_by_what_became_of_them() -> None:
    found = measures(worked())
    assert (found["arrivals"], found["admitted"], found["finished"]) == (6, 5, 2)
    assert (found["failed"], found["expired"], found["censored"]) == (1, 1, 1)
    assert found["drop"] == pytest.approx(1 / 6)
    assert found["censored_share"] == pytest.approx(1 / 5)
    assert found["throughput"] == pytest.approx(3 / 90)      # the first one ends after the warm-up, too
    assert found["cold_starts"] == 3


def test_compatible_counting_takes_all_arrivals_and_the_ends_after_the_warm_up() -> None:
    of = scenario(warmup_s=10.0, qpus=2, workers=2, counting="compatible", tenants=(Tenant(name="a"), Tenant(name="b")))
    run = worked()
    found = measures(r.Replication(**{**{name: getattr(run, name) for name in run.__slots__}, "scenario": of}))
    assert (found["arrivals"], found["finished"]) == (7, 3)
    assert found["time_mean"] == pytest.approx((10 + 40 + 20) / 3)


def test_times_and_their_parts() -> None:
    found = measures(worked())
    assert (found["time_mean"], found["time_p50"], found["time_max"]) == (30.0, 30.0, 40.0)
    assert found["time_p95"] == pytest.approx(39.0)
    assert [found[f"{part}_mean"] for part in ("wait", "service", "classical", "transfer")] == [6, 12, 10, 2]
    assert found["waited"] == 0.5
    assert sum(found[f"{part}_share"] for part in ("wait", "service", "classical", "transfer")) == pytest.approx(1.0)
    assert found["classical_wait"] == pytest.approx(10 * (1 - 20 / 40))
    assert found["gap_mean"] == pytest.approx(24 / 3)
    assert found["gap_wait"] == pytest.approx(12 / 5)
    assert found["loss_mean"] == pytest.approx(0.5 / 5)
    assert found["epochs_mean"] == 0.5


def test_slowdown_takes_waiting_out() -> None:
    # alone: 40 - 12 - 4 - 8/2 = 20 and 20 - 12/2 = 14
    found = measures(worked())
    assert found["slowdown_mean"] == pytest.approx((40 / 20 + 20 / 14) / 2)
    assert found["slowdown_max"] == pytest.approx(2.0)
    short = measures(replication(arrival_ns=[0], left_ns=[8 * S], waited_ns=[6 * S]))
    assert (short["slowdown_mean"], short["bounded_slowdown_mean"]) == (pytest.approx(4.0), 1.0)


def test_use_of_the_platform_and_its_cost() -> None:
    found = measures(worked(), Prices(qpu=2.0, worker=0.5, container=0.1))
    assert [round(found[f"qpu_{use}"] * 180) for use in USES] == [40, 5, 4, 9, 18, 104]
    assert found["qpu_busy"] == pytest.approx(49 / 180)
    assert found["worker_busy"] == pytest.approx(20 / 180)
    assert found["quantum_tasks"] == pytest.approx(36 / 90)
    assert (found["qpu_seconds"], found["worker_seconds"], found["container_seconds"]) == (49, 20, 45)
    assert found["cost"] == pytest.approx(98 + 10 + 4.5)
    assert found["cost_per_session"] == pytest.approx(found["cost"] / 3)
    assert measures(worked())["cost"] == 0.0


def test_fairness_between_tenants() -> None:
    # a: max(8/2/2, 16/2) = 8; b: max(12/2/2, 15/2)/2 = 3.75; slowdowns 2 and 20/14
    found = measures(worked())
    assert found["fairness_share"] == pytest.approx((8 + 3.75) ** 2 / (2 * (64 + 3.75**2)))
    assert found["fairness_slowdown"] == pytest.approx((2 + 10 / 7) ** 2 / (2 * (4 + (10 / 7) ** 2)))


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=20))
def test_jains_index_lies_between_one_nth_and_one(values: list[float]) -> None:
    found = jain(np.array(values))
    assert 1 / len(values) - 1e-12 <= found <= 1 + 1e-12
    assert jain(np.full(len(values), values[0])) == pytest.approx(1.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(0, 10**6), st.sampled_from([0.0, 20.0]))
def test_shares_of_a_queue_are_shares_and_parts_sum_up(qpus: int, number: int, warmup: float) -> None:
    run = queue(scenario(qpus=qpus, warmup_s=warmup), number, rate=1.0, mean_s=2.0, room=3)
    found = measures(run)
    assert list(found) == list(MEASURES)
    for name, value in found.items():
        if MEASURES[name].unit == "share" and not math.isnan(value):
            assert -1e-9 <= value <= 1 + 1e-9, name
    assert sum(found[f"qpu_{use}"] for use in USES) == pytest.approx(1.0)
    assert found["arrivals"] == found["admitted"] + round(found["drop"] * found["arrivals"])
    assert found["admitted"] == sum(found[end] for end in ("finished", "failed", "expired", "censored"))


def test_nothing_measured_is_nan_and_never_an_error() -> None:
    found = measures(replication(of=scenario(warmup_s=50.0), arrival_ns=[1], left_ns=[2]))
    assert found["arrivals"] == 0
    assert math.isnan(found["drop"])
    assert math.isnan(found["time_p95"])
    assert found["qpu_idle"] == 1.0


def test_a_long_queue_agrees_with_m_m_1() -> None:
    of = scenario(duration_s=200_000.0, warmup_s=1000.0)
    found = measures(queue(of, 3, rate=0.5, mean_s=1.0))
    assert found["wait_mean"] == pytest.approx(0.5 / 0.5, rel=0.05)       # rho / (mu - lambda)
    assert found["waited"] == pytest.approx(0.5, rel=0.03)
    assert found["time_p95"] == pytest.approx(math.log(20) / 0.5, rel=0.05)
    assert found["qpu_busy"] == pytest.approx(0.5, rel=0.02)


def test_every_measure_has_a_unit_that_is_known_and_says_what_it_is() -> None:
    for name, measure in MEASURES.items():
        assert measure.unit in {*UNITS, "money"}, name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert measure.what[0].isupper()
        assert measure.better in (-1, 0, 1)


def test_an_unknown_measure_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'time_mean'"):
        measure_named("time_men")
    with pytest.raises(InvalidInput, match="The price of a qpu is -1"):
        Prices(qpu=-1.0)




@pytest.mark.ci
def test_of_a_platform_with_every_effect_the_parts_are_the_whole() -> None:
    """Times and QPU time of the platform model itself add up to the ns; what a QPU did is what its sessions had."""
    of = Scenario(
        policy="efaas", duration_s=86_400.0, arrivals=Poisson(every_s=900.0),
        tenants=(Tenant(name="a"), Tenant(name="b")),
        classical=Classical(workers=2, cold_start_s=5.0, failure=0.02, discipline="slots"),
        qpus=(QpuKind(count=3, failure=0.05, compile_s=10.0, load_s=1.0, calibrate_every_s=7200.0, calibration_s=300.0,
                      mtbf_s=40_000.0, mttr_s=2000.0),),
        transfer=Transfer(submit_s=1.0, up_s=0.1, down_s=0.2), retries=Retries(attempts=10, pause_s=2.0),
        admission=Admission(max_quantum=10))
    for number in range(3):
        run = replicate(of, number)
        found = measures(run)
        parts = run.waited_ns + run.served_ns + run.classical_ns + run.delayed_ns
        done = run.outcome == r.DONE
        assert done.sum() > 10
        assert (parts[done] == (run.left_ns - run.arrival_ns)[done]).all()
        assert found["time_mean"] == pytest.approx(
            sum(found[f"{part}_mean"] for part in ("wait", "service", "classical", "transfer")))
        assert sum(found[f"qpu_{use}"] for use in USES) == pytest.approx(1.0)
        assert min(found[f"qpu_{use}"] for use in USES) >= 0.0
        assert min(found["qpu_cold"], found["qpu_lost"], found["qpu_calibrating"]) > 0.0
        assert run.qpus[:, [r.EXECUTED, r.COLD, r.LOST]].sum() == run.served_ns.sum()      # no warm-up here
        assert found["qpu_seconds"] == pytest.approx(run.served_ns.sum() / S)
        assert 0.0 < found["gap_wait"] < found["time_mean"]     # lost attempts wait, too, and are in no gap
