"""Replays small enough to be worked out by hand: batches, pins, windows, cold starts, cancels, and what-ifs."""

from __future__ import annotations

import msgspec
import pytest

from qloop.errors import InvalidInput, UnknownName
from qloop.model.limits import NEVER
from qloop.simulator.replay.recorded import read_work
from qloop.simulator.replay.replay import replay
from qloop.trace import schema as ev
from qloop.trace.check import check
from qloop.trace.errors import TraceError
from qloop.trace.provenance import QpuInfo, new_header
from qloop.trace.reader import Trace
from qloop.trace.recorder import Recorder

S = 1_000_000_000


class Hand:
    """A trace written down by hand, in seconds."""

    def __init__(self, *qpus: str, cold_s: float = 0.0, policy: str = "fifo") -> None:
        self.recorder = Recorder(new_header(clock="virtual", policy=policy, qpus=[QpuInfo(q) for q in qpus]))
        for qpu in qpus:
            self.add(ev.QpuOnline, 0, qpu=qpu, qubits=5, cold_s=cold_s)

    def add(self, make: type[ev.Event], t: float, **fields: object) -> Hand:
        self.recorder.emit(make, round(t * S), **fields)      # type: ignore[arg-type]
        return self

    def open(self, t: float, session: str, kind: str = "loop", ttl: float = 0.0) -> Hand:
        return self.add(ev.SessionOpened, t, session=session, tenant="a", session_kind=kind,
                        interactive_ttl_ns=round(ttl * S))

    def come(self, t: float, task: str, k: int = 0, **told: object) -> Hand:
        where = {"session": task[0], "iteration": k, "task": task}
        self.add(ev.ParamsReady, t, **where)
        return self.add(ev.Submitted, t, **where, **{"width": 2, "estimate_s": 4.0, **told})

    def run(self, b: float, e: float, task: str, k: int = 0, qpu: str = "q", overhead: float = 0.0, epoch: int = 0,
            ) -> Hand:
        where = {"session": task[0], "iteration": k, "task": task, "qpu": qpu}
        self.add(ev.QpuBegin, b, **where)
        self.add(ev.QpuEnd, e, **where, shots=10, overhead_ns=round(overhead * S), epoch=epoch)
        return self.add(ev.Result, e, **where, shots=10, values=(-1.0,), epoch=epoch)

    def close(self, t: float, session: str) -> Hand:
        return self.add(ev.SessionClosed, t, session=session)

    def trace(self) -> Trace:
        return self.recorder.trace()


def spans(trace: Trace) -> dict[str, tuple[float, float, str]]:
    return {a.task.name: (a.begin / S, a.end / S, a.begun.qpu) for a in trace.index.attempts}


def loop(*qpus: str) -> Trace:
    """Two loops share one QPU: each task takes 4 s, thinking 2 s; fifo."""
    hand = Hand(*(qpus or ("q",))).open(0, "x").open(0, "y")
    hand.come(0, "x0").come(0, "y0").run(0, 4, "x0").run(4, 8, "y0")
    hand.come(6, "x1", 1).run(8, 12, "x1", 1).come(10, "y1", 1).run(12, 16, "y1", 1)
    return hand.close(12, "x").close(16, "y").trace()


def test_the_recording_is_repeated() -> None:
    found = replay(loop())
    assert found.exact
    assert spans(found.trace) == {"x0": (0, 4, "q"), "y0": (4, 8, "q"), "x1": (8, 12, "q"), "y1": (12, 16, "q")}
    assert [event.t // S for event in found.trace.events if isinstance(event, ev.SessionClosed)] == [12, 16]


def test_a_second_qpu_ends_the_waiting() -> None:
    """On two QPUs neither waits: 4 + 2 + 4 s."""
    found = replay(loop(), add=("q",))
    assert spans(found.trace) == {"x0": (0, 4, "q"), "y0": (0, 4, "q+2"), "x1": (6, 10, "q"), "y1": (6, 10, "q+2")}
    assert found.metrics.horizon_s == 10.0
    assert found.metrics.ttns.waiting.mean == 0.0
    assert spans(replay(loop(), qpus=2).trace) == spans(found.trace)


@pytest.mark.parametrize(("think", "begins"), [(0.5, (0, 4, 8, 12)), (3.0, (0, 4, 10, 14)), (0.0, (0, 4, 8, 12))])
def test_thinking_faster_or_slower(think: float, begins: tuple[int, ...]) -> None:
    """x1 comes 2*think after 4 s, y1 2*think after 8 s; the QPU is free at 8 s."""
    found = spans(replay(loop(), think=think).trace)
    assert tuple(found[task][0] for task in ("x0", "y0", "x1", "y1")) == begins


def test_dropping_a_qpu_makes_tasks_wait() -> None:
    hand = Hand("q", "p").open(0, "x").open(0, "y").come(0, "x0").come(0, "y0")
    hand.run(0, 4, "x0").run(0, 4, "y0", qpu="p")
    trace = hand.close(4, "x").close(4, "y").trace()
    assert replay(trace).exact
    assert spans(replay(trace, drop=("p",)).trace) == {"x0": (0, 4, "q"), "y0": (4, 8, "q")}


def test_a_batch_goes_on_when_all_of_it_has_ended() -> None:
    """x0, x1 side by side; x2 came 1 s after the later one. On one QPU the later one ends at 7 s."""
    hand = Hand("q", "p").open(0, "x").come(0, "x0").come(0, "x1", estimate_s=3.0)
    hand.run(0, 4, "x0").run(0, 3, "x1", qpu="p").come(5, "x2", 1).run(5, 9, "x2", 1)
    trace = hand.close(9, "x").trace()
    assert replay(trace).exact
    work = read_work(trace).work
    assert work.after.tolist() == [0, 0, 2]
    assert work.delay_ns.tolist() == [0, 0, 1 * S]
    found = spans(replay(trace, drop=("p",)).trace)
    assert found["x1"][:2] == (4, 7)
    assert found["x2"][0] == 8


def test_background_tasks_come_when_they_came() -> None:
    hand = Hand("q").open(0, "x", "background").come(0, "x0").run(0, 4, "x0").come(5, "x1").run(5, 9, "x1")
    found = replay(hand.close(9, "x").trace())
    assert read_work(found.recorded).work.after.tolist() == [0, 0]
    assert found.exact
    assert any("1 background sessions sent several tasks" in note for note in found.notes)


def test_a_cold_start_is_paid_where_it_is_cold() -> None:
    """The set-up of 1 s is paid at the first shot; alone on a second QPU it is paid there."""
    hand = Hand("q", cold_s=1.0).open(0, "x").come(0, "x0").run(0, 5, "x0", overhead=1.0)
    trace = hand.come(6, "x1", 1).run(6, 10, "x1", 1).close(10, "x").trace()
    found = replay(trace)
    assert found.exact
    ends = [event for event in found.trace.events if isinstance(event, ev.QpuEnd)]
    assert [event.overhead_ns for event in ends] == [1 * S, 0]


def test_a_calibration_comes_when_it_was_planned_and_no_task_runs_through_it() -> None:
    """Planned every 20 s for 5 s from 10 s on; the task of 4 s that came at 8 s waits until 15 s."""
    hand = Hand()
    hand.add(ev.QpuOnline, 0, qpu="q", qubits=5, window_at_ns=10 * S, window_gap_ns=15 * S).open(0, "x").open(0, "y")
    hand.come(8, "x0").add(ev.CalibrationBegin, 10, qpu="q")
    hand.add(ev.CalibrationEnd, 15, qpu="q", epoch=1, window_at_ns=30 * S).run(15, 19, "x0", epoch=1).close(19, "x")
    trace = hand.come(27, "y0").add(ev.CalibrationBegin, 30, qpu="q").add(
        ev.CalibrationEnd, 35, qpu="q", epoch=2, window_at_ns=50 * S).run(35, 39, "y0", epoch=2).close(39, "y").trace()
    found = replay(trace)
    assert found.exact
    assert found.trace.index.qpus["q"].calibrations == [(10 * S, 15 * S), (30 * S, 35 * S)]
    work = read_work(trace).work
    assert (work.window_ns.tolist(), work.window_every_ns.tolist()) == ([[10 * S]], [20 * S])
    assert work.window_length_ns.tolist() == [5 * S]


def test_windows_of_unknown_length_take_no_time_and_end() -> None:
    """None was recorded: they come every 20 s from 10 s on, and a note says how long they are taken to last."""
    hand = Hand()
    hand.add(ev.QpuOnline, 0, qpu="q", qubits=5, window_at_ns=10 * S, window_gap_ns=20 * S).open(0, "x")
    trace = hand.come(0, "x0").run(0, 4, "x0").come(8, "x1", 1, estimate_s=1.0).run(8, 9, "x1", 1).close(9, "x").trace()
    slow = replay(trace, think=10.0)
    assert spans(slow.trace)["x1"][0] == 44
    assert [b // S for b, _ in slow.trace.index.qpus["q"].calibrations] == [10, 30]
    assert any("calibrations are taken to last 0 s on q" in note for note in slow.notes)
    assert replay(trace).exact


def test_a_window_that_was_announced_lasts_so_long_though_the_recording_ends_before_it_does() -> None:
    """And so a policy knows what a task that does not end before it waits for."""
    hand = Hand()
    hand.add(ev.QpuOnline, 0, qpu="q", qubits=5, window_at_ns=10 * S, window_gap_ns=20 * S, window_length_ns=3 * S)
    trace = hand.open(0, "x").come(0, "x0").run(0, 4, "x0").come(8, "x1", 1, estimate_s=1.0).run(
        8, 9, "x1", 1).close(9, "x").trace()
    slow = replay(trace, think=10.0)
    assert [(b // S, e // S) for b, e in slow.trace.index.qpus["q"].calibrations] == [(10, 13), (33, 36)]
    assert not slow.notes
    assert read_work(trace).work.window_length_ns.tolist() == [3 * S]


def test_a_session_that_was_cancelled_is_cancelled_then_even_if_it_waits_longer() -> None:
    hand = Hand("q", "p").open(0, "x").open(0, "y").come(0, "x0").come(0, "y0").run(0, 4, "x0")
    hand.add(ev.QpuBegin, 0, session="y", iteration=0, task="y0", qpu="p")
    hand.add(ev.TaskCancelled, 2, session="y", iteration=0, task="y0")
    hand.add(ev.SessionClosed, 2, session="y", reason="cancelled")
    hand.add(ev.QpuEnd, 4, session="y", iteration=0, task="y0", qpu="p", outcome="cancelled")
    trace = hand.close(4, "x").trace()
    assert replay(trace).exact
    alone = replay(trace, drop=("p",)).trace
    assert spans(alone) == {"x0": (0, 4, "q")}      # y0 was still waiting at 2 s
    assert alone.index.sessions["y"].closed == 2 * S
    assert alone.index.cancelled == {"y0"}


def cancelling(task: bool) -> Trace:
    """x0 ends at 4 s, x1 comes 1 s later and is cancelled at 7 s, with its session or alone; then x2 runs."""
    hand = Hand("q", "p").open(0, "x").open(0, "y").come(0, "y0").come(0, "x0").run(0, 4, "y0").run(0, 4, "x0", qpu="p")
    hand.close(4, "y").come(5, "x1", 1).add(ev.QpuBegin, 5, session="x", iteration=1, task="x1", qpu="p")
    hand.add(ev.TaskCancelled, 7, session="x", iteration=1, task="x1")
    if not task:
        hand.add(ev.SessionClosed, 7, session="x", reason="cancelled")
    hand.add(ev.QpuEnd, 9, session="x", iteration=1, task="x1", qpu="p", outcome="cancelled")
    if task:
        hand.come(10, "x2", 2).run(10, 14, "x2", 2, qpu="p").close(14, "x")
    return hand.trace()


def unsent(notes: tuple[str, ...]) -> list[str]:
    return [note for note in notes if "submitted" in note]


def test_a_cancel_that_comes_before_its_task_is_told() -> None:
    """On one QPU x0 ends at 8 s, so x1 would come at 9 s, after its cancel at 7 s; x2 comes 3 s after that end."""
    trace = cancelling(task=True)
    same, late = replay(trace), replay(trace, drop=("p",))
    assert same.exact
    assert unsent(same.notes) == []
    assert spans(late.trace) == {"y0": (0, 4, "q"), "x0": (4, 8, "q"), "x2": (12, 16, "q")}
    (note,) = unsent(late.notes)
    assert note.startswith("fifo, -p: 1 tasks were cancelled before they were submitted")


def test_tasks_that_a_cancelled_session_never_sent_are_told() -> None:
    trace = cancelling(task=False)
    same, late = replay(trace), replay(trace, drop=("p",))
    assert same.exact
    assert unsent(same.notes) == []
    assert list(spans(late.trace)) == ["y0", "x0"]
    (note,) = unsent(late.notes)
    assert note.startswith("fifo, -p: 1 tasks were not submitted: their session was cancelled")


def test_loops_that_might_have_gone_on_are_counted() -> None:
    """x expired, y was open at the end, z closed by itself; b is no loop."""
    hand = Hand("q").open(0, "x").open(0, "y").open(0, "z").open(0, "b", "background")
    hand.come(0, "x0").come(0, "y0").come(0, "z0").run(0, 4, "x0").run(4, 8, "y0").run(8, 12, "z0").close(12, "z")
    hand.add(ev.SessionClosed, 20, session="x", reason="expired")
    notes = replay(hand.trace()).notes
    assert any("1 loops were ended by their time-to-live and 1 were open when the trace ended" in n for n in notes)
    assert not any("time-to-live" in note for note in replay(loop()).notes)


def test_energies_and_iterations_move_with_their_tasks() -> None:
    hand = Hand("q").open(0, "x").open(0, "y").come(0, "y0").come(0, "x0").run(0, 4, "y0").run(4, 8, "x0")
    hand.add(ev.IterationEnd, 9, session="x", iteration=0, energy=-1.5).close(9, "x").close(4, "y")
    found = replay(hand.trace(), add=("q",)).trace
    assert spans(found)["x0"][:2] == (0, 4)
    (end,) = (event for event in found.events if isinstance(event, ev.IterationEnd))
    assert (end.t, end.energy) == (5 * S, -1.5)
    check(found)


def test_a_trace_without_estimates_says_so() -> None:
    """As an older qloop wrote it: neither estimates nor what QPUs were told."""
    old = loop()
    events = [msgspec.structs.replace(e, width=0, estimate_s=0.0) if isinstance(e, ev.Submitted) else e
              for e in old.events if not isinstance(e, ev.QpuOnline)]
    found = replay(Trace(old.header, tuple(events)))
    assert any("neither widths nor estimates" in note for note in found.notes)
    assert found.exact


def test_a_session_open_at_the_end_stays_open() -> None:
    whole = loop()
    cut = Trace(whole.header, tuple(event for event in whole.events if event.t < 13 * S), "cut")
    found = replay(cut)
    assert found.starts == 4
    assert any("1 tasks had not ended" in note for note in found.notes)
    assert found.trace.index.sessions["y"].closed is None
    assert read_work(cut).work.close_ns.tolist() == [0, -1]
    assert read_work(cut).work.drop_ns.tolist() == [NEVER, NEVER]


@pytest.mark.parametrize(("change", "kind", "text"), [
    ({"policy": "fifi"}, UnknownName, "'fifi'"), ({"settings": {"fi": 1.0}}, UnknownName, "'fi'"),
    ({"add": ("z",)}, UnknownName, "'z'"), ({"drop": ("q",)}, InvalidInput, "No QPU would be left"),
    ({"qpus": -1}, InvalidInput, "number of QPUs is -1"), ({"qpus": 5000}, InvalidInput, "5000"),
    ({"think": -0.5}, InvalidInput, "-0.5 times"), ({"think": float("nan")}, InvalidInput, "nan times"),
    ({"policy": 3}, InvalidInput, "The policy is 3")])
def test_what_cannot_be_is_refused(change: dict[str, object], kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        replay(loop(), **change)    # type: ignore[arg-type]


def test_a_task_must_fit_on_what_is_left() -> None:
    hand = Hand("q")
    hand.add(ev.QpuOnline, 0, qpu="p", qubits=2).open(0, "x").come(0, "x0", width=4).run(0, 4, "x0").close(4, "x")
    with pytest.raises(InvalidInput, match="Tasks of 4 qubits could not run"):
        replay(hand.trace(), drop=("q",))
    pinned = Hand("q", "p").open(0, "x").come(0, "x0", pin="q").run(0, 4, "x0").close(4, "x").trace()
    assert replay(pinned).exact
    with pytest.raises(InvalidInput, match="pinned to q"):
        replay(pinned, drop=("q",))


def test_a_trace_without_quantum_tasks_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nothing to replay"):
        replay(Hand("q").open(0, "x").close(3, "x").trace())


def test_a_trace_that_contradicts_itself_is_refused() -> None:
    hand = Hand("q").open(0, "x").come(0, "x0").run(0, 4, "x0").close(4, "x").come(5, "x1")
    with pytest.raises(TraceError, match="contradicts itself"):
        replay(hand.trace())
