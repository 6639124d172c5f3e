"""Many threads, each with its session, on one runtime; and one session used from many threads."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import numpy as np
import pytest

import qloop
from tests.runtime.two_qubits import ENERGY, circuit, runtime, scripted, value

THREADS, EVALUATIONS = 8, 200


def in_threads(work, count=THREADS):
    """Run work(k) in `count` threads at once; raises what any of them raised."""
    errors: list[BaseException] = []
    gate = threading.Barrier(count)

    def guarded(k: int) -> None:
        try:
            gate.wait()
            work(k)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(k,), daemon=True) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a thread waits for ever"
    if errors:
        raise errors[0]


def thetas(k: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(key=k)).uniform(-3, 3, (EVALUATIONS, 2))


@pytest.mark.parametrize("way", ["inline", "futures"])
@pytest.mark.parametrize("qpus", [1, 3])
def test_each_thread_gets_its_own_values(tmp_path, way, qpus):
    names = [scripted(name=f"q{k}") for k in range(qpus)]
    with runtime(*names, journal=tmp_path / "journal.qloop") as platform:

        def work(k: int) -> None:
            with qloop.Session(f"s{k}", runtime=platform, tenant=f"t{k % 3}") as session:
                f = session.objective(circuit(), ENERGY)
                if way == "inline":
                    got = [f(theta) for theta in thetas(k)]
                else:
                    got = [future.result(60) for future in [f.submit(theta) for theta in thetas(k)]]
                assert got == pytest.approx([value(theta) for theta in thetas(k)])
                assert {"results": EVALUATIONS, "shots": 0, "resumed": 0}.items() <= session.usage().items()

        in_threads(work)
        assert sum(len(qpu.asked) for qpu in names) == THREADS * EVALUATIONS


def test_threads_that_share_a_session_ask_for_evaluations_of_their_own():
    """The same theta from every thread: each asking is one more evaluation, and none is asked for twice."""
    qpu = scripted()
    with runtime(qpu) as platform, qloop.Session("s", runtime=platform, shots=10) as session:
        f = session.objective(circuit(), ENERGY)
        in_threads(lambda k: [f([0.1, 0.2]) for _ in range(50)])
        assert {"results": THREADS * 50, "shots": THREADS * 500, "resumed": 0}.items() <= session.usage().items()
        assert len({request.digests for request in qpu.asked}) == THREADS * 50


def test_threads_that_cancel_close_and_fail_leave_no_qpu_busy():
    """A QPU that is given to a task which is cancelled just then must come free again."""
    with runtime(scripted(name="only")) as platform:

        def work(k: int) -> None:
            for turn in range(25):
                session = qloop.Session(f"s{k}-{turn}", runtime=platform)
                f = session.objective(circuit(), ENERGY, timeout=1e-4 if k % 2 else None)
                futures = [f.submit(theta) for theta in thetas(k)[:4]]
                futures[2].cancel()
                with contextlib.suppress(TimeoutError):
                    f([0.1, 0.2])
                if turn % 3:
                    session.close()
                else:
                    session.cancel()

        in_threads(work)
        with qloop.Session("after", runtime=platform) as session:
            assert session.objective(circuit(), ENERGY)([0.1, 0.2]) == pytest.approx(value([0.1, 0.2]))
            rest = session.submit(circuit(), ENERGY, [0.3, 0.4])
            assert rest.result(30) == pytest.approx(value([0.3, 0.4]))


def test_a_session_that_is_cancelled_by_another_thread_ends_the_wait_in_this_one():
    qpu = scripted(name="q")
    with runtime(qpu) as platform:
        session = qloop.Session("s", runtime=platform)
        f = session.objective(circuit(), ENERGY)
        qpu.watch = lambda request: session.cancel()
        with pytest.raises(qloop.errors.Cancelled, match="was cancelled"):
            f([0.1, 0.2])


def test_many_awaited_futures():
    async def many() -> list[float]:
        with runtime("exact") as platform, qloop.Session("s", runtime=platform) as session:
            f = session.objective(circuit(), ENERGY)
            return await asyncio.gather(*(f.submit(theta) for theta in thetas(1)))

    assert asyncio.run(many()) == pytest.approx([value(theta) for theta in thetas(1)])


def test_an_awaited_future_in_virtual_time():
    async def two() -> list[float]:
        with runtime(scripted(seconds=3.0), clock="virtual") as platform, \
                qloop.Session("s", runtime=platform) as session:
            f = session.objective(circuit(), ENERGY)
            got = await asyncio.gather(f.submit([0.1, 0.2]), f.submit([0.3, 0.4]))
            assert platform.now_s() == pytest.approx(6.0)
            return got

    assert asyncio.run(two()) == pytest.approx([value([0.1, 0.2]), value([0.3, 0.4])])


def test_a_cancelled_awaiter_drops_its_task():
    from qloop.testing.scripted_qpu import Fault

    qpu = scripted({1: Fault.HANG})

    async def give_up(session: qloop.Session) -> None:
        future = session.submit(circuit(), ENERGY, [0.1, 0.2])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(future, 0.05)
        assert future.cancelled()

    with runtime(qpu) as platform, qloop.Session("s", runtime=platform) as session:
        asyncio.run(give_up(session))
        qpu.release()
        assert session.objective(circuit(), ENERGY)([0.3, 0.4]) == pytest.approx(value([0.3, 0.4]))
