"""Calibration windows: when they come, what they delay, and what they cost."""

from __future__ import annotations

import pytest

from qloop.simulator.platform.accounts import CALIBRATION_BEGIN, CALIBRATION_END
from qloop.simulator.platform.parts import Drift, QpuKind
from qloop.simulator.platform.result import CALIBRATED, CALIBRATIONS, EXECUTED

from .plain import compiled, plain
from .stage import everything, lines, ns, qpu, sessions, small, starts

WINDOWS = QpuKind(calibrate_first_s=15.0, calibrate_every_s=100.0, calibration_s=30.0)


def windows(found) -> list[tuple[float, float]]:
    begins = [line[0] for line in lines(found, CALIBRATION_BEGIN)]
    ends = [line[0] for line in lines(found, CALIBRATION_END)]
    return list(zip(begins, ends, strict=False))


def test_a_task_that_would_not_end_before_the_window_waits_for_its_end() -> None:
    """Shots of 10 s: one ends at 10, the next would end at 20 > 15, so it begins when the window ends, at 45."""
    found = plain(small(0.0, sessions=sessions(iterations=3, quantum=10.0), qpus=(WINDOWS,), duration_s=170.0))
    assert starts(found) == [(0.0, 0, 0), (45.0, 0, 0), (55.0, 0, 0)]
    assert windows(found) == [(15.0, 45.0)]
    assert found.waited_ns.tolist() == [ns(35.0)]
    assert found.epochs.tolist() == [1]
    assert found.qpus[0, CALIBRATED] == ns(30.0 + 25.0)     # the second window is cut by the end of the run
    assert found.qpus[0, CALIBRATIONS] == 1


def test_a_task_longer_than_the_gap_between_windows_runs_and_the_window_waits() -> None:
    found = plain(small(10.0, sessions=sessions(iterations=2, quantum=120.0), qpus=(WINDOWS,)))
    assert starts(found) == [(10.0, 0, 0), (160.0, 0, 0)]
    assert windows(found)[:2] == [(130.0, 160.0), (280.0, 310.0)]


def test_the_other_qpu_serves_meanwhile() -> None:
    kinds = (WINDOWS, QpuKind(name="other"))
    found = plain(small(16.0, 17.0, sessions=sessions(iterations=2, quantum=3.0), qpus=kinds, duration_s=44.0))
    assert {q for _, _, q in starts(found)} == {1}
    assert found.left_ns.tolist() == [ns(25.0), ns(28.0)]


@pytest.mark.parametrize(("length", "every"), [(30.0, 470.0), (250.0, 750.0)])
def test_an_idle_qpu_calibrates_for_length_over_length_plus_every(length: float, every: float) -> None:
    kinds = (qpu(calibrate_every_s=every, calibration_s=length),)
    found = compiled(everything(qpus=kinds, duration_s=20.0 * (length + every)))
    assert found.qpus[0, CALIBRATIONS] == 19            # the last one would end with the run, and is not over in it
    idle = plain(small(0.0, qpus=(QpuKind(calibrate_every_s=every, calibration_s=length),),
                       duration_s=20.0 * (length + every)))
    assert idle.qpus[0, CALIBRATED] == ns(20.0 * length)
    assert windows(idle)[3] == (3.0 * (length + every) + every, 4.0 * (length + every))


def test_epochs_are_counted_once_for_each_window_between_two_shots() -> None:
    """A shot every 50 s; windows of 10 s begin at 100, 210, 320, ...: before 1000 s are 9 of them."""
    kinds = (QpuKind(calibrate_every_s=100.0, calibration_s=10.0),)
    found = plain(small(0.0, sessions=sessions(iterations=30, quantum=5.0, classical=45.0), qpus=kinds))
    assert found.qpus[0, CALIBRATIONS] == 9
    assert found.epochs.tolist() == [9]


def test_it_recalibrates_after_the_attempt_by_whose_end_too_much_loss_is_predicted() -> None:
    """Gates age by 10 % an hour and are .8 of the loss: .041 is predicted after .5125 h = 1845 s, so at 1860 s."""
    kinds = (QpuKind(recalibrate_above=0.041, calibration_s=40.0, drift=Drift(aging=0.1)),)
    found = plain(small(0.0, sessions=sessions(iterations=200, quantum=60.0), qpus=kinds, duration_s=6000.0,
                        error_per_qubit=1.0))
    assert windows(found) == [(1860.0, 1900.0), (3760.0, 3800.0), (5660.0, 5700.0)]
    assert found.epochs.tolist() == [3]
    assert found.qpus[0, EXECUTED] == ns(6000.0 - 120.0)


def test_an_early_calibration_takes_the_place_of_the_planned_one() -> None:
    kinds = (QpuKind(recalibrate_above=0.041, calibrate_every_s=3000.0, calibration_s=40.0, drift=Drift(aging=0.1)),)
    found = plain(small(0.0, sessions=sessions(iterations=200, quantum=60.0), qpus=kinds, duration_s=6000.0,
                        error_per_qubit=1.0))
    assert [begin for begin, _ in windows(found)] == [1860.0, 3760.0, 5660.0]
