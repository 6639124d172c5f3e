"""Calibration epochs only grow: an event with a smaller one is refused and changes nothing."""

from __future__ import annotations

import copy

import pytest

from qloop.engine import invariants
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND

from .bench import Bench


def left_alone(bench: Bench, event: ev.Event, at: float) -> list[cmd.Command]:
    """Send it; QPUs, sessions and tasks are as before."""
    state = bench.state
    before = copy.deepcopy((state.qpu_rows, state.flows, state.tasks, state.qpus, state.calibrating, state.lanes))
    commands = bench.send(event, at=at)
    assert (state.qpu_rows, state.flows, state.tasks, state.qpus, state.calibrating, state.lanes) == before
    invariants.check(state)
    return commands


@pytest.mark.parametrize("event", [ev.CalibrationEnded("u0", 2), ev.QpuJoined("u0", 9, 0.0, 2)])
def test_an_epoch_that_is_over_is_refused(event: ev.Event) -> None:
    bench = Bench()
    bench.send(ev.CalibrationEnded("u0", 3), at=1.0)
    assert left_alone(bench, event, 2.0) == [cmd.Refused(
        "u0", "epoch_back", "QPU u0 is in calibration epoch 3, and epochs only grow: 2 is over")]


def test_what_calibrates_goes_on_until_a_later_epoch_is_told() -> None:
    bench = Bench()
    bench.send(ev.CalibrationEnded("u0", 3), at=1.0)
    assert bench.send(ev.CalibrationDue("u0", 5 * SECOND), at=2.0) == [cmd.StartCalibration("u0", 5 * SECOND)]
    assert [type(c) for c in left_alone(bench, ev.CalibrationEnded("u0", 1), 7.0)] == [cmd.Refused]
    assert bench.state.qpus[0].calibrating
    assert bench.send(ev.CalibrationEnded("u0", 4), at=8.0) == []
    assert not bench.state.qpus[0].calibrating


def test_a_qpu_that_comes_back_does_not_go_back() -> None:
    bench = Bench()
    bench.send(ev.CalibrationEnded("u0", 3), at=1.0)
    bench.send(ev.QpuLeft("u0"), at=2.0)
    assert [type(c) for c in left_alone(bench, ev.QpuJoined("u0", 9), 3.0)] == [cmd.Refused]
    assert not bench.state.qpus[0].online
    assert bench.send(ev.QpuJoined("u0", 9, 0.0, 3), at=4.0) == []
    assert bench.state.qpus[0].online
