"""What pilots of all engines have in common: agents in allocations, led through a hub.

A pilot of this kind is a description of what to acquire, and the name of an allocator that acquires it. No thread of
its own: whoever polls does the reading and the writing, under one lock.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Final, Self

from qloop.errors import InvalidInput
from qloop.model.needs import ONE_CORE, Share
from qloop.model.states import Outcome
from qloop.pilots import arguments, messages
from qloop.pilots.allocator import Allotment, Invitation
from qloop.pilots.ear import Ear
from qloop.pilots.engine_handle import EngineHandle, Failed, News
from qloop.pilots.fleet import Fleet
from qloop.pilots.hub import BEAT_S, PATIENCE_S, SILENCE_S, Hub
from qloop.pilots.protocol import MOST_WORKERS, Ended, PilotEvent
from qloop.pilots.supply import RETURN_S, Supply

_ENVIRONMENTS: Final[Mapping[str, Sequence[str]]] = MappingProxyType({"": ("numpy",)})
_TOKEN_S: Final = 30 * 86_400.0     # an allocation may wait in a queue for long
_GOODBYE_S: Final = 5.0             # for agents to end their workers, before their engine ends them


class AgentPilot:
    """A pilot whose workers are led by agents.

    `allocator`: `module:Class` of a `qloop.pilots.allocator.Allocator`, with `settings` of plain data; `allotment`:
    what each allocation gives; `most_nodes` at a time. The hub listens on `host` and `port` (with TLS unless it is
    loopback), and agents dial `advertise` if that is another name. `environments` as for `LocalPilot`; `mpi`: how ranks
    are started; `token_s`: how long agents may join (0: for ever); an agent that is silent for `silence_s` is lost, and
    may come back within `return_s` if its engine runs its allocation anew.
    """

    kind: ClassVar[str] = "agents"

    def __init__(self, name: str, *, allocator: str, settings: Mapping[str, Any], allotment: Allotment, most_nodes: int,
                 host: str = "127.0.0.1", port: int = 0, advertise: str = "",
                 environments: Mapping[str, Sequence[str]] = _ENVIRONMENTS, mpi: str = "mpiexec",
                 token_s: float = _TOKEN_S, silence_s: float = SILENCE_S, return_s: float = RETURN_S) -> None:
        self.name = arguments.pilot_name(name)
        self._allotment = arguments.allotment(allotment, most_nodes)
        self._most = most_nodes * (allotment.workers or allotment.cores) or MOST_WORKERS
        self._allocator, self._settings = allocator, dict(settings)
        self._listen_at, self._times = (host, port, advertise), (token_s, arguments.silence_s(silence_s))
        self._lock, self._polling = threading.RLock(), threading.Lock()
        self._ear = Ear(self._lock)
        self._engine = EngineHandle(self._ear.selector, self._hear)
        self._supply = Supply(self.name, self._engine, allotment, most_nodes // allotment.nodes, return_s)
        self._fleet = Fleet(self.name, self._supply, messages.Welcome(
            "", arguments.environments(environments), tuple(map(str, sys.path)), str(Path.cwd()), mpi,
            min(BEAT_S, silence_s / 5), PATIENCE_S))
        self._hub: Hub | None = None
        self._started = self._stopped = False
        self._settle_at = 0.0

    def start(self, size: int) -> None:
        """Bring up `size` workers (0: none yet); see `Pilot.start`."""
        with self._lock:
            arguments.size(size, 0, min(self._most, MOST_WORKERS))
            if self._started or self._stopped:
                raise InvalidInput(f"The pilot {self.name!r} was started before", "", "Make a new one")
            self._hub = self._fleet.hub = Hub(self._ear.selector, self._fleet, *self._listen_at, *self._times)
            invitation = Invitation(self._hub.address, self._hub.credential.text(), sys.executable)
            self._engine.open(self._allocator, invitation, self._allotment, self._settings)
            self._started = True
            self._supply.target = size
            self._fleet.settle()

    def grow(self, count: int) -> None:
        """Bring up `count` more workers; see `Pilot.grow`. `PilotError` if the engine gives no more."""
        with self._lock:
            arguments.growth(count, self._supply.target, min(self._most, MOST_WORKERS))
            if not self._started or self._stopped:
                raise InvalidInput(f"The pilot {self.name!r} cannot grow", "it was not started, or it was stopped")
            if failure := self._supply.failure(()) if not self._fleet.agents else None:
                raise failure
            self._supply.target += count
            self._fleet.settle()
            self.wake()

    def release(self, worker: str) -> None:
        """Let this worker go for good; see `Pilot.release`."""
        with self._lock:
            self._fleet.release(worker)

    def run(self, worker: str, task: str, attempt: int, payload: bytes, *, environment: str = "",
            limit_s: float = 0.0, share: Share = ONE_CORE) -> None:
        """Run a payload on this worker; see `Pilot.run`."""
        arguments.payload(payload)
        arguments.deadline_ns(limit_s)
        arguments.share(share)
        with self._lock:
            if worker not in self._fleet.workers:
                self._fleet.events.append(Ended(worker, task, attempt, Outcome.LOST, error="the worker has left"))
                self.wake()
                return
            self._fleet.run(messages.Run(worker, task, attempt, environment, limit_s, share), payload)

    def answer(self, worker: str, task: str, attempt: int, number: int, data: bytes) -> None:
        """Answer a question of this attempt; see `Pilot.answer`."""
        arguments.payload(data)
        with self._lock:
            agent = self._fleet.runs(worker, task, attempt)
            if agent is not None:
                self._fleet.send(agent, messages.Answer(worker, task, attempt, number), data)

    def abort(self, worker: str, task: str, attempt: int) -> None:
        """Kill this attempt if that worker runs it now; see `Pilot.abort`."""
        with self._lock:
            agent = self._fleet.runs(worker, task, attempt)
            if agent is not None:
                self._fleet.send(agent, messages.Abort(worker, task, attempt))

    def poll(self, timeout: float) -> list[PilotEvent]:
        """What happened since the last call; see `Pilot.poll`."""
        with self._polling:
            until = time.monotonic() + timeout
            while self._silent() and not self._listen(until) and time.monotonic() < until:
                pass
        with self._lock:
            events, self._fleet.events = self._fleet.events, []
            failure = None if self._stopped else self._supply.failure(self._fleet.agents)
            if not events and failure is not None:
                raise failure
            return events

    def wake(self) -> None:
        """Let a `poll` that waits, or the next one, return at once."""
        self._ear.wake()

    def fileno(self) -> int:
        """Readable when `poll` has something to do; call it every second all the same. -1 after `stop`."""
        return self._ear.fileno()

    def stop(self) -> None:
        """End every process this pilot started; see `Pilot.stop`."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
            self.wake()
        with self._polling:
            with self._lock:
                self._supply.target = 0
                for agent in self._fleet.agents.values():
                    agent.dismissed = agent.closing = True
                    self._fleet.send(agent, messages.End("the pilot was stopped"))
            until = time.monotonic() + _GOODBYE_S
            while self._fleet.agents and time.monotonic() < until:
                self._listen(until)
            with self._lock:
                if self._hub is not None:
                    self._hub.close()
            self._engine.close()
            with self._lock:
                self._ear.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.stop()

    def _silent(self) -> bool:
        """Whether there is nothing to tell yet, but may be."""
        return not (self._stopped or self._fleet.events or self._supply.failure(self._fleet.agents))

    def _listen(self, until: float) -> bool:
        """Wait for something to read or write, and do it; True if somebody called `wake`."""
        woken = self._ear.listen(min(until, time.monotonic() + BEAT_S / 2))
        with self._lock:
            if self._hub is not None:
                self._hub.tend()
            if not self._stopped and time.monotonic() >= self._settle_at:
                self._settle_at = time.monotonic() + BEAT_S / 2
                self._fleet.settle()
        return woken

    def _hear(self, news: News) -> None:
        """The engine process says something."""
        if isinstance(news, Failed):
            self._supply.fail(news.reason)
        else:
            self._supply.gone(news.gone)
            self._fleet.drop(news.gone)
        if not self._stopped:
            self._fleet.settle()
