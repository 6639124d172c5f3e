"""Two implementations of the paper's model on the same draws: the same events, at the same nanosecond, in one order."""

from __future__ import annotations

import numpy as np
import pytest

from qloop.errors import InvalidInput
from qloop.policies.catalog import builtin
from qloop.policies.record import Policy
from qloop.simulator.paper import dispatch
from qloop.simulator.paper.compiled import substitutes
from qloop.simulator.paper.dispatch import QUANTUM_START, REFUSAL
from qloop.simulator.paper.model import PlatformModel
from qloop.simulator.paper.platform_kernel import simulate
from qloop.simulator.paper.run import Replication, serve
from qloop.simulator.paper.workload import Sessions, key_of
from tests.policies.chosen import in_time, whole

from .plain import Plain

COARSE = 27_720_000     # ns; a multiple of 1 .. 12, so that shares of it are whole and many events fall together


def scenario(seed: int, coarse: bool) -> tuple[PlatformModel, Sessions]:
    """A small crowded platform, on a coarse grid of time or on none."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    n = int(rng.integers(5, 40))

    def times(most: int) -> np.ndarray:
        return rng.integers(0, most, n) * COARSE if coarse else rng.integers(0, most * COARSE, n)

    def loads(most: int) -> np.ndarray:
        # off the grid no amount is a whole number, so that none ends in the middle of a nanosecond but by chance
        return times(most) + (0.0 if coarse else rng.random(n))

    sessions = Sessions(np.sort(times(60)), rng.choice([4, 6], n), rng.choice([1, 2, 4], n),
                        loads(4), loads(3), loads(4), times(6),
                        rng.integers(0, 7, n))
    model = PlatformModel(
        workers=int(rng.integers(1, 4)), qpus=int(rng.integers(1, 4)), max_classical=int(rng.integers(2, 9)),
        max_quantum=int(rng.integers(2, 9)), duration_s=float(rng.integers(40, 200)) * COARSE * 1e-9, warmup_s=0.2,
        admission=str(rng.choice(["compatible", "paper"])))
    return model, sessions


def with_policy(model: PlatformModel, name: str) -> PlatformModel:
    return PlatformModel(**{**{f: getattr(model, f) for f in model.__slots__}, "policy": name})


def bind(monkeypatch: pytest.MonkeyPatch, policy: Policy) -> None:
    """What `compiled.py` does before it compiles: a policy's functions in the place of those of `fifo`."""
    for key, value in substitutes(policy).items():
        monkeypatch.setattr(dispatch, key, value)


def agree(name: str, seed: int, loop: object = None) -> Replication:
    model, sessions = scenario(seed, coarse=seed % 2 == 0)
    model, key = with_policy(model, name), key_of(seed, 3)
    found = serve(model, sessions, key, log=100_000, loop=loop)     # type: ignore[arg-type]
    assert [tuple(map(int, line)) for line in found.log] == Plain(model, sessions, key).run(), f"{name}, seed {seed}"
    assert not any(found.imbalance().values()), (name, seed, found.imbalance())
    return found


WAKING = frozenset(("session", "pilot"))        # they let a QPU go at a time at which nothing else happens
NAMES = sorted(whole() - WAKING)
COMPILED = frozenset(("random", "fifo_swap", "reservation", "efaas"))      # in CI; the others in `make test-all`


@pytest.mark.parametrize("name", sorted(WAKING))
def test_a_policy_that_must_be_woken_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bind(monkeypatch, builtin()[name])
    with pytest.raises(InvalidInput, match=f"The policy {name} wishes to be asked again later"):
        for seed in range(24):
            agree(name, seed, simulate)


@pytest.mark.parametrize("name", NAMES)
def test_the_kernel_as_plain_python_agrees_event_by_event(
        name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bind(monkeypatch, builtin()[name])
    kinds, together = set(), 0
    for seed in range(24):
        log = agree(name, seed, simulate).log
        kinds |= set(log[:, 1].tolist())
        together += len(log) - len(np.unique(log[:, 0]))
    assert {QUANTUM_START, REFUSAL} <= kinds
    assert together > 500


@pytest.mark.parametrize("name", in_time(frozenset(("fifo",)), COMPILED, NAMES))
def test_the_compiled_kernel_agrees_event_by_event(name: str) -> None:
    for seed in range(100, 160 if name == "fifo" else 400):
        agree(name, seed)


def test_slots_that_do_not_do_are_doubled_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from qloop.simulator.paper import run

    for seed in range(6):
        model, sessions = scenario(seed, coarse=True)
        whole = serve(model, sessions, 1, log=10_000, loop=simulate)
        monkeypatch.setattr(run, "FIRST_ROOM", 1)
        few = serve(model, sessions, 1, log=10_000, loop=simulate)
        monkeypatch.undo()
        assert np.array_equal(whole.log, few.log)
        assert np.array_equal(whole.areas, few.areas)
