"""The kernel as plain Python: for small cases, which need no compilation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from qloop.policies.record import Policy
from qloop.simulator.platform import kernel, world
from qloop.simulator.platform.compiled import Effects, substitutes
from qloop.simulator.platform.result import Replication
from qloop.simulator.platform.run import replicate
from qloop.simulator.scenario import Scenario
from qloop.simulator.specialise import Specialiser


class Uncompiled(Specialiser):
    """Puts a scenario's values in the place of the names of `features`, and leaves the functions as they are."""

    def compile(self, function: Callable[..., Any], signature: Any = None) -> Any:
        if function not in self.done:
            self.done[function] = self.rebuild(function)
        return self.done[function]


def as_python(policy: Policy, effects: Effects) -> Callable[..., Any]:
    """The kernel for this policy and these effects, not compiled."""
    names = substitutes(policy, effects)
    return Uncompiled(names, "qloop.simulator.platform.", (), frozenset()).rebuild(kernel.simulate)


def plain(scenario: Scenario, number: int = 0, *, log: int = 10_000) -> Replication:
    """A replication by the kernel as plain Python, with its log."""
    loop = as_python(scenario.order(), world.effects(scenario))
    with np.errstate(over="ignore"):       # the draws' integers wrap around, as in compiled code
        return balanced(replicate(scenario, number, log=log, loop=loop))


def compiled(scenario: Scenario, number: int = 0, *, log: int = 0) -> Replication:
    """A replication by the compiled kernel."""
    return balanced(replicate(scenario, number, log=log))


def balanced(found: Replication) -> Replication:
    """The same, once it is certain that no time is lost or invented in it."""
    assert not any(found.imbalance().values()), found.imbalance()
    spans = found.qpus[:, :5].sum(axis=1)
    assert (spans <= found.horizon_ns - found.warm_ns).all()
    return found
