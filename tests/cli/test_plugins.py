"""Policies and QPUs of other packages: they work by name, and a broken one is named and disturbs nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from qloop.errors import InvalidInput, UnknownName
from qloop.policies import place
from qloop.policies.catalog import builtin, policy
from qloop.runtime.plugins import find_policy, policies

from .calling import Caller

MODULE = '''
from dataclasses import replace
from qloop.policies.catalog import policy
from qloop.qpus.exact import ExactQpu

newest = replace(policy("lifo"), name="newest-first")
shadow = policy("sjf")
number = 42


def own(seed=0, **options):
    return ExactQpu(name="lab-one", n_qubits=5)


def fails(seed=0, **options):
    raise OSError("the fridge is warm")
'''
POINTS = '''
[qloop.policies]
newest-first = fake_qloop_plugin:newest
efaas = fake_qloop_plugin:shadow
number = fake_qloop_plugin:number
gone = fake_qloop_plugin:nothing
missing = fake_qloop_plugin_that_is_not_there:x

[qloop.qpus]
lab-one = fake_qloop_plugin:own
lab-two = fake_qloop_plugin:fails
'''


@pytest.fixture
def plugin(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed distribution, as pip would leave it."""
    site = tmp_path_factory.mktemp("site")
    (site / "fake_qloop_plugin.py").write_text(MODULE)
    info = site / "fake_qloop_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-qloop-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("fake_qloop_plugin", None)


@pytest.mark.usefixtures("plugin")
def test_working_plugins_are_found_and_broken_ones_are_named_with_the_reason() -> None:
    found = policies()
    assert {name: record.name for name, record in found.working.items()} == {"newest-first": "newest-first"}
    reasons = {"efaas": "belongs to a policy of qloop's own", "number": "is a int, not a Policy record",
               "gone": "AttributeError", "missing": "ModuleNotFoundError"}
    assert found.broken.keys() == reasons.keys()
    assert all(reason in found.broken[name] for name, reason in reasons.items())


@pytest.mark.usefixtures("plugin")
def test_a_plugin_is_found_by_name_with_placement_and_settings() -> None:
    found = find_policy("newest-first", "warm", {"hysteresis": 5.0})
    assert found.place is place.warm
    assert 5.0 in found.settings.values()
    assert find_policy("efaas", None, {}) == builtin()["efaas"]
    with pytest.raises(InvalidInput, match="The policy plugin 'gone' does not work"):
        find_policy("gone", None, {})
    with pytest.raises(UnknownName, match="Did you mean 'newest-first'"):
        find_policy("newest", None, {})


def test_extra_policies_never_replace_the_own_ones() -> None:
    fake = builtin()["lifo"]
    assert policy("fifo", extra={"fifo": fake, "mine": fake}) == builtin()["fifo"]
    assert policy("mine", extra={"mine": fake}).enter is fake.enter
    with pytest.raises(UnknownName, match="mine"):
        policy("min", extra={"mine": fake})


@pytest.mark.usefixtures("plugin")
def test_a_program_runs_under_a_plugins_policy_on_a_plugins_qpu(call: Caller) -> None:
    done = call("run", "vqe.py", "--policy", "newest-first", "--qpus", "lab-one", "--json")
    assert done.code == 0, done.err
    assert done.document["policy"] == "newest-first"
    shown = call("sessions", "show", done.document["sessions"][0]["id"], "--json").document
    assert [one["qpu"] for one in shown["purchases"]] == ["lab-one"]
    broken = call("run", "vqe.py", "--policy", "gone")
    assert broken.code == 2
    assert "The policy plugin 'gone' does not work" in broken.err
    broken = call("run", "vqe.py", "--qpus", "lab-two")
    assert broken.code == 1
    assert "the fridge is warm" in broken.err


@pytest.mark.usefixtures("plugin")
def test_qpus_and_doctor_name_broken_plugins_and_go_on(call: Caller) -> None:
    done = call("qpus", "--json").document
    assert "lab-one" in [qpu["name"] for qpu in done["qpus"]]
    assert "the fridge is warm" in done["broken"]["lab-two"]
    table = call("qpus")
    assert table.code == 0
    assert "broken plugin lab-two" in table.err
    checked = call("doctor", "--json")
    findings = {one["name"]: one for one in checked.document["findings"]}
    assert (checked.code, checked.document["healthy"]) == (0, True)
    assert findings["QPU lab-two"]["status"] == findings["policy gone"]["status"] == "warning"
    assert "newest-first" in findings["policies"]["detail"]
