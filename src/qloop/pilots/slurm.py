"""The Slurm pilot: allocations by `sbatch`, an agent on each node of them, and the hub that they join.

Tasks never go through Slurm's own queue: an allocation waits there once, and then serves any number of tasks.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from qloop.errors import InvalidInput
from qloop.pilots import slurm_client
from qloop.pilots.agent_pilot import AgentPilot
from qloop.pilots.allocator import Allotment
from qloop.pilots.slurm_options import SlurmOptions, check_size, opened
from qloop.pilots.spec import PilotSpec

# Slurm starts a requeued allocation two minutes later at the earliest (`cred_expire`); then it waits for its nodes.
_RETURN_S: Final = 600.0


class SlurmPilot(AgentPilot):
    """Workers in allocations of Slurm, `allotment` each; at most `most_nodes` nodes at once.

    `options`: partition, account and the like. `host`: where the hub listens, by default on all addresses of this
    machine, with TLS, since nodes are other machines; `advertise`: the name by which they reach it ("": its host name).
    Further arguments are those of `AgentPilot`. `InvalidInput` if there is no Slurm here, or for what Slurm could never
    take; what it refuses is a `PilotError` of `poll`, with its own words.
    """

    kind: ClassVar[str] = "slurm"

    def __init__(self, name: str = "slurm", *, options: SlurmOptions | None = None,
                 allotment: Allotment | None = None, most_nodes: int = 16, host: str = "0.0.0.0",
                 return_s: float = _RETURN_S, **more: Any) -> None:
        asked, size = (options or SlurmOptions()).check(), allotment or Allotment()
        check_size(size)
        slurm_client.require()
        settings = {"pilot": name, "options": msgspec.to_builtins(asked)}
        super().__init__(name, allocator="qloop.pilots.slurm_allocator:SlurmAllocator", settings=settings,
                         allotment=size, most_nodes=most_nodes, host=host, mpi=asked.mpi, return_s=return_s, **more)


def open_pilot(spec: PilotSpec) -> SlurmPilot:
    """The pilot that a user wishes; the options of its kind are those of `SlurmOptions`, `nodes`, `host`, `advertise`.

    `InvalidInput` for what there is not, or cannot be.
    """
    given = dict(spec.options)
    nodes = given.pop("nodes", 1)
    more: dict[str, Any] = {name: given.pop(name) for name in ("host", "advertise") if name in given}
    if spec.address:
        raise InvalidInput(f"The pilot {spec.label!r} names the address {spec.address!r:.80}",
                           "Slurm is found by its configuration", "Leave it out, or set the option slurm_conf")
    size = Allotment(nodes=nodes, cores=spec.node.cores, memory_bytes=spec.memory_bytes, gpus=spec.gpus,
                     workers=spec.on_node, walltime_s=float(spec.walltime_s))
    check_size(size)
    if spec.environments:
        more["environments"] = spec.environments
    return SlurmPilot(spec.label, options=opened(given), allotment=size,
                      most_nodes=nodes * -(-spec.most // (nodes * spec.on_node)), **more)
