"""The runtime that a program gets without asking for one: made at the first session, ended with the program."""

from __future__ import annotations

import atexit
import functools
import os

import msgspec

from qloop.errors import InvalidInput
from qloop.runtime.embedded import Runtime
from qloop.runtime.options import Options

ENVIRONMENT = "QLOOP_RUN"


class Ordered(msgspec.Struct, frozen=True):
    """What `qloop run` orders for the program it runs, passed through the environment as JSON."""

    run: str
    program: str = ""
    resume: bool = False
    qpus: tuple[str, ...] = ("exact",)
    policy: str = "efaas"
    clock: str | float = "real"
    seed: int = 0
    trace: bool = False
    workers: int = 0


def default_options() -> Options:
    """What the environment orders, or the defaults."""
    text = os.environ.get(ENVIRONMENT)
    if not text:
        return Options(grow=True)
    try:
        order = msgspec.json.decode(text, type=Ordered)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"The environment variable {ENVIRONMENT} cannot be read", str(error),
                           "Unset it; 'qloop run' sets it by itself") from error
    return Options(grow=True, **{name: getattr(order, name) for name in order.__struct_fields__})


@functools.cache
def default_runtime() -> Runtime:
    """The program's own runtime. Sessions that are open when the program ends can be resumed."""
    runtime = Runtime(default_options())
    atexit.register(runtime.close)
    return runtime
