"""What drift costs: QPUs advanced by an hour, a look far ahead and back, and what an evaluation pays for it.

    python benchmarks/drift.py [--qpus N] [--rounds N] [--days N] [--gates N] [--out FILE.json]

Beside the vectorised processes: the scalar formulas of `qloop.policies.drift`, parameter by parameter, on the same
draws. Both must give the same bits before anything is timed. Beside an evaluation on a drifting twin: the same one with
frozen noise.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Call, figures, in_turns, machine, one_thread, target, write

HOUR, MINUTE, DAY = 3600 * 10**9, 60 * 10**9, 86_400 * 10**9
DEVICE, QUBITS = "torino", 10
ADVANCE_MS, ADDED_US = 10.0, 1000.0
VECTOR, SCALAR = "qloop, vectorised", "scalar formulas"


def qpus(count: int) -> list[Any]:
    """The drift of so many QPUs, each with its own name."""
    from qloop.qpus.calibration import CalibrationPlan, ages
    from qloop.qpus.drift.drifting import Drifting
    from qloop.qpus.drift.model import Drift
    from qloop.qpus.drift.parameters import parameters_of
    from qloop.qpus.snapshot_files import load_snapshot

    snapshot = load_snapshot(DEVICE)
    known = parameters_of(snapshot, ages(snapshot, CalibrationPlan(0, 0, 0), 0))
    return [Drifting(Drift(aged=False), known, seed, f"q{seed}") for seed in range(count)]


class Scalar:
    """One QPU by the scalar formulas: lists of numbers, one step and one parameter at a time."""

    def __init__(self, drifting: Any, seed: int) -> None:
        from qloop.qpus.drift.streams import Stream

        self.drift, self.known = drifting.drift, drifting.parameters
        self.streams = {what: Stream(seed, f"q{seed}", what) for what in ("errors", "t1", "tls")}
        n = self.known.n_qubits
        self.errors, self.t1, self.tls, self.hour = [0.0] * self.known.size, [0.0] * n, [0.0] * n, 0

    def advance(self) -> None:
        """An hour: its sixty points of the grid, and the first one of the next."""
        from qloop.policies.drift import GRID_S, ou_step, telegraph_step
        from qloop.qpus.drift.streams import BLOCK

        drift, split = self.drift, self.known.readout_at
        shapes = {what: (BLOCK, len(values)) for what, values in (("errors", self.errors), ("t1", self.t1))}
        rows = {what: self.streams[what].normals(self.hour, *shape).tolist() for what, shape in shapes.items()}
        coins = self.streams["tls"].uniforms(self.hour, BLOCK, len(self.tls)).tolist()
        for step in range(BLOCK):
            if self.hour == 0 and step == 0:
                continue        # where the run begins nothing has happened yet
            draws = rows["errors"][step]
            gates = [ou_step(x, GRID_S, drift.sd, drift.relax_s, z)
                     for x, z in zip(self.errors[:split], draws[:split], strict=True)]
            self.errors = gates + [ou_step(x, GRID_S, drift.readout_sd, drift.readout_relax_s, z)
                                   for x, z in zip(self.errors[split:], draws[split:], strict=True)]
            self.t1 = [ou_step(x, GRID_S, drift.t1_sd, drift.t1_relax_s, z)
                       for x, z in zip(self.t1, rows["t1"][step], strict=True)]
            self.tls = [telegraph_step(on, GRID_S, drift.tls_every_s, drift.tls_hold_s, u)
                        for on, u in zip(self.tls, coins[step], strict=True)]
        self.hour += 1


def agree(hours: int = 3) -> None:
    """Both ways give the same bits at the last point of some hours, or nothing is worth timing."""
    (one,) = qpus(1)
    plain = Scalar(one, 0)
    for hour in range(hours):
        plain.advance()
        state = one.at(None, (hour + 1) * HOUR - MINUTE)
        t1 = np.exp(np.array(plain.t1)) * np.where(np.array(plain.tls) > 0.0, one.drift.tls_factor, 1.0)
        readouts = slice(one.parameters.readout_at, None)
        if not (np.array_equal(state.t1, t1) and np.array_equal(state.errors[readouts], np.exp(plain.errors[readouts]))
                and np.array_equal(state.tls, np.array(plain.tls) > 0.0)):
            raise SystemExit(f"The two ways do not agree after {hour + 1} h")


def advancing(count: int, rounds: int) -> dict[str, Any]:
    """Wall and CPU time of an hour of all QPUs, by both ways."""
    found = {}
    for name, clock in (("wall", time.perf_counter_ns), ("cpu", time.process_time_ns)):
        fast, slow, hours = qpus(count), [Scalar(one, seed) for seed, one in enumerate(qpus(count))], iter(range(10**6))

        def vector(fast: list[Any] = fast, hours: Any = hours) -> None:
            now = (next(hours) + 1) * HOUR - MINUTE
            for one in fast:
                one.at(None, now)

        def scalar(slow: list[Scalar] = slow) -> None:
            for one in slow:
                one.advance()

        taken = in_turns({VECTOR: vector, SCALAR: scalar}, rounds=rounds, warm_up=2, clock=clock)
        found[name] = {way: figures(times) for way, times in taken.items()}
    return found


def jumping(days: int) -> dict[str, float]:
    """Milliseconds of looks in any order, of one QPU."""
    (one,) = qpus(1)
    taken = {}
    for name, at in ((f"{days} days ahead", days * DAY), ("a minute later", days * DAY + MINUTE),
                     ("half way back", days * DAY // 2 + 5 * HOUR), ("ahead again", days * DAY + 2 * MINUTE)):
        begun = time.perf_counter_ns()
        one.at(None, at)
        taken[name] = round((time.perf_counter_ns() - begun) / 1e6, 3)
    return taken


def evaluating(rounds: int, gates: int) -> dict[str, Any]:
    """An evaluation without shots on a drifting twin and on a frozen one, time going on or standing still."""
    from qiskit.circuit.library import efficient_su2
    from qiskit.quantum_info import SparsePauliOp

    from qloop.qpus.protocol import Request
    from qloop.qpus.twin import TwinQpu

    circuit = efficient_su2(QUBITS, reps=-(-gates // (QUBITS - 1)), entanglement="linear")
    theta, minutes = np.zeros((1, circuit.num_parameters)), iter(range(10**9))
    frozen, moving = TwinQpu(DEVICE), TwinQpu(DEVICE, drift="x1")
    programs = [twin.compile(circuit, SparsePauliOp("Z" * QUBITS)) for twin in (frozen, moving)]
    calls: dict[str, Call] = {
        "frozen": lambda: frozen.evaluate(programs[0], Request(theta, 0, ())),
        "drifting, same minute": lambda: moving.evaluate(programs[1], Request(theta, 0, (), at_ns=5 * MINUTE)),
        "drifting, new minute": lambda: moving.evaluate(programs[1], Request(theta, 0, (),
                                                                             at_ns=next(minutes) * MINUTE)),
        "ESP alone, same minute": lambda: moving.esp_at(programs[1], 5 * MINUTE),
        "ESP alone, new minute": lambda: moving.esp_at(programs[1], next(minutes) * MINUTE)}
    return {name: figures(times) for name, times in in_turns(calls, rounds=rounds).items()}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--qpus", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--gates", type=int, default=200)
    parser.add_argument("--out", type=Path)
    wish = parser.parse_args(arguments)
    one_thread()
    agree()
    advanced, jumps = advancing(wish.qpus, wish.rounds), jumping(wish.days)
    calls = evaluating(10 * wish.rounds, wish.gates)
    for clock, rows in advanced.items():
        for way, row in rows.items():
            print(f"{wish.qpus} QPUs advanced by an hour, {clock:4} time, {way:18}{row['p50_us'] / 1e3:9.2f} ms "
                  f"(p10 {row['p10_us'] / 1e3:.2f})")
    for name, took in jumps.items():
        print(f"one QPU, {name:40}{took:9.2f} ms")
    for name, row in calls.items():
        print(f"{QUBITS} qubits, {wish.gates} gates: {name:30}{row['p50_us']:9.1f} us")
    hour, cpu = (advanced[clock][VECTOR] for clock in ("wall", "cpu"))
    added = calls["ESP alone, new minute"]["p50_us"]
    write(wish.out, {"machine": machine(), "advance": advanced, "jumps_ms": jumps, "evaluation": calls, "targets": [
        target(f"Drift: {wish.qpus} QPUs of 133 qubits advanced by an hour", ADVANCE_MS, hour["p50_us"] / 1e3, "ms",
               f"{cpu['p50_us'] / 1e3:.1f} ms of CPU time, {hour['p10_us'] / 1e3:.1f} ms in a quiet moment"),
        target(f"Drift: added to an evaluation of {QUBITS} qubits and {wish.gates} gates", ADDED_US, added, "us")]})


if __name__ == "__main__":
    main()
