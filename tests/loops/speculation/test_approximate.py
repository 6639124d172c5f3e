"""The approximate mode: what a prediction leads to, and by which rule that counts."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput, UnknownName
from qloop.loops.optimizers import by_name
from qloop.loops.optimizers.protocol import Array
from qloop.loops.speculation import approximate
from qloop.loops.speculation.approximate import Foresight, Reason, deviation, step, verdict
from qloop.loops.speculation.guess import PENDING
from tests.loops.test_optimizers import any_case, bowl, course, made, rough


@settings(max_examples=30, deadline=None)
@given(case=any_case, seed=st.integers(0, 2**32), before=st.integers(0, 10))
def test_a_perfect_prediction_leads_to_the_very_batch(case: str, seed: int, before: int) -> None:
    optimizer, untouched = made(case, seed), course(made(case, seed))
    course(optimizer, before)
    fork = step(optimizer, rough)
    assert course(optimizer) == untouched[before:], "and the optimizer itself noticed nothing"
    if fork is not None:
        assert fork.ask().tobytes() == untouched[before + 1][0]
    else:
        assert before + 1 >= len(untouched)


def test_a_prediction_that_is_no_number_leads_nowhere() -> None:
    assert step(made("spsa"), lambda points: np.full(len(points), np.nan)) is None


@settings(max_examples=100, deadline=None)
@given(off=st.floats(0, 1), eps=st.floats(0, 1), same=st.booleans(), row=st.integers(0, 2), column=st.integers(0, 1))
def test_the_rule_is_the_largest_difference_and_the_epoch(off: float, eps: float, same: bool, row: int,
                                                          column: int) -> None:
    asked, guessed = np.zeros((3, 2)), np.zeros((3, 2))
    guessed[row, column] = -off
    found = verdict(guessed, asked, eps, same_epoch=same)
    assert found.deviation == off
    assert found.commits == (off <= eps and same)
    expected = Reason.THETA_MISMATCH if off > eps else None if same else Reason.EPOCH_CHANGE
    assert found.reason is expected


def test_another_shape_never_counts_and_no_rule_sees_a_value() -> None:
    assert deviation(np.zeros((2, 2)), np.zeros((3, 2))) == math.inf
    assert not verdict(np.zeros((2, 2)), np.zeros((3, 2)), 1e300).commits
    for rule in (verdict, deviation, Foresight.judge):
        assert not {"value", "values", "result"} & set(inspect.signature(rule).parameters)


def hits(name: str, predictor: str, eps: float, function=bowl, **options: object) -> tuple[float, Foresight]:
    """The share of batches that were guessed within eps while the optimizer ran."""
    optimizer = by_name.make(name, [0.3, -0.7, 1.1], maxiter=40, seed=5, **options)
    foresight, tried = Foresight(predictor, eps), 0
    while not optimizer.done:
        guesses, points = foresight.guesses(optimizer), optimizer.ask()
        values: Array = function(points)
        optimizer.tell(values)
        foresight.observe(points, values)
        if guesses and not optimizer.done:
            tried += 1
            foresight.judge(guesses[0].points, optimizer.ask())
    assert foresight.judged == tried
    return foresight.hits / tried, foresight


def plane(points: Array) -> Array:
    return points @ np.array([0.5, -0.3, 0.8])


@pytest.mark.parametrize(("name", "options"), [("spsa", {"a": 0.3}), ("gradient-descent", {}), ("adam", {})])
def test_on_a_plane_linear_prediction_always_hits(name: str, options: dict[str, object]) -> None:
    share, foresight = hits(name, "linear", 1e-6, plane, **options)
    assert share > 0.85, "only the first guesses, from fewer points than unknowns, may miss"
    assert foresight.probability == pytest.approx((foresight.hits + 1) / (foresight.judged + 2))


def test_on_a_bowl_the_process_foresees_what_a_plane_cannot() -> None:
    by_gp, foresight = hits("gradient-descent", "gp", 5e-2)
    by_plane, _ = hits("gradient-descent", "linear", 5e-2)
    assert by_gp > 0.7
    assert by_gp >= by_plane
    assert foresight.deviations == sorted(foresight.deviations) or min(foresight.deviations) < 5e-2


def test_deeper_guesses_build_on_one_another_with_falling_probability() -> None:
    optimizer, foresight = by_name.make("gradient-descent", [0.3, -0.7], maxiter=40), Foresight("linear", 1e-6)
    assert foresight.guesses(optimizer, 3) == [], "nothing is predicted from nothing"
    slope = np.array([0.5, -0.3])
    for _ in range(4):
        points = optimizer.ask()
        optimizer.tell(points @ slope)
        foresight.observe(points, points @ slope)
    guesses = foresight.guesses(optimizer, 3)
    assert [guess.parent for guess in guesses] == [PENDING, 0, 1]
    assert [guess.probability for guess in guesses] == pytest.approx([0.5, 0.25, 0.125])
    for guess in guesses:
        optimizer.tell(optimizer.ask() @ slope)
        assert foresight.judge(guess.points, optimizer.ask()).commits
    assert foresight.probability == 4 / 5
    assert not foresight.judge(guess.points, optimizer.ask(), same_epoch=False).commits
    assert foresight.judged == 3, "a new epoch says nothing about predictions"


def test_values_from_elsewhere_are_forgotten_and_the_slow_fit_is_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    anew: list[bool] = []
    plain = approximate.fit
    monkeypatch.setattr(approximate, "fit", lambda name, points, values, like: (
        anew.append(like is None), plain(name, points, values, like))[1])
    generator, foresight = np.random.default_rng(1), Foresight("gp")
    for step_ in range(40):
        points = generator.normal(size=(1, 2))
        foresight.observe(points, bowl(points), ("a", 0))
        assert (foresight.predictor() is None) == (step_ < 2)
        foresight.predictor()
    assert len(anew) == 38, "once for each new value"
    assert anew[0]
    assert sum(anew) == 1 + (40 - 3) // 8
    assert foresight.predict(points).values == pytest.approx(bowl(points), abs=0.05)
    foresight.observe(points, bowl(points), ("a", 1))
    assert foresight.predictor() is None, "an earlier epoch says nothing"
    assert np.isnan(foresight.predict(points).values).all()


def test_bad_arguments() -> None:
    with pytest.raises(InvalidInput, match=r"eps is -0\.1\. it must be a finite number >= 0"):
        Foresight(eps=-0.1)
    with pytest.raises(UnknownName, match="no predictor named 'oracle'"):
        Foresight("oracle")
    with pytest.raises(InvalidInput, match="window is 2"):
        Foresight(window=2)
