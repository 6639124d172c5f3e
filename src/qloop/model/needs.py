"""What a classical task needs of the place where it runs, and what a node has to give."""

from __future__ import annotations

import msgspec


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a classical task needs; all of it on one node.

    `cores`, `memory_bytes` (0: no limit is set) and `gpus` are taken from the node while it runs. `ranks` processes
    share them: 1 for a plain call, more for an MPI program. `environment` names a lock of packages ("": that of the
    program itself). `pilot` pins it to the pilot of this name ("": any). After `limit_s` seconds it is killed (0: no).
    """

    cores: int = 1
    memory_bytes: int = 0
    gpus: int = 0
    ranks: int = 1
    environment: str = ""
    pilot: str = ""
    limit_s: float = 0.0


class Capacity(msgspec.Struct, frozen=True):
    """What a node gives to tasks: cores, memory (0: not known, not limited), and its GPUs by their ids."""

    cores: int
    memory_bytes: int = 0
    gpus: tuple[str, ...] = ()


class Share(msgspec.Struct, frozen=True):
    """What one attempt may use of its node: cores, memory (0: no limit), the ids of its GPUs, and MPI ranks."""

    cores: int = 1
    memory_bytes: int = 0
    gpus: tuple[str, ...] = ()
    ranks: int = 1


ONE_CORE = Share()
ANYWHERE = Needs()
