"""Transfer and overhead: exactly the times that the scenario says, and in nobody's way."""

from __future__ import annotations

import numpy as np

from qloop.simulator.platform.parts import Transfer
from qloop.simulator.platform.result import DELAYED
from qloop.simulator.workload.distributions import Exponential, Geometric

from .plain import compiled, plain
from .stage import SECOND, everything, ns, qpu, sessions, small

TRANSFER = Transfer(submit_s=2.0, up_s=0.25, down_s=0.5)


def test_a_session_alone_takes_its_work_and_its_transfers() -> None:
    """2 s before all, and 7 times .25 s + 2 s shot + .5 s back + 1 s thinking."""
    found = plain(small(0.0, sessions=sessions(iterations=7, quantum=2.0, classical=1.0), transfer=TRANSFER))
    assert found.left_ns.tolist() == [ns(2.0 + 7 * (0.25 + 2.0 + 0.5 + 1.0))]
    assert found.delayed_ns.tolist() == [ns(2.0 + 7 * 0.75)]
    assert found.gap_ns.tolist() == [ns(6 * (0.5 + 1.0 + 0.25))]


def test_without_contention_every_session_takes_longer_by_its_own_transfers() -> None:
    model = sessions(Geometric(5.0), Exponential(1.0), Exponential(1.0), redraw="iteration")
    runs = [compiled(everything(sessions=model, qpus=(qpu(count=60),), transfer=transfer, duration_s=2000.0))
            for transfer in (Transfer(), TRANSFER)]
    bare, moved = (np.where(run.outcome == 1, run.left_ns - run.arrival_ns, -1) for run in runs)
    both = (bare >= 0) & (moved >= 0)
    assert both.sum() > 1500
    assert not any(run.waited_ns.any() for run in runs)
    assert np.array_equal((moved - bare)[both], (ns(2.0) + runs[0].iterations * ns(0.75))[both])


def test_transfers_occupy_neither_workers_nor_qpus() -> None:
    """Ten sessions at once are all in transfer together: one QPU serves them without a gap."""
    found = plain(small(*[0.0] * 10, transfer=Transfer(submit_s=100.0, up_s=10.0)))
    assert found.left_ns.tolist() == [ns(111.0 + k) for k in range(10)]
    assert found.areas[1, DELAYED] == 10 * 110 * SECOND
