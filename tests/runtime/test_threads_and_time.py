"""What a review found: events posted while the engine is asked, time-outs in virtual time, names taken twice."""

from __future__ import annotations

import threading

import qloop
from qloop.errors import Conflict
from qloop.model.events import Tick
from qloop.testing.scripted_qpu import Fault
from tests.runtime.two_qubits import ENERGY, circuit, runtime, scripted

START = [0.4, 0.5]


def test_an_event_posted_while_the_engine_is_asked_is_carried_through():
    with runtime(scripted()) as platform:
        seen: list[int] = []

        def while_asked(engine: object) -> None:
            poster = threading.Thread(target=platform.core.post, args=(seen.append,))
            poster.start()
            poster.join()       # it could not get the lock, so it left the event to us

        platform.core.ask(while_asked)
        assert len(seen) == 1
        platform.core.post(Tick())
        assert len(seen) == 1


def test_waiting_with_a_timeout_makes_virtual_time_pass():
    platform = qloop.Runtime(qpus=["twin-hanoi"], clock="virtual", journal=":memory:")
    with platform, qloop.Session("s", runtime=platform, shots=1000) as session:
        future = session.objective(circuit(), ENERGY).submit(START)
        polls = 0
        while not future.done():
            polls += 1
            assert polls < 100, "time stands still"
            try:
                future.result(timeout=0.5)
            except TimeoutError:
                continue
        assert polls > 1
        assert platform.now_s() < 0.5 * polls + 1.0


def test_two_threads_that_open_the_same_name_leave_one_session_alive():
    for _ in range(20):
        with runtime(scripted()) as platform:
            opened: list[qloop.Session] = []
            refused: list[BaseException] = []
            gate = threading.Barrier(2)

            def work(platform=platform, opened=opened, refused=refused, gate=gate) -> None:
                gate.wait()
                try:
                    opened.append(qloop.Session("same", runtime=platform))
                except Conflict as error:
                    refused.append(error)

            threads = [threading.Thread(target=work) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
            assert len(opened) == len(refused) == 1
            assert opened[0].status() == "new"


def test_a_task_that_timed_out_before_it_began_gives_its_identity_back():
    """Who asks again asks for the same evaluation, as a resumed run would, where nothing is slow."""
    qpu = scripted({1: Fault.HANG})
    with runtime(qpu) as platform, qloop.Session("s", runtime=platform) as session:
        f = session.objective(circuit(), ENERGY)
        blocking = f.submit([0.1, 0.2])
        assert qpu.wait_until_hanging()
        waiting = f.submit(START)
        waiting.cancel()
        qpu.release()
        blocking.result(30)
        f(START)
        book = platform.sessions.books[session.id]
        known = {row.digest for row in platform.store.results(session.id)}
        assert waiting._ticket.digest in known
        assert book.results == 2


def test_a_modelled_call_may_ask_the_runtime():
    with qloop.Runtime(workers=1, clock="virtual", journal=":memory:") as platform:
        session = qloop.Session("s", runtime=platform)
        asked: list[str] = []
        ARRIVED.append(lambda: asked.append(session.status()))
        platform.answer(platform.call(session.id, ask_back))
        assert asked == ["running"]
        ARRIVED.clear()


ARRIVED: list = []


def ask_back() -> None:
    from tests.runtime import test_threads_and_time

    test_threads_and_time.ARRIVED[0]()
