"""What a user wishes of a pilot, checked before anything is started; each kind's module opens it (`open_pilot`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from qloop.errors import InvalidInput
from qloop.model.limits import MAX_TIMEOUT_S
from qloop.model.needs import Capacity
from qloop.pilots import arguments
from qloop.pilots.protocol import MOST_WORKERS

USUAL_STARTUP_S: Mapping[str, float] = MappingProxyType({"local": 0.1, "dask": 2.0, "ray": 6.0, "slurm": 5.0})
_WORD = re.compile(r"(?P<kind>[a-z][a-z0-9_-]*)(:(?P<least>\d+)(-(?P<most>\d+))?)?(@(?P<address>\S+))?")


class PilotSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A pilot: `least` to `most` workers of `kind` (`local`, `dask`, `ray`, `slurm`, or a plugin's).

    A node of it has `cores` cores (0: as many as it has workers), `memory_bytes` (0: not limited) and `gpus` GPUs,
    which the `workers_per_node` workers on it share (0: one for each core). `address`: of a cluster that exists ("":
    the pilot starts what it needs). An idle worker is let go after `keep_alive_s`; an allocation lives `walltime_s` at
    most (0: no end of its own). A worker is expected `startup_s` after it was ordered (-1: what is usual for the kind)
    until that was measured; in virtual time it takes so long. `environments`: modules by environment that are imported
    before tasks come. `options` are the kind's own.
    """

    kind: str = "local"
    name: str = ""
    least: int = 1
    most: int = 1
    cores: int = 0
    memory_bytes: int = 0
    gpus: int = 0
    workers_per_node: int = 0
    address: str = ""
    keep_alive_s: float = 60.0
    walltime_s: float = 0.0
    startup_s: float = -1.0
    environments: Mapping[str, tuple[str, ...]] = {}
    options: Mapping[str, Any] = {}

    @property
    def label(self) -> str:
        """Its name: the kind's, if it was given none."""
        return self.name or self.kind

    @property
    def on_node(self) -> int:
        """Workers on one node."""
        return self.workers_per_node or self.cores or self.most

    @property
    def node(self) -> Capacity:
        """What one node of it gives to its workers together; the ids of its GPUs are known once it is there."""
        return Capacity(self.cores or self.on_node, self.memory_bytes, tuple(str(i) for i in range(self.gpus)))

    @property
    def startup(self) -> float:
        """Seconds that a worker is expected to take until it joins."""
        return self.startup_s if self.startup_s >= 0.0 else USUAL_STARTUP_S.get(self.kind, 10.0)

    def check(self) -> PilotSpec:
        """Itself; InvalidInput for what cannot be."""
        arguments.pilot_name(self.label)
        whole = {"least": (self.least, 0, MOST_WORKERS), "most": (self.most, 1, MOST_WORKERS),
                 "cores": (self.cores, 0, 2**16), "memory_bytes": (self.memory_bytes, 0, 2**50),
                 "gpus": (self.gpus, 0, 1024), "workers_per_node": (self.workers_per_node, 0, MOST_WORKERS)}
        for name, (count, low, high) in whole.items():
            if isinstance(count, bool) or not isinstance(count, int) or not low <= count <= high:
                raise InvalidInput(f"A pilot's {name} is {count!r:.80}", "", f"Give an integer from {low} to {high}")
        if self.least > self.most:
            raise InvalidInput(f"The pilot {self.label!r} is to have {self.least} to {self.most} workers", "",
                               "Give least at most as large as most")
        for name, value in (("keep_alive_s", self.keep_alive_s), ("walltime_s", self.walltime_s),
                            ("startup_s", self.startup)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_TIMEOUT_S:
                raise InvalidInput(f"A pilot's {name} is {value!r:.80}", "",
                                   f"Give seconds from 0 to {MAX_TIMEOUT_S:.0f}")
        return self


def spec_of(word: str) -> PilotSpec:
    """A pilot from a word: `local:4`, `slurm:0-16`, `dask:2@tcp://127.0.0.1:8786`; InvalidInput for another form."""
    found = _WORD.fullmatch(word)
    if found is None:
        raise InvalidInput(f"{word!r:.80} does not name a pilot", "The form is KIND:WORKERS or KIND:LEAST-MOST, and "
                           "@ADDRESS for a cluster that exists", "Say for example local:4, slurm:0-16, or "
                           "dask:2@tcp://127.0.0.1:8786")
    least = int(found["least"] or 1)
    return PilotSpec(kind=found["kind"], least=least, most=int(found["most"] or least),
                     address=found["address"] or "").check()
