"""One seed of the live subset: its reference, and every load under every policy on the same draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from qloop.miniapps.compared.drifted import Drifted, drifted
from qloop.miniapps.compared.numbers import Run, run_of
from qloop.miniapps.compared.play import Company, alone, best_pins
from qloop.miniapps.compared.wish import COLD_START_S, Wish
from qloop.miniapps.demo.cast import background_problems
from qloop.miniapps.demo.workload import Workload, draw
from qloop.qpus.protocol import LocalQpu
from qloop.trace.reader import Trace

REFERENCE = "frozen"
Make = Callable[[str, Sequence[LocalQpu], int], AbstractContextManager[Any]]
"""Opens a platform (see `qloop.miniapps.demo.run.Platform`) under a policy, with QPUs and a seed."""


def performed(wish: Wish, seed: int, drifting: Sequence[LocalQpu], frozen: Sequence[LocalQpu], make: Make,
              price: float) -> Iterator[Run]:
    """Every run of a seed, the reference first; `InvalidInput` if the loops alone exceed a load."""
    loads = {load: _workload(wish, seed, load, drifting) for load in wish.loads}
    first = loads[wish.loads[0]]
    reference = _reference(first, frozen, make, seed)
    yield run_of(reference, reference, seed=seed, load=0.0, policy=REFERENCE, price=price, cold_start_s=0.0,
                 drift=Drifted(0.0, 0.0))
    for load, workload in loads.items():
        for policy in wish.policies:
            cold = COLD_START_S.get(policy, 0.0)
            with make(policy, drifting, seed) as platform:
                trace = Company(platform, workload, cold_start_s=cold).run()
            yield run_of(trace, reference, seed=seed, load=load, policy=policy, price=price, cold_start_s=cold,
                         drift=drifted(trace, workload, drifting, frozen))


def _workload(wish: Wish, seed: int, load: float, qpus: Sequence[LocalQpu]) -> Workload:
    return draw(wish.roles(), background_problems(), qpus, seed=seed, load=load, horizon_s=wish.horizon_s)


def _reference(workload: Workload, frozen: Sequence[LocalQpu], make: Make, seed: int) -> Trace:
    """The same loops without background on frozen QPUs, each on the one that does best with its circuit."""
    with make("fifo", frozen, seed) as platform:
        return Company(platform, alone(workload), pins=best_pins(workload, frozen)).run()
