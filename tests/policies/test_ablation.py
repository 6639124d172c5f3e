"""`efaas` minus each of its parts: the part is gone, and all else is efaas's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from qloop.model import events as ev
from qloop.policies.catalog import builtin, policy
from qloop.policies.record import Policy

from .desk import Desk

VARIANTS = [name for name in builtin() if name.startswith("efaas-no-")]


def loops(chosen: Policy, until: float = 400.0) -> Desk:
    """Two loops that never think on one QPU, and three background tasks."""
    desk = Desk(chosen, check=True)
    for session in ("p", "q"):
        desk.open(session, session)
        desk.submit(f"{session}/0", session)
    desk.open("back", "back")
    for k in range(3):
        desk.at(5.5, lambda k=k: desk.submit(f"back/{k}", "back"))  # type: ignore[misc]

    def go_on(task: str) -> None:
        name, _, k = task.partition("/")
        if name != "back":
            desk.submit(f"{name}/{int(k) + 1}", name)

    desk.then = go_on
    desk.run(until)
    return desk


def waits(desk: Desk) -> list[float]:
    return [at - 5.5 for at, task, _ in desk.starts if task.startswith("back")]


def test_every_part_of_the_specification_has_its_variant() -> None:
    assert {name.removeprefix("efaas-no-") for name in VARIANTS} >= {
        "hot", "due", "aging", "deficit", "correction", "cpu", "warmth", "hysteresis", "epoch", "fidelity",
        "pool", "speculation"}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_is_efaas_but_for_what_its_name_says(name: str) -> None:
    whole, part = builtin()["efaas"], builtin()[name]
    fields = [field for field in whole.__slots__ if field != "settings"]
    changed: list[object] = [field for field in fields if getattr(whole, field) != getattr(part, field)]
    changed += [column for column, value in part.settings.items() if whole.settings.get(column) != value]
    assert "name" in changed
    assert 2 <= len(changed) <= 4, changed
    assert replace(part, name="efaas") != whole


def test_without_hot_no_task_is_hot_not_even_one_without_thinking() -> None:
    assert any(loops(policy("efaas"), 50.0).hot.values())
    assert not any(loops(policy("efaas-no-hot"), 50.0).hot.values())


def test_without_the_due_rule_normal_starves_behind_loops() -> None:
    """By design: endless loops on one QPU leave nothing. With either half of the rule all three tasks are served."""
    assert waits(loops(policy("efaas-no-due", chunk_s=0.0))) == []
    for name in ("efaas", "efaas-no-aging", "efaas-no-deficit"):
        assert len(waits(loops(policy(name, chunk_s=0.0)))) == 3, name
    assert max(waits(loops(policy("efaas-no-aging", chunk_s=0.0)))) < 60.0
    assert waits(loops(policy("efaas-no-deficit", chunk_s=0.0)))[0] >= 54.0


@pytest.mark.parametrize(("name", "gains"), [("efaas", False), ("efaas-no-correction", True)])
def test_without_correction_a_session_gains_by_low_estimates(name: str, gains: bool) -> None:
    desk = Desk(policy(name), check=True)
    got = {"low": 0.0, "true": 0.0}
    for session in got:
        desk.open(session, session)
        desk.send(ev.SessionConverged(session))
        for k in range(2):
            desk.submit(f"{session}/{k}", session, 1.0, 0.25 if session == "low" else 1.0)

    def again(task: str) -> None:
        name_, _, k = task.partition("/")
        got[name_] += 1.0
        desk.submit(f"{name_}/{int(k) + 2}", name_, 1.0, 0.25 if name_ == "low" else 1.0)

    desk.then = again
    desk.run(400.0)
    assert (got["low"] > 2.0 * got["true"]) is gains
    assert gains or got["low"] == pytest.approx(got["true"], rel=0.05)


@pytest.mark.parametrize(("name", "even"), [("efaas", False), ("efaas-no-cpu", True)])
def test_without_cpu_only_qpu_seconds_are_shared(name: str, even: bool) -> None:
    desk = Desk(policy(name), check=True)
    got = {"heavy": 0.0, "light": 0.0}
    for session in got:
        desk.open(session, session)
        desk.send(ev.SessionConverged(session))
        for k in range(2):
            desk.submit(f"{session}/{k}", session, 1.0, cpu_s=4.0 if session == "heavy" else 0.0)

    def again(task: str) -> None:
        name_, _, k = task.partition("/")
        got[name_] += 1.0
        desk.submit(f"{name_}/{int(k) + 2}", name_, 1.0, cpu_s=4.0 if name_ == "heavy" else 0.0)

    desk.then = again
    desk.run(400.0)
    assert got["light"] / got["heavy"] == pytest.approx(1.0 if even else 4.0, rel=0.06)
