"""What drift alone took from the loops' measured energies: same parameters, same QPU, as it was and as calibrated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from qloop.miniapps.compared.play import Faithful
from qloop.miniapps.demo.workload import Part, Workload
from qloop.qpus.protocol import LocalQpu, Program
from qloop.trace.metrics.convergence import Point, energies
from qloop.trace.reader import Trace
from qloop.trace.steps import Step

Pair = tuple[Faithful, Program, Faithful, Program]
"""A QPU as it drifts and its compiled circuit; the same of the frozen one."""


class Drifted(msgspec.Struct, frozen=True):
    """Means over the loops' iterations: nats of ESP beyond a fresh calibration, and the energy that they cost.

    The energy is a part of the way from E0 to E*; by the surrogate E_noisy = ESP*E + (1 - ESP)*tr(H)/2^n.
    """

    loss_nats: float | None
    bias: float | None


def drifted(trace: Trace, workload: Workload, drifting: Sequence[LocalQpu], frozen: Sequence[LocalQpu]) -> Drifted:
    """What drift took from the loops of a trace; by the layouts of the first compilation."""
    names = {row.label: name for name, row in trace.index.sessions.items()}
    curves, found = energies(trace), list[tuple[float, float]]()
    for part in workload.parts:
        name = names.get(part.role.name, "")
        found += _loop(part, trace.steps.get(name, []), curves.get(name, []), _pairs(part, drifting, frozen))
    return Drifted(_mean([loss for loss, _ in found]), _mean([bias for _, bias in found]))


def _loop(part: Part, steps: Sequence[Step], points: Sequence[Point], pairs: Mapping[str, Pair],
          ) -> Iterator[tuple[float, float]]:
    """The loss and the bias of each iteration of which both are known."""
    told = {point.k: point.noiseless for point in points}
    first = points[0].noiseless if points else None
    way = 0.0 if first is None else first - part.problem.ground_energy
    for step in steps:
        (now, fresh), value = _esps(step, pairs), told.get(step.k)
        if fresh > 0.0 and way > 0.0 and value is not None:
            yield math.log(fresh / now), (now - fresh) * (value - mixed(part)) / way


def mixed(part: Part) -> float:
    """tr(H)/2^n: the energy of the fully mixed state."""
    terms = part.problem.observable.to_list()
    return float(sum(complex(factor).real for label, factor in terms if set(label) == {"I"}))


def _pairs(part: Part, drifting: Sequence[LocalQpu], frozen: Sequence[LocalQpu]) -> dict[str, Pair]:
    """Both kinds of each QPU by its name, with the loop's circuit."""
    made, found = part.problem, dict[str, Pair]()
    for worn, fresh in zip(drifting, frozen, strict=True):
        if isinstance(worn, Faithful) and isinstance(fresh, Faithful) and worn.describe().n_qubits >= made.n_qubits:
            programs = [qpu.compile(made.circuit, made.observable) for qpu in (worn, fresh)]
            found[worn.describe().name] = (worn, programs[0], fresh, programs[1])
    return found


def _esps(step: Step, pairs: Mapping[str, Pair]) -> tuple[float, float]:
    """The ESP that an iteration met, and what a fresh calibration would have given it; zeros if none is known."""
    done = [attempt for attempt in step.attempts if attempt.done and attempt.begun.qpu in pairs]
    if not done:
        return 0.0, 0.0
    worn, program, fresh, other = pairs[done[-1].begun.qpu]
    return worn.esp_at(program, done[-1].begin), fresh.esp_at(other, 0)


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
