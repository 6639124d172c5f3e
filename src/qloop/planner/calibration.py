"""Measuring this machine's constants in a bounded time."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from qloop.errors import InvalidInput
from qloop.planner.configurations import Configuration, configurations, problem_of
from qloop.planner.fit import fitted
from qloop.planner.judging import judge
from qloop.planner.learning import learned
from qloop.planner.machine import Calibration, Others, now, this_machine, typical
from qloop.planner.makings import all_makings, measure_making
from qloop.planner.measuring import Measured, Timed, crew, measure_cut, measure_whole
from qloop.planner.others import MPS, STABILIZER, evaluate_other, others
from qloop.planner.prepared import checked_terms, prepared
from qloop.planner.probes import all_probes, measure_probe

SIZES = (12, 19, 15, 20, 17, 10)
CLIFFORDS = ((6, 1), (12, 4), (20, 2), (20, 8))
LEAST_S, LEAST_CONFIGURATIONS = 10.0, 12

Tell = Callable[[float, str], None]
"""Told how much is done, from 0 to 1, and what is measured next."""


def calibrate(seconds: float = 60.0, tell: Tell = lambda done, text: None) -> Calibration:
    """Run small circuits, whole and cut, for about so many seconds, and learn this machine's constants from them.

    At least twelve configurations are measured, however long they take. `InvalidInput` for less than 10 s.
    """
    if not LEAST_S <= seconds < float("inf"):
        raise InvalidInput(f"A calibration of {seconds:g} s is not possible", f"It takes {LEAST_S:g} s at least",
                           f"Give --seconds {LEAST_S:g} or more")
    begun, here = time.perf_counter(), this_machine()
    workers = min(2, here.cores)
    load = os.getloadavg()[0]
    with crew(workers) as pool:
        known = _others(pool)
        probes = [pool.submit(measure_probe, kind, size).result() for kind, size in all_probes()]
        makings = [pool.submit(measure_making, one).result() for one in all_makings()]
        measured = _measured(pool, seconds, begun, workers, tell)
    # By the processor's clock, since constants are the machine's, not those of what else runs on it now.
    constants = learned(measured, probes, "cpu", makings)
    alone = [one for one in measured if one.configuration.workers == 1]
    fit = float(np.mean([one.accuracy for one in judge(alone, constants, "cpu")]))
    return Calibration(constants=constants, others=known, machine=here, date=now(), configurations=len(measured),
                       seconds=time.perf_counter() - begun, fit=fit, load=load)


def _measured(pool: ProcessPoolExecutor, seconds: float, begun: float, workers: int, tell: Tell) -> list[Measured]:
    """Configurations of all sizes in turn, until the time is over."""
    found: list[Measured] = []
    wholes: dict[str, Timed] = {}
    counts = tuple(range(1, workers + 1))
    by_size = [configurations((size,), counts) for size in SIZES]
    for chosen in itertools.chain.from_iterable(zip(*by_size, strict=True)):
        spent = time.perf_counter() - begun
        if spent > seconds and len(found) >= LEAST_CONFIGURATIONS:
            break
        tell(min(1.0, spent / seconds), chosen.name)
        if chosen.circuit_name not in wholes:
            wholes[chosen.circuit_name] = measure_whole(pool, chosen)
        cut = measure_cut(pool, chosen, typical().constants)
        found.append(Measured(chosen, wholes[chosen.circuit_name], cut, os.getloadavg()[0]))
    return found


def _others(pool: ProcessPoolExecutor) -> Others:
    """How long the simulators that need no cut take here."""
    ratios = [pool.submit(_time_mps, size).result() for size in (12, 16, 20)]
    rows = [pool.submit(_time_stabilizer, size, layers).result() for size, layers in CLIFFORDS]
    stabilizer = fitted([np.array(row) for row, _ in rows], [seconds for _, seconds in rows])
    mps = [ratio for ratio in ratios if ratio > 0]
    return Others(float(np.median(mps)) if mps else 1.0, tuple(stabilizer.tolist()))


def _time_mps(n_qubits: int) -> float:
    """Seconds of matrix product states over what is forecast; 0 if they cannot be used here."""
    circuit, observable = problem_of(Configuration(n_qubits, "efficient", 2, (n_qubits,), 1))
    bare = prepared(circuit)
    one = next(one for one in others(bare, checked_terms(observable, bare), Others()) if one.name == MPS)
    if one.refusal:
        return 0.0
    return _least(lambda: evaluate_other(MPS, bare, observable)) / one.seconds


def _time_stabilizer(n_qubits: int, layers: int) -> tuple[tuple[float, float, float], float]:
    """What was counted, and seconds, of a Clifford circuit."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(n_qubits)
    for _ in range(layers):
        circuit.h(range(n_qubits))
        circuit.cx(range(n_qubits - 1), range(1, n_qubits))
    _, observable = problem_of(Configuration(n_qubits, "brick", 1, (n_qubits,), 1))
    gates, strings = len(circuit.data), len(observable)
    return (1.0, float(gates), float(strings * n_qubits)), _least(
        lambda: evaluate_other(STABILIZER, circuit, observable))


def _least(call: Callable[[], object]) -> float:
    spent = []
    for _ in range(4):
        begun = time.process_time()
        call()
        spent.append(time.process_time() - begun)
    return max(min(spent), 1e-7)
