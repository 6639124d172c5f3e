"""A user's own optimizer, and the newer ones of ours, drive a session to the minimum."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import qloop
from qloop.errors import InvalidInput
from tests.runtime.two_qubits import ENERGY, circuit, runtime


class Halving:
    """Tries both sides of each parameter, and halves its step when neither is lower."""

    def __init__(self, start: list[float]) -> None:
        self.point, self.step, self.least = np.array(start), 1.0, np.inf

    def ask(self) -> np.ndarray:
        moves = self.step * np.concatenate([np.zeros((1, 2)), np.eye(2), -np.eye(2)])
        return np.asarray(self.point + moves)

    def tell(self, values: np.ndarray) -> None:
        best = int(np.argmin(values))
        self.point = self.ask()[best]
        self.step *= 1.0 if best else 0.5

    @property
    def done(self) -> bool:
        return self.step < 1e-4


def test_any_object_that_asks_and_tells_minimizes_and_is_left_as_it_ended() -> None:
    own = Halving([0.5, -0.4])
    with runtime() as platform, qloop.Session("s", runtime=platform) as session:
        assert session.estimate(circuit(), ENERGY, optimizer=Halving([0.5, -0.4])).qpus
        result = session.minimize(circuit(), ENERGY, optimizer=own, maxiter=200)
    assert result.fun == pytest.approx(-1.5, abs=1e-6)
    assert result.message == "tolerance"
    assert result.optimizer == "Halving"
    assert np.cos(result.x) == pytest.approx([-1, -1], abs=1e-6)
    assert own.done


@pytest.mark.parametrize(("name", "options"), [("rotosolve", {}), ("gradient-descent", {"learning_rate": 0.9})])
def test_the_newer_ones_by_name(name: str, options: dict[str, float]) -> None:
    with runtime() as platform, qloop.Session("s", runtime=platform) as session:
        result = session.minimize(circuit(), ENERGY, [0.6, 0.9], optimizer=name, maxiter=60, **options)
    assert result.fun == pytest.approx(-1.5, abs=1e-6)
    assert result.success
    assert name == "gradient-descent" or result.nit <= 2, "a separable sinusoid takes one sweep"


def test_one_whose_fork_shares_its_state_is_refused_before_anything_is_spent() -> None:
    class Shares(Halving):
        """Its fork moves the same point, in place."""

        def tell(self, values: np.ndarray) -> None:
            self.point += 0.1

        def fork(self) -> Shares:
            return copy.copy(self)

    own = Shares([0.1, 0.2])
    with runtime() as platform, qloop.Session("s", runtime=platform) as session:
        with pytest.raises(InvalidInput, match=r"fork\(\) of Shares does not make an independent copy.*inner\.point"):
            session.minimize(circuit(), ENERGY, optimizer=own, speculate=True)
        assert session.usage()["results"] == 0
        assert session.minimize(circuit(), ENERGY, optimizer=own, maxiter=3).nfev == 15, "it needs no fork without"


def test_what_is_no_optimizer_is_refused_before_anything_is_spent() -> None:
    with runtime() as platform, qloop.Session("s", runtime=platform) as session:
        with pytest.raises(InvalidInput, match=r"A dict is no optimizer\. It has no ask\(\) and tell\(\)"):
            session.minimize(circuit(), ENERGY, optimizer={})  # type: ignore[arg-type]
        with pytest.raises(InvalidInput, match="Halving cannot be dumped"):
            session.minimize(circuit(), ENERGY, optimizer=Halving([0.1, 0.2]), workers=True)
        assert session.usage()["results"] == 0
