"""What a live run's trace says of cancelled work and of tenants' weights."""

from __future__ import annotations

import pytest

import qloop
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.runtime.recording import Recording
from qloop.runtime.ticket import ClassicalTicket, Ticket
from qloop.testing.virtual import log_of, virtual_runtime
from qloop.trace import schema as tr
from qloop.trace.check import check
from qloop.trace.metrics.fairness import shares
from qloop.trace.metrics.qdc import partition
from qloop.trace.provenance import new_header
from qloop.trace.recorder import Recorder
from tests.runtime.two_qubits import ENERGY, circuit, scripted


def test_a_running_task_that_is_cancelled_leaves_its_qpu():
    platform = virtual_runtime([scripted(name="a", seconds=3.0)])
    session = qloop.Session("s", runtime=platform, shots=10)
    first, second = (session.objective(circuit(), ENERGY).submit([0.1 * k, 0.2]) for k in range(2))
    while not any(type(event) is tr.QpuBegin for event in platform.trace().events):
        assert platform.timers.step()
    first.cancel()
    platform.run_until(second.done)
    session.close()
    trace = platform.trace()
    check(trace)
    ends = [event for event in trace.events if isinstance(event, tr.QpuEnd)]
    assert [(end.task, end.outcome) for end in ends] == [(first.id, "cancelled"), (second.id, "done")]
    lengths = [row.end - row.begin for row in trace.index.attempts]
    parts = partition(trace)
    assert parts["failed"] == lengths[0] > 0
    assert parts["useful_hot"] + parts["useful_background"] + parts["overhead"] == lengths[1]


def test_shares_carry_the_weights_of_tenants_and_not_of_sessions():
    platform = virtual_runtime([scripted(name="a", seconds=1.0)], tenants={"t": 4.0, "u": 1.0})
    for tenant in ("t", "u"):
        session = qloop.Session(tenant, runtime=platform, tenant=tenant, weight=2.0, shots=10)
        future = session.objective(circuit(), ENERGY).submit([0.1, 0.2])
        platform.run_until(future.done)
        session.close()
    trace = platform.trace()
    assert {row.tenant: row.weight for row in shares(trace)} == {"t": 4.0, "u": 1.0}
    assert {row.weight for row in trace.index.sessions.values()} == {2.0}


def test_a_run_that_writes_its_trace_to_a_file_keeps_no_log(tmp_path):
    platform = virtual_runtime([scripted(name="a", seconds=1.0)], trace=tmp_path / "x.jsonl")
    session = qloop.Session("s", runtime=platform, shots=10)
    platform.run_until(session.objective(circuit(), ENERGY).submit([0.1, 0.2]).done)
    assert platform.parts.recording.log == []
    with pytest.raises(AssertionError, match="keeps no log"):
        log_of(platform)


def test_a_cancelled_call_leaves_its_worker_once():
    recorder = Recorder(new_header(clock="virtual", policy="fifo"))
    tickets: dict[str, Ticket] = {"s/c": ClassicalTicket("s/c", "s")}
    recording = Recording(recorder, virtual_runtime([scripted(name="a")]).core.engine, tickets.get, {})
    recording(1, ev.WorkerJoined("w"), [cmd.StartClassical("s/c", 1, "w", cold=False)])
    del tickets["s/c"]      # as its cancel does
    for now, attempt in ((5, 1), (6, 1), (7, 2)):
        recording(now, ev.ClassicalEnded("s/c", attempt, "w"), [])
    assert [(type(e), e.t) for e in recorder.trace().events] == [(tr.CpuBegin, 1), (tr.CpuEnd, 5)]
