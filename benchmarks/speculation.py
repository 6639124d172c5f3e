"""Asking ahead: what it costs to keep the books of guesses, and what a loop gains for its budget.

    python benchmarks/speculation.py [--iterations N] [--loads N ...] [--out FILE.json]

The gain: Nelder-Mead on a twin in virtual time, alone and beside background tasks for a part of the QPU's time, for
each budget, and for each depth, width and predictor; the loop's course must be the same to the bit, or nothing is told.
The books: the time that the loop's thread spends for an evaluation, wanted or guessed, in the speculator and the memo
table. Apart from it: what the optimizer takes to say what it may ask, what the Gaussian process takes to foresee which
of that is likely, what the platform takes for any task, and evaluating. The bound is for the books alone. Which guess
is the likely one is found after the loop has asked, while it waits: that delays nothing, but takes CPU time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from measuring import machine, one_thread, target, write

BUDGETS = (None, 0.0, 0.25, 1.0, 2.0)
SHAPES = ((1, 1), (1, 4), (2, 2), (3, 1), (3, 2))
PREDICTORS = ("past", "linear", "gp")
TWIN, THINK_S, SHOTS = "hanoi", 2.0, 1000
BOUND_US = 50.0


class Stopwatch:
    """CPU time spent in some functions, in ns; what one of them spends in another counts there alone."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = {}
        self._inside: list[int] = []

    def watch(self, owner: Any, name: str, label: str) -> Callable[[], None]:
        """Time every call of owner.name; returns how to stop."""
        function = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inside.append(0)
            begun = time.thread_time_ns()
            try:
                return function(*args, **kwargs)
            finally:
                took = time.thread_time_ns() - begun
                self.spent[label] = self.spent.get(label, 0) + took - self._inside.pop()
                if self._inside:
                    self._inside[-1] += took
        setattr(owner, name, timed)
        return lambda: setattr(owner, name, function)


@contextmanager
def watched(clock: Stopwatch) -> Iterator[None]:
    """The parts of speculation under a stopwatch."""
    from qloop.loops.speculation import speculator
    from qloop.loops.speculation.approximate import Foresight
    from qloop.runtime import embedded, estimates, guesses
    from qloop.runtime.core import Core
    from qloop.runtime.quantum import QuantumSide

    parts = ((speculator.Speculator, "coming", "books"), (speculator.Speculator, "asked", "books"),
             (speculator.Speculator, "answered", "books"), (Foresight, "predict", "prediction"),
             (Foresight, "observe", "prediction"),
             (embedded, "claim", "books"), (speculator, "candidates", "candidates"), (QuantumSide, "buy", "evaluating"),
             (Core, "tell", "platform"), (Core, "post", "platform"), (guesses, "accept", "platform"),
             (estimates, "reserve", "platform"))
    undo = [clock.watch(*part) for part in parts]
    try:
        yield
    finally:
        for one in undo:
            one()


def run(wish: Any, load: float, iterations: int, shots: int = SHOTS) -> tuple[list[float], float, Any]:
    """One loop on one twin; returns its energies, how long it took in virtual time, and its result."""
    from qiskit.circuit.library import real_amplitudes
    from qiskit.quantum_info import SparsePauliOp

    from qloop.loops.session import Session
    from qloop.qpus.twin import TwinQpu
    from qloop.runtime.embedded import Runtime

    circuit, observable = real_amplitudes(4, reps=1), SparsePauliOp(["ZZII", "IZZI", "IIZZ", "XIII"], [1, 1, 1, 0.5])
    with Runtime(qpus=(TwinQpu(TWIN),), clock="virtual", journal=":memory:", seed=1) as runtime:
        session = Session("loop", runtime=runtime, qpu=f"twin-{TWIN}", shots=shots)
        loop = session.loop(circuit, observable, np.linspace(0.1, 0.8, 8), optimizer="nelder-mead", maxiter=iterations,
                            seed=1, think=lambda k: THINK_S, speculate=wish)
        if load:
            others(runtime, circuit, observable, load, lambda: loop.finished)
        loop.start(lambda ended: None)
        runtime.run_until(lambda: loop.finished)
        took, result = runtime.now_s(), loop.result()
    return [entry.energy for entry in result.iterations], took, result


def others(runtime: Any, circuit: Any, observable: Any, load: float, over: Callable[[], bool]) -> None:
    """Background tasks for a part of the QPU's time, at random moments that are the same in every run."""
    from qloop.loops.session import Session

    session = Session("others", runtime=runtime, qpu=f"twin-{TWIN}", shots=8 * SHOTS, kind="background",
                      tenant="others")
    objective, draws = session.objective(circuit, observable), np.random.Generator(np.random.Philox(key=3))
    length = session.estimate(circuit, observable).qpus[0].cost.net_s

    def ask() -> None:
        if not over():
            objective.submit(draws.uniform(-1, 1, 8))
            runtime.later(draws.exponential(length / load), ask)

    runtime.later(draws.exponential(length / load), ask)


def gains(loads: list[float], iterations: int) -> list[dict[str, Any]]:
    """A row for each load and budget, with the default depth, width and predictor."""
    from qloop.loops.speculation.options import Speculation

    wishes = [(budget, None if budget is None else Speculation(budget=budget)) for budget in BUDGETS]
    return [{"load": load, "budget": budget, **row}
            for load in loads for (budget, _), row in zip(wishes, compared(wishes, load, iterations), strict=True)]


def compared(wishes: list[tuple[Any, Any]], load: float, iterations: int, shots: int = SHOTS) -> list[dict[str, Any]]:
    """A row for each wish; the first is the loop alone, and all must take its course."""
    rows, plain = [], None
    for name, wish in wishes:
        energies, took, result = run(wish, load, iterations, shots)
        plain = plain or (energies, took)
        assert energies == plain[0], f"the course changed for {name} at load {load}"
        told = None if result.speculation is None else result.speculation.to_dict()
        rows.append({"seconds": took, "faster": plain[1] / took, "evaluations": result.nfev, "speculation": told})
    return rows


def shapes(loads: list[float], iterations: int) -> list[dict[str, Any]]:
    """A row for each load, amount of noise, predictor, depth and width, within the default budget."""
    from qloop.loops.speculation.options import Speculation

    names = [(predictor, depth, width) for predictor in PREDICTORS for depth, width in SHAPES]
    wishes = [("alone", None), *(((p, d, w), Speculation(predictor=p, depth=d, width=w)) for p, d, w in names)]
    rows = []
    for load in loads:
        for shots in (SHOTS, 50):
            for (p, d, w), row in zip(names, compared(wishes, load, iterations, shots)[1:], strict=True):
                rows.append({"load": load, "shots": shots, "predictor": p, "depth": d, "width": w, **row})
    return rows


def books(iterations: int, predictor: str) -> dict[str, float]:
    """Microseconds for an evaluation, wanted or guessed, after a run that warms up."""
    from qloop.loops.speculation.options import Speculation

    wish = Speculation(budget=2.0, width=4, predictor=predictor)
    run(wish, 0.0, 20)
    clock = Stopwatch()
    with watched(clock):
        _, _, result = run(wish, 0.0, iterations)
    evaluations = result.nfev + result.speculation.launched
    return {label: spent * 1e-3 / evaluations for label, spent in clock.spent.items()}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--iterations", type=int, default=120)
    parser.add_argument("--loads", type=float, nargs="+", default=[0.0, 0.3, 0.6, 0.85])
    parser.add_argument("--shapes", action="store_true", help="also each depth, width and predictor")
    parser.add_argument("--out", type=Path)
    wish = parser.parse_args(arguments)
    one_thread()
    costs, rows = {name: books(wish.iterations, name) for name in ("past", "gp")}, gains(wish.loads, wish.iterations)
    for name, parts in costs.items():
        for label, cost in parts.items():
            print(f"{name:8}{label:12}{cost:9.1f} us an evaluation")
    tell(rows)
    shaped = shapes(wish.loads, wish.iterations) if wish.shapes else []
    for row in shaped:
        told = row["speculation"]
        print(f"load {row['load']:.2f}  {row['shots']:5} shots  {row['predictor']:7} depth {row['depth']} "
              f"width {row['width']}  x{row['faster']:.2f}  waste {told['wasted_s'] / told['useful_s']:.2f}")
    write(wish.out, {"machine": machine(), "books_us": costs, "gain": rows, "shapes": shaped, "targets": [
        target(f"Speculation: bookkeeping for an evaluation ({name})", BOUND_US, parts["books"], "us")
        for name, parts in costs.items()]})


def tell(rows: list[dict[str, Any]]) -> None:
    """The gain for each budget."""
    for row in rows:
        told = row["speculation"]
        detail = "" if told is None else (f"  {told['launched']:5} guesses, {told['hits']:4} hit, "
                                          f"{told['masked_s']:7.1f} s masked, {told['wasted_s']:7.1f} s wasted")
        print(f"load {row['load']:.2f}  budget {'off' if row['budget'] is None else row['budget']!s:>5}"
              f"{row['seconds']:9.1f} s  x{row['faster']:.2f}{detail}")


if __name__ == "__main__":
    main()
