"""How long an emulated task takes, when a twin is calibrated, and how old its parameters are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit.library import efficient_su2
from qiskit.quantum_info import SparsePauliOp

from qloop.errors import InvalidInput, UnknownName
from qloop.qpus.calibration import CalibrationPlan, plan_calibrations
from qloop.qpus.protocol import LocalQpu, Recovery, Request
from qloop.qpus.twin import TwinQpu
from qloop.qpus.twin_program import TwinProgram

from .snapshots_for_tests import line

S = 1_000_000_000
KEY = (b"k" * 32,)


def bell(twin: TwinQpu) -> TwinProgram:
    """sx, cx, readout: 50 + 300 + 1000 ns; ZZ and XX are two groups."""
    circuit = QuantumCircuit(2)
    circuit.sx(0)
    circuit.cx(0, 1)
    return twin.compile(circuit, SparsePauliOp(["II", "ZZ", "ZI", "XX"], [1.0, 1.0, 0.5, 0.25]))


def test_the_duration_by_hand() -> None:
    twin = TwinQpu(line())
    program, none = bell(twin), np.zeros((3, 0))
    assert twin.duration(program, Request(none, 1000, KEY * 3)) == 2 * S + 3 * 2 * 1000 * (1350 + 100_000)
    assert twin.duration(program, Request(none, 1000, KEY * 3, counts=True)) == 2 * S + 3 * 1000 * (1350 + 100_000)
    assert twin.duration(program, Request(none[:1], 0, ())) == 2 * S + 2 * 4096 * (1350 + 100_000)


def test_the_times_can_be_set() -> None:
    twin = TwinQpu(line(), task_overhead_s=0.5, rep_delay_s=250e-6, nominal_shots=100)
    program = bell(twin)
    assert twin.duration(program, Request(np.zeros((1, 0)), 10, KEY)) == S // 2 + 2 * 10 * (1350 + 250_000)
    assert twin.duration(program, Request(np.zeros((1, 0)), 0, ())) == S // 2 + 2 * 100 * (1350 + 250_000)


@pytest.mark.parametrize(("options", "says"), [
    ({"rep_delay_s": 0.1}, "rep_delay_s is 0.1. it must be from 0 to 0.0005 seconds"),
    ({"rep_delay_s": -1e-6}, "rep_delay_s is -1e-06"),
    ({"task_overhead_s": -1.0}, "task_overhead_s is -1.0. it must be from 0 to 1e+06 seconds"),
    ({"task_overhead_s": float("nan")}, "task_overhead_s is nan"),
    ({"calibration_interval_s": -1.0}, "both must be finite and >= 0"),
    ({"calibration_interval_s": float("inf")}, "both must be finite and >= 0"),
    ({"calibration_interval_s": 100.0, "calibration_length_s": 100.0}, "windows would overlap or be empty"),
    ({"calibration_length_s": 0.0}, "windows would overlap or be empty"),
    ({"cold_s": -1.0}, "cold_s is -1.0. it must be from 0 to 1e+06 seconds"),
    ({"nominal_shots": 0}, "nominal_shots is 0. Give an integer from 1 to 100000000."),
])
def test_impossible_times_are_refused(options: dict[str, float], says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        TwinQpu(line(), **options)
    assert says in str(caught.value)


def test_an_unknown_snapshot_is_told_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no calibration snapshot named 'hanoy'\. Did you mean 'hanoi'\?"):
        TwinQpu("hanoy")


plans = st.builds(lambda offset, length, gap: CalibrationPlan(offset, length + gap, length),
                  st.integers(0, 10**13), st.integers(1, 10**12), st.integers(1, 10**13))


@settings(max_examples=200, deadline=None)
@given(plans, st.integers(0, 10**15), st.integers(0, 10**15))
def test_windows_come_in_order_and_never_overlap(plan: CalibrationPlan, a: int, b: int) -> None:
    a, b = sorted((a, b))
    first, later = plan.next_window(a), plan.next_window(b)
    assert a <= first.begin_ns <= later.begin_ns
    assert first == later or first.begin_ns + first.length_ns < later.begin_ns
    assert plan.next_window(first.begin_ns) == first
    following = plan.next_window(first.begin_ns + 1)
    assert following.begin_ns > first.begin_ns + first.length_ns
    assert first.begin_ns - a <= plan.interval_ns or a < plan.first_ns


@settings(max_examples=200, deadline=None)
@given(plans, st.integers(0, 10**15))
def test_the_epoch_changes_at_the_end_of_a_window_only(plan: CalibrationPlan, now: int) -> None:
    window = plan.next_window(now)
    end = window.begin_ns + window.length_ns
    assert plan.epoch_at(end) == plan.epoch_at(end - 1) + 1
    assert plan.epoch_at(end) == plan.epoch_at(end + plan.interval_ns - 1)
    assert plan.calibrated_ns(plan.epoch_at(end)) == end
    assert plan.epoch_at(0) == 0


def test_twins_do_not_calibrate_together() -> None:
    begins = {TwinQpu(name, seed=seed).next_window(0).begin_ns for name in ("hanoi", "torino", "sherbrooke")
              for seed in (0, 1)}
    assert len(begins) == 6
    assert all(0 <= begin <= 3600 * S for begin in begins)
    assert TwinQpu("hanoi", seed=1).next_window(0) == TwinQpu("hanoi", seed=1).next_window(0)
    assert TwinQpu("hanoi").next_window(0).length_ns == 120 * S


def test_calibrations_can_be_turned_off() -> None:
    twin = TwinQpu(line(), calibration_interval_s=0)
    assert twin.next_window(0) is None
    assert twin.epoch_at(10**18) == 0
    assert plan_calibrations("x", 0, 0.0, 0.0).epoch_at(5) == 0


def test_ages_by_hand() -> None:
    """T1, T2 and errors were measured 24 h, 24 h and 1 h before the snapshot; a calibration renews the errors only."""
    twin = TwinQpu(line())
    start = twin.calibration()
    assert (start.epoch, start.worst()) == (0, 86400.0)
    assert (start.t1[0], start.t2[2], start.readout[1], start.gates["cx"][3]) == (86400.0, 86400.0, 3600.0, 3600.0)
    window = twin.next_window(0)
    end = window.begin_ns + window.length_ns
    before, after = twin.calibration(window.begin_ns), twin.calibration(end + 5 * S)
    assert before.readout[0] == pytest.approx(3600 + window.begin_ns / S)
    assert (after.epoch, after.readout[0], after.gates["sx"][1]) == pytest.approx((1, 5.0, 5.0))
    assert after.t1[0] == pytest.approx(86400 + end / S + 5)


def test_a_twin_says_what_it_is() -> None:
    twin = TwinQpu("torino")
    said = twin.describe()
    assert isinstance(twin, LocalQpu)
    assert (said.name, said.kind, said.n_qubits, said.emulated) == ("twin-torino", "twin", 129, True)
    assert (said.device, said.recovery, said.calibrated_at) == ("ibm_torino", Recovery.PURE, "2025-02-26T20:26:08Z")
    assert "129 of 133 qubits usable, noise frozen" in said.note
    assert said.basis_gates == ("cz", "id", "rz", "sx", "x")
    assert twin.fits(129)
    assert not twin.fits(130)
    assert (said.cold_s, TwinQpu("torino", cold_s=0.25).describe().cold_s) == (1.0, 0.25)
    assert TwinQpu("torino", name="mine").describe().name == "mine"


def test_4096_shots_take_the_seconds_that_the_provider_quotes() -> None:
    """IBM quotes 2 s + 0.00035 s a shot as a quick upper rule; its own formula with 250 us of rep delay is below it."""
    twin = TwinQpu("sherbrooke")
    program = twin.compile(efficient_su2(8), SparsePauliOp("Z" * 8))
    seconds = twin.duration(program, Request(np.zeros((1, program.n_parameters)), 4096, KEY)) / S
    assert 2 + 4096 * 250e-6 < seconds < 2 + 4096 * 350e-6
