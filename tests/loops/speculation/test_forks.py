"""Forks that are none are found before a loop begins, and optimizers that others wrote drive loops."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
import pytest

from qloop.errors import InvalidInput
from qloop.loops.optimizers.drive import drive
from qloop.loops.optimizers.foreign import Foreign, adopt
from qloop.loops.optimizers.protocol import Array, Branch, Stop
from qloop.loops.speculation.candidates import candidates
from qloop.loops.speculation.forks import check_fork, shared_parts
from tests.loops.test_optimizers import any_case, bowl, course, every_case, made  # noqa: F401


class Walk:
    """A random walk that keeps the better of two points: the smallest optimizer with a generator."""

    def __init__(self, n: int = 3, seed: int = 1) -> None:
        self.best, self.lowest = np.zeros(n), np.inf
        self.rng = np.random.Generator(np.random.Philox(seed))
        self.history: list[float] = []
        self.pending = np.zeros((1, n))

    def ask(self) -> Array:
        self.pending = self.best + 0.3 * self.rng.standard_normal((2, len(self.best)))
        return self.pending

    def tell(self, values: Array) -> None:
        self.history.append(float(values.min()))
        if values.min() < self.lowest:
            self.best, self.lowest = self.pending[int(np.argmin(values))].copy(), float(values.min())

    def fork(self) -> Self:
        return copy.deepcopy(self)


class SharesGenerator(Walk):
    def fork(self) -> Self:
        twin = copy.copy(self)
        twin.history = list(self.history)
        return twin


class SharesArray(Walk):
    """Its point moves in place."""

    def tell(self, values: Array) -> None:
        self.best += 0.1 * values.min()

    def fork(self) -> Self:
        twin = copy.copy(self)
        twin.rng = copy.deepcopy(self.rng)
        return twin


class GlobalGenerator(Walk):
    def ask(self) -> Array:
        self.pending = self.best + 0.3 * np.random.standard_normal((2, len(self.best)))
        return self.pending


class ForgetsGenerator(Walk):
    """Each fork draws anew: it does not go on like the original."""

    def fork(self) -> Self:
        twin = copy.deepcopy(self)
        twin.rng = np.random.default_rng()
        return twin


class IsItself(Walk):
    def fork(self) -> Self:
        return self


class ShowsShared(Walk):
    """What it asks is right; its count of values is shared."""

    def __init__(self) -> None:
        super().__init__()
        self.totals = {"told": 0}

    def tell(self, values: Array) -> None:
        super().tell(values)
        self.totals["told"] += len(values)

    def fork(self) -> Self:
        twin = copy.deepcopy(self)
        twin.totals = self.totals
        return twin

    @property
    def value(self) -> float:
        return float(self.totals["told"])


@every_case
def test_every_optimizer_here_has_true_forks_at_any_time(case: str) -> None:
    optimizer, untouched = made(case), course(made(case))
    for step in (0, 1, 3, 10**6):
        before = optimizer.dumps()
        check_fork(optimizer)
        assert optimizer.dumps() == before
        course(optimizer, step)
    assert course(made(case)) == untouched


def test_true_forks_of_others_are_taken() -> None:
    walk = Walk()
    check_fork(Foreign(walk))
    assert walk.history == []
    assert Foreign(walk).ask().tolist() == Walk().ask().tolist()


@pytest.mark.parametrize(("wrong", "message"), [
    (SharesGenerator(), r"fork\(\) of SharesGenerator does not make an independent copy\. two forks that are told the "
                        r"same values ask for different points; both hold inner\.rng\. Copy all that changes in fork"),
    (SharesArray(), r"reaches .*both hold .*inner\.best|different points; both hold .*inner\.best"),
    (GlobalGenerator(), r"different points\. Copy all .* use no global one"),
    (ForgetsGenerator(), "two forks that are told the same values ask for different points"),
    (IsItself(), r"fork\(\) of IsItself returns the optimizer itself\. It must be an independent copy"),
    (ShowsShared(), r"reaches another one: value changed; both hold inner\.totals"),
])
def test_forks_that_share_state_are_named(wrong: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        check_fork(Foreign(wrong))


def test_a_fork_of_our_protocol_that_is_itself_or_no_optimizer() -> None:
    optimizer = made("nelder-mead")
    optimizer.fork = lambda: optimizer  # type: ignore[method-assign]
    with pytest.raises(InvalidInput, match=r"fork\(\) of nelder-mead returns the optimizer itself. It must be a copy"):
        check_fork(optimizer)
    optimizer.fork = lambda: b"state"  # type: ignore[method-assign,return-value,assignment]
    with pytest.raises(InvalidInput, match=r"fork\(\) of nelder-mead returns a bytes. It has no ask"):
        check_fork(optimizer)


def test_shared_parts_are_those_that_can_change() -> None:
    class Thing:
        def __init__(self, **parts: object) -> None:
            vars(self).update(parts)

    fixed, changes = np.arange(3.0), np.arange(4.0)
    fixed.setflags(write=False)
    both = {"a": fixed, "b": changes, "c": (1, "x"), "d": 5, "e": [1], "f": len}
    assert shared_parts(Thing(**both), Thing(**both)) == {"b", "e"}
    assert shared_parts(Thing(whole=changes), Thing(part=changes[1:])) == {"whole"}
    assert shared_parts(Thing(deep={"g": [changes]}), Thing(other=changes)) == {"deep.g.0"}
    assert shared_parts(Thing(one=[1]), Thing(one=[1])) == set()


def test_whatever_asks_and_tells_minimizes() -> None:
    class Descent:
        """One point at a time as a flat list; neither fork nor incumbent."""

        def __init__(self) -> None:
            self.point, self.step = [2.0, -1.0], 0

        def ask(self) -> list[float]:
            return self.point

        def tell(self, values: Array) -> None:
            self.step += 1
            self.point = [0.5 * part for part in self.point]

    optimizer = adopt(Descent(), maxiter=9)
    check_fork(optimizer)
    assert (optimizer.name, optimizer.value, optimizer.x.tolist()) == ("Descent", None, [2.0, -1.0])
    outcome = drive(optimizer, lambda points: np.sum(points**2, axis=1))
    assert (outcome.iterations, outcome.evaluations, outcome.reason) == (9, 9, Stop.MAXITER)
    assert outcome.x.tolist() == [2.0 / 256, -1.0 / 256]
    assert outcome.value == 5.0 / 256**2
    with pytest.raises(InvalidInput, match="Descent has stopped"):
        optimizer.ask()
    with pytest.raises(InvalidInput, match=r"Descent cannot be dumped. Its class is somebody's own"):
        optimizer.dumps()


def test_one_that_knows_its_branches_is_asked_ahead() -> None:
    class Bisection:
        """Goes left or right: two branches."""

        def __init__(self) -> None:
            self.low, self.high = 0.0, 1.0

        def ask(self) -> Array:
            middle = 0.5 * (self.low + self.high)
            return np.array([[middle], [middle + 1e-6]])

        def tell(self, values: Array) -> None:
            middle = 0.5 * (self.low + self.high)
            self.low, self.high = (self.low, middle) if values[0] < values[1] else (middle, self.high)

        def branches(self) -> list[Branch]:
            return [Branch(np.array([0.0, 1.0])), Branch(np.array([1.0, 0.0]), 3.0)]

        @property
        def done(self) -> bool:
            return self.high - self.low < 0.1

        def x(self) -> list[float]:
            return [self.low]

    optimizer = adopt(Bisection())
    guesses = candidates(optimizer, 2, 10)
    assert [guess.points[0, 0] for guess in guesses] == [0.75, 0.875, 0.25, 0.625, 0.375, 0.125]
    assert [guess.probability for guess in guesses] == pytest.approx([12/16, 9/16, 4/16, 3/16, 3/16, 1/16])
    assert [guess.parent for guess in guesses] == [-1, 0, -1, 0, 2, 2]
    outcome = drive(optimizer, lambda points: (points[:, 0] - 0.3) ** 2)
    assert outcome.x.tolist() == [0.25]
    assert outcome.reason is Stop.TOLERANCE


def test_what_is_no_optimizer_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"A int is no optimizer. It has no ask\(\) and tell"):
        adopt(5)
    assert adopt(made("spsa")).name == "spsa"

    class Odd(Walk):
        given: object = [[[1.0]]]

        def ask(self) -> Any:
            return self.given

    for given, message in (([[[1.0]]], r"returned points of shape \(1, 1, 1\)"), ([], r"points of shape \(0,\)"),
                           ([[np.nan]], r"what ask\(\) returned holds NaN"), ("no", "is not an array of real numbers")):
        odd = Foreign(Odd())
        odd.inner.given = given  # type: ignore[attr-defined]
        with pytest.raises(InvalidInput, match=message):
            odd.ask()
    walk = Foreign(Walk())
    with pytest.raises(InvalidInput, match="Walk was told values it did not ask for"):
        walk.tell(np.zeros(2))
    walk.ask()
    with pytest.raises(InvalidInput, match=r"Walk was told values of shape \(3,\)"):
        walk.tell(np.zeros(3))
    with pytest.raises(InvalidInput, match="values holds NaN"):
        walk.tell(np.array([1.0, np.nan]))
    with pytest.raises(InvalidInput, match="cannot be loaded"):
        Foreign.loads(b"")
    assert bowl(walk.ask()).shape == (2,)


def test_a_fork_that_raises_is_told_in_words() -> None:
    optimizer = made("nelder-mead")
    optimizer.fork = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(InvalidInput, match="raised ZeroDivisionError"):
        check_fork(optimizer)
