"""Running the replay's loop: as plain Python, or compiled where a recording is large enough to be worth it."""

from __future__ import annotations

from typing import Any, NamedTuple

from qloop.policies.record import Policy
from qloop.policies.session import quiet_until
from qloop.policies.switching import never
from qloop.simulator.compile import CompiledPolicy, Compiler
from qloop.simulator.replay.kernel import simulate
from qloop.simulator.replay.memory import remember, remember_plainly
from qloop.simulator.replay.work import Work, as_arrays, tables
from qloop.simulator.soundness import told, watched

Log = list[tuple[int, int, int, int, int]]
WORTH_COMPILING = 100_000
"""Tasks (over all policies) from which compiling, which takes about 20 s, pays for itself."""


class Host(NamedTuple):
    """What runs a policy over a piece of work; `compiler` None: plain Python."""

    compiler: Compiler | None = None

    def run(self, policy: Policy, work: Work, *, seed: int, workers: int) -> Log:
        """The log of (ns, kind, task or session, QPU, further number) of `work` under `policy`."""
        world, own = tables(work, policy, workers), watched(policy)
        with told(policy.name):
            if self.compiler is None:
                log: Any = simulate(plain(own), work.plain(), world, seed, remember_plainly)
                return list(log)
            compiler = self.compiler
            log = compiler.compile(simulate)(compiler.policy(own), work, as_arrays(world), seed,
                                             compiler.compile(remember))
            return list(log)


def plain(policy: Policy) -> CompiledPolicy:
    """The policy's functions as they are."""
    return CompiledPolicy(policy.enter, policy.pick, policy.start, policy.finish, policy.place,
                          policy.scan or policy.pick, policy.classes, policy.shared, policy.enter_draws,
                          policy.pick_draws, policy.quiet_until or quiet_until, policy.quiet_until is not None,
                          policy.stateless, policy.switch or never, policy.pause, policy.switch is not None)


def host_for(tasks: int, policies: int, compiled: bool | None = None) -> Host:
    """The host for so many tasks under so many policies; `compiled` None chooses, and needs Numba for nothing."""
    if compiled is None:
        compiled = tasks * policies >= WORTH_COMPILING and _has_numba()
    return Host(Compiler()) if compiled else Host()


def _has_numba() -> bool:
    from importlib.util import find_spec

    return find_spec("numba") is not None
