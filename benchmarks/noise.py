"""The surrogate's error against Aer's noise model, its price, and twins' durations against IBM's own estimates.

    python benchmarks/noise.py [--sizes N ...] [--devices NAME ...] [--points N] [--page FILE.md] [--out FILE.json]

With `--page` the tables between the page's marks are written anew.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from measuring import machine, one_thread, target, write
from noise_page import write_page
from usage import estimates

SIZES, DEVICES = (4, 6, 8, 10, 12), ("torino", "sherbrooke", "hanoi")
CIRCUITS = ("EfficientSU2", "QAOA", "UCC-like")
BOUNDS_S = {10: 1.0, 12: 6.0}
SHOTS = 4096


def problem(name: str, n: int, random: np.random.Generator, points: int) -> tuple[Any, Any, np.ndarray]:
    """A circuit, its observable, and points (rows) where a loop would look at them."""
    made = {"EfficientSU2": _ising, "QAOA": _max_cut, "UCC-like": _excitations}[name](n, random)
    circuit, observable, centre, width = made
    return circuit, observable, centre + width * random.normal(size=(points, circuit.num_parameters))


def _ising(n: int, random: np.random.Generator) -> tuple[Any, Any, np.ndarray, float]:
    """Three layers of EfficientSU2 near the ferromagnetic state of a transverse-field Ising chain."""
    from qiskit.circuit.library import efficient_su2
    from qiskit.quantum_info import SparsePauliOp

    circuit = efficient_su2(n, reps=3)
    chain = [("ZZ", [k, k + 1], -1.0) for k in range(n - 1)] + [("X", [k], -0.5) for k in range(n)]
    return circuit, SparsePauliOp.from_sparse_list(chain, n), np.zeros(circuit.num_parameters), 0.2


def _max_cut(n: int, random: np.random.Generator) -> tuple[Any, Any, np.ndarray, float]:
    """Two layers of QAOA for MaxCut on a ring, around rising and falling angles."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector
    from qiskit.quantum_info import SparsePauliOp

    edges, angles, circuit = [(k, (k + 1) % n) for k in range(n)], ParameterVector("a", 4), QuantumCircuit(n)
    circuit.h(range(n))
    for layer in range(2):
        for a, b in edges:
            circuit.rzz(angles[2 * layer], a, b)
        circuit.rx(angles[2 * layer + 1], range(n))
    cut = SparsePauliOp.from_sparse_list([("ZZ", edge, 0.5) for edge in edges], n)
    return circuit, cut, np.array([0.5, -1.1, 0.9, -0.6]), 0.1


def _excitations(n: int, random: np.random.Generator) -> tuple[Any, Any, np.ndarray, float]:
    """Single and double excitations of a half-filled row, and a random sum of local strings."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import ParameterVector
    from qiskit.circuit.library import PauliEvolutionGate
    from qiskit.quantum_info import SparsePauliOp

    angles, circuit = ParameterVector("t", 2 * n - 4), QuantumCircuit(n)
    circuit.x(range(n // 2))
    for k in range(n - 1):
        circuit.append(PauliEvolutionGate(SparsePauliOp(["XY", "YX"], [0.5, -0.5]), angles[k]), [k, k + 1])
    for k in range(n - 3):
        circuit.append(PauliEvolutionGate(SparsePauliOp("XXXY"), angles[n - 1 + k]), [k, k + 1, k + 2, k + 3])
    terms = []
    for _ in range(3 * n):
        width = int(random.integers(1, 4))
        letters = "".join(random.choice(list("XYZZZ"), width))
        terms.append((letters, random.choice(n, width, replace=False).tolist(), random.normal()))
    return circuit, SparsePauliOp.from_sparse_list(terms, n), np.zeros(2 * n - 4), 0.3


def cell(device: str, name: str, n: int, points: int) -> dict[str, Any]:
    """One circuit on one device: mean absolute errors in parts of the observable's weight, and times."""
    from qloop.qpus.noise.noisy import EXACT_QUBITS
    from qloop.qpus.protocol import Request
    from qloop.qpus.twin import TwinQpu

    random = np.random.Generator(np.random.Philox(key=[n, CIRCUITS.index(name)]))
    circuit, observable, thetas = problem(name, n, random, points)
    plain, aer = TwinQpu(device), TwinQpu(device, noise="aer")
    programs = [twin.compile(circuit, observable, seed=1) for twin in (plain, aer)]
    used = programs[1].isa.placed.n_qubits
    if used > EXACT_QUBITS:
        thetas = thetas[:1]     # shot by shot: many seconds each
    begun = time.perf_counter()
    aer.evaluate(programs[1], Request(thetas[:1], 0, ()))
    first_s = time.perf_counter() - begun
    by_aer, aer_s = _timed(aer, programs[1], thetas)
    by_surrogate, surrogate_s = _timed(plain, programs[0], thetas)
    shots_s = None
    if used <= EXACT_QUBITS:
        begun = time.perf_counter()
        aer.evaluate(programs[1], Request(thetas[:1], SHOTS, (bytes(32),)))
        shots_s = time.perf_counter() - begun
    weight, isa = float(np.abs(np.real(observable.coeffs)).sum()), programs[1].isa
    told, real, clean = (np.array(found) for found in (by_surrogate.values, by_aer.values, by_aer.ideal))
    return {"device": device, "circuit": name, "n": n, "used": used, "esp": isa.success.esp,
            "two_qubit_gates": isa.two_qubit_gates, "ideal": float(np.abs(clean - real).mean()) / weight,
            "surrogate": float(np.abs(told - real).mean()) / weight, "weight": weight,
            "bias": float((np.abs(clean - told) - np.abs(clean - real)).mean()) / weight, "value": float(
                np.abs(real).mean()) / weight, "first_s": first_s, "aer_s": aer_s, "surrogate_s": surrogate_s,
            "shots_s": shots_s}


def _timed(twin: Any, program: Any, thetas: np.ndarray) -> tuple[Any, float]:
    """All points, and the mean seconds of one."""
    from qloop.qpus.protocol import Request

    begun = time.perf_counter()
    found = twin.evaluate(program, Request(thetas, 0, ()))
    return found, (time.perf_counter() - begun) / len(thetas)


def targets(cells: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The worst evaluation of each number of qubits in use that has a bound, the making of the model included."""
    for used, bound in BOUNDS_S.items():
        rows = [row for row in cells if row["used"] == used]
        if rows:
            worst = max(rows, key=lambda row: max(row["first_s"], row["shots_s"]))
            yield target(f"Aer's noise model: an evaluation of {used} qubits", bound,
                         max(worst["first_s"], worst["shots_s"]), "s", f"{worst['circuit']} on {worst['device']} has "
                         f"{worst['two_qubit_gates']} two-qubit gates")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--devices", nargs="+", default=list(DEVICES))
    parser.add_argument("--points", type=int, default=3)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--out", type=Path)
    wish = parser.parse_args(arguments)
    one_thread()
    cells = []
    for n in wish.sizes:
        for name in CIRCUITS:
            for device in wish.devices:
                cells.append(row := cell(device, name, n, wish.points))
                shots_ms = (row["shots_s"] or 0.0) * 1e3
                print(f"{name:13}{n:3} {device:11} uses {row['used']:3} ESP {row['esp']:.3f}  ideal off by "
                      f"{row['ideal']:.4f}, surrogate by {row['surrogate']:.4f};  {row['aer_s'] * 1e3:8.1f} ms "
                      f"(first {row['first_s'] * 1e3:.0f}, {SHOTS} shots {shots_ms:.0f})", flush=True)
    results = {"machine": machine(), "cells": cells, "usage": estimates(), "targets": list(targets(cells))}
    if wish.page is not None:
        write_page(wish.page, results)
    write(wish.out, results)


if __name__ == "__main__":
    main()
