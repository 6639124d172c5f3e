"""Nothing that the engine keeps grows with what has passed: 100,000 tasks, idle moments, cancels, sessions."""

from __future__ import annotations

from qloop.engine import invariants
from qloop.engine.engine import Engine
from qloop.engine.state import State
from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.policies.catalog import policy

KEPT = ("tasks", "flows", "by_row", "tickets", "lane_of", "free_rows", "free_flows", "sessions", "dying", "everything",
        "unwanted", "dependents", "homeless", "classical", "timers", "ended", "tenants", "workers", "qpus")


def sizes(state: State) -> dict[str, int]:
    """How many entries each structure holds."""
    found = {name: len(getattr(state, name)) for name in KEPT}
    return {**found, "lanes": sum(map(len, state.lanes))}


def engine() -> Engine:
    built = Engine(policy("efaas"))
    built.handle(0, ev.QpuJoined("u", 9))
    built.handle(0, ev.SessionOpened("s", "t", max_ttl_ns=10**18))
    return built


def test_100_000_tasks_of_one_session_leave_nothing_behind() -> None:
    built, now, early = engine(), 0, {}
    for k in range(100_000):
        now += SECOND
        task = f"s/{k}"
        built.handle(now, ev.QuantumSubmitted(task, "s", 5, estimate_s=0.5))
        built.handle(now + SECOND // 2, ev.QuantumEnded(task, 1, "u", measured_ns=SECOND // 2))
        if k == 10:
            early = sizes(built.state)
    assert sizes(built.state) == early
    assert early["timers"] == early["sessions"] == 1
    invariants.check(built.state)


def test_cancelled_tasks_do_not_fill_the_lines() -> None:
    """A long task holds the QPU and the only slot; what comes meanwhile is cancelled again."""
    built = engine()
    built.handle(0, ev.WorkerJoined("w", 1))
    built.handle(0, ev.QuantumSubmitted("long", "s", 5, estimate_s=1000.0))
    built.handle(0, ev.ClassicalSubmitted("slow", "s"))
    built.handle(0, ev.QuantumSubmitted("next", "s", 5, estimate_s=1.0))
    built.handle(0, ev.ClassicalSubmitted("behind", "s"))
    for k in range(5000):
        built.handle(k, ev.QuantumSubmitted(f"q{k}", "s", 5, estimate_s=1.0))
        built.handle(k, ev.ClassicalSubmitted(f"c{k}", "s"))
        built.handle(k, ev.QuantumSubmitted(f"d{k}", "s", 5, after=("long", f"q{k}")))
        for task in (f"d{k}", f"q{k}", f"c{k}"):
            built.handle(k, ev.TaskCancelled(task))
    found = sizes(built.state)
    assert found["lanes"] <= 70
    assert found["classical"] <= 70
    assert found["dependents"] == 0
    assert found["everything"] == 4
    assert found["tasks"] <= 5


def test_sessions_that_end_leave_no_rows_and_no_timers() -> None:
    built = engine()
    for k in range(5000):
        now = k * SECOND // 10
        built.handle(now, ev.SessionOpened(f"s{k}", f"t{k % 3}"))
        built.handle(now, ev.QuantumSubmitted(f"q{k}", f"s{k}", 5, estimate_s=0.1))
        built.handle(now, ev.SessionClosing(f"s{k}"))
        built.handle(now, ev.QuantumEnded(f"q{k}", 1, "u", measured_ns=SECOND // 10))
    found = sizes(built.state)
    assert found["sessions"] == 1
    assert found["timers"] <= 70
    assert found["flows"] <= 7


def test_a_session_that_lapses_again_and_again_keeps_few_timers() -> None:
    built = engine()
    built.handle(0, ev.SessionOpened("idler", "t", interactive_ttl_ns=SECOND, max_ttl_ns=10**17))
    for k in range(2000):
        now = 3 * SECOND * (k + 1)
        built.handle(now, ev.QuantumSubmitted(f"q{k}", "idler", 5, estimate_s=0.1))
        built.handle(now + 1, ev.QuantumEnded(f"q{k}", 1, "u", measured_ns=1))
        built.handle(now + 2 * SECOND, ev.Tick())
        assert built.state.sessions["idler"].lapsed
    assert sizes(built.state)["timers"] <= 70
