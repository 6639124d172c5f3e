"""Sessions and tasks from their beginning to their end: TTLs, close, cancel, retries, lost QPUs and workers."""

from __future__ import annotations

import pytest

from qloop.errors import InvalidInput
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.model.needs import Share
from qloop.model.states import Outcome, SessionState, TaskState
from qloop.policies.columns import OPEN, STEPS

from .bench import Bench, refusal, starts


def test_time_never_goes_back() -> None:
    bench = Bench()
    bench.send(ev.Tick(), at=2.0)
    with pytest.raises(InvalidInput, match=r"came at 1000000000 ns, after 2000000000 ns. Time never goes back"):
        bench.send(ev.Tick(), at=1.0)


def test_a_session_that_stood_idle_counts_as_new() -> None:
    bench = Bench("efaas", interactive_ttl_ns=10 * SECOND)
    bench.submit("a")
    bench.end("a", at=1.0)
    flow = bench.state.flows[bench.state.sessions["s"].row]
    assert flow[STEPS] == 1.0
    bench.send(ev.Tick(), at=10.9)
    assert not bench.state.sessions["s"].lapsed
    bench.send(ev.Tick(), at=11.0)
    assert bench.state.sessions["s"].lapsed
    assert flow[OPEN] == 0.0
    (begun,) = [c for c in bench.submit("b", at=12.0) if isinstance(c, cmd.StartQuantum)]
    assert not begun.hot
    assert flow[OPEN] == 1.0
    assert bench.state.sessions["s"].state is SessionState.RUNNING


def test_a_late_tick_changes_nothing_about_when_a_ttl_is_over() -> None:
    bench = Bench("efaas", interactive_ttl_ns=10 * SECOND)
    bench.submit("a")
    bench.end("a", at=1.0)
    (begun,) = [c for c in bench.submit("b", at=30.0) if isinstance(c, cmd.StartQuantum)]
    assert not begun.hot


def test_a_lapsed_session_stands_behind_the_others_for_a_reservation() -> None:
    bench = Bench("reservation", sessions=("s", "other"), interactive_ttl_ns=10 * SECOND)
    bench.submit("a")
    bench.end("a", at=1.0)
    assert starts(bench.submit("b", "other", at=2.0)) == []
    assert starts(bench.send(ev.Tick(), at=11.0)) == [("b", 1, "u0")], "the reservation ends with the TTL"
    assert starts(bench.submit("c", at=12.0)) == []
    assert starts(bench.end("b", at=13.0)) == []
    assert starts(bench.send(ev.SessionClosing("other"))) == [("c", 1, "u0")]


def test_at_the_maximum_ttl_what_waits_fails_and_what_runs_finishes() -> None:
    bench = Bench(max_ttl_ns=20 * SECOND)
    for task in ("runs", "waits"):
        bench.submit(task)
    bench.submit("blocked", after=("waits",))
    commands = bench.send(ev.Tick(), at=20.0)
    ended = {c.task: c.state for c in commands if isinstance(c, cmd.TaskEnded)}
    assert ended == {"waits": TaskState.FAILED, "blocked": TaskState.FAILED}
    assert [c.state for c in commands if isinstance(c, cmd.SessionEnded)] == [SessionState.EXPIRED]
    assert refusal(bench.submit("late")) == ("session_ended", "session s takes no further tasks")
    (done,) = bench.end("runs", at=25.0)
    assert done == cmd.TaskEnded("runs", TaskState.DONE, "ok")
    assert "s" not in bench.state.sessions


def test_a_lost_attempt_of_an_expired_session_is_not_tried_again() -> None:
    bench = Bench(max_ttl_ns=20 * SECOND)
    bench.submit("a")
    bench.send(ev.Tick(), at=20.0)
    (end,) = bench.end("a", Outcome.LOST)
    assert isinstance(end, cmd.TaskEnded)
    assert end.state is TaskState.FAILED


def test_close_drains() -> None:
    bench = Bench()
    for task in ("a", "b"):
        bench.submit(task)
    assert bench.send(ev.SessionClosing("s")) == []
    assert refusal(bench.submit("c"))[0] == "session_ended"
    assert starts(bench.end("a", Outcome.LOST)) == [("a", 2, "u0")], "what was accepted is finished, retries too"
    assert starts(bench.end("a")) == [("b", 1, "u0")]
    assert bench.end("b") == [cmd.TaskEnded("b", TaskState.DONE, "ok"),
                              cmd.SessionEnded("s", SessionState.CLOSED, "closed by its owner")]
    assert not bench.state.sessions


def test_cancel_cascades_to_tasks_and_qpus_and_dependents_elsewhere() -> None:
    bench = Bench(sessions=("s", "other"))
    for task in ("a", "b"):
        bench.submit(task)
    bench.submit("c", "other", after=("b",))
    commands = bench.send(ev.SessionCancelled("s", "no longer needed"))
    assert cmd.AbortQuantum("a", 1, "u0") in commands
    ended = {c.task: (c.state, c.reason) for c in commands if isinstance(c, cmd.TaskEnded)}
    assert ended == {"a": (TaskState.CANCELLED, "no longer needed"), "b": (TaskState.CANCELLED, "no longer needed"),
                     "c": (TaskState.CANCELLED, "task b, which it needs, cancelled")}
    assert bench.submit("d", "other") == [], "the QPU is not free before the aborted attempt has ended"
    assert starts(bench.end("a")) == [("d", 1, "u0")], "a late result of a cancelled task ends nothing twice"
    assert "s" not in bench.state.sessions


def test_an_id_is_not_taken_again_while_its_aborted_attempt_runs() -> None:
    bench = Bench()
    bench.submit("a")
    bench.send(ev.TaskCancelled("a"))
    assert refusal(bench.submit("a")) == ("conflict", "a task of this id is waiting or running")
    bench.end("a", Outcome.CANCELLED)
    assert starts(bench.submit("a")) == [("a", 1, "u0")]


def test_a_lost_attempt_is_tried_again_in_its_old_place_and_then_fails() -> None:
    bench = Bench(attempts=2)
    for task in ("a", "b"):
        bench.submit(task)
    assert starts(bench.end("a", Outcome.LOST)) == [("a", 2, "u0")]
    commands = bench.end("a", Outcome.LOST)
    assert cmd.TaskEnded("a", TaskState.FAILED, "lost") in commands
    assert starts(commands) == [("b", 1, "u0")]


def test_late_and_doubled_ends_change_nothing() -> None:
    bench = Bench()
    bench.submit("a")
    bench.end("a", Outcome.LOST)
    assert bench.send(ev.QuantumEnded("a", 1, "u0")) == [], "the first attempt is over"
    assert bench.send(ev.QuantumEnded("a", 2, "nowhere")) == []
    bench.end("a")
    assert bench.send(ev.QuantumEnded("a", 2, "u0")) == []


def test_what_a_lost_qpu_ran_goes_elsewhere_and_what_waited_there_too() -> None:
    bench = Bench(qpus=(9, 5))
    for task in ("a", "b"):
        bench.submit(task)
    bench.submit("wide", width=8)
    assert starts(bench.send(ev.QpuLeft("u0"), at=1.0)) == []
    assert starts(bench.end("b", at=2.0)) == [("a", 2, "u1")]
    assert bench.explain("wide").reason.name == "NO_QPU"
    assert starts(bench.send(ev.QpuJoined("u2", 9), at=3.0)) == [("wide", 1, "u2")]


def test_a_window_that_is_due_waits_for_the_task_and_then_begins() -> None:
    bench = Bench()
    bench.submit("a")
    bench.submit("b")
    assert bench.send(ev.CalibrationDue("u0", 5 * SECOND), at=0.5) == []
    commands = bench.end("a", at=1.0)
    assert cmd.StartCalibration("u0", 5 * SECOND) in commands
    assert starts(commands) == []
    assert starts(bench.send(ev.CalibrationEnded("u0", 1), at=6.0)) == [("b", 1, "u0")]


def test_a_window_due_during_a_calibration_follows_it() -> None:
    bench = Bench()
    bench.send(ev.CalibrationDue("u0", SECOND))
    assert bench.send(ev.CalibrationDue("u0", 2 * SECOND)) == []
    assert bench.send(ev.CalibrationEnded("u0", 1), at=1.0) == [cmd.StartCalibration("u0", 2 * SECOND)]


def test_classical_tasks_take_slots_in_order_and_keep_their_session_warm() -> None:
    bench = Bench(sessions=("s", "other"))
    bench.classical("early")
    assert bench.send(ev.WorkerJoined("w0", 2, ("e",))) == [cmd.StartClassical("early", 1, "w0", True)]
    assert bench.classical("big", "other", cores=2, environment="e") == []
    assert bench.classical("small", environment="e") == [cmd.StartClassical("small", 1, "w0", False)]
    bench.send(ev.WorkerJoined("w1", 1))
    assert bench.classical("next", environment="e") == [cmd.StartClassical("next", 1, "w1", True)]
    bench.send(ev.ClassicalEnded("small", 1, "w0"))
    commands = bench.send(ev.ClassicalEnded("early", 1, "w0"))
    assert cmd.StartClassical("big", 1, "w0", False, Share(2)) in commands


def test_what_a_lost_worker_ran_is_tried_again_on_another() -> None:
    bench = Bench(attempts=2)
    bench.send(ev.WorkerJoined("w0"))
    bench.classical("a")
    assert bench.send(ev.WorkerLeft("w0")) == []
    assert bench.send(ev.WorkerJoined("w1")) == [cmd.StartClassical("a", 2, "w1", True)]
    assert bench.send(ev.ClassicalEnded("a", 1, "w0")) == []
    assert bench.send(ev.WorkerLeft("w1", "out of memory")) == [
        cmd.TaskEnded("a", TaskState.FAILED, "out of memory")]


def test_a_dependent_waits_for_all_and_ends_with_any() -> None:
    bench = Bench(qpus=(9, 9))
    bench.submit("a")
    bench.submit("b")
    bench.submit("c", after=("a", "b", "a", "long ago"))
    bench.submit("d", after=("c",))
    bench.end("a")
    assert starts(bench.end("b")) == [("c", 1, "u1")]
    commands = bench.end("c", Outcome.FAILED)
    assert [(c.task, c.state) for c in commands if isinstance(c, cmd.TaskEnded)] == [
        ("c", TaskState.FAILED), ("d", TaskState.FAILED)]
    assert not bench.state.dependents


def test_an_attempt_lost_before_it_began_does_not_count() -> None:
    """A node dies, and its workers are heard to leave one by one: the task goes through all of them."""
    bench = Bench(attempts=2)
    for number in range(5):
        bench.send(ev.WorkerJoined(f"w{number}"))
    (first,) = bench.classical("a")
    place = first.worker  # type: ignore[union-attr]
    for _ in range(4):
        (again,) = bench.send(ev.WorkerLeft(place, "its node died", unbegun=("a",)))
        place = again.worker  # type: ignore[union-attr]
    assert bench.send(ev.WorkerLeft(place, "it died")) == []
    (last,) = bench.send(ev.WorkerJoined("w9"))
    assert isinstance(last, cmd.StartClassical)
    assert bench.send(ev.WorkerLeft("w9", "it died")) == [cmd.TaskEnded("a", TaskState.FAILED, "it died")]


def test_a_payload_that_kills_whoever_opens_it_fails_in_the_end() -> None:
    bench = Bench(attempts=2)
    bench.classical("a")
    for number in range(30):
        bench.send(ev.WorkerJoined(f"w{number}"))
        if any(isinstance(c, cmd.TaskEnded) for c in bench.send(ev.WorkerLeft(f"w{number}", "", unbegun=("a",)))):
            break
    assert number == 9
