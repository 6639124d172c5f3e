"""Policies and placements by name, and the messages for what is not there or out of range."""

from __future__ import annotations

import pytest

from qloop.errors import InvalidInput, UnknownName
from qloop.policies import place
from qloop.policies.about import ABOUT
from qloop.policies.catalog import SETTINGS, builtin, placements, policy
from qloop.policies.columns import AGING, HYSTERESIS


def test_every_policy_is_there() -> None:
    assert {name for name in builtin() if not name.startswith("efaas-no-")} == {
        "fifo", "fifo_swap", "lifo", "random", "weighted", "sjf", "easy", "reservation", "faas", "fairshare", "session",
        "batch", "pilot", "sfq", "drfq", "paper_score", "efaas", "efaas_expected"}
    assert list(ABOUT) == list(builtin()), "each is told of, in this order"
    assert set(placements()) == {"least_wait", "warm", "calibrated"}
    assert all(policy(name).name == name for name in builtin())


@pytest.mark.parametrize(("call", "message"), [
    (lambda: policy("efass"), "There is no policy named 'efass'. Did you mean 'efaas'?"),
    (lambda: policy("fifo", "leastwait"), "There is no placement named 'leastwait'. Did you mean 'least_wait'?"),
    (lambda: policy("efaas", ageing=3.0), "There is no policy setting named 'ageing'. Did you mean 'aging'?"),
])
def test_an_unknown_name_is_met_with_the_nearest(call: object, message: str) -> None:
    with pytest.raises(UnknownName) as caught:
        call()  # type: ignore[operator]
    assert str(caught.value).startswith(message)
    assert "Choose one of: " in str(caught.value)


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), "9"])
def test_a_setting_out_of_range_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"The policy setting aging is .* Give a finite number"):
        policy("efaas", aging=value)  # type: ignore[arg-type]


def test_chunks_are_not_arbitrarily_short() -> None:
    with pytest.raises(InvalidInput, match=r"chunk_s is 1e-06\. QPUs .* at least 0\.001 s, or 0 for no chunks"):
        policy("efaas", chunk_s=1e-6)
    assert policy("efaas", chunk_s=0.0).settings[SETTINGS["chunk_s"]] == 0.0


@pytest.mark.parametrize("setting", ["phi", "hysteresis_rel"])
def test_a_share_is_at_most_one(setting: str) -> None:
    with pytest.raises(InvalidInput, match=r"It is a share\. Give at most 1\."):
        policy("efaas", **{setting: 1.5})
    assert policy("efaas", **{setting: 1.0}).settings[SETTINGS[setting]] == 1.0


@pytest.mark.parametrize("setting", ["hold_idle", "hold_max", "tau", "lanes"])
def test_a_setting_that_must_be_above_0_is(setting: str) -> None:
    name = {"tau": "paper_score", "lanes": "batch"}.get(setting, "session")
    said = rf"The policy setting {setting} is 0\.0\. .*Give (at least 1|a number above 0)"
    with pytest.raises(InvalidInput, match=said):
        policy(name, **{setting: 0.0})
    assert policy(name, **{setting: 1.0}).settings[SETTINGS[setting]] == 1.0


def test_placement_and_settings_change_a_copy() -> None:
    changed = policy("fifo", "warm", aging=5.0)
    assert changed.place is place.warm
    assert changed.settings[AGING] == 5.0
    assert changed.settings[HYSTERESIS] == 0.3
    assert builtin()["fifo"].place is place.least_wait
    assert AGING not in builtin()["fifo"].settings
