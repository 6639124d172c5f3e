"""What each process of the live subset does: one seed, on QPUs and platforms that it opens itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from qloop.errors import InvalidInput, QloopError

if TYPE_CHECKING:
    from qloop.miniapps.compared.numbers import Run
    from qloop.miniapps.compared.speculated import Guessed
    from qloop.miniapps.compared.wish import Wish
    from qloop.policies.record import Policy
    from qloop.qpus.protocol import LocalQpu

DEVICES = ("torino", "sherbrooke", "hanoi")
GUESSES_ON = "hanoi"
EVERY_S, LENGTH_S = 900.0, 60.0     # shorter than on real devices, so that short runs meet several calibrations
PRICE = "ibm-pay-as-you-go"
Unit = tuple["Wish", int, bool]


def shared(units: list[Unit], processes: int | None) -> Iterator[tuple[int, list[Run | Guessed]]]:
    """Each unit's number and rows as they end."""
    import os

    count = min(processes or os.cpu_count() or 1, len(units))
    if count == 1:
        yield from ((nth, unit_of(unit)) for nth, unit in enumerate(units))
        return
    with _pool(count) as pool:
        waiting: dict[Future[list[Run | Guessed]], int] = {pool.submit(unit_of, one): n for n, one in enumerate(units)}
        for ended in as_completed(waiting):
            yield waiting[ended], ended.result()


@contextmanager
def _pool(count: int) -> Iterator[ProcessPoolExecutor]:
    """Processes of their own, which end at Ctrl-C without beginning what waits."""
    import multiprocessing

    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"))
    try:
        yield pool
    except KeyboardInterrupt:
        raise QloopError("Interrupted", "The live subset is not finished", "Give the same command again") from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def unit_of(unit: Unit) -> list[Run | Guessed]:
    """One seed of the loops or of speculation, in whatever process."""
    from qloop.miniapps.compared.speculated import guessed
    from qloop.miniapps.compared.unit import performed
    from qloop.model.money import UNIT
    from qloop.model.prices import price_named

    wish, seed, guesses = unit
    if guesses:
        return list(guessed(wish, seed, frozen(seed)[DEVICES.index(GUESSES_ON)], platform))
    price = price_named(PRICE).per_second / UNIT
    return list(performed(wish, seed, drifting(seed), frozen(seed), platform, price))


def drifting(seed: int) -> list[LocalQpu]:
    """Three different twins that drift (x1) and are calibrated by plan."""
    return [_twin(name, seed, drift="x1", calibration_interval_s=EVERY_S, calibration_length_s=LENGTH_S)
            for name in DEVICES]


def frozen(seed: int) -> list[LocalQpu]:
    """The same twins as they were just calibrated, for ever."""
    return [_twin(name, seed, drift="none", calibration_interval_s=0.0) for name in DEVICES]


def platform(policy: str, qpus: Sequence[LocalQpu], seed: int) -> Any:
    """A runtime in virtual time, with a trace and no file."""
    from qloop.runtime.embedded import Runtime

    name, settings = settings_of(policy)
    return Runtime(qpus=qpus, policy=name, policy_settings=settings, clock="virtual", journal=":memory:", trace=True,
                   seed=seed, run="live")


def settings_of(policy: str) -> tuple[str, dict[str, float]]:
    """A policy's name and settings of a word such as `efaas` or `efaas:chunk_s=0`; InvalidInput for no numbers."""
    name, _, rest = policy.partition(":")
    words = [word.partition("=") for word in rest.split(":") if word]
    return name, {setting: number(f"setting {setting} of {name}", value) for setting, _, value in words}


def checked(policy: str) -> Policy:
    """The policy of such a word; UnknownName or InvalidInput for what is none."""
    from qloop.runtime.plugins import find_policy

    name, settings = settings_of(policy)
    return find_policy(name, None, settings)


def number(what: str, word: str) -> float:
    """A number; InvalidInput for a word that is none."""
    try:
        return float(word)
    except ValueError:
        raise InvalidInput(f"The {what} is {word!r:.40}", "", "Give a number") from None


def _twin(name: str, seed: int, **options: Any) -> LocalQpu:
    """A twin whose noise-free values always come from the same simulator, so that a seed gives the same numbers."""
    from qloop.qpus.catalog import open_qpu
    from qloop.qpus.exact import ExactQpu

    exact = ExactQpu("noise-free", simulators=("qulacs",))
    return cast("LocalQpu", open_qpu(f"twin-{name}", seed=seed, exact=exact, **options))
