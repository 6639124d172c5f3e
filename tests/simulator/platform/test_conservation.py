"""No time is lost or invented, whatever effects meet: scenarios drawn at random, each effect on or off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qloop.policies.catalog import builtin
from qloop.simulator.platform import accounts as log
from qloop.simulator.platform.parts import (
    Admission,
    Classical,
    Drift,
    Lifetimes,
    QpuKind,
    Retries,
    Tenant,
    Transfer,
)
from qloop.simulator.platform.result import (
    CALIBRATED,
    COLD,
    DONE,
    DOWN,
    EXECUTED,
    EXPIRED,
    FAILED,
    LOST,
    REFUSED,
    Replication,
)
from qloop.simulator.scenario import Scenario
from qloop.simulator.workload.arrivals import Closed, Poisson, Renewal
from qloop.simulator.workload.distributions import Constant, Exponential, Geometric, Uniform

from .plain import compiled, plain
from .stage import BEYOND_S, NOTHING_S, SELDOM, sessions

INF = float("inf")
# whole seconds make simultaneous events, which other times seldom do
TIMES = st.sampled_from([Constant(1.0), Constant(2.0), Exponential(1.5), Uniform(0.0, 3.0)])


def effects(on: bool) -> st.SearchStrategy[dict[str, object]]:
    """The parts of a scenario; with `on`, no effect is quite off, so that one kernel serves all."""
    none, never, no = (NOTHING_S, BEYOND_S, SELDOM) if on else (0.0, INF, 0.0)
    drift = st.builds(Drift, sd=st.sampled_from([0.0, 0.3]), aging=st.sampled_from([0.0, 0.5]),
                      tls_every_s=st.sampled_from([INF, 100.0]), tls_hold_s=st.just(60.0))
    kind = st.builds(
        QpuKind, count=st.integers(1, 2), qubits=st.just(10), speed=st.sampled_from([1.0, 2.0]),
        compile_s=st.sampled_from([none, 1.0]), load_s=st.sampled_from([none, 0.5]), cache=st.sampled_from([0, 2]),
        warm_s=st.sampled_from([5.0, INF]), calibrate_every_s=st.sampled_from([never, 40.0]),
        calibrate_first_s=st.sampled_from([INF, 10.0]), calibration_s=st.just(7.0),
        recalibrate_above=st.sampled_from([INF, 0.001]), mtbf_s=st.sampled_from([never, 50.0]),
        mttr_s=st.just(15.0), failure=st.sampled_from([no, 0.2]), drift=drift)
    narrow = st.builds(QpuKind, name=st.just("narrow"), qubits=st.just(4), mtbf_s=st.sampled_from([never, 30.0]),
                       mttr_s=st.just(15.0))
    return st.fixed_dictionaries({
        "qpus": st.one_of(st.tuples(kind), st.tuples(narrow, kind)),
        "lifetimes": st.builds(Lifetimes, interactive_s=st.sampled_from([never, 1.0, 3.0]),
                               max_s=st.sampled_from([never, 30.0])),
        "transfer": st.builds(Transfer, submit_s=st.sampled_from([none, 2.0]), up_s=st.sampled_from([0.0, 1.0]),
                              down_s=st.sampled_from([0.0, 1.0])),
        "retries": st.builds(Retries, attempts=st.integers(1, 4), pause_s=st.sampled_from([none, 1.0])),
        "admission": st.builds(Admission, max_classical=st.sampled_from([3, 10**9]),
                               max_quantum=st.sampled_from([3, 10**9]), max_sessions=st.sampled_from([4, 10**9]),
                               rule=st.sampled_from(["paper", "compatible"])),
        "tenants": st.sampled_from([(Tenant(),), (Tenant(name="a", weight=2.0), Tenant(name="b"))]),
        "classical": st.builds(Classical, discipline=st.sampled_from(["slots"] if on else ["slots", "sharing"]),
                               workers=st.sampled_from([1, 3, 100]), cold_start_s=st.sampled_from([none, 2.0]),
                               keep_alive_s=st.sampled_from([0.0, 3.0, INF]), hold=st.sampled_from(["task", "session"]),
                               failure=st.sampled_from([no, 0.2])),
        "sessions": st.builds(sessions, iterations=st.sampled_from([Constant(3.0), Geometric(4.0)]), quantum=TIMES,
                              classical=TIMES, pre=st.sampled_from([Constant(0.0), Constant(2.0)]),
                              sizes=st.sampled_from([(4,), (4, 8)]), redraw=st.sampled_from(["session", "iteration"])),
        "error_per_qubit": st.sampled_from([NOTHING_S if on else 0.0, 0.01]),
        "estimates": st.sampled_from(["exact", "learned"]),
        "warmup_s": st.sampled_from([0.0, 20.0]),
        "seed": st.integers(0, 1000),
    })


OPEN = st.sampled_from([Poisson(every_s=2.0), Poisson(every_s=6.0), Renewal(Constant(3.0))])
ANY = st.one_of(OPEN, st.sampled_from([Closed(3, Constant(2.0)), Closed(6, Exponential(3.0), start="zero")]))


def check(found: Replication) -> None:
    """What holds in every run beside the balances that are checked when it is made."""
    ended = found.outcome[found.left_ns >= 0]
    assert set(ended.tolist()) <= {DONE, REFUSED, FAILED, EXPIRED}
    assert (found.steps[found.outcome == DONE] == found.iterations[found.outcome == DONE]).all()
    assert (found.steps <= found.iterations).all()
    for column in (found.waited_ns, found.served_ns, found.cold_ns, found.lost_ns, found.classical_ns,
                   found.delayed_ns, found.colds, found.epochs):
        assert (column >= 0).all()
    assert (found.cold_ns + found.lost_ns <= found.served_ns).all()
    assert np.isfinite(found.loss).all()
    if found.scenario.warmup_s == 0.0:
        assert found.qpus[:, [EXECUTED, COLD, LOST]].sum() == found.served_ns.sum()
    check_log(found)


def check_log(found: Replication) -> None:
    """A QPU does one thing at a time, and nothing while it is down or calibrates."""
    assert (np.diff(found.log[:, 0]) >= 0).all()
    begins = {log.QUANTUM_START: "run", log.CALIBRATION_BEGIN: "calibration", log.OUTAGE_BEGIN: "outage"}
    ends = {log.QUANTUM_END: "run", log.ATTEMPT_LOST: "run", log.QUANTUM_PAUSE: "run",
            log.CALIBRATION_END: "calibration", log.OUTAGE_END: "outage"}
    doing: dict[int, str] = {}
    calibrated, down = 0, 0
    since: dict[int, int] = {}
    for when, kind, _, q in found.log.tolist():
        if kind in begins:
            if kind != log.OUTAGE_BEGIN:
                assert q not in doing
            calibrated += when - since[q] if doing.get(q) == "calibration" else 0     # broken off
            doing[q], since[q] = begins[kind], when
        elif kind in ends:
            assert doing.pop(q) == ends[kind]
            calibrated += when - since[q] if ends[kind] == "calibration" else 0
            down += when - since[q] if ends[kind] == "outage" else 0
    for q, what in doing.items():
        calibrated += found.horizon_ns - since[q] if what == "calibration" else 0
        down += found.horizon_ns - since[q] if what == "outage" else 0
    if found.scenario.warmup_s == 0.0:
        assert found.qpus[:, CALIBRATED].sum() == calibrated
        assert found.qpus[:, DOWN].sum() == down


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts=effects(on=False), arrivals=ANY, policy=st.sampled_from(sorted(builtin())))
def test_any_set_of_effects_under_any_policy_in_plain_python(parts: dict[str, object], arrivals: object,
                                                              policy: str) -> None:
    check(plain(Scenario(policy=policy, duration_s=60.0, arrivals=arrivals, **parts)))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts=effects(on=True), arrivals=OPEN, policy=st.sampled_from(["fifo", "efaas"]))
def test_everything_on_in_plain_python(parts: dict[str, object], arrivals: object, policy: str) -> None:
    check(plain(Scenario(policy=policy, duration_s=60.0, arrivals=arrivals, **parts)))


@pytest.mark.everything
@settings(max_examples=150, deadline=None)
@given(parts=effects(on=True), arrivals=OPEN)
def test_everything_on_compiled(parts: dict[str, object], arrivals: object) -> None:
    check(compiled(Scenario(policy="fifo", duration_s=400.0, arrivals=arrivals, **parts), log=20_000))


@pytest.mark.ci
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parts=effects(on=False), arrivals=ANY, policy=st.sampled_from(sorted(builtin())))
def test_many_sets_of_effects(parts: dict[str, object], arrivals: object, policy: str) -> None:
    check(plain(Scenario(policy=policy, duration_s=150.0, arrivals=arrivals, **parts)))
