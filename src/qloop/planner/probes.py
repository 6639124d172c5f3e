"""Small tasks that do mostly one thing, so that each constant of the model is seen by itself.

Circuits mix everything in much the same shares, which leaves constants undetermined; a probe of CNOTs alone, or of
leaves alone, tells them apart. Probes have sizes, too: who leaves a size out leaves out its probes.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
import numpy as np

from qloop.planner.effort import task_features
from qloop.planner.runs import Task, run_task
from qloop.qpus.simulators.branching import Point, Tree
from qloop.qpus.simulators.lowering import lower

KINDS = ("dense", "diagonal", "light", "string", "flip", "leaf", "copy")
SIZES = (5, 8, 11, 13, 15, 17, 18, 19, 20, 21)
_WORK = 3e7         # amplitudes passed, at most, so that a probe takes tens of milliseconds
_REPEATS, _QUICK_S = (3, 20), 0.15


class Probe(msgspec.Struct, frozen=True, tag=True):
    """A probe measured: what kind, how wide, what was counted, and the least seconds of repeats by both clocks."""

    kind: str
    n_qubits: int
    features: tuple[float, ...]
    wall_s: float
    cpu_s: float


def all_probes() -> list[tuple[str, int]]:
    """Kinds and sizes of all probes; a copy or a leaf of a wide state is left out, as it is never one of many."""
    return [(kind, size) for size in SIZES for kind in KINDS if size <= 15 or kind not in ("leaf", "copy")]


def measure_probe(kind: str, n_qubits: int) -> Probe:
    """Run one probe here."""
    task = probe_task(kind, n_qubits)
    spent: list[tuple[float, float]] = []
    while len(spent) < _REPEATS[0] or (len(spent) < _REPEATS[1] and sum(wall for wall, _ in spent) < _QUICK_S):
        begun = time.perf_counter(), time.process_time()
        run_task(task)
        spent.append((time.perf_counter() - begun[0], time.process_time() - begun[1]))
    wall, cpu = (min(one[clock] for one in spent) for clock in (0, 1))
    return Probe(kind, n_qubits, tuple(task_features(task).tolist()), wall, cpu)


def probe_task(kind: str, n_qubits: int) -> Task:
    """What a probe runs."""
    return Task((0, ()), _tree(kind, n_qubits))


def _tree(kind: str, n_qubits: int) -> Tree:
    """A tree that does mostly what its kind says."""
    piece = lower(_circuit(kind, n_qubits))
    branches = 64 if kind == "leaf" else 24
    operators = np.array([np.diag([1.0, np.exp(0.1j * k)]) for k in range(branches)])
    points = (Point(0, operators),) if kind in ("leaf", "copy") else ()
    empty = lower(_circuit("", n_qubits))
    return Tree(n_qubits, (piece, *([empty] if points else ())), points, _strings(kind, n_qubits))


def _circuit(kind: str, n_qubits: int) -> Any:
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(n_qubits)
    count = int(np.clip(_WORK / 2.0**n_qubits, 4, 120))
    for number in range(count):
        qubit, other = number % n_qubits, (number + 1) % n_qubits
        if kind == "dense":
            circuit.ry(0.3 + number, qubit)
            circuit.cz(qubit, other)
        elif kind == "diagonal":
            circuit.rzz(0.3 + number, qubit, other)
        elif kind == "light":
            circuit.cx(qubit, other)
    return circuit


def _strings(kind: str, n_qubits: int) -> tuple[tuple[int, int], ...]:
    """Strings of Z; many for that kind, some with X for `flip` and `leaf`."""
    if kind == "string":
        return tuple((0, 1 << k | 1 << (k + 1) % n_qubits) for k in range(n_qubits))
    if kind in ("flip", "leaf"):
        return tuple((1 << k, 0) for k in range(min(n_qubits, 4)))
    return ((0, 1),)
