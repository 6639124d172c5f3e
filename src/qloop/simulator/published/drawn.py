"""All that is drawn in one run of the published model, by counter: the five modes meet the same background and loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qloop.simulator.paper.draws import uniforms
from qloop.simulator.paper.workload import key_of
from qloop.simulator.published.model import SetUp

Floats = NDArray[np.float64]

# streams; those up to 30 belong to other models
GAP, SERVICE, QUANTUM, QUEUE, CONTAINER, CHOICE = range(40, 46)
SHORTEST_S = 0.01       # a normal service time may be negative


@dataclass(frozen=True, slots=True)
class Drawn:
    """The background's tasks and the loop's times by iteration, in s; `choice`, in [0, 1), decides on a task's QPU."""

    arrival: Floats
    service: Floats
    choice: Floats
    quantum: Floats
    queue: Floats
    container: Floats


def draw(setup: SetUp, seed: int, number: int) -> Drawn:
    """Run `number` of a seed; InvalidInput for a number out of range."""
    from scipy.special import ndtri

    key = key_of(seed, number)
    come = setup.background_rate * setup.horizon_s
    many = round(come + 10.0 * come**0.5 + 20.0)        # more than ever come in the horizon
    turns = round(setup.horizon_s / (setup.classical_s + setup.network_s)) + 1
    arrival = np.cumsum(-np.log1p(-uniforms(key, GAP, 0, many)) / setup.background_rate)
    arrival = arrival[arrival < setup.horizon_s]
    count = len(arrival)
    low, high = setup.container_s
    quantum = setup.quantum_s + setup.quantum_sd_s * ndtri(inside(key, QUANTUM, turns))
    return Drawn(
        arrival=arrival, service=-setup.background_s * np.log1p(-uniforms(key, SERVICE, 0, count)),
        choice=uniforms(key, CHOICE, 0, count),
        quantum=np.maximum(quantum, SHORTEST_S),
        queue=np.exp(setup.queue_mu + setup.queue_sigma * ndtri(inside(key, QUEUE, turns))),
        container=low + (high - low) * uniforms(key, CONTAINER, 0, turns))


def inside(key: int, stream: int, count: int) -> Floats:
    """Uniform draws that are never 0, for a quantile function that is infinite there."""
    return np.asarray(np.maximum(uniforms(key, stream, 0, count), 2.0**-54))
