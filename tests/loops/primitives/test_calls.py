"""What `run` returns: states, waiting, cancelling, failures; and how a call becomes quantum tasks."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qiskit.primitives import BasePrimitiveJob
from qiskit.providers import JobStatus

import qloop
from qloop.errors import Cancelled, QpuError, Refused
from qloop.loops.primitives import asking
from qloop.loops.primitives.circuits import Prepared
from qloop.model.limits import Limits
from qloop.qiskit import EstimatorV2, SamplerV2
from qloop.testing.scripted_qpu import Fault
from tests.loops.primitives.world import ENERGY, circuit, memory, scripted, start, value

HALF = [0.4, 0.5]


def test_a_call_is_submitted_before_it_is_waited_for():
    qpu = scripted({1: Fault.HANG})
    with memory(qpu) as runtime, EstimatorV2(runtime=runtime) as ours:
        first = ours.run([(circuit(), ENERGY, HALF), (circuit(), "ZZ", HALF)])
        second = ours.run([(circuit(), ["XX", "ZI"], start(0, 3, 1, 2))])
        assert isinstance(first, BasePrimitiveJob)
        assert qpu.wait_until_hanging()
        assert (first.status(), second.status()) == (JobStatus.RUNNING, JobStatus.QUEUED)
        assert first.running()
        assert [first.done(), first.cancelled(), first.in_final_state(), second.running()] == [False] * 4
        with pytest.raises(TimeoutError):
            first.result(timeout=0.01)
        qpu.release()
        assert first.result(30)[0].data.evs == pytest.approx(value(HALF))
        assert second.result(30)[0].data.evs.shape == (3, 2)
        assert first.done()
        assert first.in_final_state()
        assert first.result() is first.result()
        assert first.job_id() != second.job_id()
        assert first.job_id() in repr(first)


def test_one_observable_of_a_pub_is_one_task_over_the_rows_it_needs():
    qpu = scripted()
    sets = start(1, 4, 2)
    wish = [[ENERGY], ["ZZ"], [ENERGY], ["XX"]]
    with memory(qpu) as runtime, EstimatorV2(runtime=runtime) as ours:
        evs = ours.run([(circuit(), wish, sets)]).result()[0].data.evs
        assert [len(request.thetas) for request in qpu.asked] == [4, 4, 4]
        np.testing.assert_allclose(evs[0], [value(row) for row in sets], atol=1e-12)
        np.testing.assert_array_equal(evs[0], evs[2])
        ours.run([(circuit(), ["ZZ", ENERGY, "XX", "ZZ"], sets)]).result()
        assert [request.thetas.tolist() for request in qpu.asked[3:]] == [
            sets[[0, 3]].tolist(), sets[[1]].tolist(), sets[[2]].tolist()]


def test_too_many_rows_for_one_task_are_several(monkeypatch):
    monkeypatch.setattr(asking, "MAX_BATCH", 3)
    qpu = scripted()
    sets = start(2, 8, 2)
    measured = circuit().measure_all(inplace=False)
    with memory(qpu) as runtime, EstimatorV2(runtime=runtime) as ours, SamplerV2(session=ours.session) as sampler:
        found = ours.run([(circuit(), ENERGY, sets)]).result()[0]
        assert [len(request.thetas) for request in qpu.asked] == [3, 3, 2]
        np.testing.assert_allclose(found.data.evs, [value(row) for row in sets], atol=1e-12)
        assert sampler.run([(measured, sets)], shots=5).result()[0].data.meas.shape == (8,)


def test_metadata_say_where_and_when():
    with memory("exact") as runtime, EstimatorV2(runtime=runtime, name="m") as ours:
        result = ours.run([(circuit(), ["ZZ", "XX"], start(0, 5, 1, 2), 0.1), (circuit(), "ZZ", HALF)]).result()
        about = result[0].metadata
        assert (about["qpu"], about["epoch"], about["source"], about["shots"]) == ("exact", 0, "qpu", 100)
        assert about["simulator"].startswith("qulacs-")
        assert about["waiting_s"] >= 0.0
        assert result[1].metadata["shots"] == 0
        assert result.metadata["shots_bought"] == 1000
        assert result.metadata["session"] == ours.session.id
        assert result.metadata["version"] == 2
        assert ours.session.usage()["shots"] == 1000


def test_cancel_drops_what_is_not_done():
    qpu = scripted({2: Fault.HANG})
    with memory(qpu) as runtime, EstimatorV2(runtime=runtime) as ours:
        done = ours.run([(circuit(), ENERGY, HALF)])
        done.result()
        held = ours.run([(circuit(), ["ZZ", "XX", "YY"], HALF)])
        assert qpu.wait_until_hanging()
        assert not done.cancel()
        assert held.cancel()
        assert held.cancelled()
        assert held.in_final_state()
        assert held.status() is JobStatus.CANCELLED
        with pytest.raises(Cancelled):
            held.result(30)
        assert not held.cancel()
        qpu.release()
        assert ours.run([(circuit(), ENERGY, HALF)]).result(30)[0].data.evs == pytest.approx(value(HALF))
        assert len(qpu.asked) == 3      # two of the three never began


def test_a_failure_is_raised_by_result_every_time():
    qpu = scripted({2: Fault.RAISE})
    with memory(qpu) as runtime, EstimatorV2(runtime=runtime) as ours:
        ours.run([(circuit(), ENERGY, HALF)]).result()
        call = ours.run([(circuit(), ENERGY, start(3, 2))])
        for _ in range(2):
            with pytest.raises(QpuError, match="refused the task"):
                call.result(30)
        assert call.status() is JobStatus.ERROR
        assert call.in_final_state()
        assert not call.done()
        assert ours.run([(circuit(), ENERGY, start(3, 2))]).result()[0].data.evs == pytest.approx(value(start(3, 2)))


def test_a_refusal_in_the_middle_leaves_nothing_submitted():
    qpu = scripted({1: Fault.HANG})
    with memory(qpu, limits=Limits(waiting_per_session=2)) as runtime, EstimatorV2(runtime=runtime) as ours:
        first = ours.run([(circuit(), ENERGY, HALF)])
        assert qpu.wait_until_hanging()
        with pytest.raises(Refused):
            ours.run([(circuit(), ["ZZ", "XX", "YY", "ZI"], HALF)])
        qpu.release()
        assert first.result(30)[0].data.evs == pytest.approx(value(HALF))
        found = ours.run([(circuit(), ["ZZ", "XX"], HALF)]).result(30)[0].data.evs
        assert found[0] == pytest.approx(np.cos(0.4) * np.cos(0.5))
        assert len(qpu.asked) == 3


def test_after_a_short_task_the_next_one_is_done_at_once_and_a_long_one_is_not():
    """Which thread runs a task depends on what the last one took; the results do not."""
    threads: list[str] = []
    qpu = scripted(watch=lambda request: threads.append(threading.current_thread().name))
    with memory(qpu) as runtime, EstimatorV2(runtime=runtime) as ours:
        same, wish = circuit(), (ENERGY, HALF)
        ours.run([(same, *wish)]).result()
        prepared = next(iter(ours._album._known[id(same)].prepared.values()))
        prepared.pace = 1e-6
        call = ours.run([(same, *wish)])
        assert call.done()
        assert threads[-1] == threading.current_thread().name
        prepared.waited = 1.0
        ours.run([(same, *wish)]).result()
        assert threads[-1] != threading.current_thread().name
        prepared.pace, prepared.waited = 1.0, 0.0
        ours.run([(same, *wish)]).result()
        assert threads[-1] != threading.current_thread().name
        prepared.pace = 1e-6
        assert ours.run([(same, *wish)] * 2).result()[1].data.evs == call.result()[0].data.evs
        assert threads[-1] != threading.current_thread().name


def test_one_slow_set_is_no_reason_to_expect_slow_ones():
    prepared = Prepared("s")
    for seconds, expected in ((1.0, 1.0), (0.1, 0.1), (9.0, 0.105), (9.0, 0.11025), (0.11, 0.11), (0.05, 0.05)):
        prepared.took(seconds, 0.0)
        assert prepared.pace == pytest.approx(expected)
    for _ in range(120):
        prepared.took(9.0, 0.0)
    assert prepared.pace == 9.0


def test_a_failure_at_once_waits_for_result():
    qpu = scripted({2: Fault.RAISE})
    made = circuit()
    with memory(qpu) as runtime, EstimatorV2(runtime=runtime) as ours:
        ours.run([(made, ENERGY, HALF)]).result()
        next(iter(ours._album._known[id(made)].prepared.values())).pace = 1e-6
        call = ours.run([(made, ENERGY, HALF)])
        assert call.status() is JobStatus.ERROR
        with pytest.raises(QpuError, match="refused the task"):
            call.result()


def test_many_threads_share_a_primitive():
    made, sets = circuit(), start(7, 24, 2)
    with memory() as runtime, EstimatorV2(runtime=runtime) as ours:
        found = np.zeros(len(sets))

        def work(begin: int) -> None:
            for k in range(begin, len(sets), 4):
                found[k] = ours.run([(made, ENERGY, sets[k])]).result(30)[0].data.evs

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        np.testing.assert_allclose(found, [value(row) for row in sets], atol=1e-12)
        assert isinstance(ours.session, qloop.Session)


def test_ctrl_c_leaves_the_qpu_free():
    """It falls into a task that runs at once; the end of `memory` looks whether a QPU is still held."""
    made, strikes = circuit(), [False, True, False]

    def strike(request: object) -> None:
        if strikes.pop(0):
            raise KeyboardInterrupt

    with memory(scripted(watch=strike)) as runtime, EstimatorV2(runtime=runtime) as ours:
        ours.run([(made, ENERGY, HALF)]).result()
        next(iter(ours._album._known[id(made)].prepared.values())).pace = 1e-6
        with pytest.raises(KeyboardInterrupt):
            ours.run([(made, ENERGY, HALF)])
        assert ours.run([(made, ENERGY, HALF)]).result()[0].data.evs == pytest.approx(value(HALF))


def test_ctrl_c_just_before_the_task_begins_gives_the_qpu_back(monkeypatch):
    made, qpu = circuit(), scripted()

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    with memory(qpu) as runtime, EstimatorV2(runtime=runtime) as ours:
        ours.run([(made, ENERGY, HALF)]).result()
        next(iter(ours._album._known[id(made)].prepared.values())).pace = 1e-6
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(asking, "gather", interrupted)
            ours.run([(made, ENERGY, HALF)])
        assert len(qpu.asked) == 1
        assert ours.run([(made, ENERGY, HALF)]).result(30)[0].data.evs == pytest.approx(value(HALF))
        assert str(ours.session.id) in repr(ours)
