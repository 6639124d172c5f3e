"""Circuit cutting: a wide circuit as narrow subexperiments on workers, put together again by their keys."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

from qloop.errors import InvalidInput
from qloop.miniapps.motifs import cutting, dense
from qloop.miniapps.motifs.cutting_circuits import Reading, circuits_of, values_from
from qloop.miniapps.motifs.cutting_fragments import Fragment, evaluate
from qloop.miniapps.motifs.drawn import drawn_circuit, drawn_observable
from qloop.miniapps.motifs.motif import Motif
from qloop.miniapps.motifs.parameters import Choice, Parameters, Whole
from qloop.miniapps.motifs.record import Asked, Check, Recorder, Result, collect, emulated
from qloop.miniapps.motifs.site import Handle, Site
from qloop.planner.machine import load
from qloop.planner.plan import Question, carry_out, plan_cutting
from qloop.planner.runs import Task, Values, run_task

if TYPE_CHECKING:
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp

NAME = "circuit-cutting"
SIGMAS = 5.0
ROUNDING = 1e-9


class CircuitCutting(Parameters, frozen=True, kw_only=True):
    """A line of random cx layers, cut into parts of at most `widest` qubits; subexperiments go out in batches.

    If it is `planned`, the planner decides where to cut and into which tasks, for exact values; and whether, if
    `widest` is the whole width.
    """

    qubits: Annotated[int, Whole(3, 24, "qubits", "Width of the whole circuit")] = 10
    widest: Annotated[int, Whole(2, 20, "qubits", "The widest part")] = 5
    depth: Annotated[int, Whole(1, 20, "layers", "Layers of rotations and cx")] = 3
    terms: Annotated[int, Whole(1, 32, "strings", "Pauli strings of the observable")] = 4
    shots: Annotated[int, Whole(0, 10_000_000, "shots", "Shots of each subexperiment; 0: exact values")] = 0
    batch: Annotated[int, Whole(1, 10_000, "subexperiments", "Subexperiments in one task")] = 8
    how: Annotated[str, Choice(("subexperiments", "planned"), "As a QPU would run it, or as the planner decides (no "
                                                              "shots and batches then)")] = "subexperiments"
    where: Annotated[str, Choice(("workers", "qpu"), "Who runs subexperiments")] = "workers"
    seed: Annotated[int, Whole(0, 2**31 - 1, "", "Of circuit, observable and shots")] = 0

    def agree(self) -> None:
        """A part is narrower than the whole, and there is one way to say that it need not be."""
        least = self.qubits + (self.how == "planned")
        if self.widest >= least:
            raise InvalidInput(f"widest is {self.widest}, and qubits {self.qubits}", "Nothing would be cut",
                               "Give narrower parts, or a wider circuit")
        if self.where == "qpu" and (self.how == "planned" or self.shots == 0):
            raise InvalidInput(f"QPUs are to run the parts with how {self.how} and shots {self.shots}",
                               "They run subexperiments, and with shots", "Give how subexperiments, and shots")


def run(parameters: CircuitCutting, site: Site) -> Result:
    """Cut, evaluate what that takes, put it together, and compare with the whole circuit's exact value."""
    record = Recorder(NAME, parameters, site)
    with record.phase("stage"):
        circuit = drawn_circuit(parameters.qubits, parameters.depth, parameters.seed, 0, line=True)
        observable = drawn_observable(parameters.qubits, parameters.terms, parameters.seed, 0)
    way = _planned if parameters.how == "planned" else _cut
    told, error, noisy = way(parameters, site, record, circuit, observable)
    with record.phase("check"):
        exact = dense.value_of(circuit, observable)
    return record.finish({**told, "exact": exact}, checks(told["value"], exact, error, noisy))


def checks(value: float, exact: float, error: float, noisy: bool) -> tuple[Check, ...]:
    """The value against the exact one; on noisy QPUs, that it only lost contrast."""
    slack = SIGMAS * error + ROUNDING
    why = (f"{SIGMAS:g} standard errors, from the values" if error else
           "rounding of double precision in the sum over all cuts")
    if not noisy:
        return (Check("recombined value", value, exact, slack, why),)
    towards = math.copysign(value, value * exact)
    return (Check("recombined value", towards, abs(exact), slack, f"noise takes contrast away; {why}", "below"),
            Check("its sign", towards, 0.0, slack, f"noise does not turn it; {why}", "above"))


def _cut(parameters: CircuitCutting, site: Site, record: Recorder, circuit: QuantumCircuit,
         observable: SparsePauliOp) -> tuple[dict[str, float], float, bool]:
    """Values of the run by all subexperiments, the standard error of the one that counts, and if there was noise."""
    with record.phase("compile"):
        plan = cutting.cut(circuit, observable, parameters.widest, seed=parameters.seed)
    noisy = False
    if parameters.where == "qpu":
        values, noisy = on_qpus(plan, site, record, parameters.shots)
    else:
        values = subexperiments(plan, site, record, parameters.batch, parameters.shots, parameters.seed)
    with record.phase("reconstruct"):
        found = cutting.recombine(plan, values)
    error = cutting.standard_error(plan, values, parameters.shots) if parameters.shots else 0.0
    return {"value": found, "cuts": len(plan.coefficients), "wires": plan.wires, "fragments": len(plan.fragments),
            "widest": plan.widest, "subexperiments": len(values), "terms": cutting.terms_of(plan),
            "overhead": plan.overhead}, error, noisy


def _planned(parameters: CircuitCutting, site: Site, record: Recorder, circuit: QuantumCircuit,
             observable: SparsePauliOp) -> tuple[dict[str, float], float, bool]:
    """Values of the run as the planner decides, with the speed-up that it forecasts over the whole circuit."""
    with record.phase("compile"):
        bound = parameters.widest if parameters.widest < parameters.qubits else 0
        plan = plan_cutting(circuit, observable,
                            Question(workers=site.slots, qubits=bound, seed=parameters.seed), load())

    def spread(tasks: Sequence[Task]) -> Sequence[Values]:
        with record.phase("submit"):
            handles = [site.submit(run_task, task) for task in tasks]
        return record.gather("subexperiments", handles)

    chosen = plan.chosen
    whole = chosen.cut is None      # by a simulator in this process, which no worker is needed for
    with record.phase("reconstruct") if whole else nullcontext():
        found = carry_out(plan, spread)
    return {"value": found, "cut": float(chosen.is_cut), "fragments": len(chosen.sizes), "widest": max(chosen.sizes),
            "tasks": len(chosen.tasks), "runs": chosen.runs, "terms": chosen.terms, "overhead": chosen.overhead,
            "forecast_speed_up": plan.speed_up(chosen)}, 0.0, False


def subexperiments(plan: cutting.Cut, site: Site, record: Recorder, batch: int, shots: int,
                   seed: int) -> dict[cutting.Key, tuple[float, ...]]:
    """The values of all subexperiments by their keys, in tasks of so many of one fragment each."""
    asked: list[tuple[list[cutting.Key], Handle[list[tuple[float, ...]]]]] = []
    with record.phase("submit"):
        for number, fragment in enumerate(plan.fragments):
            own = [key for key in cutting.keys(plan) if key.fragment == number]
            for first in range(0, len(own), batch):
                part = own[first:first + batch]
                asked.append((part, site.submit(evaluated, fragment, [key.maps for key in part], shots,
                                                (seed << 24) + (number << 16) + first)))
    found: dict[cutting.Key, tuple[float, ...]] = {}
    for (part, _), values in zip(asked, record.gather("subexperiments", [one for _, one in asked]), strict=True):
        found.update(zip(part, values, strict=True))
    return found


def on_qpus(plan: cutting.Cut, site: Site, record: Recorder,
            shots: int) -> tuple[dict[cutting.Key, tuple[float, ...]], bool]:
    """The values of all subexperiments by their keys, from counts of a session's QPUs; and whether these are noisy."""
    asked: list[tuple[cutting.Key, Reading, Asked[dict[str, int]]]] = []
    with site.session(kind="background") as session, record.phase("submit"):
        for key in cutting.keys(plan):
            for circuit, reading in circuits_of(plan.fragments[key.fragment], key.maps):
                asked.append((key, reading, Asked(site, session.sample(circuit, shots=shots), circuit.num_qubits)))
    futures = [one for _, _, one in asked]
    found: dict[cutting.Key, dict[int, float]] = {}
    for (key, reading, _), counts in zip(asked, collect(record, "subexperiments", futures), strict=True):
        found.setdefault(key, {}).update(values_from(counts, reading))
    values = {key: tuple(parts[number] for number in range(len(parts))) for key, parts in found.items()}
    return values, emulated(futures)


def evaluated(fragment: Fragment, choices: Sequence[tuple[int, ...]], shots: int, seed: int) -> list[tuple[float, ...]]:
    """The values of some subexperiments of one fragment, in the order of the choices."""
    return [evaluate(fragment, maps, shots, seed + n) for n, maps in enumerate(choices)]


MOTIF = Motif(name=NAME, parameters=CircuitCutting, run=run, coupling="medium", uses=("workers", "qpus"), seconds=0.7,
              about="a wide circuit as narrow subexperiments, put together by their keys",
              exercises="fan-out of unequal tasks, then a reconstruction that needs them all",
              exact="the whole circuit's state vector")
