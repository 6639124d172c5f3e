"""Caches of a QPU: what is compiled once, what is loaded again, and the time it takes."""

from __future__ import annotations

import pytest

from qloop.simulator.platform.parts import QpuKind
from qloop.simulator.platform.result import COLD, EXECUTED
from qloop.simulator.workload.distributions import Exponential

from .plain import compiled, plain
from .stage import everything, ns, qpu, sessions, small, starts


def test_a_session_compiles_once_on_each_qpu_that_it_visits() -> None:
    found = plain(small(*[0.0] * 3, sessions=sessions(iterations=4), qpus=(QpuKind(count=2, compile_s=7.0),)))
    visits = {(session, q) for _, session, q in starts(found)}
    assert len(visits) > 3
    for session in range(3):
        assert found.cold_ns[session] == ns(7.0) * sum(one == session for one, _ in visits)


def test_on_one_qpu_compiling_costs_every_session_the_same_once() -> None:
    found = compiled(everything(qpus=(qpu(compile_s=3.0),), duration_s=20_000.0,
                                sessions=sessions(iterations=10, quantum=Exponential(0.05), classical=2.0)))
    begun = found.steps > 0
    assert begun.sum() > 1000
    assert (found.cold_ns[begun] == ns(3.0)).all()


@pytest.mark.parametrize(("capacity", "misses"), [(2, 15), (3, 3), (4, 3), (0, 3)])
def test_round_robin_hits_always_or_never(capacity: int, misses: int) -> None:
    """Three loops in turn, five shots each: with room for three all but the first hit, with room for two none does.

    A capacity of 0 is unlimited.
    """
    kinds = (QpuKind(load_s=0.5, cache=capacity, warm_s=1e6),)
    found = plain(small(0.0, 0.0, 0.0, sessions=sessions(iterations=5), qpus=kinds))
    assert [session for _, session, _ in starts(found)] == [0, 1, 2] * 5
    assert found.cold_ns.sum() == misses * ns(0.5)
    assert found.qpus[0, COLD] == misses * ns(0.5)
    assert found.qpus[0, EXECUTED] == 15 * ns(1.0)


@pytest.mark.parametrize("cache", [0, 8])
@pytest.mark.parametrize(("warm_s", "loads"), [(9.0, 4), (10.0, 1)])
def test_what_is_unused_for_longer_than_its_ttl_is_loaded_again(cache: int, warm_s: float, loads: int) -> None:
    """10 s of thinking between shots; a TTL is counted from the end of the last one."""
    kinds = (QpuKind(load_s=0.5, cache=cache, warm_s=warm_s),)
    found = plain(small(0.0, sessions=sessions(iterations=4, classical=10.0), qpus=kinds))
    assert found.cold_ns.tolist() == [loads * ns(0.5)]


@pytest.mark.parametrize("cache", [0, 8])
def test_a_new_calibration_epoch_empties_the_cache_and_keeps_what_was_compiled(cache: int) -> None:
    """Shots of 1 s every 11 s; windows of 5 s begin at 30 and 65 s: three loads, and one compilation."""
    kinds = (QpuKind(compile_s=2.0, load_s=0.5, cache=cache, warm_s=1e6, calibrate_every_s=30.0, calibration_s=5.0),)
    found = plain(small(0.0, sessions=sessions(iterations=7, classical=10.0), qpus=kinds, duration_s=90.0))
    assert found.epochs.tolist() == [2]
    assert found.cold_ns.tolist() == [ns(2.0 + 3 * 0.5)]


def test_cold_time_is_time_on_the_qpu() -> None:
    kinds = (QpuKind(compile_s=2.0, load_s=0.5),)
    found = plain(small(0.0, 0.0, qpus=kinds))
    assert found.left_ns.tolist() == [ns(3.5), ns(7.0)]
    assert found.served_ns.tolist() == [ns(3.5), ns(3.5)]
    assert found.waited_ns.tolist() == [0, ns(3.5)]


def test_compiled_on_more_qpus_than_can_be_remembered_is_refused() -> None:
    from qloop.errors import InvalidInput

    with pytest.raises(InvalidInput, match="63 QPUs on which circuits are compiled"):
        plain(small(0.0, qpus=(QpuKind(count=63, compile_s=1.0),)))
