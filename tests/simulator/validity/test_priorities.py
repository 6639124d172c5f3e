"""Non-preemptive priorities, served by a user's own policy in the unchanged kernel, against Cobham's formulas."""

from __future__ import annotations

import numpy as np
import pytest

from .formulas import cobham, cobham_general, erlang_c, pollaczek
from .queues import check, generator, inner, poisson, run, sessions_of
from .strict import STRICT

REPLICATIONS, N = 30, 120_000


def waits(found, weight: np.ndarray, chosen: int) -> float:
    """Mean wait in s of the measured tasks of one weight."""
    part = inner(len(weight))
    return float(found.waited_ns[part][weight[part] == chosen].mean()) * 1e-9


@pytest.mark.parametrize(("servers", "loads"), [
    (1, (0.3, 0.5)), (1, (0.2, 0.25, 0.35)), (3, (0.9, 1.5)), (3, (0.6, 0.75, 1.05))],
    ids=["c=1, two classes", "c=1, three classes", "c=3, two classes", "c=3, three classes"])
def test_mmc_with_priorities_waits_as_cobham_says(servers: int, loads: tuple[float, ...]) -> None:
    classes = len(loads)
    rows: dict[str, list[float]] = {f"class {k}": [] for k in range(classes)}
    for r in range(REPLICATIONS):
        rng = generator(21, r)
        weight = classes - rng.choice(classes, N, p=np.array(loads) / sum(loads))
        found = run(sessions_of(poisson(rng, sum(loads), N), np.rint(rng.exponential(1e9, N)), weight, True),
                    servers, STRICT)
        for k in range(classes):
            rows[f"class {k}"].append(waits(found, weight, classes - k))
    check(rows, {f"class {k}": wait for k, wait in enumerate(cobham(servers, loads))}, sharp=0.06)


def test_classes_may_have_their_own_laws_of_service() -> None:
    """M/G/1: short tasks of a fixed length go before long ones of two lengths."""
    rates, lengths = (0.8, 0.1), ((0.5, 0.5), (2.0, 6.0))
    means = [sum(pair) / 2 for pair in lengths]
    seconds = [sum(x * x for x in pair) / 2 for pair in lengths]
    rows: dict[str, list[float]] = {"short": [], "long": []}
    for r in range(REPLICATIONS):
        rng = generator(22, r)
        kind = (rng.random(N) < rates[1] / sum(rates)).astype(np.int64)
        length = np.array(lengths)[kind, rng.integers(0, 2, N)]
        found = run(sessions_of(poisson(rng, sum(rates), N), np.rint(length * 1e9), 2 - kind, True), 1, STRICT)
        rows["short"].append(waits(found, 2 - kind, 2))
        rows["long"].append(waits(found, 2 - kind, 1))
    check(rows, dict(zip(rows, cobham_general(rates, means, seconds), strict=True)), sharp=0.06)


def test_the_formulas_agree_where_they_meet() -> None:
    """One class is no priority; M/M/1 is both a case of c servers and of a general service."""
    assert cobham(3, [2.4]) == pytest.approx([erlang_c(3, 2.4) / (3 * 0.2)])
    assert cobham(1, [0.3, 0.5]) == pytest.approx(cobham_general([0.3, 0.5], [1.0, 1.0], [2.0, 2.0]))
    assert cobham(1, [0.6])[0] == pytest.approx(pollaczek(0.6, 2.0)) == pytest.approx(0.6 / 0.4)


def test_the_intervals_tell_strict_from_first_in_first_out() -> None:
    """The check above can fail: under `fifo` all classes wait alike, and no interval of that holds Cobham's values."""
    loads = (0.3, 0.5)
    rows: dict[str, list[float]] = {"class 0": [], "class 1": []}
    for r in range(REPLICATIONS):
        rng = generator(23, r)
        weight = 2 - rng.choice(2, N // 4, p=np.array(loads) / sum(loads))
        found = run(sessions_of(poisson(rng, sum(loads), N // 4), np.rint(rng.exponential(1e9, N // 4)), weight, True),
                    1, "fifo")
        for k in range(2):
            rows[f"class {k}"].append(waits(found, weight, 2 - k))
    check(rows, dict.fromkeys(rows, pollaczek(0.8, 2.0)), sharp=0.1)
    with pytest.raises(AssertionError, match="the formula says"):
        check(rows, {f"class {k}": wait for k, wait in enumerate(cobham(1, loads))}, sharp=0.1)
