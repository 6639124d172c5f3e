"""A setting that is said to have no effect has none, and one that is not said to has one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qloop.policies import catalog
from qloop.simulator.choices import each_once, idle_settings, without_effect
from tests.policies.owned import WIDEST
from tests.seam.driver import Driver, draw

SEEDS = 60
CHANGED = {"ttl_hot": 1.0, "aging": 2.0, "phi": 0.9, "hysteresis": 50.0, "hysteresis_rel": 0.9, "lambda_epoch": 40.0,
           "warm_ttl": 0.5, "anticipate": 4.0, "chunk_s": 1.0, "hold_idle": 2.25,
           "hold_max": 15.25, "lanes": 1.0, "tau": 3.0, "lambda_move": 40.0, "defer": 3.0}
# These worlds have no circuits that fit one QPU better, and no QPU that the scheduler calibrates: test_calibrated.py,
# test_recalibrate.py.
UNSEEN = {"lambda_fidelity", "patience"}


def decisions(name: str, placement: str | None, **settings: float) -> list[object]:
    policy = catalog.policy(name, placement, **settings)
    return [Driver(policy, draw(seed)).run() for seed in range(SEEDS)]


@pytest.mark.parametrize(("name", "placement"), [("fifo", None), ("fifo", "warm"), ("fifo_swap", "warm"),
                                                 ("reservation", None), ("session", None), ("efaas", None)])
def test_what_is_said_of_a_setting_is_what_it_does(name: str, placement: str | None) -> None:
    idle = set(without_effect(catalog.policy(name, placement), catalog.SETTINGS))
    before = decisions(name, placement)
    changed = {one for one, value in CHANGED.items() if decisions(name, placement, **{one: value}) != before}
    assert set(CHANGED) | UNSEEN == set(catalog.SETTINGS)
    assert changed == set(CHANGED) - idle


def test_it_is_said_in_a_sentence() -> None:
    fifo = catalog.policy("fifo")
    assert idle_settings(fifo, ["phi"]) == "the setting phi has no effect under fifo, which does not read it"
    assert "the settings aging, phi have no effect under fifo" in idle_settings(fifo, ["aging", "hysteresis", "phi"])
    assert idle_settings(fifo, ["hysteresis"]) == idle_settings(catalog.policy("efaas"), ["phi", "chunk_s"]) == ""


def test_of_a_policy_of_ones_own_nothing_is_said() -> None:
    assert without_effect(replace(WIDEST, name="own"), CHANGED) == []


def test_names_that_are_all_different_stay_as_they_are() -> None:
    assert each_once(iter(("b", "a"))) == ["b", "a"]
