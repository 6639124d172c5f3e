"""Circuit execution: many independent circuits, on the QPUs of a session or on workers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray

from qloop.miniapps.motifs import dense
from qloop.miniapps.motifs.drawn import drawn_circuit, drawn_observable
from qloop.miniapps.motifs.motif import Motif
from qloop.miniapps.motifs.parameters import Choice, Parameters, Whole
from qloop.miniapps.motifs.record import Asked, Check, Recorder, Result, collect, emulated
from qloop.miniapps.motifs.site import Site
from qloop.miniapps.problems.problem import philox

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

NAME = "circuit-execution"
FALSE_ALARM = 1e-6
SHOT_STREAM = 11
Floats = NDArray[np.float64]
Wire = tuple[tuple[dense.Operation, ...], tuple[dense.Term, ...]]


class CircuitExecution(Parameters, frozen=True, kw_only=True):
    """So many random circuits of ry, rz and cx, each with an observable of its own; on QPUs or on workers."""

    circuits: Annotated[int, Whole(1, 4096, "circuits", "How many circuits")] = 16
    qubits: Annotated[int, Whole(1, 24, "qubits", "Width of each circuit")] = 6
    depth: Annotated[int, Whole(1, 200, "layers", "Layers of rotations and cx")] = 6
    terms: Annotated[int, Whole(1, 64, "strings", "Pauli strings of each observable")] = 4
    shots: Annotated[int, Whole(0, 1_000_000, "shots", "Shots of each circuit; 0: exact values")] = 1024
    where: Annotated[str, Choice(("qpu", "workers"), "Who evaluates the circuits")] = "qpu"
    seed: Annotated[int, Whole(0, 2**31 - 1, "", "Of circuits, observables and the workers' shots")] = 0


def run(parameters: CircuitExecution, site: Site) -> Result:
    """Evaluate every circuit, and compare with its exact value."""
    record = Recorder(NAME, parameters, site)
    with record.phase("stage"):
        circuits = [drawn_circuit(parameters.qubits, parameters.depth, parameters.seed, n)
                    for n in range(parameters.circuits)]
        observables = [drawn_observable(parameters.qubits, parameters.terms, parameters.seed, n)
                       for n in range(parameters.circuits)]
        wires: list[Wire] = [(dense.operations(circuit), dense.terms(observable))
                             for circuit, observable in zip(circuits, observables, strict=True)]
    if parameters.where == "qpu":
        values, noisy = _on_qpus(parameters, site, record, circuits, observables)
    else:
        values, noisy = _on_workers(parameters, site, record, wires), False
    with record.phase("check"):
        exact = np.array([_exact(*pair) for pair in zip(circuits, observables, strict=True)])
    told = {"mean": values.mean(), "exact_mean": exact.mean(), "worst_error": np.abs(values - exact).max()}
    if noisy:
        told["contrast"] = contrast(values, exact)
    return record.finish(told, checks(values, exact, parameters.shots, noisy))


def _on_qpus(parameters: CircuitExecution, site: Site, record: Recorder, circuits: list[QuantumCircuit],
             observables: list[SparsePauliOp]) -> tuple[Floats, bool]:
    """Values from a session's QPUs, in the order of the circuits; whether a QPU among them is noisy."""
    with site.session(kind="background", shots=parameters.shots or None) as session:
        with record.phase("submit"):
            asked = [Asked(site, session.submit(circuit, observable, ()), parameters.qubits)
                     for circuit, observable in zip(circuits, observables, strict=True)]
        return np.array(collect(record, "execute", asked)), emulated(asked)


def _on_workers(parameters: CircuitExecution, site: Site, record: Recorder, wires: list[Wire]) -> Floats:
    """Values from workers, in the order of the circuits."""
    with record.phase("submit"):
        handles = [site.submit(evaluated, parameters.qubits, program, strings, parameters.shots,
                               (parameters.seed << 16) + n) for n, (program, strings) in enumerate(wires)]
    return np.array(record.gather("execute", handles))


def evaluated(n_qubits: int, program: tuple[dense.Operation, ...], strings: tuple[dense.Term, ...], shots: int,
              seed: int) -> float:
    """An expectation value; with shots, each string is measured so many times on its own."""
    state = dense.run(n_qubits, program)
    if shots == 0:
        return dense.expectation(state, strings)
    generator = np.random.Generator(philox(seed, SHOT_STREAM))
    total = 0.0
    for term in strings:
        mean = dense.expectation(state, (dense.Term(term.x, term.z),))
        ups = generator.binomial(shots, min(1.0, max(0.0, (1.0 + mean) / 2.0)))
        total += term.coefficient * (2.0 * ups / shots - 1.0)
    return total


def checks(values: Floats, exact: Floats, shots: int, noisy: bool) -> tuple[Check, ...]:
    """Every value against its exact one, by the worst of them; of a noisy QPU, that it only takes contrast away."""
    slack = _slack(len(values), shots)
    if noisy:
        slope, sure = contrast(values, exact), _slack(1, shots) / float(np.linalg.norm(exact))
        rest = float(np.abs(values - slope * exact).max())
        return (Check("contrast", slope, 1.0, 0.02 + sure, "noise takes contrast away, shots scatter", "below"),
                Check("contrast above 0", slope, 0.0, sure, "noise does not turn signs, shots scatter", "above"),
                Check("beyond contrast", rest, 0.0, 0.25 + slack,
                      "circuits of one shape lose alike, within a quarter of the range; shots scatter", "below"))
    why = ("rounding of double precision" if shots == 0 else
           f"Hoeffding's bound for {shots} shots and {len(values)} circuits, false alarm {FALSE_ALARM:g}")
    return (Check("worst error", float(np.abs(values - exact).max()), 0.0, slack + 1e-9, why, "below"),)


def _slack(count: int, shots: int) -> float:
    """What shot noise may do to the worst of so many observables with coefficients that add up to 1 in size."""
    return math.sqrt(2.0 * math.log(2.0 * count / FALSE_ALARM) / shots) if shots else 0.0


def contrast(values: Floats, exact: Floats) -> float:
    """The slope of values against exact ones, through the origin (least squares)."""
    return float(values @ exact / (exact @ exact))


def _exact(circuit: QuantumCircuit, observable: SparsePauliOp) -> float:
    """The exact value by Qiskit's own state vector, which neither QPUs nor workers use."""
    from qiskit.quantum_info import Statevector

    return float(np.real(Statevector(circuit).expectation_value(observable)))


MOTIF = Motif(name=NAME, parameters=CircuitExecution, run=run, coupling="loose", uses=("qpus", "workers"), seconds=0.8,
              about="many independent circuits with observables of their own",
              exercises="throughput: binding of many small tasks to QPUs or workers",
              exact="each value by a state vector")
