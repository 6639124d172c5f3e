"""Circuit cutting without effects: where to cut, which subexperiments that needs, and recombination by their keys.

A cut circuit falls into fragments. Every cut stands for a sum over maps (measure here, prepare there, rotate), each
with a coefficient (Peng et al., PRL 125, 150504, 2020; Mitarai and Fujii, New J. Phys. 23, 023021, 2021). A
subexperiment is a fragment with a choice of map for each cut that touches it: its `Key`. Cuts elsewhere do not matter
to it, so that far fewer are needed than there are terms in the sum. Qiskit's cutting addon finds the cuts and knows the
maps.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput, MissingExtra
from qloop.miniapps.motifs.cutting_fragments import Fragment, bases_of, fragment_of

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

MOST_CUTS = 20


class Key(msgspec.Struct, frozen=True, order=True):
    """Names a subexperiment: the number of its fragment, and the map of each cut that touches it."""

    fragment: int
    maps: tuple[int, ...]


class Cut(msgspec.Struct, frozen=True):
    """A circuit that was cut, with its observable: plain data, which can be sent anywhere.

    `coefficients` has for each cut those of its maps, `weights` those of the observable's strings. `overhead` is the
    factor by which cutting multiplies the shots for the same error: the product of (sum of |coefficients|)^2.
    """

    n_qubits: int
    fragments: tuple[Fragment, ...]
    coefficients: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    wires: int = 0

    @property
    def overhead(self) -> float:
        """The sampling overhead."""
        return math.prod(sum(map(abs, one)) ** 2 for one in self.coefficients)

    @property
    def widest(self) -> int:
        """Qubits of the widest fragment."""
        return max(one.n_qubits for one in self.fragments)


def cut(circuit: QuantumCircuit, observable: SparsePauliOp, widest: int, *, seed: int = 0, wires: bool = True) -> Cut:
    """Cut where it costs least so that no fragment has more than `widest` qubits.

    `wires`: wires may be cut as well as gates. Raises `InvalidInput` if no way is found, `MissingExtra` without the
    cutting addon.
    """
    addon = _addon()
    _check(circuit, observable, widest)
    try:
        found, about = addon.find_cuts(circuit, addon.OptimizationParameters(seed=seed, wire_lo=wires),
                                       addon.DeviceConstraints(qubits_per_subcircuit=widest))
    except ValueError as error:
        raise InvalidInput(f"No way is found to cut {circuit.num_qubits} qubits into parts of {widest}", str(error),
                           "Allow wider parts") from error
    if len(about["cuts"]) > MOST_CUTS:
        raise InvalidInput(f"It takes {len(about['cuts'])} cuts to have parts of {widest} qubits",
                           f"Each multiplies the work, and {MOST_CUTS} are the most", "Allow wider parts")
    wired = sum(kind == "Wire Cut" for kind, _ in about["cuts"])
    moved = addon.cut_wires(found)
    paulis = addon.expand_observables(observable.paulis, circuit, moved)
    return _parted(addon.partition_problem(circuit=moved, observables=paulis), observable, wired)


def cut_between(circuit: QuantumCircuit, observable: SparsePauliOp, labels: Sequence[Any]) -> Cut:
    """Cut the gates between qubits of different labels, one for each qubit."""
    if len(labels) != circuit.num_qubits:
        raise InvalidInput(f"There are {len(labels)} labels for {circuit.num_qubits} qubits", "", "Give one for each")
    _check(circuit, observable, circuit.num_qubits)
    problem = _addon().partition_problem(circuit=circuit, partition_labels=list(labels),
                                         observables=observable.paulis)
    return _parted(problem, observable, 0)


def keys(plan: Cut) -> tuple[Key, ...]:
    """Every subexperiment that is needed, in order."""
    return tuple(Key(number, maps) for number, fragment in enumerate(plan.fragments)
                 for maps in itertools.product(*(range(len(plan.coefficients[one])) for one in fragment.touches)))


def recombine(plan: Cut, values: Mapping[Key, Sequence[float]]) -> float:
    """The expectation value of the whole circuit's observable, from the values of all subexperiments by their keys.

    Each has a value for each string of the observable. The sum over maps of all cuts is contracted fragment by
    fragment. Raises `InvalidInput` if a subexperiment is missing.
    """
    needed = keys(plan)
    missing = [key for key in needed if key not in values]
    if missing:
        raise InvalidInput(f"{len(missing)} of {len(needed)} subexperiments are missing, {missing[0]} for one", "",
                           "Evaluate all of keys(plan)")
    return sum(weight * float(_contracted(plan, values, string)) for string, weight in enumerate(plan.weights))


def standard_error(plan: Cut, values: Mapping[Key, Sequence[float]], shots: int) -> float:
    """The standard error of `recombine` when each subexperiment had so many shots, to first order.

    A shot gives +1 or -1, so a value v has the variance (1 - v^2) / shots, and the sum is linear in it. Strings of the
    observable may share shots, so their errors are added.
    """
    total = 0.0
    for string, weight in enumerate(plan.weights):
        variance = 0.0
        for number in range(len(plan.fragments)):
            slope = _contracted(plan, values, string, without=number)
            variance += float(np.sum(slope**2 * (1.0 - _tensor(plan, number, values, string) ** 2))) / shots
        total += abs(weight) * math.sqrt(variance)
    return total


def _contracted(plan: Cut, values: Mapping[Key, Sequence[float]], string: int, without: int = -1,
                ) -> NDArray[np.float64]:
    """The sum over the maps of all cuts; `without` a fragment, what its values are multiplied with."""
    operands: list[Any] = []
    for number, fragment in enumerate(plan.fragments):
        if number != without:
            operands += [_tensor(plan, number, values, string), list(fragment.touches)]
    for one, coefficients in enumerate(plan.coefficients):
        operands += [np.array(coefficients), [one]]
    kept = [] if without < 0 else list(plan.fragments[without].touches)
    return np.asarray(np.einsum(*operands, kept, optimize="greedy"), np.float64)


def terms_of(plan: Cut) -> float:
    """Terms of the sum over the maps of all cuts: what a naive recombination would go through."""
    return float(math.prod(len(one) for one in plan.coefficients))


def _tensor(plan: Cut, number: int, values: Mapping[Key, Sequence[float]], string: int) -> NDArray[np.float64]:
    """The values of one string on one fragment: an axis for each cut that touches it."""
    shape = [len(plan.coefficients[one]) for one in plan.fragments[number].touches]
    found = np.empty(shape)
    for maps in itertools.product(*map(range, shape)):
        found[maps] = values[Key(number, maps)][string]
    return found


def _parted(problem: Any, observable: SparsePauliOp, wires: int) -> Cut:
    """The plain data of the addon's partition."""
    bases = bases_of(problem.subcircuits)
    fragments = tuple(fragment_of(circuit, [str(one) for one in problem.subobservables[label]], bases)
                      for label, circuit in problem.subcircuits.items())
    coefficients = tuple(tuple(map(float, bases[one].coeffs)) for one in sorted(bases))
    return Cut(sum(one.n_qubits for one in fragments), fragments, coefficients,
               tuple(map(float, np.real(observable.coeffs))), wires)


def _check(circuit: QuantumCircuit, observable: SparsePauliOp, widest: int) -> None:
    """Raise `InvalidInput` for what cannot be cut."""
    if observable.num_qubits != circuit.num_qubits:
        raise InvalidInput(f"The observable has {observable.num_qubits} qubits, the circuit {circuit.num_qubits}", "",
                           "Give one of the circuit's width")
    if circuit.num_parameters or circuit.num_clbits:
        raise InvalidInput("The circuit has free parameters or classical bits", "Cuts are made in a bound circuit",
                           "Bind it and leave out measurements")
    if widest < 2:
        raise InvalidInput(f"The parts are to have {widest} qubits", "Cuts are looked for from 2 on", "Give 2 or more")


def _addon() -> Any:
    """Qiskit's cutting addon."""
    try:
        return import_module("qiskit_addon_cutting")
    except ImportError as error:
        raise MissingExtra("Circuit cutting", "cutting") from error
