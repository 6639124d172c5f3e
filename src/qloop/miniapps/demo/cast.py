"""Who plays in the demo: the loops of three tenants, and the circuits of the background tasks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from qloop.miniapps.problems.problem import Problem
from qloop.miniapps.problems.registry import problem

CHEMISTRY, GRAPHS, SPINS = "chemistry", "graphs", "spins"
TENANTS = (CHEMISTRY, GRAPHS, SPINS)


class Role(msgspec.Struct, frozen=True):
    """One loop: who runs it, on which problem, with which optimizer, for how many iterations of how many shots.

    `spread` (rad): the start is drawn uniformly within it, 0: the problem's own start.
    """

    name: str
    tenant: str
    problem: str
    parameters: Mapping[str, Any]
    optimizer: str
    options: Mapping[str, float]
    iterations: int
    shots: int
    spread: float = 0.0

    def make(self) -> Problem:
        """The problem."""
        return problem(self.problem, **self.parameters)

    def start(self, made: Problem, seed: int, generator: np.random.Generator) -> NDArray[np.float64]:
        """Where the loop begins: (parameters,) in radians."""
        if self.spread == 0.0:
            return made.initial_point(seed)
        return generator.uniform(-self.spread, self.spread, made.n_parameters)


def roles() -> tuple[Role, ...]:
    """The loops of the demo, of three tenants.

    SPSA's steps are smaller than its default, because every value is noisy. QAOA and the molecules start far from their
    good guesses, else there would be little to see.
    """
    calm = {"first_step": 0.1, "c": 0.15, "calibration_pairs": 5}
    quick = {"learning_rate": 0.2}
    return (
        _cut("qaoa-4", 4, "qaoa", 2, "spsa", calm, 80, 1000, spread=0.8),
        _cut("qaoa-6", 6, "qaoa", 2, "spsa", calm, 80, 1000, spread=0.8),
        _cut("su2-8", 8, "efficient_su2", 1, "adam", quick, 60, 100),
        _cut("ra-12", 12, "real_amplitudes", 1, "adam", quick, 60, 100),
        _cut("su2-4", 4, "efficient_su2", 1, "spsa", calm, 80, 1000),
        _molecule("h2-a", "h2", "efficient_su2", 1, calm, 80, 1000),
        _molecule("h2-b", "h2", "real_amplitudes", 1, calm, 80, 1000),
        _molecule("h2-c", "h2", "efficient_su2", 1, calm, 80, 1000),
        _molecule("lih", "lih", "real_amplitudes", 2, calm, 110, 150),
        _spins("ising-4", {"nodes": 4}, "spsa", calm, 80, 800),
        _spins("ising-6", {"nodes": 6}, "spsa", calm, 100, 800),
        _spins("ising-4-ra", {"nodes": 4, "ansatz": "real_amplitudes", "layers": 1}, "adam", quick, 60, 150),
        _spins("ising-6-ra", {"nodes": 6, "ansatz": "real_amplitudes", "layers": 1}, "adam", quick, 60, 100),
        _spins("ising-8-ra", {"nodes": 8, "ansatz": "real_amplitudes", "layers": 1}, "adam", quick, 50, 80),
    )


def background_problems() -> tuple[Problem, ...]:
    """The circuits of single tasks: MaxCut states whose cut is estimated once, with many shots, in one basis."""
    wanted = ((4, "qaoa", 2), (6, "qaoa", 2), (8, "qaoa", 1), (8, "efficient_su2", 1))
    return tuple(problem("maxcut", nodes=nodes, ansatz=ansatz, layers=layers) for nodes, ansatz, layers in wanted)


def _cut(name: str, nodes: int, ansatz: str, layers: int, optimizer: str, options: Mapping[str, float],
         iterations: int, shots: int, spread: float = 0.0) -> Role:
    parameters = {"nodes": nodes, "ansatz": ansatz, "layers": layers}
    return Role(name, GRAPHS, "maxcut", parameters, optimizer, options, iterations, shots, spread)


def _molecule(name: str, formula: str, ansatz: str, layers: int, options: Mapping[str, float], iterations: int,
              shots: int) -> Role:
    return Role(name, CHEMISTRY, formula, {"ansatz": ansatz, "layers": layers}, "spsa", options, iterations, shots,
                spread=1.5)


def _spins(name: str, parameters: Mapping[str, Any], optimizer: str, options: Mapping[str, float], iterations: int,
           shots: int) -> Role:
    return Role(name, SPINS, "ising", parameters, optimizer, options, iterations, shots)
