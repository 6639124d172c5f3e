"""The runtime that a program gets without asking for one: made at the first session, ended with the program."""

from __future__ import annotations

import atexit
import functools
import os

from qloop.pilots.spec import PilotSpec
from qloop.runtime.embedded import Runtime
from qloop.runtime.options import Options
from qloop.runtime.ordered import pending


def default_options() -> Options:
    """What `qloop run` orders, or the defaults."""
    order = pending()
    return Options(grow=True) if order is None else order.wishes()


@functools.cache
def default_runtime() -> Runtime:
    """The program's own runtime. Sessions that are open when the program ends can be resumed."""
    runtime = Runtime(default_options())
    atexit.register(runtime.close)
    return runtime


def default_workers() -> Runtime:
    """The program's own runtime, with workers: one for each core of this machine, of which none is kept when idle."""
    runtime = default_runtime()
    if not runtime.has_workers:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        runtime.hire(PilotSpec(kind="local", name="local", least=0, most=cores))
    return runtime
