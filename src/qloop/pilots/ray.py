"""The Ray pilot: workers in allocations that Ray gives, in a Ray of its own or in one that exists."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, ClassVar

from qloop.errors import InvalidInput, MissingExtra
from qloop.pilots import arguments
from qloop.pilots.agent_pilot import AgentPilot
from qloop.pilots.allocator import Allotment
from qloop.pilots.reach import towards
from qloop.pilots.spec import PilotSpec


class RayPilot(AgentPilot):
    """Agents that run in Ray actors, `most_nodes` at a time.

    Each has `cores` (`num_cpus`), `memory_bytes` and `gpus` (`num_gpus`) of Ray, and brings up `workers` at most (0:
    one for each core). Without an `address` it starts a Ray on this machine that no other program meets, and ends it
    with the pilot; with the address of a cluster (`host:6379`, or `auto` for the one of this machine) it connects and
    stops nothing there. Further arguments are those of `AgentPilot`. Its hub listens where Ray's nodes reach it: off
    loopback with TLS.
    """

    kind: ClassVar[str] = "ray"

    def __init__(self, name: str = "ray", *, address: str = "", cores: int = 1, memory_bytes: int = 0, gpus: int = 0,
                 workers: int = 0, most_nodes: int = 16, walltime_s: float = 0.0, **how: Any) -> None:
        if find_spec("ray") is None:
            raise MissingExtra("A Ray pilot", "ray")
        if not isinstance(address, str) or address == "local" or (address and address != "auto" and ":" not in address):
            raise InvalidInput(f"{address!r} is not the address of a Ray cluster", "",
                               "Give one such as host:6379, or none for a Ray of its own")
        allotment = Allotment(cores=cores, memory_bytes=memory_bytes, gpus=gpus, workers=workers, walltime_s=walltime_s)
        settings = {"address": address, "cpus": cores * most_nodes}
        super().__init__(name, allocator="qloop.pilots.ray_allocator:RayAllocator", settings=settings,
                         allotment=allotment, most_nodes=most_nodes, **towards(address) | how)


def open_pilot(spec: PilotSpec) -> RayPilot:
    """The pilot that a user wishes; `InvalidInput` for what there is not, or cannot be."""
    given = arguments.options(spec.kind, spec.options, ("host", "port", "advertise", "mpi"))
    if spec.environments:
        given["environments"] = spec.environments
    return RayPilot(spec.label, address=spec.address, cores=spec.node.cores, memory_bytes=spec.memory_bytes,
                    gpus=spec.gpus, workers=spec.on_node, most_nodes=-(-spec.most // spec.on_node),
                    walltime_s=spec.walltime_s, **given)
