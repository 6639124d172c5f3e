"""Real and scaled clocks: a twin takes its emulated time, and says so when it cannot."""

from __future__ import annotations

import time

import numpy as np
import pytest

import qloop
from qloop.qpus.protocol import Request
from qloop.runtime.clock import Clock
from qloop.testing.scripted_qpu import ScriptedQpu
from qloop.trace import schema as tr
from qloop.trace.provenance import new_header

from .two_qubits import ENERGY, circuit, runtime, scripted


def spans(trace) -> list[float]:
    """Seconds on the QPU of each attempt."""
    begins = {event.task: event.t for event in trace.events if isinstance(event, tr.QpuBegin)}
    return [(event.t - begins[event.task]) * 1e-9 for event in trace.events if isinstance(event, tr.QpuEnd)]


@pytest.mark.parametrize("scale", [1.0, 50.0, 2.5])
def test_a_task_takes_its_emulated_time_of_the_runs_clock(scale):
    with runtime(scripted(seconds=0.1 * scale), clock=scale, trace=True) as platform, \
            qloop.Session("s", runtime=platform) as session:
        begun = time.monotonic()
        for _ in range(3):
            session.submit(circuit(), ENERGY, [0.1, 0.2]).result(30)
        passed = time.monotonic() - begun
        trace = platform.trace()
    assert passed >= 0.3
    assert len(spans(trace)) == 3
    assert min(spans(trace)) >= 0.1 * scale * 0.999, "never shorter than the emulated hardware"
    assert trace.header.clock == ("real" if scale == 1.0 else f"scaled {scale:g}x")


def test_a_twin_of_a_real_device_takes_what_its_duration_says():
    with qloop.Runtime(qpus=["twin-hanoi"], clock=200.0, journal=":memory:", trace=True) as platform, \
            qloop.Session("s", runtime=platform, shots=1000) as session:
        f = session.objective(circuit(), ENERGY)
        f([0.1, 0.2])
        book = platform.sessions.find(session.id)
        program = next(iter(book.shelf.programs.values()))
        request = Request(np.zeros((1, 2)), 1000, (b"",))
        emulated = platform.parts.qpus["twin-hanoi"].duration(program, request) * 1e-9
        assert spans(platform.trace())[0] >= emulated + 1.0     # and the set-up of the session's first shot


def test_a_qpu_that_is_slower_than_what_it_emulates_says_so():
    def slow(request) -> None:
        time.sleep(0.05)

    with runtime(ScriptedQpu(seconds=0.01, watch=slow), trace=True) as platform, \
            qloop.Session("s", runtime=platform) as session:
        session.submit(circuit(), ENERGY, [0.1, 0.2]).result(30)
        trace = platform.trace()
    late = [event.late_ns for event in trace.events if isinstance(event, tr.QpuEnd)]
    assert late[0] >= 0.04e9
    assert trace.header.note.startswith("emulated QPUs were up to 0.0")


def test_a_qpu_that_keeps_its_time_says_nothing():
    with runtime(scripted(seconds=0.2), trace=True) as platform, qloop.Session("s", runtime=platform) as session:
        session.submit(circuit(), ENERGY, [0.1, 0.2]).result(30)
        trace = platform.trace()
    assert [event.late_ns for event in trace.events if isinstance(event, tr.QpuEnd)] == [0]
    assert trace.header.note == ""


@pytest.mark.parametrize(("scale", "name"), [(60.0, "scaled 60x"), (1e6, "scaled 1000000x"), (0.5, "scaled 0.5x"),
                                             (1e-5, "scaled 0.00001x")])
def test_a_clocks_name_is_one_that_a_trace_takes(scale, name):
    assert Clock(scale).name == name
    assert new_header(clock=Clock(scale).name, policy="fifo").clock == name
