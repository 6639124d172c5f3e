"""The ask/tell contract, held by every optimizer and every option that changes its course."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.loops.optimizers import by_name
from qloop.loops.optimizers.drive import drive
from qloop.loops.optimizers.protocol import Array, Optimizer, Stop

CASES = {
    "spsa": ("spsa", {}),
    "spsa given a": ("spsa", {"a": 0.4, "c": 0.05}),
    "spsa blocking": ("spsa", {"blocking": 0.01, "calibration_pairs": 2}),
    "spsa last": ("spsa", {"last_evaluation": True}),
    "nelder-mead": ("nelder-mead", {}),
    "nelder-mead adaptive": ("nelder-mead", {"adaptive": True, "step": 1.5}),
    "adam": ("adam", {}),
    "adam frequencies": ("adam", {"frequencies": [2, 1, 3], "evaluate_incumbent": False}),
    "cma-es": ("cma-es", {}),
    "cma-es popsize": ("cma-es", {"popsize": 4, "sigma0": 0.1}),
    "rotosolve": ("rotosolve", {}),
    "rotosolve last": ("rotosolve", {"frequencies": [2, 1, 3], "last_evaluation": True}),
    "gradient descent": ("gradient-descent", {}),
    "gradient descent momentum": ("gradient-descent", {"momentum": 0.5, "learning_rate": 0.03}),
}
START = (0.3, -0.7, 1.1)
every_case = pytest.mark.parametrize("case", CASES)
any_case = st.sampled_from(sorted(CASES))
any_seed = st.integers(0, 2**64 - 1)


def made(case: str, seed: int = 7, maxiter: int = 12) -> Optimizer:
    name, options = CASES[case]
    return by_name.make(name, START, maxiter=maxiter, seed=seed, **options)


def rough(points: Array) -> Array:
    """A curved valley with ripples: every kind of step of every method occurs on it."""
    x, y, z = points.T
    return (1 - x) ** 2 + 20 * (y - x**2) ** 2 + np.abs(z) + 0.3 * np.sin(9 * x + 5 * z)


def bowl(points: Array) -> Array:
    target = np.linspace(-1, 1, points.shape[1])
    return np.sum((points - target) ** 2, axis=1) - 2.0


def course(optimizer: Optimizer, asks: int = 10**6) -> list[tuple[bytes, bytes, float | None, int, Stop | None]]:
    """Everything seen of an optimizer while it is driven, bit by bit."""
    seen = []
    while not optimizer.done and len(seen) < asks:
        batch = optimizer.ask()
        optimizer.tell(rough(batch))
        seen.append((batch.tobytes(), optimizer.x.tobytes(), optimizer.value, optimizer.iteration, optimizer.reason))
    return seen


@every_case
def test_asking_again_gives_the_same_batch_and_a_caller_cannot_change_it(case: str) -> None:
    optimizer = made(case)
    while not optimizer.done:
        batch = optimizer.ask()
        assert batch.ndim == 2
        assert batch.shape[1] == len(START)
        assert len(batch) >= 1
        kept = batch.copy()
        batch += 1.0
        assert np.array_equal(optimizer.ask(), kept)
        optimizer.x[:] = 9.0
        optimizer.tell(rough(kept))
        assert not np.array_equal(optimizer.x, np.full(3, 9.0))


@every_case
def test_same_arguments_same_course(case: str) -> None:
    assert course(made(case)) == course(made(case))


@pytest.mark.parametrize("case", ["spsa", "spsa blocking", "cma-es"])
def test_another_seed_takes_another_course(case: str) -> None:
    assert course(made(case, seed=1)) != course(made(case, seed=2))


@settings(max_examples=150, deadline=None)
@given(case=any_case, seed=any_seed, before=st.integers(0, 25), asked=st.booleans())
def test_a_fork_continues_bit_by_bit(case: str, seed: int, before: int, asked: bool) -> None:
    original, untouched = made(case, seed), course(made(case, seed))
    assert course(original, before) == untouched[:before]
    if asked and not original.done:
        original.ask()
    twin = original.fork()
    assert type(twin) is type(original)
    assert course(twin) == untouched[before:]
    assert course(original) == untouched[before:]


@settings(max_examples=150, deadline=None)
@given(case=any_case, seed=any_seed, before=st.integers(0, 25), wrong=st.integers(1, 12))
def test_what_a_fork_is_told_never_reaches_the_other(case: str, seed: int, before: int, wrong: int) -> None:
    original, untouched = made(case, seed), course(made(case, seed))
    course(original, before)
    guess, second = original.fork(), original.fork()
    for step in range(wrong):
        if not guess.done:
            guess.tell(np.cos(step + np.arange(len(guess.ask()))))
    assert course(original) == untouched[before:]
    assert course(second) == untouched[before:]


@every_case
def test_forks_share_no_memory_that_can_be_written(case: str) -> None:
    original = made(case)
    course(original, 6)
    mine, others = reachable_arrays(original), reachable_arrays(original.fork())
    assert len(mine) == len(others) > 0
    assert not any(np.shares_memory(a, b) for a in mine for b in others if a.flags.writeable or b.flags.writeable)


def reachable_arrays(root: object) -> list[Array]:
    """Every array that can be reached through attributes, fields and containers, those of settings included."""
    found, seen, todo = [], set(), [root]
    while todo:
        thing = todo.pop()
        if id(thing) in seen or isinstance(thing, str | bytes | int | float | type) or callable(thing):
            continue
        seen.add(id(thing))
        if isinstance(thing, np.ndarray):
            found.append(thing)
        elif isinstance(thing, dict):
            todo.extend(thing.values())
        elif isinstance(thing, list | tuple | set):
            todo.extend(thing)
        else:
            todo.extend(vars(thing).values() if hasattr(thing, "__dict__") else [])
            todo.extend(getattr(thing, field) for field in getattr(thing, "__struct_fields__", ()))
    return found


@every_case
def test_a_dump_at_every_step_continues_bit_by_bit(case: str) -> None:
    untouched = course(made(case))
    optimizer = made(case)
    for step in range(len(untouched)):
        loaded = by_name.loads(optimizer.dumps())
        assert loaded.dumps() == optimizer.dumps()
        if step % 5 == 0:
            assert course(loaded) == untouched[step:]
        course(optimizer, 1)
    ended = by_name.loads(optimizer.dumps())
    assert ended.done
    assert (ended.reason, ended.iteration, ended.value) == (optimizer.reason, optimizer.iteration, optimizer.value)


@settings(max_examples=100, deadline=None)
@given(case=any_case, seed=any_seed, cuts=st.lists(st.integers(0, 6), max_size=4), asked=st.booleans())
def test_any_chain_of_dumps_and_forks_is_the_same_course(case: str, seed: int, cuts: list[int], asked: bool) -> None:
    untouched, seen = course(made(case, seed)), []
    optimizer = made(case, seed)
    for cut in cuts:
        seen += course(optimizer, cut)
        if asked and not optimizer.done:
            optimizer.ask()
        optimizer = type(optimizer).loads(optimizer.dumps()).fork()
    assert seen + course(optimizer) == untouched


@every_case
def test_an_asked_batch_may_be_told_after_loading(case: str) -> None:
    optimizer = made(case)
    values = rough(optimizer.ask())
    loaded = by_name.loads(optimizer.dumps())
    loaded.tell(values)
    optimizer.tell(values)
    assert loaded.dumps() == optimizer.dumps()


@every_case
def test_it_stops_at_maxiter_and_says_so(case: str) -> None:
    optimizer = made(case, maxiter=3)
    assert (optimizer.done, optimizer.reason, optimizer.iteration) == (False, None, 0)
    outcome = drive(optimizer, rough)
    assert (outcome.iterations, outcome.reason) == (3, Stop.MAXITER)
    assert outcome.reason == "maxiter"


@every_case
@pytest.mark.parametrize("size", [1, 2, 9])
def test_a_bowl_is_minimized_in_any_dimension(case: str, size: int) -> None:
    name, options = CASES[case]
    options = {k: v for k, v in options.items() if k != "frequencies"}
    # A parameter-shift gradient of a parabola is its exact gradient times pi / 2: the minimum is the same.
    outcome = drive(by_name.make(name, np.full(size, 0.4), maxiter=1500, seed=3, **options), bowl)
    exact = {"spsa": 0.02, "nelder-mead": 5e-3, "adam": 1e-3, "cma-es": 1e-4,
             "rotosolve": 5e-3, "gradient-descent": 1e-3}[name]
    assert np.max(np.abs(outcome.x - np.linspace(-1, 1, size))) < exact


@pytest.mark.parametrize("case", ["spsa", "spsa last", "adam", "cma-es"])
def test_a_noisy_bowl_is_minimized_to_the_noise(case: str) -> None:
    noise = np.random.Generator(np.random.Philox(5))
    name, options = CASES[case]
    optimizer = by_name.make(name, np.full(4, 0.9), maxiter=400, seed=1, **options)
    outcome = drive(optimizer, lambda points: bowl(points) + 0.05 * noise.standard_normal(len(points)))
    assert bowl(outcome.x[None])[0] < -2.0 + 0.1
    assert bowl(np.full((1, 4), 0.9))[0] > 1.0


@every_case
def test_a_told_value_belongs_to_the_incumbent(case: str) -> None:
    """Where the contract says told, the value is that of x; SPSA and Rotosolve estimate while they run."""
    optimizer = made(case)
    while not optimizer.done:
        optimizer.tell(rough(optimizer.ask()))
        estimated = case in ("spsa", "spsa given a", "spsa last", "rotosolve last") and optimizer.reason is None
        if optimizer.value is not None and not estimated and case not in ("spsa", "spsa given a", "rotosolve"):
            assert optimizer.value == rough(optimizer.x[None])[0]


@settings(max_examples=150, deadline=None)
@given(case=any_case, data=st.data())
def test_any_finite_values_keep_it_finite_or_stop_it(case: str, data: st.DataObject) -> None:
    optimizer = made(case)
    extreme = st.floats(allow_nan=False, allow_infinity=False)
    for _ in range(6):
        if optimizer.done:
            break
        k = len(optimizer.ask())
        optimizer.tell(np.array(data.draw(st.lists(extreme, min_size=k, max_size=k))))
        assert np.isfinite(optimizer.x).all()
        assert optimizer.done or np.isfinite(optimizer.ask()).all()
    assert by_name.loads(optimizer.dumps()).dumps() == optimizer.dumps()


@every_case
def test_no_global_randomness_is_used(case: str) -> None:
    np.random.seed(11)
    before = np.random.get_state()[1].copy()
    first = course(made(case))
    assert np.array_equal(np.random.get_state()[1], before)
    np.random.seed(12)
    assert course(made(case)) == first
