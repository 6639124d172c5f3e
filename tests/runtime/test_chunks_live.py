"""Long tasks on twins in chunks: a loop goes before the rest of them, and their results are what they would be."""

from __future__ import annotations

from typing import Any

import pytest

import qloop
from qloop.errors import Cancelled
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.qpus.twin import TwinQpu
from qloop.testing.virtual import fresh_engine, log_of, refold, virtual_runtime
from qloop.trace import schema as tr
from qloop.trace.check import violations
from qloop.trace.metrics.qdc import partition
from tests.runtime.two_qubits import ENERGY, at_rest, circuit

SHOTS = 40_000      # some 10 s
START = [0.4, 0.5]


def twin(**options: Any) -> TwinQpu:
    return TwinQpu("hanoi", name="q", **{"calibration_interval_s": 0.0, "task_overhead_s": 0.5, "cold_s": 0.0,
                                         "rep_delay_s": 2.5e-4, **options})


def platform(chunk: float, **options: Any) -> qloop.Runtime:
    return virtual_runtime([twin(**options)], policy="efaas", policy_settings={"chunk_s": chunk, "phi": 0.0})


def meet(runtime: qloop.Runtime) -> tuple[float, Any, Any]:
    """A long task runs, and 3 s after its begin a loop is back; how long that waited and ran, and both futures."""
    loop = qloop.Session("loop", runtime=runtime, shots=100)
    single = qloop.Session("single", runtime=runtime, shots=SHOTS)
    loop.objective(circuit(), ENERGY).submit(START).result()
    long = single.objective(circuit(), ENERGY).submit(START)
    begun = runtime.now_s()
    runtime.timers.at(round((begun + 3.0) * 1e9), lambda: None)
    runtime.run_until(lambda: runtime.now_s() >= begun + 3.0)
    back = loop.objective(circuit(), ENERGY).submit([0.1, 0.2])
    back.result()
    return runtime.now_s() - begun - 3.0, back, long


def sound(runtime: qloop.Runtime) -> None:
    runtime.core.ask(at_rest)
    refold(fresh_engine(runtime), log_of(runtime))
    assert not list(violations(runtime.trace(), complete=False))


@pytest.mark.parametrize("chunk", [0.25, 1.0, 2.0])
def test_a_loop_goes_before_the_rest_of_a_long_task(chunk: float) -> None:
    waited, values = {}, {}
    for one in (0.0, chunk):
        with platform(one) as runtime:
            waited[one], back, long = meet(runtime)
            values[one] = (back.result(), long.result())
            length = runtime.now_s()
            sound(runtime)
            yields = [c for _, _, commands in log_of(runtime) for c in commands if isinstance(c, cmd.YieldQuantum)]
            parts = partition(runtime.trace())
            ran = sum(row.end - row.begin for row in runtime.trace().index.attempts)
        assert len(yields) == (one > 0.0)
        assert parts["failed"] == 0
        assert parts["useful_hot"] + parts["useful_background"] + parts["overhead"] == ran
        assert length == pytest.approx(0.5 + 0.025 + 0.5 + 10.0 + 0.5 + 0.025, abs=0.5)
    assert waited[0.0] > 7.0
    assert waited[chunk] <= chunk + 0.6
    assert values[chunk] == values[0.0]


def test_what_stands_aside_is_one_result_of_all_its_shots() -> None:
    with platform(1.0) as runtime:
        _, _, long = meet(runtime)
        long.result()
        rows = [e for e in runtime.trace().events if isinstance(e, tr.QpuEnd) and e.task == long.id]
        assert [(row.paused, row.shots, row.outcome) for row in rows] == [
            (True, 0, "cancelled"), (False, SHOTS, "done")]
        state = runtime.core.engine.state
        assert state.flows[state.sessions[long.id.split("/")[0]].row][12] == pytest.approx(10.5, abs=0.5)


@pytest.mark.parametrize("when", [2.0, 3.7, 3.2])
def test_a_cancel_leaves_nothing_behind(when: float) -> None:
    """Before the edge, while it stands aside, and after it was continued."""
    with platform(1.0) as runtime:
        loop = qloop.Session("loop", runtime=runtime, shots=100)
        single = qloop.Session("single", runtime=runtime, shots=SHOTS)
        loop.objective(circuit(), ENERGY).submit(START).result()
        long = single.objective(circuit(), ENERGY).submit(START)
        begun = runtime.now_s()
        futures = []
        runtime.timers.at(round((begun + 2.5) * 1e9), lambda: futures.append(
            loop.objective(circuit(), ENERGY).submit([0.1, 0.2])))
        runtime.timers.at(round((begun + when) * 1e9), long.cancel)
        runtime.run_until(lambda: futures != [] and futures[0].done() and long.done())
        with pytest.raises(Cancelled):
            long.result()
        assert runtime.now_s() < begun + 6.0
        futures[0].result()
        after = single.objective(circuit(), ENERGY).submit([0.3, 0.4])
        after.result()
        assert runtime.now_s() < begun + 24.0
        sound(runtime)
        assert not runtime.parts.quantum.runs.aside
        assert not runtime.parts.quantum.runs.running


def test_a_calibration_waits_for_the_end_of_what_began() -> None:
    """No loop takes the QPU between, because the rest of the task would then be of another epoch."""
    with platform(1.0, calibration_interval_s=4.0, calibration_length_s=1.0) as runtime:
        _, back, long = meet(runtime)
        assert long.done()
        assert long.metadata()["epoch"] == 0 < back.metadata()["epoch"]
        assert not any(isinstance(c, cmd.YieldQuantum) for _, _, commands in log_of(runtime) for c in commands)
        sound(runtime)


def test_edges_are_told_while_nobody_waits_too() -> None:
    with platform(1.0) as runtime:
        single = qloop.Session("single", runtime=runtime, shots=SHOTS)
        single.objective(circuit(), ENERGY).submit(START).result()
        edges = [now for now, event, _ in log_of(runtime) if isinstance(event, ev.ChunkEnded)]
        assert len(edges) == 10
        sound(runtime)


def test_under_a_real_clock() -> None:
    with qloop.Runtime(qpus=(twin(),), policy="efaas", policy_settings={"chunk_s": 1.0, "phi": 0.0}, clock=5.0,
                       journal=":memory:", trace=True) as runtime:
        loop = qloop.Session("loop", runtime=runtime, shots=100)
        single = qloop.Session("single", runtime=runtime, shots=SHOTS)
        loop.objective(circuit(), ENERGY).submit(START).result()
        long = single.objective(circuit(), ENERGY).submit(START)
        back = loop.objective(circuit(), ENERGY).submit([0.1, 0.2])
        back.result()
        assert not long.done()
        long.result()
        runtime.core.ask(at_rest)
        ends = [e.paused for e in runtime.trace().events if isinstance(e, tr.QpuEnd) and e.task == long.id]
        assert ends == [True, False]
