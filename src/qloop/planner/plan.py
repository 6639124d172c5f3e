"""Cut or not, where, by which simulator, on how many workers: every way is priced, the cheapest that fits is taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qloop.errors import InvalidInput
from qloop.planner.candidates import candidates
from qloop.planner.cutting import Cut
from qloop.planner.effort import runs_of, terms_of
from qloop.planner.machine import Calibration, typical
from qloop.planner.model import Cost, cost
from qloop.planner.others import STATE, evaluate_other, others
from qloop.planner.overheads import shots_for
from qloop.planner.prepared import checked_terms, prepared
from qloop.planner.runs import Key, Task, Values, recombine, run_task
from qloop.planner.splitting import split
from qloop.planner.whole import whole_circuit
from qloop.qpus.simulators.statevector import free_memory

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

Spread = Callable[[Sequence[Task]], Sequence[Values]]
"""Runs tasks somewhere and returns their values in their order."""
_RESULT_BYTES = 24


@dataclass(frozen=True, slots=True)
class Question:
    """What is planned for: so many workers, the memory they share, the most qubits of a fragment (0: no bound), seconds
    for the search, its seed, and the standard error wanted where values are estimated from shots (0: none)."""

    workers: int = 1
    memory_bytes: int = 0
    qubits: int = 0
    search_s: float = 3.0
    seed: int = 0
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to the value, priced. `sizes` are the qubits of what runs apart, `runs` how many runs that takes, `terms`
    those of the whole sum; `overhead` multiplies the shots for the same error; `shots` for the error wanted (0: none
    was); `why_not` says why it cannot be taken ("" if it can)."""

    name: str
    simulator: str
    source: str
    sizes: tuple[int, ...]
    workers: int
    cost: Cost
    runs: int
    terms: int
    overhead: float
    shots: int
    why_not: str
    cut: Cut | None = field(repr=False, default=None)
    tasks: tuple[Task, ...] = field(repr=False, default=())

    @property
    def is_cut(self) -> bool:
        """Whether it cuts the circuit."""
        return len(self.sizes) > 1


@dataclass(frozen=True, slots=True)
class Plan:
    """All alternatives, the cheapest that fits first, and what speed-ups are measured against."""

    circuit: QuantumCircuit = field(repr=False)
    observable: SparsePauliOp = field(repr=False)
    question: Question
    alternatives: tuple[Alternative, ...]
    reference: Alternative

    @property
    def chosen(self) -> Alternative:
        """The way to go."""
        return self.alternatives[0]

    def speed_up(self, one: Alternative) -> float:
        """Predicted seconds of the reference (the whole circuit as a state vector) over those of this way."""
        return self.reference.cost.seconds / one.cost.seconds

    def why(self) -> str:
        """The decision in a sentence."""
        chosen, reference = self.chosen, self.reference
        if chosen.name == reference.name:
            rest = [one for one in self.alternatives[1:] if not one.why_not]
            beside = f"; the next best, {rest[0].name}, takes {_ratio(rest[0], chosen)} as long" if rest else ""
            return f"do not cut: the whole circuit is the quickest{beside}"
        told = "cut" if chosen.is_cut else "do not cut"
        if reference.why_not:
            return f"{told}: {reference.name} cannot be taken, as {reference.why_not}"
        return f"{told}: {chosen.name} is forecast to be {self.speed_up(chosen):,.3g} x as fast as {reference.name}"


def plan_cutting(circuit: QuantumCircuit, observable: SparsePauliOp, question: Question | None = None,
                 calibration: Calibration | None = None) -> Plan:
    """Decide how to compute the expectation value of `observable` after a bound, static circuit.

    `calibration` holds this machine's constants (default: typical ones). Raises `InvalidInput` for what cannot be cut
    or fits no memory in any way, with the nearest way that can.
    """
    question, calibration = question or Question(), calibration or typical()
    _check(question)
    bare = prepared(circuit)
    memory = question.memory_bytes or free_memory()
    widest = min(bare.num_qubits - 1, question.qubits or bare.num_qubits, _widest(memory))
    wholes = list(_wholes(bare, observable, question, calibration, memory))
    cuts = [_priced(question, calibration, memory, len(bare.data), one.cut, one.source)
            for one in candidates(bare, observable, widest, question.search_s, seed=question.seed)]
    every = sorted([*wholes, *_distinct(cuts)], key=lambda one: (bool(one.why_not), one.cost.seconds))
    if every[0].why_not:
        _refuse(every, memory)
    return Plan(bare, observable, question, tuple(every), wholes[0])


def carry_out(plan: Plan, spread: Spread | None = None, way: Alternative | None = None) -> float:
    """Compute the value in the way that was chosen (or another one of the plan); `spread` runs the tasks on workers."""
    way = way or plan.chosen
    if way.cut is None:
        return evaluate_other(way.simulator, plan.circuit, plan.observable)
    values = [run_task(task) for task in way.tasks] if spread is None else spread(way.tasks)
    found: dict[Key, Values] = {task.key: value for task, value in zip(way.tasks, values, strict=True)}
    return recombine(way.cut, found)


def _wholes(circuit: QuantumCircuit, observable: SparsePauliOp, question: Question, calibration: Calibration,
            memory: int) -> Iterator[Alternative]:
    """The ways without a cut: state vector, then the other simulators."""
    terms = checked_terms(observable, circuit)
    n_qubits, shots = circuit.num_qubits, _shots(question, 1.0, sum(abs(term.coefficient) for term in terms))
    wide = f"it has {n_qubits} qubits" if question.qubits and n_qubits > question.qubits else ""
    whole = whole_circuit(circuit, observable)
    state = _priced(question, calibration, memory, len(circuit.data), whole, STATE)
    yield _renamed(state, f"whole, {STATE}", (n_qubits,), shots, wide)
    for one in others(circuit, terms, calibration.others):
        priced = Cost(0.0, one.seconds, 0.0, one.memory_bytes)
        yield Alternative(f"whole, {one.name}", one.name, one.name, (n_qubits,), 1, priced, 1, 1, 1.0, shots,
                          one.refusal or wide or _too_much(priced, memory))


def _renamed(one: Alternative, name: str, sizes: tuple[int, ...], shots: int, wide: str) -> Alternative:
    return Alternative(name, STATE, STATE, sizes, one.workers, one.cost, 1, 1, 1.0, shots, wide or one.why_not,
                       one.cut, one.tasks)


def _priced(question: Question, calibration: Calibration, memory: int, gates: int, cut: Cut,
            source: str) -> Alternative:
    """A cut circuit on the number of workers that is forecast to be the quickest and fits, or if none fits, on one."""
    best: tuple[bool, float, int, Cost, tuple[Task, ...]] | None = None
    for workers in _crews(question.workers):
        tasks = split(cut, calibration.constants, workers)
        spent = cost(calibration.constants, cut, tasks, gates, workers)
        spent = Cost(spent.prepare_s, spent.run_s, spent.join_s, spent.memory_bytes + _RESULT_BYTES * _entries(cut))
        this = (bool(_too_much(spent, memory)), spent.seconds, workers, spent, tasks)
        best = this if best is None or this[:2] < best[:2] else best
        if len(tasks) < workers:
            break
    assert best is not None
    _, _, workers, spent, tasks = best
    sizes = tuple(sorted((fragment.tree.n_qubits for fragment in cut.fragments), reverse=True))
    shots = _shots(question, cut.overhead, float(abs(cut.weights).sum()))
    return Alternative(f"cut {'+'.join(map(str, sizes))}, {len(cut.joins)} cuts", STATE, source, sizes,
                       workers, spent, runs_of(cut), terms_of(cut), cut.overhead, shots, _too_much(spent, memory), cut,
                       tasks)


def _crews(most: int) -> list[int]:
    """Numbers of workers to price: all up to 16, then every eighth; those for more workers include those for fewer."""
    return [*range(1, min(most, 16) + 1), *range(24, most + 1, 8)]


def _distinct(found: Sequence[Alternative]) -> list[Alternative]:
    """The best of each name: the same sizes and number of cuts in different places differ in time only."""
    best: dict[str, Alternative] = {}
    for one in sorted(found, key=lambda one: one.cost.seconds):
        best.setdefault(one.name, one)
    return list(best.values())


def _refuse(every: Sequence[Alternative], memory: int) -> None:
    nearest = min(every, key=lambda one: one.cost.memory_bytes if "GiB" in one.why_not else math.inf)
    raise InvalidInput(f"There is no way to evaluate this circuit in {memory / 2**30:,.3g} GiB",
                       "; ".join(f"{one.name}: {one.why_not}" for one in every[:4]),
                       f"The nearest is '{nearest.name}': it needs {nearest.cost.memory_bytes / 2**30:,.3g} GiB and "
                       f"is forecast to take {nearest.cost.seconds:,.3g} s")


def _entries(cut: Cut) -> int:
    """Values of all fragments, kept until they are joined."""
    return sum(math.prod(fragment.tree.shape()) for fragment in cut.fragments)


def _too_much(spent: Cost, memory: int) -> str:
    if spent.memory_bytes <= memory:
        return ""
    return f"it needs {spent.memory_bytes / 2**30:,.3g} GiB, and {memory / 2**30:,.3g} GiB are there"


def _widest(memory: int) -> int:
    """The widest state vector that fits: a state, and its copy for reading."""
    return max(0, (memory // 32).bit_length() - 1)


def _shots(question: Question, overhead: float, spread: float) -> int:
    return shots_for(overhead, question.error, spread or 1.0) if question.error else 0


def _ratio(one: Alternative, beside: Alternative) -> str:
    return f"{one.cost.seconds / beside.cost.seconds:,.3g} x"


def _check(question: Question) -> None:
    wrong: dict[str, Any] = {"workers": question.workers < 1, "memory_bytes": question.memory_bytes < 0,
                             "qubits": question.qubits < 0, "search_s": not 0 <= question.search_s < math.inf,
                             "error": not 0 <= question.error < math.inf}
    for name, is_wrong in wrong.items():
        if is_wrong:
            raise InvalidInput(f"{name} is {getattr(question, name)}", "It is out of range",
                               "Give at least 1 worker, and finite numbers that are not negative")
