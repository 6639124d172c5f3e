"""A loop's circuit is compiled for every QPU that it may come to, before it comes there."""

from __future__ import annotations

import threading
import time

import pytest

import qloop
from qloop.errors import InvalidInput
from qloop.loops.optimizers.by_name import KINDS
from qloop.qpus.exact import ExactQpu
from qloop.qpus.twin import TwinQpu
from tests.runtime.two_qubits import ENERGY, circuit, runtime, value


@pytest.mark.parametrize("optimizer", KINDS)
def test_no_optimizer_waits_for_a_transpiler_after_its_first_iteration(optimizer):
    """Not even where a loop comes to a QPU for the first time: its circuit is compiled for all when it is prepared."""
    qpus = [TwinQpu("hanoi", name=f"q{k}", seed=k, calibration_interval_s=7.0, calibration_length_s=3.0)
            for k in range(3)]
    with runtime(*qpus, clock="virtual", trace=True) as platform:
        sessions = [qloop.Session(f"s{k}", runtime=platform, shots=100) for k in range(2)]
        loops = [session.loop(circuit(), ENERGY, [0.1, 0.2], maxiter=6, optimizer=optimizer) for session in sessions]
        compiled = [qpu.cache_counts()["isa"].misses for qpu in qpus]
        for loop in loops:
            loop.start(lambda loop: None)
        platform.run_until(lambda: all(loop.finished for loop in loops))
        placed = [event for event in platform.trace().events if type(event).__name__ == "Placed"]
        assert [loop.error for loop in loops] == [None, None]
    assert len(placed) >= 8
    assert all(event.caches["isa"] for event in placed if event.iteration > 0)
    assert all(event.caches["isa"] for event in placed), "nor before it, in virtual time"
    assert len({event.qpu for event in placed}) > 1
    assert [qpu.cache_counts()["isa"].misses for qpu in qpus] == compiled, "the twins compiled nothing any more"


class Beside(ExactQpu):
    """Says in which thread it compiled."""

    def __init__(self, name):
        super().__init__(name)
        self.threads = []

    def compile(self, *arguments, **settings):
        self.threads.append(threading.current_thread().name)
        return super().compile(*arguments, **settings)


def test_a_qpu_that_compiles_in_this_process_does_so_beside_the_loop_and_once():
    first, second = Beside("a"), Beside("b")
    with runtime(first, second) as platform:
        with qloop.Session("s", runtime=platform) as session, qloop.Session("t", runtime=platform, qpu="b") as pinned:
            session.objective(circuit(), ENERGY)
            end = time.monotonic() + 60.0
            while not platform.parts.programs.has(platform.sessions.find(session.id).shelf, *known(platform, session)):
                assert time.monotonic() < end, "nothing was compiled ahead"
                time.sleep(0.01)
            values = [one.objective(circuit(), ENERGY)([0.3, 0.4]) for one in (session, pinned)]
        assert platform.parts.programs.ahead._child is None, "no other process was needed"
    assert values[0] == values[1]
    assert second.threads == ["qloop-ahead"]


def known(platform, session):
    return next(iter(platform.sessions.find(session.id).shelf.sources)), "b"


def test_what_cannot_be_compiled_ahead_says_so_when_it_is_needed():
    class Refusing(Beside):
        def compile(self, *arguments, **settings):
            super().compile(*arguments, **settings)
            raise InvalidInput("This QPU compiles nothing")

    wrong = Refusing("b")
    with runtime(Beside("a"), wrong) as platform, qloop.Session("s", runtime=platform) as session:
        assert session.objective(circuit(), ENERGY)([0.3, 0.4]) == pytest.approx(value([0.3, 0.4]))
        end = time.monotonic() + 60.0
        while not wrong.threads:
            assert time.monotonic() < end
            time.sleep(0.01)
        with pytest.raises(InvalidInput, match="This QPU compiles nothing"), \
                qloop.Session("t", runtime=platform, qpu="b") as pinned:
            pinned.objective(circuit(), ENERGY)
