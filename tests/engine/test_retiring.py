"""A QPU that goes for good: what it runs is finished, what only it could run fails, and nothing brings it back."""

from __future__ import annotations

from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.model.states import Outcome, TaskState

from .bench import Bench, refusal, starts
from .test_operators import empty, ends


def test_a_qpu_that_is_retired_while_it_calibrates_is_gone_at_once() -> None:
    bench = Bench(qpus=(9, 9))
    bench.send(ev.CalibrationDue("u0", 5 * SECOND))
    assert empty(bench.send(ev.QpuRetired("u0"))) == ["u0"]
    assert bench.state.calibrating == 0
    assert bench.send(ev.CalibrationEnded("u0", 1), at=5.0) == []
    assert starts(bench.submit("x")) == [("x", 1, "u1")]


def test_a_window_that_is_due_on_a_retired_qpu_does_not_begin() -> None:
    bench = Bench(qpus=(9, 9))
    bench.submit("a")
    bench.send(ev.QpuRetired("u0"))
    bench.send(ev.CalibrationDue("u0", 5 * SECOND))
    assert [type(c) for c in bench.end("a", at=1.0)] == [cmd.QpuEmpty, cmd.TaskEnded]
    assert bench.send(ev.CalibrationDue("u0", 5 * SECOND)) == []


def test_a_retired_qpu_finishes_what_it_runs_and_fails_what_can_run_nowhere_else() -> None:
    bench = Bench(qpus=(9, 4))
    bench.submit("runs", pin="u0")
    bench.submit("pinned", pin="u0")
    bench.submit("wide", width=7)
    bench.submit("later", pin="u0", after=("runs",))
    bench.submit("after", after=("pinned",))
    bench.submit("moves", width=2)
    ended = ends(bench.send(ev.QpuRetired("u0", "sold")))
    assert set(ended) == {"pinned", "wide", "later", "after"}
    assert all(state is TaskState.FAILED for state, _ in ended.values())
    words = "u0 was retired by the operator: sold"
    assert ended["pinned"][1] == (f"QPU {words}, and the task is pinned to it: open a session on another QPU, "
                                  "or on none in particular")
    assert ended["wide"][1] == f"it needs 7 qubits; the widest QPU, u1, has 4; {words}"
    assert bench.state.qpus[1].running is not None
    last = bench.end("runs", at=1.0)
    assert (ends(last), empty(last)) == ({"runs": (TaskState.DONE, "ok")}, ["u0"])
    assert not bench.state.qpus[0].online


def test_new_tasks_for_a_retired_qpu_are_refused_with_what_to_do() -> None:
    bench = Bench(qpus=(9, 4))
    bench.send(ev.QpuRetired("u0"))
    code, reason = refusal(bench.submit("pinned", pin="u0"))
    assert code == "retired"
    assert reason.startswith("QPU u0 was retired by the operator, and the task is pinned to it: open a session on")
    assert refusal(bench.submit("wide", width=7)) == (
        "too_wide", "it needs 7 qubits; the widest QPU, u1, has 4; u0 was retired by the operator")
    bench.send(ev.QpuRetired("u1", "too small"))
    assert refusal(bench.submit("any")) == (
        "retired", "no QPU is left: u0 was retired by the operator; u1 was retired by the operator: too small. "
                   "Start a run with other QPUs")


def test_a_lost_attempt_that_only_a_retired_qpu_could_repeat_fails() -> None:
    bench = Bench(qpus=(9, 4))
    bench.submit("x", pin="u0")
    bench.send(ev.QpuRetired("u0"))
    lost = bench.end("x", Outcome.LOST, at=1.0)
    (state, reason), = ends(lost).values()
    assert state is TaskState.FAILED
    assert reason.startswith("lost; it cannot be tried again: QPU u0 was retired by the operator")
    assert empty(lost) == ["u0"]


def test_nothing_brings_a_retired_qpu_back() -> None:
    bench = Bench()
    bench.send(ev.QpuRetired("u0", "sold"))
    for event in (ev.QpuResumed("u0"), ev.QpuJoined("u0", 9)):
        assert refusal(bench.send(event)) == ("retired", "u0 was retired by the operator: sold, for good")
    assert not bench.state.qpus[0].online
