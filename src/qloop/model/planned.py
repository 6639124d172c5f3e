"""A workload before it runs: which sessions come when, what each asks for, and how long that takes on each QPU.

Nothing in it is an outcome. A runtime that carries it out and a simulator that predicts it start from the same plan.
"""

from __future__ import annotations

import msgspec


class PlannedTask(msgspec.Struct, frozen=True):
    """A quantum task of a session.

    It comes `delay_ns` after the session's task before it has ended (the first one: after the session has opened).
    `service_ns` is its time on each QPU, in the order of the platform's QPUs, without the set-up of a cold start; -1
    where it does not fit. `width` in qubits, `shots` of all its evaluations together; `estimate_s` and `cpu_s` are what
    the scheduler is told. `structure` names its circuit with symbolic parameters, "" if nothing is known of it.
    """

    delay_ns: int
    service_ns: tuple[int, ...]
    width: int
    shots: int
    estimate_s: float
    cpu_s: float = 0.0
    structure: str = ""


class PlannedSession(msgspec.Struct, frozen=True):
    """A session: when it opens, its tasks one after the other, and how long after the last of them it closes."""

    name: str
    tenant: str
    opened_ns: int
    tasks: tuple[PlannedTask, ...]
    close_ns: int = 0
    kind: str = "loop"
