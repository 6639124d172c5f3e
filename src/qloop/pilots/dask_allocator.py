"""Allocations from Dask: each is a Dask task that runs an agent, in a cluster of our own or in one that exists.

Lives in the engine process. If a Dask worker is lost, Dask runs its task again on another one, or on the one that its
nanny starts in its place, and so the agent comes back under the same name.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

from qloop.errors import MissingExtra, QloopError
from qloop.pilots.allocator import Allotment, Gone, Invitation, command
from qloop.pilots.in_allocation import run_agent
from qloop.pilots.machine import gpus

_CONNECT_S: Final = 10.0


class DaskAllocator:
    """`settings`: `address` of a scheduler ("": a cluster of our own), `resources` that each task takes there."""

    period_s = 0.2

    def __init__(self, invitation: Invitation, allotment: Allotment, settings: dict[str, Any]) -> None:
        try:
            self._distributed: Any = importlib.import_module("distributed")
        except ImportError as error:
            raise MissingExtra("A Dask pilot", "dask") from error
        self._invitation, self._allotment = invitation, allotment
        self._address, self._resources = settings["address"], dict(settings["resources"])
        self._folder = settings["folder"]
        self._futures: dict[str, Any] = {}
        self._free_gpus = list(gpus()) if not self._address else []
        self._held_gpus: dict[str, list[str]] = {}
        self._cluster: Any = None if self._address else self._own_cluster()
        self._client = self._connect()

    def acquire(self, name: str) -> None:
        """Submit an agent; in a cluster of our own, with a Dask worker of this name for it."""
        resources = dict(self._resources)
        if self._allotment.gpus:
            resources.setdefault("GPU", self._allotment.gpus)
        if self._cluster is not None:
            self._add_worker(name)
            resources = {name: 1}
        self._futures[name] = self._client.submit(
            run_in_worker, command(self._invitation, self._allotment, name), self._invitation.token,
            key=f"qloop-{name}", pure=False, resources=resources or None)

    def release(self, name: str) -> None:
        """Its agent was told to end; if it has not begun, it never will."""
        future = self._futures.pop(name, None)
        if future is not None:
            future.cancel()
            self._remove_worker(name)

    def poll(self) -> list[Gone]:
        """Tasks that have ended, in whatever way."""
        if self._client.status == "closed":
            raise QloopError("The Dask scheduler is gone")
        ended = [name for name, future in self._futures.items() if future.status not in ("pending", "lost")]
        told = [Gone(name, _reason(self._futures.pop(name))) for name in ended]
        for gone in told:
            self._remove_worker(gone.name)
        return told

    def close(self) -> None:
        """End our tasks, and the cluster if it is ours."""
        if self._client.status == "running" and self._cluster is None:
            self._client.cancel(list(self._futures.values()), force=True)
        self._client.close(timeout=5)
        if self._cluster is not None:
            self._cluster.close(timeout=10)

    def _own_cluster(self) -> Any:
        """On loopback, without a dashboard, with a folder of its own; it has no worker yet."""
        dask: Any = importlib.import_module("dask")
        dask.config.set({"temporary-directory": self._folder, "distributed.worker.profile.enabled": False})
        return self._distributed.LocalCluster(
            n_workers=0, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None,
            local_directory=self._folder, memory_limit=self._allotment.memory_bytes or 0, silence_logs=40)

    def _connect(self) -> Any:
        try:
            return self._distributed.Client(self._cluster or self._address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise QloopError(f"There is no Dask scheduler at {self._address!r}", str(error).strip(),
                             "Give its address, such as tcp://host:8786, or none for a cluster of its own") from error

    def _add_worker(self, name: str) -> None:
        """A Dask worker that takes this one task; it sees the GPUs that no other has."""
        count = self._allotment.gpus
        if count > len(self._free_gpus):
            raise QloopError(f"A Dask cluster on this machine cannot give {count} GPUs more",
                             f"{len(self._free_gpus)} are left")
        taken, self._free_gpus = self._free_gpus[:count], self._free_gpus[count:]
        self._held_gpus[name] = taken
        made = self._cluster.new_spec
        options = {**made["options"], "name": name, "resources": {name: 1},
                   "env": {"CUDA_VISIBLE_DEVICES": ",".join(taken)}}
        self._cluster.worker_spec[name] = {**made, "options": options}
        self._cluster.loop.add_callback(self._cluster._correct_state)

    def _remove_worker(self, name: str) -> None:
        self._free_gpus += self._held_gpus.pop(name, [])
        if self._cluster is not None and name in self._cluster.worker_spec:
            self._cluster.loop.add_callback(self._cluster.scale_down, [name])


def run_in_worker(words: list[str], token: str) -> str:
    """What the Dask task does. Its node has the memory of its Dask worker, if nothing else was said."""
    distributed: Any = importlib.import_module("distributed")
    limit = distributed.get_worker().memory_manager.memory_limit
    if limit and "--memory-bytes" not in words:
        words = [*words, "--memory-bytes", str(int(limit))]
    return run_agent(words, token)


def _reason(future: Any) -> str:
    """How a task that has ended did so."""
    if future.status == "finished":
        return str(future.result())
    if future.status == "error":
        return f"its Dask task failed: {future.exception()}"
    return f"its Dask task was {future.status}"
