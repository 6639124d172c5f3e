import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_queue_model import simulate
from trace_script import Script, ns

from qloop.trace import schema as ev
from qloop.trace.check import check, violations
from qloop.trace.errors import TraceError
from qloop.trace.reader import Trace


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), order=st.sampled_from(["fifo", "hot"]), fail=st.sampled_from([0.0, 0.3]),
       qpus=st.integers(1, 4))
def test_traces_of_the_queue_are_sound(seed, order, fail, qpus):
    check(simulate(seed=seed, order=order, fail_rate=fail, qpus=qpus, loops=3, iterations=6, background=15, span_s=60))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 50), at=st.floats(0, 0.999))
def test_no_beginning_of_a_pair_can_be_lost_unseen(seed, at):
    whole = simulate(seed=seed, loops=2, iterations=4, background=6, span_s=40)
    paired = (ev.SessionOpened, ev.SessionClosed, ev.QpuBegin, ev.QpuEnd, ev.ParamsReady, ev.Result)
    candidates = [n for n, event in enumerate(whole.events) if isinstance(event, paired)]
    lost = candidates[int(at * len(candidates))]
    assert violations(Trace.of(whole.header, whole.events[:lost] + whole.events[lost + 1:]))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 50), share=st.floats(0, 1))
def test_a_run_cut_anywhere_is_sound_if_it_need_not_be_complete(seed, share):
    whole = simulate(seed=seed, loops=2, iterations=4, background=6, span_s=40)
    check(Trace.of(whole.header, whole.events[: int(share * len(whole.events))]), complete=False)


def sound():
    return Script(qpus=("A", "B")).open(0, "s").step("s", 0, p=1, b=2, e=4, r=5).close(9, "s")


def test_the_example_is_sound():
    assert violations(sound().trace()) == []


def shared_line(*, enqueued):
    task = {"session": "s", "iteration": 0, "task": "s/0"}
    return (Script().open(0, "s").add(ev.ParamsReady, 1, **task).add(ev.Submitted, 1, **task)
            .add(ev.Enqueued, enqueued, **task, qpu="").add(ev.Placed, 2, **task, qpu="A").run("s", 0, 2, 4)
            .add(ev.Result, 4, **task, qpu="A").close(9, "s"))


def test_in_a_shared_line_a_task_is_placed_when_it_begins():
    assert violations(shared_line(enqueued=1).trace()) == []
    assert "comes after its Result" in violations(shared_line(enqueued=5).trace())[0]


TASK = {"session": "s", "iteration": 0, "task": "s/0"}
BROKEN = {
    "opens twice": lambda s: s.open(6, "s"),
    "closes twice": lambda s: s.close(10, "s"),
    "closes unopened": lambda s: s.close(10, "z"),
    "z never closes": lambda s: s.open(6, "z"),
    "in closed session s": lambda s: s.step("s", 1, p=9.5, b=10, e=11, r=12),
    "in unopened session z": lambda s: s.step("z", 0, p=5, b=6, e=7, r=8),
    "attempt 1 of s/0 begins twice": lambda s: s.run("s", 0, 6, 7),
    "attempt 1 of s/1 ends on B, but began on A": lambda s: (
        s.add(ev.ParamsReady, 5, session="s", iteration=1, task="s/1")
        .add(ev.QpuBegin, 6, session="s", iteration=1, task="s/1", qpu="A")
        .add(ev.QpuEnd, 7, session="s", iteration=1, task="s/1", qpu="B")),
    "attempt 2 of s/0 never ends": lambda s: s.add(ev.QpuBegin, 6, **TASK, qpu="A", attempt=2),
    "s/0/1 and s/0/2 overlap on A": lambda s: s.run("s", 0, 3, 6, attempt=2),
    "s/0/1 and calibration overlap on A": lambda s: s.calibrate(3, 6, 1),
    "s/0/2 begins on A while it is offline": lambda s: (
        s.add(ev.QpuOffline, 5, qpu="A").add(ev.QpuOnline, 8, qpu="A").run("s", 0, 6, 7, attempt=2)),
    "makes no new epoch": lambda s: s.calibrate(5, 6, 3).calibrate(6, 7, 3),
    "in epoch 1, older than 3": lambda s: s.calibrate(5, 6, 3).run("s", 0, 7, 8, attempt=2, epoch=1),
    "Submitted of s/1 at 7000000000 ns comes after its QpuEnd": lambda s: (
        s.add(ev.ParamsReady, 5, session="s", iteration=1, task="s/1").run("s", 1, 5, 6)
        .add(ev.Submitted, 7, session="s", iteration=1, task="s/1")),
    "parameters were never ready": lambda s: s.run("s", 1, 6, 7),
    "s/0 ends 2 times": lambda s: s.add(ev.TaskCancelled, 6, **TASK),
    "s/1 was submitted and never ends": lambda s: (
        s.add(ev.ParamsReady, 5, session="s", iteration=1, task="s/1")
        .add(ev.Submitted, 6, session="s", iteration=1, task="s/1")),
    "result of attempt 4, which no QPU finished": lambda s: s.add(ev.Result, 6, **TASK, attempt=4),
    "committed or squashed, but never launched": lambda s: s.add(ev.SpeculationCommitted, 6, **TASK),
    "both committed and squashed": lambda s: (
        s.add(ev.SpeculationLaunched, 1, **TASK).add(ev.SpeculationCommitted, 6, **TASK)
        .add(ev.SpeculationSquashed, 7, **TASK, reason="budget")),
    "s/1 runs as a guess, but was never launched": lambda s: s.run("s", 1, 6, 7, speculative=True),
    "time starts before 0": lambda s: s.add(ev.QpuOffline, -1, qpu="B"),
}


@pytest.mark.parametrize("message", BROKEN)
def test_each_broken_rule_is_named(message):
    script = sound()
    BROKEN[message](script)
    assert any(message in text for text in violations(script.trace())), violations(script.trace())


def test_events_out_of_order_are_named():
    good = sound().trace()
    assert any("does not come after" in text for text in violations(Trace(good.header, good.events[::-1])))
    twin = msgspec.structs.replace(good.events[1], t=good.events[0].t, seq=good.events[0].seq)
    assert any("does not come after" in t for t in violations(Trace(good.header, (good.events[0], twin))))


def test_many_violations_make_one_readable_error():
    script = Script()
    for n in range(9):
        script.close(n, f"z{n}")
    with pytest.raises(TraceError, match=r"contradicts itself.*\(and 4 more\)"):
        check(script.trace())


def test_a_guess_may_run_before_its_parameters_are_known():
    guess = {"session": "s", "iteration": 1, "task": "guess"}
    script = Script().open(0, "s").step("s", 0, p=1, b=2, e=4, r=5)
    script.add(ev.SpeculationLaunched, 4, **guess).add(ev.Submitted, 4, **guess)
    script.run("s", 1, 4, 6, task="guess", speculative=True)
    script.add(ev.ParamsReady, 7, session="s", iteration=1, task="s/1")
    script.add(ev.SpeculationCommitted, 7, **guess, by="s/1")
    script.add(ev.Result, 7, session="s", iteration=1, task="s/1", source="memo").close(8, "s")
    check(script.trace())
    assert script.trace().horizon_ns == ns(8)
