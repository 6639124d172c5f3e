"""An idle QPU looks behind the heads of other lanes; a loop stays where it is warm as long as that pays."""

from __future__ import annotations

from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.policies.catalog import policy

from .bench import Bench, starts

STRICT = policy("efaas", lambda_epoch=10.0, hysteresis=2.0)


def test_an_idle_qpu_takes_what_stands_behind_a_head_that_is_too_wide_for_it() -> None:
    bench = Bench(qpus=(9, 4))
    bench.submit("a", width=9, estimate=5.0)
    bench.submit("b", estimate=9.0)
    bench.submit("wide", width=9, estimate=1.0)
    bench.submit("small", estimate=1.0)
    assert [bench.explain(task).position for task in ("wide", "small")] == [1, 2]
    assert starts(bench.end("b", at=1.0)) == [("small", 1, "u1")]


def test_an_idle_qpu_takes_what_its_own_would_only_run_after_the_window() -> None:
    bench = Bench(qpus=())
    bench.send(ev.QpuJoined("u0", 9, 0.0, 0, 4 * SECOND, 100 * SECOND))
    bench.submit("long", estimate=6.0)
    bench.send(ev.QpuJoined("u1", 9), at=1.0)
    assert bench.state.qpus[1].running is not None


def test_a_loop_leaves_its_warm_qpu_only_if_it_saves_more_than_the_hysteresis() -> None:
    """Staying costs the residual, moving 1.5 s of cold caches and 10 s for the epoch; 2 s or 10 % must be saved."""
    for residual, moves in ((13.0, False), (14.0, True)):
        bench = Bench(STRICT, qpus=())
        for name in ("u0", "u1"):
            bench.send(ev.QpuJoined(name, 9, cold_s=1.5))
        bench.submit("a")
        bench.end("a", at=1.0)
        bench.submit("b", estimate=residual)
        assert (starts(bench.submit("c")) != []) == moves


def test_behind_a_long_line_a_warm_loop_moves_to_the_idle_qpu() -> None:
    """The head stays, for the QPU is free in a second; the fifth would wait for 17 s there, and goes."""
    bench = Bench(STRICT, qpus=())
    for name in ("u0", "u1"):
        bench.send(ev.QpuJoined(name, 9, cold_s=1.5))
    bench.submit("a")
    bench.end("a", at=1.0)
    bench.submit("b", estimate=1.0)
    begun = [bench.submit(f"{k}", estimate=4.0) for k in range(5)]
    assert [starts(commands) for commands in begun] == [[], [], [], [], [("4", 1, "u1")]]


def test_a_new_epoch_frees_a_loop_from_its_qpu() -> None:
    bench = Bench("efaas", qpus=(9, 9))
    bench.submit("a")
    bench.end("a", at=1.0)
    bench.send(ev.CalibrationDue("u0", 30 * SECOND))
    assert starts(bench.submit("b", at=2.0)) == [("b", 1, "u1")], "30 s of calibration cost more than moving"
    bench.send(ev.CalibrationEnded("u0", 1), at=31.0)
    bench.end("b", at=32.0)
    assert starts(bench.submit("c")) == [("c", 1, "u1")]
