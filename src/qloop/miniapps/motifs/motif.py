"""A motif: the record by which a mini-app is found, told of and run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from qloop.miniapps.motifs.parameters import Parameters
from qloop.miniapps.motifs.record import Result
from qloop.miniapps.motifs.site import Site


class Motif(msgspec.Struct, frozen=True, kw_only=True):
    """A mini-app: its name, its parameters, `run(parameters, site)`, and what people want to know of it.

    `coupling`: "loose", "medium", "tight", "classical" or "mixed". `uses`: what it needs of its site, "workers" or
    "qpus" or both. `seconds`: about how long the default takes in a fresh process. A plug-in of the group
    `qloop.miniapps` is such a record.
    """

    name: str
    parameters: type[Parameters]
    run: Callable[[Any, Site], Result]
    about: str
    coupling: str
    exercises: str
    exact: str
    uses: tuple[str, ...]
    seconds: float
