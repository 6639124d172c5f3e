"""A user's policy is a record of functions, and runs unchanged in both hosts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qloop.policies.columns import HYSTERESIS, LAMBDA_EPOCH
from qloop.policies.place import warm
from tests.seam.driver import Driver, draw
from tests.seam.small_kernel import START, Kernel, run_plain
from tests.seam.test_seam import Run

from .desk import Desk
from .owned import WIDEST


def test_it_decides_live() -> None:
    desk = Desk(WIDEST, check=True)
    desk.open("s")
    for task, width in (("first", 1), ("a", 2), ("b", 9), ("c", 4)):
        desk.submit(task, "s", 3.0, width=width)
    desk.at(25.0, lambda: None)
    desk.run()
    assert desk.order() == ["first", "b", "c", "a"]


@pytest.fixture(scope="module", params=["plain", pytest.param("compiled", marks=pytest.mark.everything)])
def kernel(request: pytest.FixtureRequest) -> Run:
    return run_plain if request.param == "plain" else Kernel().run


WARM = replace(WIDEST, place=warm, settings={HYSTERESIS: 1.0, LAMBDA_EPOCH: 2.0})
VARIANTS = {"as it is": WIDEST, "placed warm": WARM}


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_hosts_agree_on_it(kernel: Run, variant: str) -> None:
    """The two variants have one name: a compiled policy is known by its functions."""
    policy, started = VARIANTS[variant], 0
    for seed in range(60):
        scenario = draw(seed)
        live = Driver(policy, scenario, check=seed % 10 == 0)
        log = live.run()
        compiled, (_, _, qpus, totals) = kernel(policy, scenario)
        assert [tuple(int(x) for x in entry) for entry in compiled] == log[:len(compiled)], seed
        assert np.array_equal(np.array(live.engine.state.totals), totals)
        assert np.array_equal(np.array(live.engine.state.qpu_rows), qpus)
        started += sum(entry[1] == START for entry in log)
    assert started > 400


def test_the_placement_of_a_variant_matters(kernel: Run) -> None:
    logs = [[kernel(policy, draw(seed))[0] for seed in range(60)] for policy in VARIANTS.values()]
    assert logs[0] != logs[1]
