"""Drift in the kernel: advanced on its grid when somebody looks, the same path whoever looks, reset by calibrations."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from qloop.policies.drift import GRID_S, expected_growth
from qloop.policies.recalibrate import predicted_loss
from qloop.simulator.platform import memory as mem
from qloop.simulator.platform.drifting import advance, calibrated, growth
from qloop.simulator.platform.parts import Drift, QpuKind
from qloop.simulator.platform.world import GRID_NS, machines, qpu_row
from qloop.simulator.workload.arrivals import Poisson
from qloop.simulator.workload.distributions import Exponential

from .plain import compiled, plain
from .stage import SECOND, everything, qpu, sessions, small

ALL = Drift(sd=0.2, aging=0.01, t1_sd=0.25, tls_every_s=7200.0, tls_hold_s=1800.0)


def desk(drift: Drift = ALL, qpus: int = 2, key: int = 7) -> tuple[SimpleNamespace, SimpleNamespace]:
    """The memory of a few QPUs, and the constants, as the kernel has them."""
    facts, _ = machines((QpuKind(count=qpus, drift=drift, error=1.5),))
    state = np.zeros(mem.STATE, np.int64)
    return (SimpleNamespace(machines=facts, drifts=np.zeros((qpus, mem.DRIFT)), state=state),
            SimpleNamespace(key=key, grid_ns=GRID_NS))


def rows(drift: Drift = ALL, qpus: int = 2) -> SimpleNamespace:
    """The policies' table of the same QPUs."""
    return SimpleNamespace(qpus=[qpu_row(QpuKind(drift=drift, error=1.5)) for _ in range(qpus)])


def path(times_s: list[float], drift: Drift = ALL, q: int = 0) -> np.ndarray:
    """The state of QPU q after it was looked at at these times."""
    m, p = desk(drift)
    for when in times_s:
        m.state[mem.LAST] = round(when * SECOND)
        advance(m, p, q)
    return m.drifts[q].copy()


def test_the_grid_is_that_of_the_policies() -> None:
    assert GRID_NS == GRID_S * SECOND


def test_the_path_does_not_depend_on_who_looks_when() -> None:
    once = path([86_400.0])
    rng = np.random.default_rng(1)
    for _ in range(5):
        looks = np.sort(rng.uniform(0.0, 86_400.0, 200)).tolist()
        assert np.array_equal(path([*looks, 86_400.0]), once)
    assert not np.array_equal(path([86_340.0]), once)
    assert not np.array_equal(path([86_400.0], q=1), once)


def test_processes_have_streams_of_their_own() -> None:
    """Without the one, the others go the same way."""
    both = path([40_000.0])
    gates = path([40_000.0], Drift(sd=0.2, aging=0.01))
    assert gates[mem.GATE] == both[mem.GATE]
    assert gates[mem.T1] == 0.0
    other = path([40_000.0], Drift(t1_sd=0.25))
    assert other[mem.T1] == both[mem.T1]
    assert other[mem.GATE] == 0.0


def test_a_calibration_resets_gates_and_age_and_neither_t1_nor_two_level_systems() -> None:
    m, p = desk()
    m.state[mem.LAST] = 50_000 * SECOND
    before = path([50_000.0])
    calibrated(m, p, rows(), 0)
    after = m.drifts[0]
    assert after[mem.GATE] == 0.0
    assert after[mem.CALIBRATED_AT] == 50_000.0
    assert np.array_equal(after[[mem.T1, mem.TLS, mem.STEP]], before[[mem.T1, mem.TLS, mem.STEP]])
    assert before[mem.GATE] != 0.0


def test_paths_have_the_moments_of_their_processes() -> None:
    """Two hundred QPUs after 8 hours, which are 4 relaxation times."""
    m, p = desk(Drift(sd=0.2, relax_s=7200.0, t1_sd=0.25, tls_every_s=7200.0, tls_hold_s=1800.0), qpus=200)
    m.state[mem.LAST] = 8 * 3600 * SECOND
    for q in range(200):
        advance(m, p, q)
    gate, t1, tls = (m.drifts[:200, column] for column in (mem.GATE, mem.T1, mem.TLS))
    for values, sd in ((gate, 0.2), (t1, 0.25)):
        assert abs(values.mean()) < 4.0 * sd / math.sqrt(200)
        assert values.std() == pytest.approx(sd, rel=4.0 / math.sqrt(400))
    assert abs(np.corrcoef(gate, t1)[0, 1]) < 4.0 / math.sqrt(200)
    assert tls.mean() == pytest.approx(0.2, abs=4.0 * math.sqrt(0.2 * 0.8 / 200))


def test_what_a_monitor_predicts_is_the_expected_growth_at_this_age() -> None:
    (m, p), w = desk(), rows()
    m.state[mem.LAST] = 3 * 3600 * SECOND
    calibrated(m, p, w, 0)
    assert predicted_loss(w.qpus[0], 3 * 3600.0) == pytest.approx(0.0, abs=1e-12)
    m.state[mem.LAST] = 9 * 3600 * SECOND
    expected = 1.5 * (expected_growth(6.0, 0.01, 0.2, 6.0, 0.2) - 1.0)
    assert predicted_loss(w.qpus[0], 9 * 3600.0) == pytest.approx(expected)
    assert growth(m, p, 0) > 0.0


def test_a_session_loses_by_its_error_its_qpu_and_its_age() -> None:
    """Shots at 0, 1, 2 h of a circuit of 4 qubits; gates age by 10 % an hour and are .8 of the loss."""
    kinds = (QpuKind(error=2.0, drift=Drift(aging=0.1)),)
    found = plain(small(0.0, sessions=sessions(iterations=3, classical=3599.0), qpus=kinds, duration_s=20_000.0,
                        error_per_qubit=0.05))
    ages = [(3599.0 + 3600.0 * k) / 3600.0 for k in range(3)]
    assert found.loss[0] == pytest.approx(4 * 0.05 * 2.0 * sum(0.8 * (1.0 + 0.1 * age) + 0.2 for age in ages))


def test_without_drift_a_shot_loses_what_it_nominally_does() -> None:
    found = plain(small(0.0, sessions=sessions(iterations=5), error_per_qubit=0.05))
    assert found.loss[0] == pytest.approx(5 * 4 * 0.05)


def test_the_same_shot_loses_the_same_whatever_ran_before() -> None:
    """A session at 5000 s, alone or after a hundred others."""
    kinds = (QpuKind(drift=ALL),)
    alone, after = (plain(small(*times, 5000.0, qpus=kinds, duration_s=6000.0, error_per_qubit=0.05)).loss[-1]
                    for times in ((), tuple(47.0 * k for k in range(100))))
    assert alone == after > 0.0


def test_losses_grow_between_calibrations_as_predicted() -> None:
    """Shots at random moments between windows an hour apart: the mean loss is the mean expected growth of an hour."""
    drift = Drift(sd=0.2, aging=0.05, relax_s=3600.0)
    kinds = (qpu(calibrate_every_s=3600.0, calibration_s=1.0, drift=drift),)
    scenario = everything(qpus=kinds, arrivals=Poisson(every_s=60.0), duration_s=864_000.0, error_per_qubit=0.25,
                          sessions=sessions(quantum=Exponential(0.01)))
    found = [compiled(scenario, number) for number in range(4)]
    done = np.concatenate([run.loss[run.outcome == 1] for run in found])
    expected = np.mean([expected_growth(age, 0.05, 0.2, 1.0, 0.2) for age in np.linspace(0.0, 1.0, 2001)])
    # 240 windows a run are as many independent paths
    assert done.mean() == pytest.approx(expected, abs=4.0 * done.std() / math.sqrt(4 * 240))
    assert done.std() > 0.05
