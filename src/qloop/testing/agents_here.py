"""A pilot whose agents are plain processes of this machine: all that a hub, an agent and an allocator do, without an
engine. For tests of these, and as the shortest example of an allocator.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, ClassVar

from qloop.pilots.agent_pilot import AgentPilot
from qloop.pilots.allocator import Allotment, Gone, Invitation, command, environment


class HereAllocator:
    """Each allocation is one agent, a child of the engine process. `settings`: `more` options of the agent."""

    period_s = 0.1

    def __init__(self, invitation: Invitation, allotment: Allotment, settings: dict[str, Any]) -> None:
        self._invitation, self._allotment, self._more = invitation, allotment, settings.get("more", [])
        self._agents: dict[str, subprocess.Popen[bytes]] = {}
        self._folder = settings["folder"]

    def acquire(self, name: str) -> None:
        """Start an agent."""
        with self._log(name).open("wb") as log:
            self._agents[name] = subprocess.Popen(
                command(self._invitation, self._allotment, name, *self._more), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=environment(self._invitation))

    def release(self, name: str) -> None:
        """End it, if it has not ended by itself."""
        agent = self._agents.pop(name, None)
        if agent is not None:
            agent.terminate()
            agent.wait()

    def poll(self) -> list[Gone]:
        """The agents that have ended, with their last words."""
        ended = [name for name, agent in self._agents.items() if agent.poll() is not None]
        return [Gone(name, f"its agent ended with exit status {self._agents.pop(name).returncode}: "
                           f"{self._log(name).read_text()[-500:].strip()}") for name in ended]

    def close(self) -> None:
        """End them all."""
        for agent in self._agents.values():
            agent.terminate()
        for agent in self._agents.values():
            agent.wait()

    def _log(self, name: str) -> Path:
        return Path(self._folder, name)


class HerePilot(AgentPilot):
    """Agents on this machine, `cores` for each."""

    kind: ClassVar[str] = "here"

    def __init__(self, name: str = "here", *, cores: int = 2, most_nodes: int = 4, **how: Any) -> None:
        allotment = Allotment(cores=cores, workers=how.pop("workers", 0), walltime_s=how.pop("walltime_s", 0.0))
        super().__init__(name, allocator="qloop.testing.agents_here:HereAllocator",
                         settings={"more": how.pop("more", [])}, allotment=allotment, most_nodes=most_nodes, **how)
