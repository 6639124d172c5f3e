"""The published set-up of EFaaS: its constants, its five modes, and the values that were found with it.

Source: arXiv 2605.27540, its early draft and its artifact, facts only. What is inferred is marked, with the reason in
docs/concepts/published-model.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from qloop.policies.catalog import policy
from qloop.policies.columns import HYSTERESIS, HYSTERESIS_REL, TAU
from qloop.policies.record import Policy
from qloop.simulator.published import rules


@dataclass(frozen=True, slots=True)
class SetUp:
    """The constants of the published set-up; all times in s.

    Not here, since nothing depends on them in the published timing: 4 CPU nodes, of which one loop fills one; the
    overlap t_async of .8 s (the table's 3.50 s are t_cpu + t_qpu in full); 4096 shots and the ansaetze.
    """

    qpus: int = 3
    horizon_s: float = 3000.0
    background_rate: float = 0.05           # tasks/s, Poisson
    background_s: float = 5.0               # mean service, exponential
    quantum_s: float = 2.0                  # t_qpu, normal
    quantum_sd_s: float = 0.3
    classical_s: float = 1.5                # t_cpu
    network_s: float = 0.5                  # t_net; inferred: after the result, in every mode
    tau_s: float = 300.0                    # a QPU older than this is recalibrated; a longer queue is followed by it
    calibration_s: float = 30.0             # t_calib
    queue_mu: float = 3.5                   # ln of the batch queue's delay in s
    queue_sigma: float = 0.8
    container_s: tuple[float, float] = (2.0, 8.0)   # cold start, uniform
    pilot_s: float = 2.0                    # start of the pilot
    pilot_task_s: float = 0.5               # each task in it


class Queue(Enum):
    """When the published model draws a delay of the batch queue."""

    NEVER = "never"
    ONCE = "once"
    ALWAYS = "always"


class Background(Enum):
    """Which QPU a background task takes; it waits for that one, and for the first that is free where none was."""

    FIRST = "first free"
    FREE = "any free"
    BLIND = "at random"
    SAME = "all on it"


@dataclass(frozen=True, slots=True)
class Mode:
    """How one of the five serves the loop: what it adds to an iteration, and the policy that gives it a QPU.

    `exclusive`: the loop's task is granted all QPUs at once. `pinned`: the QPU to which the loop is bound, -1 for any.
    `background`: inferred; who else may be on a QPU matters only where the loop is bound to one.
    """

    name: str
    policy: Policy
    queue: Queue = Queue.NEVER
    container: bool = False
    pilot: bool = False
    exclusive: bool = False
    pinned: int = -1
    background: Background = Background.FREE


@dataclass(frozen=True, slots=True)
class Value:
    """A published mean with its standard deviation over 30 seeds."""

    mean: float
    sd: float


# mean TTNS in s, from the begin of the iteration to its result, and QDC in percent
TABLE: Mapping[str, tuple[Value, Value]] = MappingProxyType({
    "SBQ": (Value(47.99, 4.47), Value(9.52, 0.92)),
    "PF": (Value(55.10, 7.15), Value(9.53, 0.92)),
    "SR": (Value(4.27, 0.16), Value(22.32, 0.83)),
    "PQ": (Value(4.11, 0.07), Value(22.95, 0.94)),
    "EFaaS": (Value(3.50, 0.01), Value(25.04, 1.09)),
})
TTNS_LOWER = (11.4, 94.3)       # percent by which EFaaS is below a baseline
QDC_HIGHER = (2.02, 15.78)      # percentage points by which it is above


def modes() -> tuple[Mode, ...]:
    """The five modes, in the order of the table."""
    fifo = policy("fifo")
    return (
        Mode("SBQ", fifo, Queue.ALWAYS),
        Mode("PF", fifo, Queue.ALWAYS, container=True),
        Mode("SR", rules.reserving(), exclusive=True),          # inferred: what is reserved is the platform
        Mode("PQ", fifo, Queue.ONCE, pilot=True),
        Mode("EFaaS", entangled()),
    )


def reservations() -> tuple[Mode, ...]:
    """What "a static reservation, requested again at every iteration" may mean: the candidates for SR."""
    fifo = policy("fifo")
    return (
        Mode("any QPU", fifo),
        *(Mode(f"one QPU, background {where.value}", fifo, pinned=0, background=where) for where in Background),
        Mode("the platform", rules.reserving(), exclusive=True),
    )


def entangled() -> Policy:
    """The published priority over the published placement."""
    setup = SetUp()
    ordered = policy("paper_score")
    return ordered.with_placement(rules.place, {HYSTERESIS: 0.0, HYSTERESIS_REL: 0.0, TAU: setup.tau_s})
