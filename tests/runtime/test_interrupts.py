"""Ctrl-C at random moments: the runtime stays whole, the session can go on at once, and nothing is bought twice."""

from __future__ import annotations

import os
import random
import signal
import threading
import time

import numpy as np
import pytest

import qloop
from qloop.runtime.interrupts import Uninterrupted

from .two_qubits import ENERGY, circuit, runtime, scripted, value

pytestmark = pytest.mark.usefixtures("interruptible")
PATIENCE_S = 60.0


class Striker:
    """Sends this process a Ctrl-C at a random moment within `within` seconds.

    Python swallows one that falls into a garbage collector's callback, so there is another one every second.
    """

    def __init__(self, draw: random.Random, within: float) -> None:
        self._left, self._first = threading.Event(), draw.uniform(0.0, within)
        self._thread = threading.Thread(target=self._strike, daemon=True)

    def _strike(self) -> None:
        pause = self._first
        while not self._left.wait(pause):
            os.kill(os.getpid(), signal.SIGINT)
            pause = 1.0

    def __enter__(self) -> None:
        try:
            self._thread.start()
        except KeyboardInterrupt:       # it has begun already
            self._left.set()
            raise

    def __exit__(self, *exception: object) -> None:
        self._left.set()
        self._thread.join()


def run_until_struck(f, thetas, draw: random.Random) -> bool:
    """Evaluate until a Ctrl-C comes; whether it came at all."""
    end = time.monotonic() + PATIENCE_S
    try:
        with Striker(draw, 0.02):
            while time.monotonic() < end:
                for theta in thetas:
                    f(theta)
    except KeyboardInterrupt:
        return True
    return False


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")     # see Striker
@pytest.mark.parametrize("strikes", [40, pytest.param(400, marks=pytest.mark.ci)])
@pytest.mark.parametrize("journal", ["memory", "file"])
def test_a_loop_that_is_interrupted_goes_on(tmp_path, strikes, journal):
    """The same session and the same runtime, as in a notebook: no QPU stays busy, no value is wrong."""
    draw = random.Random(strikes)
    thetas = np.random.Generator(np.random.Philox(key=1)).uniform(-3, 3, (10, 2))
    place = ":memory:" if journal == "memory" else tmp_path / "journal.qloop"
    with runtime(scripted(), journal=place) as platform, qloop.Session("s", runtime=platform) as session:
        f = session.objective(circuit(), ENERGY)
        for _ in range(strikes):
            assert run_until_struck(f, thetas, draw)
            assert [f(theta) for theta in thetas[:2]] == pytest.approx([value(theta) for theta in thetas[:2]])
        assert platform.core.failure is None


def test_an_interrupted_wait_for_a_future_leaves_the_task_going():
    with runtime(scripted(seconds=0.3)) as platform, qloop.Session("s", runtime=platform) as session:
        future = session.submit(circuit(), ENERGY, [0.1, 0.2])
        with pytest.raises(KeyboardInterrupt), Striker(random.Random(1), 0.1):
            future.result()
        assert not future.done()
        assert future.result(30) == pytest.approx(value([0.1, 0.2]))


def test_ctrl_c_in_a_run_leaves_the_session_to_be_resumed(tmp_path):
    journal = tmp_path / "journal.qloop"
    with pytest.raises(KeyboardInterrupt), qloop.Runtime(journal=journal) as platform, \
            qloop.Session("s", runtime=platform, shots=100) as session:
        def strike(entry):
            if entry.number == 5:
                signal.raise_signal(signal.SIGINT)

        name = session.id
        session.minimize(circuit(), ENERGY, [0.4, 0.5], maxiter=20, callback=strike)
    with qloop.Session.from_id(name, str(journal)) as again:
        result = again.minimize(circuit(), ENERGY, [0.4, 0.5], maxiter=20)
        assert result.nit == 20
        assert 0 < result.resumed < result.nfev
    with qloop.Runtime(journal=":memory:") as platform, \
            qloop.Session("s", runtime=platform, shots=100, seed=again_seed(journal)) as session:
        whole = session.minimize(circuit(), ENERGY, [0.4, 0.5], maxiter=20)
    assert whole.x.tobytes() == result.x.tobytes()


def again_seed(journal) -> int:
    from qloop.runtime.journal.sqlite import SqliteStore

    store = SqliteStore(journal)
    try:
        return store.sessions()[0].row.seed
    finally:
        store.close()


def test_ctrl_c_comes_when_the_protected_part_ends():
    steps = []
    with pytest.raises(KeyboardInterrupt):
        with Uninterrupted():
            signal.raise_signal(signal.SIGINT)
            steps.append("inside")
        steps.append("after")
    assert steps == ["inside"]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_in_other_threads_and_with_other_handlers_nothing_is_changed():
    seen: list[object] = []

    def look() -> None:
        with Uninterrupted():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        look()
        assert seen[1] is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
