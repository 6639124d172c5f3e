"""Operators at work on a live runtime: work moves, running work finishes, nothing is bought twice or lost."""

from __future__ import annotations

import threading

import pytest

import qloop
from qloop.errors import InvalidInput, QpuError, Refused
from qloop.model.states import TaskState
from qloop.testing.scripted_qpu import Fault
from qloop.testing.virtual import fresh_engine, log_of, refold
from qloop.trace import schema as tr
from qloop.trace.check import check
from qloop.trace.metrics.qdc import qdc
from tests.runtime.two_qubits import ENERGY, circuit, runtime, scripted, value

START = [0.4, 0.5]
CLOCKS = ["real", "virtual"]
STRANDED = (r"failed\. QPU held was retired by the operator: sold, and the task is pinned to it: open a session on "
            r"another QPU, or on none in particular")


def pair(seconds: float = 0.0, **plan: dict[int, Fault]):
    """Two like QPUs, `held` and `other`."""
    return scripted(plan.get("held"), name="held", seconds=seconds), scripted(name="other", seconds=seconds)


def states(platform: qloop.Runtime) -> dict[str, str]:
    return {view.name: view.state for view in platform.qpus()}


def test_running_work_finishes_waiting_work_moves_and_nothing_is_bought_twice():
    held, other = pair(held={1: Fault.HANG})
    with runtime(held, other, policy="fifo", trace=True) as platform, \
            qloop.Session("s", runtime=platform, shots=64) as session:
        first = session.submit(circuit(), ENERGY, START)
        assert held.wait_until_hanging()
        platform.pause("held", "new cables")
        later = [session.submit(circuit(), ENERGY, [0.1 * k, 0.2]) for k in range(6)]
        for future in later:
            future.result(30)
            assert future.metadata()["qpu"] == "other"
        assert first.status() == "running"
        held.release()
        first.result(30)
        assert first.metadata()["qpu"] == "held"
        assert platform.drain("held", timeout=30)
        assert (len(held.asked), len(other.asked)) == (1, 6)
        assert {"results": 7, "shots": 7 * 64, "resumed": 0}.items() <= session.usage().items()
    check(platform.trace())


def test_in_virtual_time_a_pause_is_offline_time_and_the_run_is_a_fold_of_its_events():
    with runtime(*pair(2.0), policy="efaas", clock="virtual", trace=True) as platform, \
            qloop.Session("s", runtime=platform) as session:
        futures = [session.submit(circuit(), ENERGY, [0.1 * k, 0.2]) for k in range(8)]
        platform.later(1.0, lambda: platform.pause("held", "new cables"))
        platform.later(7.0, lambda: platform.resume("held"))
        for k, future in enumerate(futures):
            assert future.result() == pytest.approx(value([0.1 * k, 0.2]))
        refold(fresh_engine(platform), log_of(platform))
    trace = platform.trace()
    check(trace)
    row = trace.index.qpus["held"]
    assert [span for span in row.offline if span[1] > span[0]] == [(10**9, 7 * 10**9)]
    begun = sorted((a.begin, a.begun.qpu) for a in trace.index.attempts)
    at_held = [begin for begin, qpu in begun if qpu == "held"]
    assert at_held[0] == 0, "what ran when the pause came was finished"
    assert all(begin >= 7 * 10**9 for begin in at_held[1:])
    assert max(at_held) >= 7 * 10**9, "a resumed QPU takes its part of the work"
    ran = sum(a.end - a.begin for a in trace.index.attempts if a.begun.qpu == "held")
    shares = qdc(trace)
    assert shares.offline * shares.capacity_s == pytest.approx(7.0 - 2.0), "a finishing task is execution"
    assert ran >= 4 * 10**9
    off, = [event for event in trace.events if isinstance(event, tr.QpuOffline)]
    assert (off.qpu, off.operator, off.reason) == ("held", "paused", "new cables")


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_pinned_session_holds_and_goes_on_after_the_resume(clock):
    held, other = pair(0.01)
    with runtime(held, other, clock=clock) as platform, \
            qloop.Session("s", runtime=platform, qpu="held") as session:
        f = session.objective(circuit(), ENERGY)
        assert f(START) == pytest.approx(value(START))
        platform.pause("held", "new cables")
        waiting = f.submit([0.1, 0.2])
        told = waiting.explain()
        assert told.reason == "the operator lets no QPU that can run it take tasks"
        assert told.detail == "held is paused by the operator: new cables"
        with pytest.raises(TimeoutError, match="It waits for an operator: held is paused by the operator: new cables"):
            waiting.result(timeout=0.05)
        view = platform.qpus()[0]
        assert (view.state, view.running, view.waiting) == ("paused", "", (waiting.id,))
        assert len(held.asked) == 1
        platform.resume("held")
        assert waiting.result(30) == pytest.approx(value([0.1, 0.2]))
        assert (len(held.asked), len(other.asked)) == (2, 0)


def test_a_loop_whose_thread_waits_for_its_turn_goes_on_when_the_qpu_is_resumed():
    """The exact QPU emulates no time, so the loop's own thread would run the task: it waits for its turn instead."""
    with runtime(scripted(name="held")) as platform, qloop.Session("s", runtime=platform) as session:
        f = session.objective(circuit(), ENERGY)
        f(START)
        platform.pause("held")
        answers: list[float] = []
        loop = threading.Thread(target=lambda: answers.append(f([0.1, 0.2])))
        loop.start()
        while not platform.qpus()[0].waiting:
            threading.Event().wait(0.01)
        assert answers == []
        platform.resume("held")
        loop.join(30)
        assert answers == [pytest.approx(value([0.1, 0.2]))]


def test_draining_waits_in_virtual_time_until_the_qpu_is_empty():
    with runtime(*pair(2.0), clock="virtual", policy="fifo") as platform, \
            qloop.Session("s", runtime=platform) as session:
        futures = [session.submit(circuit(), ENERGY, [0.1 * k, 0.2]) for k in range(4)]
        assert not platform.drain("held", timeout=0.5)
        assert platform.now_s() == pytest.approx(0.5)
        assert states(platform) == {"held": "draining", "other": "on"}
        assert platform.drain("held")
        assert platform.now_s() == pytest.approx(2.0)
        assert states(platform) == {"held": "drained", "other": "on"}
        assert platform.drain("held", timeout=0.0), "it is empty already"
        assert [f.result() is not None for f in futures] == [True] * 4
        assert {f.metadata()["qpu"] for f in futures[2:]} == {"other"}


def test_draining_in_real_time_ends_with_the_last_task_a_timeout_or_a_resume():
    held, other = pair(held={1: Fault.HANG})
    with runtime(held, other, policy="fifo") as platform, qloop.Session("s", runtime=platform) as session:
        future = session.submit(circuit(), ENERGY, START)
        assert held.wait_until_hanging()
        assert not platform.drain("held", timeout=0.02)
        answers: dict[str, bool] = {}

        def wait_for(name: str) -> threading.Thread:
            thread = threading.Thread(target=lambda: answers.__setitem__(name, platform.drain("held", reason=name)))
            thread.start()
            while platform.qpus()[0].reason != name or not platform.effects.drains._waiting:
                threading.Event().wait(0.01)
            return thread

        called_off = wait_for("a")
        platform.resume("held")
        called_off.join(30)
        emptied = wait_for("b")
        held.release()
        emptied.join(30)
        assert answers == {"a": False, "b": True}
        assert future.result(30) == pytest.approx(value(START))
        assert not platform.effects.drains._waiting


def test_closing_the_runtime_lets_go_who_waits_for_an_empty_qpu():
    held = scripted({1: Fault.HANG}, name="held")
    answers: list[bool] = []
    with runtime(held, sound=False) as platform:
        session = qloop.Session("s", runtime=platform)
        session.submit(circuit(), ENERGY, START)
        assert held.wait_until_hanging()
        thread = threading.Thread(target=lambda: answers.append(platform.drain("held")))
        thread.start()
        while not platform.effects.drains._waiting:
            threading.Event().wait(0.01)
        held_for = threading.Timer(0.1, held.release)
        held_for.start()
    thread.join(30)
    assert not thread.is_alive()
    assert len(answers) == 1


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_retired_qpu_finishes_and_then_nobody_can_have_it(clock):
    held, other = pair(0.05)
    with runtime(held, other, clock=clock, trace=True) as platform, \
            qloop.Session("pinned", runtime=platform, qpu="held") as pinned, \
            qloop.Session("free", runtime=platform) as free:
        running, stranded = (pinned.submit(circuit(), ENERGY, [0.1 * k, 0.2]) for k in range(2))
        platform.retire("held", "sold")
        with pytest.raises(QpuError, match=STRANDED):
            stranded.result(30)
        assert running.result(30) == pytest.approx(value([0.0, 0.2]))
        assert platform.drain("held", timeout=30)
        with pytest.raises(Refused, match="QPU held was retired by the operator: sold, and the task is pinned to it"):
            pinned.submit(circuit(), ENERGY, START)
        with pytest.raises(InvalidInput, match=r"QPU held was retired by the operator: sold\. It takes no tasks any "
                                               r"more\. Name another QPU, or none, and the scheduler finds one"):
            qloop.Session("late", runtime=platform, qpu="held")
        with pytest.raises(InvalidInput, match="QPU held was retired by the operator: sold"):
            platform.resume("held")
        platform.retire("held", "again")
        platform.pause("held")
        assert states(platform) == {"held": "retired", "other": "on"}
        assert not platform.qpus()[0].online
        assert free.objective(circuit(), ENERGY)(START) == pytest.approx(value(START))
        assert len(held.asked) == 1
    check(platform.trace())


def test_a_twin_is_drained_and_its_work_goes_to_the_other_twin():
    with runtime("twin-hanoi", "twin-torino", clock="virtual", trace=True) as platform:
        session = qloop.Session("s", runtime=platform, shots=100)
        futures = [session.submit(circuit(), ENERGY, [0.1 * k, 0.2]) for k in range(6)]
        assert platform.drain("twin-hanoi", reason="maintenance")
        for future in futures:
            future.result()
        platform.resume("twin-hanoi")
        assert session.objective(circuit(), ENERGY)(START) is not None
        session.close()
        refold(fresh_engine(platform), log_of(platform))
    trace = platform.trace()
    check(trace)
    drained = next(e.t for e in trace.events if isinstance(e, tr.QpuOffline))
    resumed = next(e.t for e in trace.events if isinstance(e, tr.QpuOnline) and e.t > 0)
    late = [a.begun.qpu for a in trace.index.attempts if drained < a.begin < resumed]
    assert set(late) <= {"twin-torino"}
    assert sum(len(task.results) for task in trace.index.tasks.values()) == 7


def test_many_threads_may_operate_and_submit_at_once():
    held, other = pair()
    with runtime(held, other, policy="efaas") as platform:
        failures: list[BaseException] = []
        stop = threading.Event()

        def operate() -> None:
            verbs = (platform.pause, platform.resume, lambda q: platform.drain(q, timeout=0.001), platform.resume)
            k = 0
            while not stop.is_set():
                verbs[k % 4]("held")
                k += 1
            platform.resume("held")

        def loop(name: str) -> None:
            try:
                with qloop.Session(name, runtime=platform) as session:
                    f = session.objective(circuit(), ENERGY)
                    for k in range(40):
                        assert f([0.1 * k, 0.2]) == pytest.approx(value([0.1 * k, 0.2]))
            except BaseException as error:
                failures.append(error)

        operators = [threading.Thread(target=operate) for _ in range(2)]
        loops = [threading.Thread(target=loop, args=(f"s{k}",)) for k in range(3)]
        for thread in (*operators, *loops):
            thread.start()
        for thread in loops:
            thread.join(60)
        stop.set()
        for thread in operators:
            thread.join(30)
        assert failures == []
        assert len(held.asked) + len(other.asked) == 120, "each evaluation is bought once"


@pytest.mark.parametrize("clock", CLOCKS)
def test_closing_does_not_wait_for_an_operator_and_leaves_what_waits_to_be_taken_up(clock, tmp_path):
    place = tmp_path / "run.qloop"
    with qloop.Runtime(qpus=pair(0.01), clock=clock, journal=place) as first:
        first.pause("held", "new cables")
        with qloop.Session("s", runtime=first, qpu="held") as session:
            waiting = session.submit(circuit(), ENERGY, START)
        with qloop.Session("free", runtime=first) as session:
            done = session.submit(circuit(), ENERGY, START)
    assert (waiting._ticket.state, done._ticket.state) == (TaskState.CANCELLED, TaskState.DONE)
    with qloop.Runtime(qpus=pair(0.01), clock=clock, journal=place, run=first.run, resume=True) as second, \
            qloop.Session("s", runtime=second, qpu="held") as session:
        assert session.objective(circuit(), ENERGY)(START) == pytest.approx(value(START))


def test_what_an_operator_said_ends_with_the_life_of_the_run(tmp_path):
    """Another life of the run starts with every QPU on; what waited is asked for again, and bought once."""
    place = tmp_path / "run.qloop"
    first = qloop.Runtime(qpus=[scripted(name="held")], journal=place)
    session = qloop.Session("s", runtime=first, qpu="held", shots=32)
    bought = session.objective(circuit(), ENERGY)(START)
    first.pause("held")
    waiting = session.submit(circuit(), ENERGY, [0.1, 0.2])
    first.close(interrupted=True)
    assert waiting._ticket.state is TaskState.CANCELLED
    with qloop.Runtime(qpus=[again := scripted(name="held")], journal=place, run=first.run, resume=True) as second, \
            qloop.Session("s", runtime=second, qpu="held", shots=32) as session:
        assert states(second) == {"held": "on"}
        assert session.objective(circuit(), ENERGY)(START) == bought
        session.objective(circuit(), ENERGY)([0.1, 0.2])
        assert len(again.asked) == 1
