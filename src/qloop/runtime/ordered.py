"""The order of `qloop run`: which run the runtime of the program belongs to, and how the default one is set up.

It comes through the environment as JSON, for one process. The first runtime without a journal of its own takes the
order's identity, and with it the order, so that neither a second runtime nor a child process meets its journal.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from typing import Any

import msgspec

from qloop.errors import InvalidInput
from qloop.runtime.options import Options

ENVIRONMENT = "QLOOP_RUN"


class Ordered(msgspec.Struct, frozen=True):
    """What `qloop run` orders. `process` is the one whose program it is (0: any); `trace` the file to stream to."""

    run: str
    program: str = ""
    resume: bool = False
    qpus: tuple[str, ...] = ("exact",)
    policy: str = "efaas"
    placement: str | None = None
    policy_settings: dict[str, float] = {}
    clock: str | float = "real"
    seed: int = 0
    tenants: dict[str, float | dict[str, float]] = {}
    trace: bool | str = False
    workers: int = 0
    pilots: tuple[str, ...] = ()
    journal: str | None = None
    process: int = 0

    def wishes(self) -> Options:
        """How the default runtime is set up."""
        return Options(grow=True, qpus=self.qpus, policy=self.policy, placement=self.placement,
                       policy_settings=self.policy_settings, clock=self.clock, seed=self.seed, tenants=self.tenants,
                       workers=self.workers, pilots=self.pilots)

    def identity(self, options: Options) -> Options:
        """The options as those of the ordered run: its id, journal, program and trace."""
        return msgspec.structs.replace(options, run=self.run, program=self.program, resume=self.resume,
                                       journal=self.journal, trace=options.trace or self.trace)


@dataclass(slots=True)
class Taken:
    """The runtime that works under this process's order; None if none does."""

    runtime: Any = None


@functools.cache
def taken() -> Taken:
    """Who took the order of this process."""
    return Taken()


def pending() -> Ordered | None:
    """The order for this process that nobody has taken; InvalidInput if it cannot be read."""
    text = os.environ.get(ENVIRONMENT)
    if not text:
        return None
    try:
        order = msgspec.json.decode(text, type=Ordered)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"The environment variable {ENVIRONMENT} cannot be read", str(error),
                           "Unset it; 'qloop run' sets it by itself") from error
    return order if order.process in (0, os.getpid()) else None


def take(options: Options) -> Ordered | None:
    """Take the order for these options, if one is pending and they name no run or journal of their own."""
    order = None if options.run or options.journal is not None else pending()
    if order is not None:
        del os.environ[ENVIRONMENT]
    return order
