"""The Dask pilot: workers in allocations that Dask gives, in a cluster of its own or in one that exists."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, ClassVar

from qloop.errors import InvalidInput, MissingExtra
from qloop.pilots import arguments
from qloop.pilots.agent_pilot import AgentPilot
from qloop.pilots.allocator import Allotment
from qloop.pilots.reach import towards
from qloop.pilots.spec import PilotSpec


class DaskPilot(AgentPilot):
    """Agents that run as Dask tasks, `most_nodes` at a time.

    Each has `cores`, `memory_bytes` and `gpus`, and brings up `workers` at most (0: one for each core). Without an
    `address` it starts a Dask cluster on this machine, on loopback, and ends it with the pilot; with the address of a
    scheduler (`tcp://host:8786`) it connects and stops nothing there. In a cluster that exists each agent takes one
    thread of a Dask worker and these `resources`, so give each Dask worker as many threads as agents may share it.
    Further arguments are those of `AgentPilot`. Its hub listens where the Dask workers reach it, off loopback with TLS.
    """

    kind: ClassVar[str] = "dask"

    def __init__(self, name: str = "dask", *, address: str = "", cores: int = 1, memory_bytes: int = 0, gpus: int = 0,
                 workers: int = 0, most_nodes: int = 16, walltime_s: float = 0.0,
                 resources: Mapping[str, float] | None = None, **how: Any) -> None:
        if find_spec("distributed") is None:
            raise MissingExtra("A Dask pilot", "dask")
        if not isinstance(address, str) or (address and ":" not in address):
            raise InvalidInput(f"{address!r} is not the address of a Dask scheduler", "",
                               "Give one such as tcp://host:8786, or none for a cluster of its own")
        allotment = Allotment(cores=cores, memory_bytes=memory_bytes, gpus=gpus, workers=workers, walltime_s=walltime_s)
        taken = {str(key): float(value) for key, value in (resources or {}).items()}
        settings = {"address": address, "resources": taken}
        super().__init__(name, allocator="qloop.pilots.dask_allocator:DaskAllocator", settings=settings,
                         allotment=allotment, most_nodes=most_nodes, **towards(address) | how)


def open_pilot(spec: PilotSpec) -> DaskPilot:
    """The pilot that a user wishes; `InvalidInput` for what there is not, or cannot be."""
    given = arguments.options(spec.kind, spec.options, ("resources", "host", "port", "advertise", "mpi"))
    if spec.environments:
        given["environments"] = spec.environments
    return DaskPilot(spec.label, address=spec.address, cores=spec.node.cores, memory_bytes=spec.memory_bytes,
                     gpus=spec.gpus, workers=spec.on_node, most_nodes=-(-spec.most // spec.on_node),
                     walltime_s=spec.walltime_s, **given)
