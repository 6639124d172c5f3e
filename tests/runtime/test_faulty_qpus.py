"""QPUs that raise, lie or hang: their task fails with what happened, and nothing else in the run is disturbed."""

from __future__ import annotations

import threading

import pytest

import qloop
from qloop.errors import Cancelled, QpuError
from qloop.model import events as ev
from qloop.model.states import Outcome, TaskState
from qloop.testing.scripted_qpu import Fault

from .two_qubits import ENERGY, circuit, runtime, scripted, value

SPOILED = [(Fault.RAISE, QpuError, "QPU scripted refused the task"),
           (Fault.CRASH, ZeroDivisionError, "the QPU's driver has a bug"),
           (Fault.NOT_A_NUMBER, QpuError, "QPU scripted answered a value that is not finite"),
           (Fault.INFINITE, QpuError, "QPU scripted answered a value that is not finite"),
           (Fault.TOO_FEW, QpuError, "QPU scripted answered 0 results for 1 parameter sets"),
           (Fault.TOO_MANY, QpuError, "QPU scripted answered 2 results for 1 parameter sets")]


@pytest.mark.parametrize(("fault", "kind", "says"), SPOILED)
@pytest.mark.parametrize("way", ["inline", "future", "virtual"])
def test_a_bad_answer_fails_its_task_alone(fault, kind, says, way):
    qpu = scripted({2: fault})
    with runtime(qpu, clock="virtual" if way == "virtual" else "real") as platform, \
            qloop.Session("a", runtime=platform) as one, qloop.Session("b", runtime=platform) as two:
        f, g = one.objective(circuit(), ENERGY), two.objective(circuit(), ENERGY)

        def ask(h, theta):
            return h(theta) if way == "inline" else h.submit(theta).result()

        assert ask(f, [0.1, 0.2]) == pytest.approx(value([0.1, 0.2]))
        with pytest.raises(kind, match=says):
            ask(f, [0.3, 0.4])
        assert ask(g, [0.5, 0.6]) == pytest.approx(value([0.5, 0.6]))
        assert one.usage()["results"] == 1, "a bad answer was kept"
        assert ask(f, [0.3, 0.4]) == pytest.approx(value([0.3, 0.4]))
        assert len(qpu.asked) == 4


def test_counts_of_another_number_of_shots_are_refused():
    qpu = scripted({1: Fault.WRONG_SHOTS})
    with runtime(qpu) as platform, qloop.Session("a", runtime=platform) as session:
        with pytest.raises(QpuError, match="another number of shots than 100"):
            session.sample(circuit(), [0.1, 0.2], shots=100).result()
        assert sum(session.sample(circuit(), [0.1, 0.2], shots=100).result().values()) == 100


def test_who_asks_again_after_a_failure_asks_for_the_same_evaluation():
    """Else a run that is resumed, and does not fail this time, would draw other shots than the one that failed."""
    qpu = scripted({1: Fault.RAISE})
    with runtime(qpu) as platform, qloop.Session("a", runtime=platform, shots=50, seed=5) as session:
        f = session.objective(circuit(), ENERGY)
        with pytest.raises(QpuError):
            f([0.1, 0.2])
        again = f([0.1, 0.2])
    with runtime(scripted()) as platform, qloop.Session("a", runtime=platform, shots=50, seed=5) as session:
        assert session.objective(circuit(), ENERGY)([0.1, 0.2]) == again
    assert qpu.asked[0].digests == qpu.asked[1].digests


def test_a_qpu_that_hangs_holds_up_nobody_else():
    stuck = scripted({1: Fault.HANG}, name="stuck")
    with runtime(stuck, scripted(name="well"), sound=False) as platform, \
            qloop.Session("a", runtime=platform, qpu="stuck") as one, \
            qloop.Session("b", runtime=platform, qpu="well") as two:
        future = one.submit(circuit(), ENERGY, [0.1, 0.2])
        assert stuck.wait_until_hanging()
        assert two.objective(circuit(), ENERGY)([0.3, 0.4]) == pytest.approx(value([0.3, 0.4]))
        with pytest.raises(TimeoutError, match=r"was not done after 0.05 s. It goes on."):
            future.result(timeout=0.05)
        assert future.status() == "running"
        stuck.release()
        assert future.result(timeout=30) == pytest.approx(value([0.1, 0.2]))


def test_a_hanging_task_can_be_cancelled_and_its_late_result_is_kept():
    qpu = scripted({1: Fault.HANG})
    with runtime(qpu) as platform, qloop.Session("a", runtime=platform) as session:
        future = session.submit(circuit(), ENERGY, [0.1, 0.2])
        behind = session.submit(circuit(), ENERGY, [0.3, 0.4])
        assert qpu.wait_until_hanging()
        assert future.cancel()
        with pytest.raises(Cancelled, match="was cancelled"):
            future.result()
        assert not behind.done(), "the QPU still runs the task that nobody wants"
        qpu.release()
        assert behind.result(timeout=30) == pytest.approx(value([0.3, 0.4]))
        assert future.cancelled(), "a late result brought a cancelled task back"
        kept = [row.task for row in platform.store.results(session.id)]
        assert kept == [future.id, behind.id], "what was paid for must be kept as evidence"


def test_a_lost_qpu_is_noticed_its_task_runs_elsewhere_and_its_late_end_changes_nothing():
    """P6 and P3 on the live runtime: the first attempt hangs on a QPU that is lost, the second runs on another one."""
    lost, well = scripted({1: Fault.HANG}, name="lost"), scripted(name="well")
    with runtime(lost, well, policy="fifo") as platform, qloop.Session("a", runtime=platform, shots=64) as session:
        future = session.submit(circuit(), ENERGY, [0.1, 0.2])
        assert lost.wait_until_hanging()
        platform.core.post(ev.QpuLeft("lost", "unplugged"))
        got = future.result(timeout=30)
        assert future.metadata()["qpu"] == "well"
        lost.release()
        platform.parts.quantum.stop()       # its threads have ended
        assert future.result() == got
        assert future.metadata()["qpu"] == "well"
        assert session.usage()["results"] == 1
        assert [row.qpu for row in platform.store.results(session.id)] == ["well"]


def test_an_inline_task_whose_qpu_is_lost_has_another_turn_and_buys_nothing_twice():
    """The waiting thread runs the task itself; the attempt counts as lost, but its result was paid for."""
    qpu = scripted()
    with runtime(qpu) as platform, qloop.Session("a", runtime=platform) as session:
        qpu.watch = lambda request: platform.core.post(ev.QpuLeft("scripted", "unplugged"))
        f = session.objective(circuit(), ENERGY)
        answers: list[float] = []
        waiter = threading.Thread(target=lambda: answers.append(f([0.1, 0.2])))
        waiter.start()
        while platform.core.ask(lambda engine: engine.state.waiting) == 0:
            threading.Event().wait(0.01)
        assert answers == []
        platform.core.post(ev.QpuJoined("scripted", 20))
        waiter.join(30)
        assert answers == [pytest.approx(value([0.1, 0.2]))]
        assert len(qpu.asked) == 1
        assert session.usage()["results"] == 1


def test_ends_that_come_late_or_twice_write_nothing():
    with runtime() as platform, qloop.Session("a", runtime=platform) as session:
        f = session.objective(circuit(), ENERGY)
        future = f.submit([0.1, 0.2])
        got = future.result()
        before = platform.core.ask(lambda engine: (engine.state.now, repr(engine.state.totals)))
        ticket = future._ticket
        for attempt in (1, 1, 2, 0):
            for outcome in (Outcome.OK, Outcome.FAILED, Outcome.LOST):
                platform.core.post(ev.QuantumEnded(ticket.id, attempt, "exact", outcome))
        after = platform.core.ask(lambda engine: (engine.state.now, repr(engine.state.totals)))
        assert before[1] == after[1]
        assert future.result() == got
        assert ticket.state is TaskState.DONE
        assert {"results": 1, "shots": 0, "resumed": 0}.items() <= session.usage().items()
