"""What an optimizer may ask next is known before it was told: held against what it does ask."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput
from qloop.loops.optimizers import by_name
from qloop.loops.optimizers.nelder_mead import NelderMead
from qloop.loops.optimizers.protocol import Array, Optimizer
from qloop.loops.optimizers.simplex import LARGEST, Phase, branches, turn
from qloop.loops.optimizers.spsa import SPSA
from qloop.loops.speculation.candidates import TRUST, candidates
from qloop.loops.speculation.guess import PENDING, Guess
from qloop.loops.speculation.predict import Prediction
from tests.loops.test_optimizers import CASES, any_case, course, every_case, made, rough

ALL = 1000      # more than any optimizer lists
few_values = st.sampled_from([-1.0, 0.0, 0.0, 0.25, 0.5, 1.0, 1.0 + 2**-52, 3.0])
close_values = st.floats(-1e-3, 1e-3)
any_values = st.floats(allow_nan=False, allow_infinity=False)
values_of = st.one_of(few_values, close_values, any_values)


def found(guesses: list[Guess], optimizer: Optimizer, parent: int = PENDING) -> list[int]:
    asked = optimizer.ask()
    return [k for k, guess in enumerate(guesses) if guess.parent == parent and np.array_equal(guess.points, asked)]


@settings(max_examples=300, deadline=None)
@given(n=st.integers(1, 5), adaptive=st.booleans(), tolerance=st.sampled_from([0.0, 1e-4, 0.5, 1e300]),
       drawn=st.data())
def test_what_nelder_mead_asks_next_is_always_among_its_candidates(n: int, adaptive: bool, tolerance: float,
                                                                   drawn: st.DataObject) -> None:
    """For any finite values, ties and extremes among them: at most four guesses after a point, and one is right."""
    optimizer = NelderMead(np.linspace(-1, 1, n), adaptive=adaptive, xatol=tolerance, fatol=tolerance, maxiter=40)
    for _ in range(12):
        points = optimizer.ask()
        guesses = candidates(optimizer, 1, ALL)
        assert len(guesses) <= (4 if len(points) == 1 and optimizer._state.phase is not Phase.SHRINK else n + 1)
        optimizer.tell(np.array(drawn.draw(st.lists(values_of, min_size=len(points), max_size=len(points)))))
        if optimizer.done:
            return
        assert len(found(guesses, optimizer)) == 1


@pytest.mark.parametrize("n", [1, 2, 4, 9])
@pytest.mark.parametrize("adaptive", [False, True])
def test_four_guesses_hit_every_time_but_after_a_whole_simplex(n: int, adaptive: bool) -> None:
    optimizer = NelderMead(np.full(n, 0.3), adaptive=adaptive, maxiter=300)
    missed = []
    while not optimizer.done:
        phase, points = optimizer._state.phase, optimizer.ask()
        guesses = candidates(optimizer, 1, 4)
        optimizer.tell(np.sum((points - 0.7) ** 2, axis=1) + 0.3 * np.sin(9 * points.sum(axis=1)))
        if not optimizer.done and not found(guesses, optimizer):
            missed.append(phase)
    assert optimizer.iteration > 10
    assert set(missed) <= {Phase.SIMPLEX, Phase.SHRINK}


def test_the_point_does_not_depend_on_the_order_of_the_vertices() -> None:
    """Where the accepted point will rank is not known ahead, so it must not matter to the last bit."""
    simplex = np.random.default_rng(4).normal(size=(7, 6))
    order = np.random.default_rng(5)
    points = set()
    for _ in range(30):
        shuffled = np.concatenate([order.permutation(simplex[:-1]), simplex[-1:]])
        optimizer = NelderMead(shuffled[0], initial_simplex=shuffled)
        optimizer.ask()
        optimizer.tell(np.arange(7.0))
        points.add(optimizer.ask().tobytes())
    assert len(points) == 1


@settings(max_examples=60, deadline=None)
@given(case=any_case, seed=st.integers(0, 2**64 - 1), before=st.integers(0, 12), asked=st.booleans(),
       depth=st.integers(0, 3), width=st.integers(0, 5))
def test_asking_ahead_changes_nothing(case: str, seed: int, before: int, asked: bool, depth: int, width: int) -> None:
    optimizer, untouched = made(case, seed), course(made(case, seed))
    course(optimizer, before)
    if asked and not optimizer.done:
        optimizer.ask()
    state = optimizer.dumps()
    candidates(optimizer, depth, width)
    assert optimizer.dumps() == state
    assert course(optimizer) == untouched[before:]


@settings(max_examples=60, deadline=None)
@given(case=any_case, before=st.integers(0, 20), depth=st.integers(0, 3), width=st.integers(0, 6))
def test_guesses_are_a_forest_the_likely_first(case: str, before: int, depth: int, width: int) -> None:
    optimizer = made(case)
    course(optimizer, before)
    guesses = candidates(optimizer, depth, width)
    level: list[int] = []
    for index, guess in enumerate(guesses):
        assert PENDING <= guess.parent < index
        above = 1.0 if guess.parent == PENDING else guesses[guess.parent].probability
        assert 0 < guess.probability <= above * (1 + 1e-12)
        level.append(0 if guess.parent == PENDING else level[guess.parent] + 1)
        assert guess.points.shape[1] == 3
    assert [guess.probability for guess in guesses] == sorted((guess.probability for guess in guesses), reverse=True)
    assert all(level.count(k) <= width for k in range(depth))
    assert not level or max(level) < depth
    for parent in range(-1, len(guesses)):
        below = [guess for guess in guesses if guess.parent == parent]
        assert len({guess.points.tobytes() for guess in below}) == len(below)
        assert sum(guess.probability for guess in below) <= (1.0 if parent < 0 else guesses[parent].probability) + 1e-9


def test_deeper_guesses_are_right_while_the_hypotheses_hold() -> None:
    """Two steps ahead: the second is among the guesses that build on the first, but for ranks that nobody knows yet."""
    optimizer, tried, right = NelderMead(np.full(3, 0.4), maxiter=150), 0, 0
    while not optimizer.done:
        guesses, ahead = candidates(optimizer, 2, ALL), optimizer
        ahead.tell(rough(ahead.ask()))
        if ahead.done:
            break
        first = found(guesses, ahead)
        later = ahead.fork()
        later.tell(rough(later.ask()))
        if not later.done:
            tried += 1
            right += bool(found(guesses, later, first[0]))
    assert tried > 100
    assert right / tried > 0.85


@every_case
def test_only_what_can_be_known_is_guessed(case: str) -> None:
    """Gradients and generations have no second guess; SPSA's calibration is followed by what is known for certain."""
    optimizer, phases = made(case), set()
    while not optimizer.done:
        guesses = candidates(optimizer, 1, ALL)
        phase = getattr(optimizer._state, "phase", None)
        if phase in ("calibrate", "start", "simplex", "reflect", "expand", "outside", "inside", "shrink"):
            assert guesses or optimizer.iteration == 11
        elif phase != "candidate":
            assert guesses == []
        phases.add(phase)
        optimizer.tell(rough(optimizer.ask()))
        if guesses and not optimizer.done:
            assert len(found(guesses, optimizer)) == 1
    assert candidates(optimizer, 3, ALL) == []
    assert len(CASES) >= 10


@settings(max_examples=100, deadline=None)
@given(blocking=st.sampled_from([0.0, 0.1, 1e308]), values=st.lists(any_values, min_size=40, max_size=40))
def test_a_candidate_of_spsa_is_kept_or_dropped(blocking: float, values: list[float]) -> None:
    optimizer = SPSA([0.1, -0.2], blocking=blocking, calibration_pairs=1, maxiter=8)
    told = iter(values)
    while not optimizer.done:
        guesses, phase = candidates(optimizer, 1, ALL), optimizer._state.phase
        optimizer.tell(np.array([next(told) for _ in optimizer.ask()]))
        if not optimizer.done and phase != "pair":
            assert len(found(guesses, optimizer)) == 1


def test_probabilities_are_those_of_the_runs_own_past() -> None:
    """Counts with one more for each way: after 6 reflections accepted, 1 expanded, 1 inside of 8."""
    optimizer = NelderMead(np.zeros(2))
    optimizer.ask()
    optimizer.tell(np.array([1.0, 2.0, 3.0]))
    assert [guess.probability for guess in candidates(optimizer, 1, 4)] == pytest.approx([0.25] * 4)
    optimizer._state.turns[0] = [6, 1, 0, 1]
    points = [guess.points[0].tolist() for guess in candidates(optimizer, 1, 4)]
    assert [guess.probability for guess in candidates(optimizer, 1, 4)] == pytest.approx([7/12, 2/12, 2/12, 1/12])
    optimizer.ask()
    optimizer.tell(np.array([1.5]))
    assert optimizer.ask()[0].tolist() == points[0], "the most likely one was the reflection that is accepted"
    assert optimizer._state.turns[0].tolist() == [7, 1, 0, 1]


@settings(max_examples=200, deadline=None)
@given(phase=st.sampled_from([Phase.REFLECT, Phase.EXPAND, Phase.OUTSIDE, Phase.INSIDE]), drawn=st.data())
def test_each_branch_leads_its_own_way(phase: Phase, drawn: st.DataObject) -> None:
    """And every value leads one of the ways that are listed."""
    state = NelderMead(np.zeros(3))._state
    values = sorted(drawn.draw(st.lists(values_of, min_size=4, max_size=4)))
    state.phase, state.values = phase, np.array(values)
    if phase is Phase.EXPAND:
        assume(values[0] > -LARGEST)
        state.reflected_value = drawn.draw(st.floats(-LARGEST, values[0], exclude_max=True))
    if phase is Phase.OUTSIDE:
        assume(values[-2] < values[-1])
        state.reflected_value = drawn.draw(st.floats(values[-2], values[-1], exclude_max=True))
    ways = [turn(state, float(branch.values[0])) for branch in branches(state, state.turns, 0.0)]
    assert len(set(ways)) == len(ways)
    assert turn(state, drawn.draw(values_of)) in ways


def perfectly(points: Array) -> Prediction:
    return Prediction(rough(points), np.full(len(points), 1e-12))


@settings(max_examples=60, deadline=None)
@given(case=st.sampled_from(["nelder-mead", "nelder-mead adaptive", "spsa blocking"]), before=st.integers(0, 25),
       sd=st.sampled_from([0.0, 0.3, 1e6, np.inf]), off=st.floats(-5, 5))
def test_a_prediction_weighs_the_guesses_and_makes_none(case: str, before: int, sd: float, off: float) -> None:
    """However wrong it is, the same batches are guessed, and their probabilities still make one."""
    optimizer = made(case)
    course(optimizer, before)
    plain = candidates(optimizer, 1, ALL)
    weighed = candidates(optimizer, 1, ALL, lambda points: Prediction(rough(points) + off, np.full(len(points), sd)))
    batches = {guess.points.tobytes(): guess.probability for guess in plain}
    assert {guess.points.tobytes() for guess in weighed} == set(batches)
    assert sum(guess.probability for guess in weighed) <= 1 + 1e-9
    for guess in weighed:
        assert guess.probability >= (1 - TRUST) * batches[guess.points.tobytes()] * (1 - 1e-9)


def test_with_a_perfect_prediction_the_first_guess_is_right_at_every_depth() -> None:
    optimizer, tried = made("nelder-mead", maxiter=60), 0
    while not optimizer.done:
        guesses, ahead, parent = candidates(optimizer, 3, 1, perfectly), optimizer.fork(), PENDING
        for _ in guesses:
            ahead.tell(rough(ahead.ask()))
            if ahead.done:      # a hypothesis of the wrong rank goes on where the truth stops
                break
            hit = found(guesses, ahead, parent)
            assert hit
            tried, parent = tried + 1, hit[0]
        optimizer.tell(rough(optimizer.ask()))
    assert tried > 200


def test_no_depth_or_width_below_0() -> None:
    optimizer = made("nelder-mead")
    assert candidates(optimizer, 0, 4) == candidates(optimizer, 2, 0) == []
    with pytest.raises(InvalidInput, match="depth is -1"):
        candidates(optimizer, -1, 4)
    with pytest.raises(InvalidInput, match=r"width is 2\.5"):
        candidates(optimizer, 1, 2.5)  # type: ignore[arg-type]


def test_a_foreign_kind_of_optimizer_has_no_guesses() -> None:
    assert candidates(by_name.make("cma-es", [0.0, 1.0]), 3, 4) == []
