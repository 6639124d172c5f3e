"""Every bound refuses, with a code and a reason, and changes nothing."""

from __future__ import annotations

import pytest

from qloop.model import events as ev

from .bench import Bench, refusal
from .snapshot import snapshot

NAN, INF = float("nan"), float("inf")


def refused(bench: Bench, event: ev.Event) -> tuple[str, str]:
    """The refusal of an event, which must leave the state as it is."""
    before = snapshot(bench.state)
    found = refusal(bench.send(event))
    assert snapshot(bench.state) == before
    return found


def wish(task: str = "x", session: str = "s", **more: object) -> ev.QuantumSubmitted:
    return ev.QuantumSubmitted(task, session, more.pop("width", 1), **more)  # type: ignore[arg-type]


def test_open_sessions_are_bounded() -> None:
    bench = Bench(sessions=("s", "s2"), open_sessions=2)
    assert refused(bench, ev.SessionOpened("s3", "t")) == ("sessions", "2 sessions are open, which is the limit")
    bench.send(ev.SessionClosing("s2"))
    assert bench.send(ev.SessionOpened("s3", "t")) == []


def test_a_session_id_is_taken_once() -> None:
    assert refused(Bench(), ev.SessionOpened("s", "t")) == ("conflict", "a session of this id is open")


def test_a_task_id_is_taken_once() -> None:
    bench = Bench()
    bench.submit("a")
    assert refused(bench, wish("a"))[0] == "conflict"


def test_the_bound_of_a_session_counts_blocked_and_classical_tasks_and_not_running_ones() -> None:
    bench = Bench(waiting_per_session=3)
    bench.submit("runs")
    bench.submit("waits")
    bench.submit("blocked", after=("waits",))
    bench.classical("classical")
    assert refused(bench, wish()) == ("session_full", "3 tasks of the session wait")
    bench.end("runs")
    assert bench.submit("x") == []


def test_the_bound_of_a_tenant_spans_its_sessions() -> None:
    bench = Bench(sessions=("s", "s2"), waiting_per_tenant=2, qpus=())
    bench.submit("a")
    bench.submit("b", "s2")
    assert refused(bench, wish()) == ("tenant_full", "too many tasks of tenant t wait")
    bench.send(ev.TaskCancelled("b"))
    assert bench.submit("x") == []


def test_the_bound_of_all_waiting_tasks() -> None:
    bench = Bench(waiting_tasks=2, qpus=())
    bench.submit("a")
    bench.submit("b", after=("a",))
    assert refused(bench, wish()) == ("full", "2 tasks wait, which is the limit")


def test_a_lost_attempt_counts_as_waiting_again() -> None:
    bench = Bench(waiting_tasks=1, qpus=(9,))
    bench.submit("a")
    bench.send(ev.QpuLeft("u0"))
    assert refused(bench, wish())[0] == "full"


@pytest.mark.parametrize(("event", "found"), [
    (wish(width=12), ("too_wide", "it needs 12 qubits; the widest QPU, u1, has 9")),
    (wish(width=8, pin="u0"), ("too_wide", "it needs 8 qubits; u0, has 5")),
    (wish(pin="u7"), ("unknown_qpu", "there is no QPU named u7")),
    (wish(session="none"), ("session_ended", "session none takes no further tasks")),
    (wish(estimate_s=NAN), ("invalid", "estimates must be from 0 to 1e+08 seconds")),
    (wish(cpu_s=1e300), ("invalid", "estimates must be from 0 to 1e+08 seconds")),
    (wish(weight=0.0), ("invalid", "the weight must be finite, and more than 0")),
    (ev.ClassicalSubmitted("x", "s", 3, 5e7), ("invalid", "estimates must be from 0 to 1e+08 seconds")),
    (ev.SessionOpened("n", "t", NAN), ("invalid", "the session's weight must be from 1e-06 to 1e+06")),
    (ev.TenantSet("t", 0.0), ("invalid", "the tenant's weight must be from 1e-06 to 1e+06")),
])
def test_what_can_never_work_is_told(event: ev.Event, found: tuple[str, str]) -> None:
    assert refused(Bench("efaas", qpus=(5, 9)), event) == found


@pytest.mark.parametrize("weight", [1e17, 1e308, 1.1e6, 9e-7, 0.0, -1.0, INF, NAN])
def test_weights_of_sessions_and_tenants_are_bounded(weight: float) -> None:
    told = ("invalid", "the {}'s weight must be from 1e-06 to 1e+06")
    assert refused(Bench("efaas"), ev.SessionOpened("n", "t", weight)) == (told[0], told[1].format("session"))
    assert refused(Bench("efaas"), ev.TenantSet("t", weight)) == (told[0], told[1].format("tenant"))


@pytest.mark.parametrize("bad", [
    {"estimate_s": -1.0}, {"estimate_s": INF}, {"cpu_s": NAN}, {"cpu_s": -0.1}, {"weight": 0.0}, {"weight": NAN},
    {"weight": INF},
])
def test_numbers_that_would_spoil_the_order_of_others_are_refused(bad: dict[str, float]) -> None:
    assert refused(Bench("efaas"), wish(**bad))[0] == "invalid"


def test_a_task_wider_than_all_is_taken_before_any_qpu_is_known() -> None:
    bench = Bench(qpus=())
    assert bench.submit("x", width=40) == []
    assert bench.explain("x").reason.name == "NO_QPU"
