"""The lag of tenants against a loop over all moments."""

import math
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.simulator.evaluation.lag import worst_lag

TASK = st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 30), st.integers(1, 9))
WEIGHTS = (1.0, 2.0, 1.0)


def told(tasks: list[tuple[int, int, int, int]], qpus: int = 2) -> float:
    owner, ready, waits, served = (np.array(column, np.int64) for column in zip(*tasks, strict=True))
    table = SimpleNamespace(k=np.zeros(len(tasks), np.int64), session=np.arange(len(tasks)), ready=ready * 10**9,
                            begin=(ready + waits) * 10**9, served=served * 10**9)
    one = SimpleNamespace(tenant=owner, qpus=np.zeros((qpus, 1)), scenario=SimpleNamespace(
        tenants=[SimpleNamespace(weight=weight) for weight in WEIGHTS]))
    return worst_lag(table, one)    # type: ignore[arg-type]


def by_hand(tasks: list[tuple[int, int, int, int]], qpus: int = 2) -> float:
    """After each event: who waits, who has had how much; stretches of waiting together end when one does not wait."""
    events = sorted([(ready, n, 0) for n, (_, ready, _, _) in enumerate(tasks)]
                    + [(ready + waits, n, 1) for n, (_, ready, waits, _) in enumerate(tasks)],
                    key=lambda event: (event[0], event[2], event[1]))
    longest = [max([served / WEIGHTS[k] for owner, _, _, served in tasks if owner == k], default=0.0) for k in range(3)]
    worst = math.nan
    for f, g in combinations(range(3), 2):
        waiting, had, seen = [0, 0, 0], [0.0, 0.0, 0.0], []
        for _, n, kind in events:
            owner, served = tasks[n][0], tasks[n][3]
            waiting[owner] += 1 - 2 * kind
            had[owner] += kind * served / WEIGHTS[owner]
            if waiting[f] > 0 and waiting[g] > 0:
                seen.append(had[f] - had[g])
                lag = (max(seen) - min(seen)) / ((qpus + 1) * (longest[f] + longest[g]))
                worst = lag if math.isnan(worst) else max(worst, lag)
            else:
                seen = []
    return worst


@settings(max_examples=200, deadline=None)
@given(st.lists(TASK, min_size=1, max_size=25))
def test_it_is_what_a_loop_over_all_moments_finds(tasks: list[tuple[int, int, int, int]]) -> None:
    assert told(tasks) == pytest.approx(by_hand(tasks), nan_ok=True)


def test_one_that_is_served_while_the_other_waits_lags() -> None:
    both = [(0, 0, 50, 1), (2, 0, 50, 1)]
    fair = told([*both, *((owner, 0, 2 * n + owner // 2, 1) for n in range(10) for owner in (0, 2))])
    unfair = told([*both, *((0, 0, n, 1) for n in range(10))])
    assert fair == pytest.approx(1 / 6)
    assert unfair == pytest.approx(10 / 6)


def test_tenants_that_never_wait_together_have_no_lag() -> None:
    assert math.isnan(told([(0, 0, 3, 1), (2, 5, 3, 1)]))
