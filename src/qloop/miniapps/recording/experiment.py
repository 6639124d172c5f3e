"""One experiment of the paper through qloop: wish, cold start, compilation, COBYLA's iterations, final samples.

The steps follow section III of the paper and its function for Qiskit Serverless: EfficientSU2 with a uniform random
start, COBYLA with SciPy's settings, and a sampling run of 10,000 shots at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qloop.loops.session import Session
from qloop.miniapps.problems.maxcut import cut_observable, ground_energy
from qloop.miniapps.problems.problem import START_STREAM, philox
from qloop.miniapps.recording import cold
from qloop.miniapps.recording.instances import Instance, seed_of
from qloop.miniapps.recording.plan import ENTANGLEMENT, FINAL_SHOTS, REPETITIONS, Plan

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

    from qloop.loops.objective import Objective

Opening = Callable[[str, int, Path], AbstractContextManager[Any]]
"""Opens a runtime with a worker for one experiment: its name, its seed, and the file for its trace."""
Told = Callable[[int], object]
"""Told how many iterations are complete."""


@dataclass(frozen=True, slots=True)
class Record:
    """What an experiment leaves: its row of the table `experiments`, and its rows of `iterations`."""

    row: Mapping[str, int | float | str]
    classical_s: tuple[float, ...]
    quantum_s: tuple[float, ...]
    cost: tuple[float, ...]


def perform(opening: Opening, plan: Plan, instance: Instance, trace: Path, told: Told = lambda k: None) -> Record:
    """Run one experiment and return its record; the trace is written to the file. Errors of the QPU pass through."""
    size, number = instance.n_qubits, instance.number
    seed = seed_of(plan.seed, size, number)
    asked = time.monotonic()
    with (opening(f"q{size:02d}-i{number:03d}", seed % 2**31, trace) as client,
          Session("experiment", runtime=client, shots=plan.shots or None, seed=seed) as session):
        begun, loaded = client.answer(client.call(session.id, cold.load))
        run = _Run(client, session, plan, instance, seed)
        row = {"queued_s": max(0.0, begun - asked), "initialising_s": loaded, **run.all(told)}
    head = {"n_qubits": size, "instance": number, "seed": seed}
    parts = ("queued_s", "initialising_s", "init_s", "transpile_s")
    row["pre_s"] = sum(row[part] for part in parts)
    return Record({**head, **row, "graph": instance.name}, tuple(run.course.classical_s), tuple(run.course.quantum_s),
                  tuple(run.course.cost))


class _Course:
    """The function that the optimizer sees; keeps what each iteration took and gave.

    The classical time is the processor's, so that other programs on the machine do not count: the model shares
    processors itself. The quantum time is that of the run's clock, which may be virtual.
    """

    def __init__(self, client: Any, objective: Objective, told: Told) -> None:
        self.client, self.objective, self.told = client, objective, told
        self.classical_s: list[float] = []
        self.quantum_s: list[float] = []
        self.cost: list[float] = []
        self._since = time.process_time()

    def __call__(self, theta: NDArray[np.float64]) -> float:
        thought = time.process_time() - self._since
        k, session = len(self.cost), self.objective.session
        self.client.note(session, "iteration_begin", iteration=k)
        begun = self.client.now_s()
        value = float(self.objective.values(theta.reshape(1, -1), iteration=k)[0])
        self.quantum_s.append(self.client.now_s() - begun)
        self.client.note(session, "iteration_end", iteration=k, energy=value)
        self.classical_s.append(thought)
        self.cost.append(value)
        self.told(k + 1)
        self._since = time.process_time()
        return value


class _Run:
    """The steps of an experiment inside its session."""

    def __init__(self, client: Any, session: Session, plan: Plan, instance: Instance, seed: int) -> None:
        self.client, self.session, self.plan, self.instance, self.seed = client, session, plan, instance, seed
        self.course: _Course

    def all(self, told: Told) -> dict[str, Any]:
        """Everything after the cold start: times in seconds, and what came out."""
        from scipy.optimize import minimize

        begun = time.perf_counter()
        circuit, observable, start = self._made()
        made = time.perf_counter()
        objective = self.session.objective(circuit, observable)
        compiled = time.perf_counter()
        self.course = course = _Course(self.client, objective, told)
        found = minimize(course, start, method="COBYLA", options={"maxiter": self.plan.maxiter})
        return {"num_iterations": len(course.cost), "init_s": made - begun, "transpile_s": compiled - made,
                "cost_time_s": float(np.mean(course.classical_s)), "initial_cost": course.cost[0],
                "final_cost": float(found.fun), **self._post(circuit, found.x)}

    def _made(self) -> tuple[QuantumCircuit, SparsePauliOp, NDArray[np.float64]]:
        """Circuit, operator to minimise, and starting point."""
        from qiskit.circuit.library import efficient_su2

        size = self.instance.n_qubits
        circuit = efficient_su2(size, reps=REPETITIONS, entanglement=ENTANGLEMENT)
        lower = cut_observable(size, self.instance.edges)
        draw = np.random.Generator(philox(self.seed, START_STREAM))
        return (circuit, lower if self.plan.objective == "maxcut" else (-1.0 * lower).simplify(),
                draw.uniform(0.0, 2 * np.pi, circuit.num_parameters))

    def _post(self, circuit: QuantumCircuit, theta: NDArray[np.float64]) -> dict[str, float]:
        """The final sampling run, and what its samples are worth."""
        self.client.prepare(self.session.id, circuit, None)    # compiled before, as in the paper's function
        begun = self.client.now_s()
        counts = self.session.sample(circuit, theta, shots=FINAL_SHOTS).result()
        took = self.client.now_s() - begun
        cuts = np.array([cut_of(bits, self.instance) for bits in counts])
        mean = float(np.average(cuts, weights=list(counts.values())))
        best = -ground_energy(self.instance.n_qubits, self.instance.edges)
        return {"post_s": took, "max_cut": best, "sampled_cut": mean, "best_cut": float(cuts.max()),
                "approximation_ratio": mean / best}


def cut_of(bits: str, instance: Instance) -> int:
    """How many edges a bit string (qubit 0 last) cuts."""
    return sum(bits[-1 - i] != bits[-1 - j] for i, j in instance.edges)
