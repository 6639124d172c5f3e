"""The demo's workload on real twins: replayed under its policy it is the same run, and under another one the other."""

from __future__ import annotations

from functools import cache

import pytest

from qloop.cli.demo import QPUS
from qloop.miniapps.demo.perform import Nobody, Wish, played, prepared
from qloop.qpus.catalog import open_qpu
from qloop.qpus.exact import ExactQpu
from qloop.runtime.embedded import Runtime
from qloop.simulator.replay.replay import replay
from qloop.trace.metrics.summary import summary
from qloop.trace.reader import Trace

QUICK, ALL = ("fifo", "efaas"), ("fifo", "efaas", "sjf", "reservation")


@cache
def demo(policies: tuple[str, ...], horizon_s: float, loops: int) -> dict[str, Trace]:
    """The demo's traces under these policies."""
    wish = Wish(policies=policies[:4], horizon_s=horizon_s, loops=loops, load=0.85)
    qpus = [open_qpu(name, seed=0, exact=ExactQpu("noise-free", simulators=("qulacs",))) for name in QPUS]
    workload = prepared(wish, qpus, Nobody())
    found = {}
    for policy in policies:
        with Runtime(qpus=qpus, policy=policy, clock="virtual", journal=":memory:", trace=True, run="demo") as platform:
            found[policy] = played(platform, workload, policy, Nobody())
    return found


def starts(trace: Trace) -> list[tuple[int, str, int, str]]:
    """Every start. A task's name holds its angles, which follow from energies, and so from where it ran: left out."""
    return sorted((a.begin, a.task.session, a.task.iteration, a.begun.qpu) for a in trace.index.attempts)


def agree(traces: dict[str, Trace]) -> int:
    """Each trace replayed under each policy, wherever no time had to be estimated, is the run that really was.

    Returns how many runs were predicted from a trace of another policy.
    """
    predicted = 0
    for name, trace in traces.items():
        own = replay(trace)
        assert own.exact
        assert summary(own.trace).ttns == summary(trace).ttns
        for other, really in traces.items():
            found = replay(trace, other)
            if found.guessed == 0:
                predicted += name != other
                assert starts(found.trace) == starts(really), (name, other)
    return predicted


def test_what_the_demo_would_have_been_is_what_it_is() -> None:
    agree(demo(QUICK, 400.0, 2))


@pytest.mark.ci
def test_the_same_under_every_policy() -> None:
    assert agree(demo(ALL, 2400.0, 6)) >= 2
