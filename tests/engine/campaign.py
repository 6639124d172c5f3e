"""Long random runs of the hostile world; as a program it prints a hash of all that the engine said and became.

    python -m tests.engine.campaign POLICY SEED STEPS
"""

from __future__ import annotations

import hashlib
import sys

import numpy as np

from qloop.policies.catalog import builtin

from .snapshot import digest
from .world import World

# action: its weight, its number of arguments
ACTIONS = {
    "wait": (14, 0), "set_tenant": (1, 2), "open": (5, 3), "submit": (22, 5), "submit_classical": (8, 4),
    "resubmit": (2, 1), "cancel_task": (4, 1), "cancel_session": (1, 1), "close": (1, 1), "converge": (1, 1),
    "end_quantum": (26, 2), "end_classical": (9, 2), "repeat": (3, 1), "join_qpu": (4, 3), "leave_qpu": (1, 1),
    "calibrate": (2, 2), "calibrated": (3, 1), "join_worker": (3, 2), "leave_worker": (1, 1),
    "operate": (3, 2),
}
WAITS = (0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 0, 1, 1, 9, 41)


def campaign(name: str, seed: int, steps: int) -> World:
    """`steps` random actions under the policy of this name."""
    rng = np.random.Generator(np.random.Philox(key=seed))
    world = World(builtin()[name], seed)
    names, weights = list(ACTIONS), np.array([weight for weight, _ in ACTIONS.values()], float)
    drawn = rng.choice(len(names), steps, p=weights / weights.sum())
    numbers = rng.integers(0, 10_000, (steps, 5)).tolist()
    for k in range(3):
        world.join_qpu(k, k, 0)
    world.open(0, 0, 0)
    for which, arguments in zip(drawn, numbers, strict=True):
        action = names[which]
        if action == "wait":
            world.wait(WAITS[arguments[0] % len(WAITS)])
        else:
            getattr(world, action)(*arguments[:ACTIONS[action][1]])
    return world


def fingerprint(world: World) -> str:
    """A hash of every command and of the final state."""
    return hashlib.sha256((repr(world.answers) + digest(world.engine.state)).encode()).hexdigest()


if __name__ == "__main__":
    print(fingerprint(campaign(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
