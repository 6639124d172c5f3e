"""Error mitigation: noise-scaled and calibration circuits, then extrapolation, beside the values without it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import NDArray

from qloop.miniapps.motifs import dense, mitigating
from qloop.miniapps.motifs.motif import Motif
from qloop.miniapps.motifs.noise_model import NoiseModel, outcome_probabilities
from qloop.miniapps.motifs.parameters import Choice, Parameters, Real, Whole
from qloop.miniapps.motifs.record import Asked, Check, Recorder, Result, collect, emulated
from qloop.miniapps.motifs.site import Site
from qloop.miniapps.problems.problem import philox

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

NAME = "error-mitigation"
SCALES = (1, 3, 5)
SHOT_STREAM = 14
Counts = Mapping[str, int]


class ErrorMitigation(Parameters, frozen=True, kw_only=True):
    """A quenched Ising chain, measured again and again; on workers under a noise model, or on the QPUs as they are."""

    qubits: Annotated[int, Whole(2, 6, "qubits", "Spins of the chain")] = 4
    steps: Annotated[int, Whole(1, 20, "steps", "Trotter steps")] = 2
    shots: Annotated[int, Whole(100, 1_000_000, "shots", "Shots of each circuit")] = 8192
    repeats: Annotated[int, Whole(3, 1000, "runs", "Independent runs, over which the intervals are taken")] = 12
    rule: Annotated[str, Choice(("exponential", "linear", "richardson"), "How values are extrapolated")] = "exponential"
    where: Annotated[str, Choice(("workers", "qpu"), "Who runs the circuits")] = "workers"
    two_qubit: Annotated[float, Real(0.0, 0.2, "", "Workers: depolarizing after a gate on two qubits")] = 0.01
    one_qubit: Annotated[float, Real(0.0, 0.1, "", "Workers: depolarizing after a gate on one")] = 0.0005
    readout: Annotated[float, Real(0.0, 0.2, "", "Workers: a 1 that is read as 0; a 0 as 1 half as often")] = 0.02
    seed: Annotated[int, Whole(0, 2**31 - 1, "", "Of the workers' shots")] = 0


def run(parameters: ErrorMitigation, site: Site) -> Result:
    """Measure, mitigate, and compare the errors with and without it, run by run."""
    mitigating.required()       # told before anything is measured
    record = Recorder(NAME, parameters, site)
    with record.phase("stage"):
        circuit = quench(parameters.qubits, parameters.steps)
        masks = [0b11 << k for k in range(parameters.qubits - 1)]
        circuits = [*(mitigating.folded(circuit, scale) for scale in SCALES), *prepared(parameters.qubits)]
    with record.phase("check"):
        exact = float(np.mean([dense.expectation(dense.run(parameters.qubits, dense.operations(circuit)),
                                                 (dense.Term(0, mask),)) for mask in masks]))
    measured = _on_qpus if parameters.where == "qpu" else _on_workers
    counts, noisy = measured(parameters, site, record, circuits)
    with record.phase("reconstruct"):
        rows = np.array([values(one, masks, parameters.rule) for one in counts])
    errors = np.abs(rows - exact)
    told = {"exact": exact}
    for name, column, error in zip(("raw", "readout", "folded", "both"), rows.T, errors.T, strict=True):
        told |= {name: column.mean(), f"{name}_error": error.mean()}
    gain, half = _interval(errors[:, 3] - errors[:, 0])
    told |= {"gain": -gain, "gain_half_width": half}
    return record.finish(told, checks(parameters, rows, errors, exact, noisy))


def values(counts: Sequence[Counts], masks: Sequence[int], rule: str) -> tuple[float, float, float, float]:
    """Raw, with the readout undone, extrapolated, and both, from the counts of one run."""
    scaled, (zeros, ones) = counts[:len(SCALES)], counts[len(SCALES):]
    matrices = mitigating.assignments(zeros, ones)
    plain = [mitigating.mean_of(one, masks) for one in scaled]
    undone = [mitigating.corrected(one, matrices, masks) for one in scaled]
    return (plain[0], undone[0], mitigating.extrapolated(SCALES, plain, rule),
            mitigating.extrapolated(SCALES, undone, rule))


def checks(parameters: ErrorMitigation, rows: NDArray[np.float64], errors: NDArray[np.float64], exact: float,
           noisy: bool) -> list[Check]:
    """That mitigation helps where there is noise, and does no harm where there is none."""
    if not noisy:
        slack = 6.0 / math.sqrt(parameters.shots * parameters.repeats)
        return [Check("raw value without noise", float(rows[:, 0].mean()), exact, slack,
                      "six standard errors of the shots, at most")]
    mean, half = _interval(errors[:, 3] - errors[:, 0])
    return [Check("mitigated minus raw error", mean + half, 0.0, 0.0,
                  f"the 95 % interval of the paired difference over {parameters.repeats} runs is below 0", "below")]


def _interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    """The mean, and half the width of its 95 % interval (Student's t)."""
    from scipy.stats import t

    count = len(differences)
    return float(differences.mean()), float(t.ppf(0.975, count - 1) * differences.std(ddof=1) / math.sqrt(count))


def quench(n_qubits: int, steps: int) -> QuantumCircuit:
    """From |0...0>, `steps` Trotter steps of a transverse-field Ising chain (angles 0.35 and 0.3 rad each)."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(n_qubits, name="quench")
    for _ in range(steps):
        for qubit in range(n_qubits - 1):
            circuit.cx(qubit, qubit + 1)
            circuit.rz(0.35, qubit + 1)
            circuit.cx(qubit, qubit + 1)
        circuit.rx(0.3, range(n_qubits))
    return circuit


def prepared(n_qubits: int) -> tuple[QuantumCircuit, QuantumCircuit]:
    """The circuits that show how all 0 and all 1 are read."""
    from qiskit import QuantumCircuit

    zeros, ones = QuantumCircuit(n_qubits, name="zeros"), QuantumCircuit(n_qubits, name="ones")
    zeros.id(range(n_qubits))
    ones.x(range(n_qubits))
    return zeros, ones


def _on_workers(parameters: ErrorMitigation, site: Site, record: Recorder, circuits: Sequence[QuantumCircuit],
                ) -> tuple[list[list[Counts]], bool]:
    """The counts of each run: a task for each circuit, which draws the shots of all runs."""
    noise = NoiseModel(parameters.two_qubit, parameters.one_qubit, parameters.readout / 2, parameters.readout)
    with record.phase("submit"):
        handles = [site.submit(drawn, parameters.qubits, dense.operations(circuit), noise, parameters.shots,
                               parameters.repeats, (parameters.seed << 8) + n) for n, circuit in enumerate(circuits)]
    by_circuit = record.gather("measure", handles)
    noisy = max(parameters.two_qubit, parameters.one_qubit, parameters.readout) > 0.0
    return [[one[number] for one in by_circuit] for number in range(parameters.repeats)], noisy


def drawn(n_qubits: int, program: Sequence[dense.Operation], noise: NoiseModel, shots: int, runs: int,
          seed: int) -> list[dict[str, int]]:
    """Counts of bit strings, Qiskit's order, of so many runs of a noisy program."""
    chances = outcome_probabilities(n_qubits, program, noise)
    drawn_counts = np.random.Generator(philox(seed, SHOT_STREAM)).multinomial(shots, chances, size=runs)
    return [{f"{index:0{n_qubits}b}": int(row[index]) for index in np.flatnonzero(row)} for row in drawn_counts]


def _on_qpus(parameters: ErrorMitigation, site: Site, record: Recorder, circuits: Sequence[QuantumCircuit],
             ) -> tuple[list[list[Counts]], bool]:
    """The counts of each run from the QPUs of a session; all on one QPU, whose noise is what is undone."""
    with site.session() as session:
        with record.phase("submit"):
            asked = [Asked(site, session.sample(circuit, shots=parameters.shots), parameters.qubits)
                     for _ in range(parameters.repeats) for circuit in circuits]
        found = collect(record, "measure", asked)
        noisy = emulated(asked)
    return [list(found[first:first + len(circuits)]) for first in range(0, len(found), len(circuits))], noisy


MOTIF = Motif(name=NAME, parameters=ErrorMitigation, run=run, coupling="medium", uses=("workers", "qpus"), seconds=2,
              about="noise-scaled circuits and readout calibration, then extrapolation",
              exercises="groups of circuits that only make sense together",
              exact="a state vector without noise; the error must be smaller than without mitigation")
