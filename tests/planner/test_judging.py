"""Learning and judging: a machine's own constants are found, a size that is left out is left out, ties are told."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from qloop.errors import InvalidInput
from qloop.planner.judging import Judged, Verdict, judge, leave_one_size_out, predicted_seconds
from qloop.planner.learning import learned
from qloop.planner.measuring import Measured
from qloop.planner.typical import TYPICAL

from .measured import all_measured, one, probes, slowed


def test_a_machine_without_noise_is_foretold_to_the_last_per_cent() -> None:
    verdict = leave_one_size_out(all_measured(), probes())
    assert len(verdict.judged) == len(all_measured()) >= 30
    assert verdict.mean > 99.0
    assert verdict.right == 100.0
    assert {judged.actual > 1 for judged in verdict.judged} == {True, False}


def test_learned_constants_give_the_times_that_made_them() -> None:
    constants = learned(all_measured(), probes())
    for row in all_measured():
        assert predicted_seconds(constants, row.cut, row.configuration.workers) == pytest.approx(
            row.cut.wall.total_s, rel=0.02)


def test_a_size_that_is_left_out_has_no_say() -> None:
    """Its times are spoiled a thousandfold, and what is predicted for it stays the same to the last bit."""
    clean, size = all_measured(), 16
    spoiled = tuple(msgspec.structs.replace(row, whole=slowed(row.whole, 1000.0), cut=slowed(row.cut, 7.0))
                    if row.configuration.n_qubits == size else row for row in clean)
    def wrong(n_qubits: int, seconds: float) -> float:
        return seconds * (50.0 if n_qubits == size else 1.0)

    false = [msgspec.structs.replace(probe, wall_s=wrong(probe.n_qubits, probe.wall_s)) for probe in probes()]
    before, after = (leave_one_size_out(*both) for both in ((clean, probes()), (spoiled, false)))
    pairs = [(a, b) for a, b in zip(before.judged, after.judged, strict=True) if a.n_qubits == size]
    assert len(pairs) == 16
    for unspoiled, other in pairs:
        assert other.predicted == unspoiled.predicted
        assert other.actual == pytest.approx(unspoiled.actual * 1000.0 / 7.0)


def test_the_others_are_misled_by_a_spoiled_size() -> None:
    """The counterpart: sizes that are learned from do have a say."""
    rows = all_measured()
    spoiled = tuple(msgspec.structs.replace(row, cut=slowed(row.cut, 30.0)) if row.configuration.n_qubits == 16 else row
                    for row in rows)
    before, after = (learned(each, probes()) for each in (rows, spoiled))
    assert before != after


def test_by_the_processors_clock_only_single_workers_are_judged() -> None:
    verdict = leave_one_size_out(all_measured(), probes(), "cpu")
    assert len(verdict.judged) == sum(row.configuration.workers == 1 for row in all_measured())
    assert verdict.mean > 99.0


def test_accuracy_and_right_are_as_defined() -> None:
    judged = Judged("a", 4, actual=2.0, predicted=1.6, noise=0.05)
    assert (judged.accuracy, judged.right, judged.tie) == (80.0, True, False)
    wrong = Judged("b", 4, actual=0.5, predicted=1.5, noise=0.05)
    assert (wrong.right, wrong.tie) == (False, False)
    tie = Judged("c", 4, actual=1.04, predicted=0.9, noise=0.05)
    assert (tie.right, tie.tie) == (False, True)
    verdict = Verdict((judged, wrong, tie))
    assert verdict.right == pytest.approx(100 / 3)
    assert verdict.right_but_ties == 50.0
    assert verdict.median == judged.accuracy


def test_noise_is_that_of_both_measurements_and_never_none() -> None:
    (calm,) = judge([_measured(0.0)], TYPICAL)
    assert calm.noise == pytest.approx(0.02)
    (wild,) = judge([_measured(0.3)], TYPICAL)
    assert wild.noise == pytest.approx(np.hypot(0.3, 0.3))


def _measured(disturbed: float) -> Measured:
    row = all_measured()[0]
    whole, cut = (msgspec.structs.replace(timed, wall=msgspec.structs.replace(timed.wall, disturbed=disturbed))
                  for timed in (row.whole, row.cut))
    return msgspec.structs.replace(row, whole=whole, cut=cut)


def test_a_speed_up_is_a_ratio_of_totals() -> None:
    assert one(3.0, 1.5).speed_up("wall") == 2.0


def test_too_little_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"needs at least two.*Only \[12\] were measured"):
        leave_one_size_out(all_measured((12,)), probes())
    with pytest.raises(InvalidInput, match="different tasks are too few"):
        learned(all_measured()[:1], [])
