"""The paper's kernel compiled for one policy."""

from __future__ import annotations

import functools
from typing import Any

from qloop.policies.place import least_wait
from qloop.policies.record import Policy
from qloop.simulator.paper import dispatch, platform_kernel
from qloop.simulator.soundness import watched
from qloop.simulator.specialise import Specialiser

INLINED = ("qloop.simulator.paper.", "qloop.policies.")
SELDOM = frozenset({"arrive", "dispatch", "from_behind", "fill"})


def substitutes(policy: Policy) -> dict[str, Any]:
    """What takes the place of the names in `dispatch` under this policy."""
    return {
        "enter": policy.enter, "pick": policy.pick, "start": policy.start, "finish": policy.finish,
        "scan": policy.scan or policy.pick, "CLASSES": policy.classes, "ENTER_DRAWS": policy.enter_draws,
        "PICK_DRAWS": policy.pick_draws,
    }


def specialiser(policy: Policy) -> Specialiser:
    """What compiles the paper's kernel for a policy."""
    return Specialiser(substitutes(policy), dispatch.__name__, INLINED, SELDOM)


def kernel_for(policy: Policy) -> Any:
    """The compiled `simulate` for the functions of a policy; its settings and name do not matter."""
    return _compiled(policy.enter, policy.pick, policy.start, policy.finish, policy.scan, policy.classes,
                     policy.enter_draws, policy.pick_draws)


@functools.cache
def _compiled(enter: Any, pick: Any, start: Any, finish: Any, scan: Any, classes: int, enter_draws: bool,
              pick_draws: bool) -> Any:
    policy = Policy("", enter, pick, start, finish, least_wait, scan, classes, True, enter_draws, pick_draws)
    return specialiser(watched(policy)).kernel(platform_kernel.simulate)


def fingerprint(policy: Policy) -> str | None:
    """A name for everything that the policy's kernel is made from; None if that cannot be told."""
    return specialiser(policy).fingerprint(platform_kernel.simulate)
