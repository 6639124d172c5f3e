"""QuantumFuture: results, time-outs, cancelling, callbacks, dependencies."""

from __future__ import annotations

import logging
import threading

import pytest

import qloop
from qloop.errors import Cancelled, InvalidInput, QpuError
from qloop.testing.scripted_qpu import Fault
from tests.runtime.two_qubits import ENERGY, circuit, runtime, scripted, value

THETA = [0.1, 0.2]


def test_a_future_has_a_result_and_says_where_it_comes_from():
    with runtime("exact") as platform, qloop.Session("s", runtime=platform, shots=64) as session:
        future = session.submit(circuit(), ENERGY, THETA)
        assert future.exception(30) is None
        assert (future.done(), future.cancelled(), future.status()) == (True, False, "done")
        about = future.metadata()
        assert (about["qpu"], about["epoch"], about["shots"], about["source"]) == ("exact", 0, 64, "qpu")
        assert about["simulator"] == session.details().simulators[0]
        assert repr(future) == f"<QuantumFuture {future.id} done>"


def test_counts():
    with runtime("exact") as platform, qloop.Session("s", runtime=platform) as session:
        assert session.sample(circuit(), [0.0, 3.141592653589793], shots=500).result() == {"10": 500}


def test_the_error_of_a_failed_task():
    with runtime(scripted({1: Fault.RAISE})) as platform, qloop.Session("s", runtime=platform) as session:
        future = session.submit(circuit(), ENERGY, THETA)
        assert isinstance(future.exception(), QpuError)
        assert future.status() == "failed"
        assert not future.cancel()
        for _ in range(2):
            with pytest.raises(QpuError, match="refused the task"):
                future.result()


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), 1e300, "soon", True])
def test_absurd_timeouts(timeout):
    with runtime("exact") as platform, qloop.Session("s", runtime=platform) as session:
        future = session.submit(circuit(), ENERGY, THETA)
        for ask in (future.result, future.exception, future.outcome):
            with pytest.raises(InvalidInput, match=r"The time-out is .* Give seconds from 0 to 31622400"):
                ask(timeout=timeout)
        with pytest.raises(InvalidInput, match="The time-out is"):
            session.objective(circuit(), ENERGY, timeout=timeout)
        assert future.result(timeout=31_622_400) == pytest.approx(value(THETA))


def test_a_timeout_in_virtual_time_is_of_virtual_seconds():
    with runtime(scripted(seconds=10.0), clock="virtual") as platform, \
            qloop.Session("s", runtime=platform) as session:
        future = session.submit(circuit(), ENERGY, THETA)
        with pytest.raises(TimeoutError, match=r"after 9 s. It goes on"):
            future.result(timeout=9)
        assert future.result(timeout=11) == pytest.approx(value(THETA))
        assert platform.now_s() == pytest.approx(10.0)


def test_an_objective_that_times_out_is_cancelled():
    qpu = scripted({1: Fault.HANG})
    with runtime(qpu) as platform, qloop.Session("s", runtime=platform) as session:
        session.submit(circuit(), ENERGY, THETA)
        assert qpu.wait_until_hanging()
        f = session.objective(circuit(), ENERGY, timeout=0.05)
        with pytest.raises(TimeoutError, match=r"was not done after 0.05 s. It was cancelled."):
            f(THETA)
        qpu.release()
        assert f.submit(THETA).result(30) == pytest.approx(value(THETA))
        assert len(qpu.asked) == 2


def test_cancel_before_during_and_after():
    qpu = scripted({1: Fault.HANG})
    with runtime(qpu) as platform, qloop.Session("s", runtime=platform) as session:
        running, waiting, last = (session.submit(circuit(), ENERGY, THETA) for _ in range(3))
        assert qpu.wait_until_hanging()
        assert waiting.cancel()
        assert waiting.cancel(), "twice is once"
        assert running.cancel()
        qpu.release()
        assert last.result(30) == pytest.approx(value(THETA))
        assert not last.cancel()
        assert last.result() == pytest.approx(value(THETA))
        assert len(qpu.asked) == 2
        with pytest.raises(Cancelled, match=r"was cancelled\. cancelled by its owner"):
            waiting.result()


def test_callbacks_come_once_in_order_and_at_once_if_it_is_done():
    with runtime(scripted(seconds=0.05)) as platform, qloop.Session("s", runtime=platform) as session:
        future, seen = session.submit(circuit(), ENERGY, THETA), []
        future.add_done_callback(lambda done: seen.append(("first", done.result(0))))
        future.add_done_callback(lambda done: seen.append(("second", done is future)))
        future.result(30)
        future.add_done_callback(lambda done: seen.append("third"))
        for _ in range(1000):
            if len(seen) == 3:
                break
            threading.Event().wait(0.01)
        assert [entry[0] for entry in seen if entry != "third"] == ["first", "second"]
        assert dict(entry for entry in seen if entry != "third") == {"first": pytest.approx(value(THETA)),
                                                                     "second": True}
        assert seen.count("third") == 1


@pytest.mark.parametrize("clock", ["real", "virtual"])
def test_a_callback_that_raises_is_logged_and_harms_nobody(caplog, clock):
    with runtime(scripted(), clock=clock) as platform, qloop.Session("s", runtime=platform) as session:
        told: list[str] = []

        def bad(future) -> None:
            told.append(future.id)
            raise ZeroDivisionError("my own mistake")

        with caplog.at_level(logging.ERROR, "qloop"):
            futures = [session.submit(circuit(), ENERGY, THETA) for _ in range(5)]
            for future in futures:
                future.add_done_callback(bad)
            assert [future.result(30) for future in futures] == pytest.approx([value(THETA)] * 5)
            assert session.objective(circuit(), ENERGY)(THETA) == pytest.approx(value(THETA))
        session.close()
    assert sorted(told) == sorted(future.id for future in futures)
    assert caplog.text.count("A callback of task") == 5
    assert "my own mistake" in caplog.text


def test_a_callback_may_submit_and_cancel():
    with runtime(scripted()) as platform, qloop.Session("s", runtime=platform) as session:
        f, more = session.objective(circuit(), ENERGY), []
        arrived = threading.Event()

        def go_on(future) -> None:
            more.append(f.submit([0.3, 0.4]))
            more.append(f.submit([0.5, 0.6]))
            more[1].cancel()
            arrived.set()

        f.submit(THETA).add_done_callback(go_on)
        assert arrived.wait(30)
        assert more[0].result(30) == pytest.approx(value([0.3, 0.4]))
        assert more[1].done()


def test_a_task_waits_for_those_it_names():
    with runtime(scripted(name="a", seconds=10.0), scripted(name="b", seconds=1.0), clock="virtual", trace=True) \
            as platform, qloop.Session("a", runtime=platform, qpu="a") as one, \
            qloop.Session("b", runtime=platform, qpu="b") as two:
        first = one.submit(circuit(), ENERGY, THETA)
        then = two.objective(circuit(), ENERGY).submit(THETA, after=(first.id,))
        assert then.result() == pytest.approx(value(THETA))
        assert platform.now_s() == pytest.approx(11.0)


def test_a_task_ends_with_the_one_it_needs():
    with runtime(scripted({1: Fault.RAISE}, seconds=1.0), clock="virtual") as platform, \
            qloop.Session("s", runtime=platform) as session:
        f = session.objective(circuit(), ENERGY)
        first = f.submit(THETA)
        then = f.submit(THETA, after=(first.id,))
        with pytest.raises(QpuError, match=f"task {first.id}, which it needs, failed"):
            then.result()


def test_why_a_task_waits():
    with runtime(scripted(seconds=10.0), clock="virtual", sound=False) as platform, \
            qloop.Session("s", runtime=platform) as session:
        f = session.objective(circuit(), ENERGY)
        f.submit(THETA)
        why = f.submit(THETA).explain()
        assert why.position == 1
        assert "scripted" in str(why)
