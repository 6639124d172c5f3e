"""What an operator asks of a QPU: what runs is finished, what waits moves, who waits is told, and nothing is lost."""

from __future__ import annotations

import pytest

from qloop.engine.explain import Reason, held_up
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import NEVER, SECOND
from qloop.model.states import Outcome, Service, TaskState
from qloop.policies.catalog import policy
from qloop.policies.columns import BUSY, N_QPUS, ONLINE
from tests.policies.chosen import QUICK

from .bench import Bench, refusal, starts
from .snapshot import snapshot


def ends(commands: list[cmd.Command]) -> dict[str, tuple[TaskState, str]]:
    return {c.task: (c.state, c.reason) for c in commands if isinstance(c, cmd.TaskEnded)}


def empty(commands: list[cmd.Command]) -> list[str]:
    return [c.qpu for c in commands if isinstance(c, cmd.QpuEmpty)]


@pytest.mark.parametrize("name", QUICK)
def test_running_work_finishes_and_waiting_work_moves(name: str) -> None:
    bench = Bench(name, qpus=(9, 9), sessions=("s", "z"))
    bench.submit("a", "s")
    bench.submit("b", "z")
    waiting = [f"w{k}" for k in range(6)]
    for k, task in enumerate(waiting):
        bench.submit(task, "sz"[k % 2], estimate=1.0 + k)
    where = {qpu.running.id: qpu.id for qpu in bench.state.qpus if qpu.running}
    bench.send(ev.QpuPaused("u0", "new cables"))
    assert bench.state.qpus[0].running is not None, "a pause must not touch what runs"
    on_u0 = next(task for task, qpu in where.items() if qpu == "u0")
    assert ends(bench.end(on_u0, at=1.0)) == {on_u0: (TaskState.DONE, "ok")}
    if name in ("reservation", "session", "pilot"):
        return      # who holds a QPU holds it
    begun = []
    while running := bench.state.qpus[1].running:
        begun += starts(bench.end(running.id, at=bench.now + 1.0))
    assert sorted(task for task, _, _ in begun) == waiting
    assert {qpu for _, _, qpu in begun} == {"u1"}


def test_work_moves_in_order_of_arrival_and_keeps_its_place_among_those_already_there() -> None:
    """u0 and u1 are equally good; efaas binds alternately, and after the pause serves by arrival."""
    bench = Bench("efaas", qpus=(9, 9), sessions=tuple(f"s{k}" for k in range(8)))
    for k in range(8):
        bench.submit(f"{k}", f"s{k}")
    assert {qpu.running.id for qpu in bench.state.qpus if qpu.running} == {"0", "1"}
    bench.send(ev.QpuPaused("u0"))
    order = []
    while running := bench.state.qpus[1].running:
        order += [task for task, _, _ in starts(bench.end(running.id, at=bench.now + 1.0))]
    assert order == ["2", "3", "4", "5", "6", "7"]


def test_a_resumed_qpu_takes_work_at_once_and_only_from_then_on() -> None:
    bench = Bench(qpus=(9,))
    bench.send(ev.QpuPaused("u0", "lunch"))
    assert bench.submit("x") == []
    assert starts(bench.send(ev.QpuResumed("u0"), at=3.0)) == [("x", 1, "u0")]
    assert bench.state.qpus[0].reason == ""


def test_what_a_paused_qpu_does_neither_hides_a_free_one_nor_looks_free() -> None:
    """The counts of running tasks and of QPUs are policies' facts: neither may lie."""
    bench = Bench("efaas", qpus=(9, 9))
    bench.submit("a")
    assert bench.state.qpus[0].running is not None
    bench.send(ev.QpuPaused("u0"))
    assert bench.state.totals[N_QPUS] == 1.0
    assert (bench.state.qpu_rows[0][ONLINE], bench.state.qpu_rows[0][BUSY]) == (0.0, 1.0)
    assert starts(bench.submit("b")) == [("b", 1, "u1")]
    bench.end("a", at=1.0)
    assert starts(bench.submit("c")) == []


def test_what_can_run_nowhere_else_waits_and_is_told_why() -> None:
    bench = Bench(qpus=(9, 4))
    bench.submit("pinned", pin="u0", estimate=5.0)
    for task, more in (("next", {"pin": "u0"}), ("wide", {"width": 7}), ("both", {"width": 3})):
        bench.submit(task, **more)
    bench.send(ev.QpuPaused("u0", "new cables"))
    for task in ("next", "wide"):
        told = bench.explain(task)
        assert told.reason is Reason.PAUSED
        assert told.detail == "u0 is paused by the operator: new cables"
        assert told.estimated_start_s == float("inf")
    assert bench.explain("both").reason is Reason.RUNNING
    bench.send(ev.QpuDrained("u0"))
    assert bench.explain("next").detail == "u0 is drained by the operator"
    bench.send(ev.QpuResumed("u0"))
    assert bench.explain("next").reason is Reason.BUSY
    assert starts(bench.end("pinned", at=5.0)) == [("next", 1, "u0")]


def test_what_depends_on_a_task_that_an_operator_holds_up_is_held_up_with_it() -> None:
    bench = Bench(qpus=(9, 4))
    bench.send(ev.QpuPaused("u0", "new cables"))
    bench.submit("wide", width=7)
    bench.submit("after", after=("wide",))
    bench.submit("runs")
    bench.submit("behind")
    held = {task: held_up(bench.state, task) for task in ("wide", "after", "runs", "behind", "unknown")}
    assert held == {"wide": (words := "u0 is paused by the operator: new cables"), "after": words, "runs": "",
                    "behind": "", "unknown": ""}


def test_a_qpu_that_is_offline_keeps_what_was_wished_for_it() -> None:
    bench = Bench()
    bench.send(ev.QpuLeft("u0"))
    bench.send(ev.QpuPaused("u0", "new cables"))
    bench.submit("x")
    assert bench.explain("x").reason is Reason.NO_QPU, "pausing is not why it waits: the QPU is not there"
    assert starts(bench.send(ev.QpuJoined("u0", 9))) == []
    assert bench.explain("x").reason is Reason.PAUSED
    assert starts(bench.send(ev.QpuResumed("u0"))) == [("x", 1, "u0")]


def test_draining_tells_when_the_qpu_is_empty_once_for_each_time_it_was_asked() -> None:
    bench = Bench()
    bench.submit("a")
    bench.submit("b")
    assert empty(bench.send(ev.QpuDrained("u0"))) == []
    bench.send(ev.TaskCancelled("a"))
    assert bench.state.qpus[0].running is not None, "nobody wants it, but it runs"
    ended = bench.send(ev.QuantumEnded("a", 1, "u0", Outcome.CANCELLED), at=1.0)
    assert (empty(ended), starts(ended)) == (["u0"], [])
    assert empty(bench.send(ev.QpuDrained("u0"))) == ["u0"], "who asks again is told again"
    assert starts(bench.send(ev.QpuResumed("u0"))) == [("b", 1, "u0")]
    assert empty(bench.end("b", at=2.0)) == []


def test_a_drained_qpu_whose_task_is_lost_is_empty_and_the_task_runs_elsewhere() -> None:
    bench = Bench(qpus=(9, 9))
    bench.submit("a")
    bench.submit("b", estimate=9.0)
    bench.send(ev.QpuDrained("u0"))
    left = bench.send(ev.QpuLeft("u0"))
    assert (empty(left), ends(left)) == (["u0"], {})
    assert starts(bench.end("b", at=9.0)) == [("a", 2, "u1")]


def test_calibrations_go_on_while_a_qpu_is_paused() -> None:
    bench = Bench()
    bench.send(ev.QpuPaused("u0"))
    due = bench.send(ev.CalibrationDue("u0", 5 * SECOND))
    assert due == [cmd.StartCalibration("u0", 5 * SECOND)]
    bench.send(ev.QpuResumed("u0"), at=1.0)
    assert bench.submit("x") == [], "it is on again, and calibrates"
    assert starts(bench.send(ev.CalibrationEnded("u0", 1, NEVER), at=5.0)) == [("x", 1, "u0")]


@pytest.mark.parametrize("wish", [ev.QpuPaused("u0"), ev.QpuDrained("u0"), ev.QpuRetired("u0"), ev.QpuResumed("u0")])
def test_what_is_asked_twice_is_done_once(wish: ev.Event) -> None:
    bench = Bench(qpus=(9, 9))
    for task in ("a", "b", "c"):
        bench.submit(task)
    bench.send(wish)
    before = snapshot(bench.state)
    assert [c for c in bench.send(wish) if not isinstance(c, cmd.QpuEmpty)] == []
    assert snapshot(bench.state) == before


def test_a_weaker_wish_takes_nothing_back_and_the_last_reason_given_counts() -> None:
    bench = Bench()
    bench.send(ev.QpuDrained("u0", "first"))
    bench.send(ev.QpuPaused("u0"))
    assert (bench.state.qpus[0].service, bench.state.qpus[0].reason) == (Service.DRAINED, "first")
    bench.send(ev.QpuPaused("u0", "second"))
    assert (bench.state.qpus[0].service, bench.state.qpus[0].reason) == (Service.DRAINED, "second")
    bench.send(ev.QpuRetired("u0", "third"))
    bench.send(ev.QpuPaused("u0", "fourth"))
    assert (bench.state.qpus[0].service, bench.state.qpus[0].reason) == (Service.RETIRED, "third")


@pytest.mark.parametrize("wish", [ev.QpuPaused, ev.QpuDrained, ev.QpuRetired, ev.QpuResumed])
def test_an_unknown_qpu_is_refused(wish: type[ev.QpuPaused]) -> None:
    assert refusal(Bench().send(wish("u7"))) == ("unknown_qpu", "there is no QPU named u7")


def test_a_reservation_outlives_a_pause_unless_its_session_went_on_elsewhere() -> None:
    waits = Bench("reservation", qpus=(9, 4), sessions=("s", "z"))
    for k, width in (("a", 7), ("b", 7)):
        waits.submit(k, width=width)
    waits.send(ev.QpuPaused("u0"))
    waits.end("a", at=1.0)
    waits.submit("y", "z", width=7)
    assert starts(waits.send(ev.QpuResumed("u0"))) == [("b", 1, "u0")], "the QPU was held for s, which needs it"
    goes = Bench("reservation", qpus=(9, 9), sessions=("s", "z"))
    goes.submit("a")
    goes.send(ev.QpuPaused("u0"))
    goes.end("a", at=1.0)
    assert starts(goes.submit("b")) == [("b", 1, "u1")]
    assert starts(goes.submit("y", "z")) == []
    assert starts(goes.send(ev.QpuResumed("u0"))) == [("y", 1, "u0")], "s holds u1 now, and only that"


def paid(terms: tuple[tuple[str, float], ...]) -> dict[str, float]:
    """The terms that are not 0."""
    return {name: seconds for name, seconds in terms if seconds}


def test_warmth_is_lost_only_if_the_loop_has_moved() -> None:
    """A loop that waited out the pause starts without a set-up; the hysteresis of its last QPU is not in its way."""
    bench = Bench(policy("efaas", lambda_epoch=10.0), qpus=())
    for name in ("u0", "u1"):
        bench.send(ev.QpuJoined(name, 9, cold_s=3.0))
    bench.submit("a")
    bench.end("a", at=1.0)
    bench.send(ev.QpuPaused("u0"), at=1.0)
    (begun,) = [c for c in bench.submit("b") if isinstance(c, cmd.StartQuantum)]
    assert (begun.qpu, paid(begun.terms)) == ("u1", {"load": 3.0, "epoch": 10.0})
    bench.end("b", at=2.0)
    bench.send(ev.QpuResumed("u0"))
    (again,) = [c for c in bench.submit("c") if isinstance(c, cmd.StartQuantum)]
    assert (again.qpu, dict(again.terms)["load"]) == ("u1", 0.0)


def test_pausing_and_resuming_again_and_again_leaves_nothing_behind() -> None:
    bench = Bench("efaas", qpus=(9, 9))
    for k in range(12):
        bench.submit(f"{k}", estimate=50.0)
    lanes = []
    for k in range(500):
        bench.send(ev.QpuPaused(f"u{k % 2}"), at=k * 1e-3)
        bench.send(ev.QpuResumed(f"u{k % 2}"))
        lanes.append(sum(map(len, bench.state.lanes)))
    assert max(lanes) == 10
    assert bench.state.waiting == 10
