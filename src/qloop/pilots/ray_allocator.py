"""Allocations from Ray: each is an actor that runs an agent, in a Ray of our own or in one that exists.

Lives in the engine process, so whatever Ray the user's program uses is not met. `ray stop` is never called: it would
end every Ray of the machine.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import secrets
from typing import Any, Final

from qloop.errors import MissingExtra, QloopError
from qloop.pilots import in_allocation
from qloop.pilots.allocator import Allotment, Gone, Invitation, command

_STORE_BYTES: Final = 100_000_000       # of shared memory for objects, which we do not use; Ray wants some
# No telemetry, and no worker processes before they are needed.
_ENVIRONMENT: Final = (("RAY_USAGE_STATS_ENABLED", "0"), ("RAY_prestart_worker_first_driver", "0"),
                       ("RAY_enable_worker_prestart", "0"), ("RAY_DEDUP_LOGS", "0"))

class RayAllocator:
    """`settings`: `address` of a cluster ("": a Ray of our own), and how many `cpus` our own has."""

    period_s = 0.2

    def __init__(self, invitation: Invitation, allotment: Allotment, settings: dict[str, Any]) -> None:
        os.environ.update(_ENVIRONMENT)
        if not settings["address"]:
            # Nobody else joins a Ray of our own, and no token is left in the user's home.
            os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError as error:
            raise MissingExtra("A Ray pilot", "ray") from error
        self._invitation, self._allotment = invitation, allotment
        self._folder = settings["folder"]
        self._address = settings["address"]
        self._init(settings["cpus"])
        self._actor = self._ray.remote(_Allocation)
        self._held: dict[str, tuple[Any, Any]] = {}

    def acquire(self, name: str) -> None:
        """An actor that takes these cores and GPUs of Ray; it waits until Ray has them."""
        asked = self._allotment
        memory = {"memory": asked.memory_bytes} if asked.memory_bytes and self._address else {}
        actor = self._actor.options(num_cpus=asked.cores, num_gpus=asked.gpus, max_restarts=0, **memory).remote()
        self._held[name] = actor, actor.run.remote(command(self._invitation, asked, name), self._invitation.token)

    def release(self, name: str) -> None:
        """Its agent was told to end; the actor ends with it."""
        held = self._held.pop(name, None)
        if held is not None:
            self._ray.kill(held[0])

    def poll(self) -> list[Gone]:
        """Actors whose agent has ended, and those that were lost."""
        if not self._held:
            return []
        names = {result: name for name, (_, result) in self._held.items()}
        ended, _ = self._ray.wait(list(names), num_returns=len(names), timeout=0)
        told = [Gone(names[result], self._reason(result)) for result in ended]
        for gone in told:
            actor, _ = self._held.pop(gone.name)
            self._ray.kill(actor)
        return told

    def close(self) -> None:
        """End our actors; a Ray of our own ends with its driver."""
        for actor, _ in self._held.values():
            with contextlib.suppress(Exception):    # it may be dead, and so may Ray
                self._ray.kill(actor)
        self._ray.shutdown()

    def _init(self, cpus: int) -> None:
        asked = self._allotment
        own = {"address": "local", "num_cpus": cpus, "_temp_dir": self._folder, "include_dashboard": False,
               "object_store_memory": _STORE_BYTES}
        # Ray finds the machine's GPUs itself; without a wish for any it need not look.
        own |= {} if asked.gpus else {"num_gpus": 0}
        where = {"address": self._address} if self._address else own
        try:
            self._ray.init(**where, namespace=f"qloop-{secrets.token_hex(8)}", log_to_driver=False,
                           logging_level="error")
        except (ConnectionError, OSError, ValueError, RuntimeError) as error:
            raise QloopError(f"There is no Ray at {self._address!r}" if self._address else "Ray cannot be started",
                             str(error).strip()[:1000],
                             "Give the address of its head node, or none for a Ray of its own; if that cluster asks "
                             "for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN") from error

    def _reason(self, result: Any) -> str:
        try:
            return str(self._ray.get(result))
        except Exception as error:
            return f"its Ray actor was lost: {' '.join(str(error).split())[:500]}"


class _Allocation:
    """The actor: one allocation on one node of Ray."""

    def run(self, words: list[str], token: str) -> str:
        """Run the agent until its end."""
        return in_allocation.run_agent(words, token)
