"""Random live runs in virtual time, full of simultaneous events, cancels, failures, batches and calibration windows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

from qloop.errors import QpuError
from qloop.loops.future import QuantumFuture
from qloop.loops.session import Session
from qloop.model.events import QpuDrained, QpuPaused, QpuResumed, QpuRetired
from qloop.qpus.calibration import CalibrationPlan
from qloop.qpus.exact import ExactQpu
from qloop.qpus.protocol import Program, QpuDescription, QpuResult, Recovery, Request, Window
from qloop.runtime.embedded import Runtime
from qloop.trace.reader import Trace

GRID = 500_000_000
TENANTS = {"a": 1.0, "b": 3.0}


class GridQpu:
    """A QPU that takes `base + shots * slow` half seconds and answers noise; some of its answers are errors."""

    def __init__(self, name: str, qubits: int, *, base: int, slow: int, cold_s: float, plan: CalibrationPlan,
                 faults: float = 0.0) -> None:
        self.name, self.qubits, self.base, self.slow, self.cold_s = name, qubits, base, slow, cold_s
        self.plan, self.faults, self._inner = plan, faults, ExactQpu(name)

    def describe(self) -> QpuDescription:
        return QpuDescription(self.name, "grid", self.qubits, Recovery.PURE, "", "", "", (), self.cold_s, emulated=True)

    def compile(self, circuit: Any, observable: Any, *, simulator: Any = None, seed: int = 0) -> Program:
        return self._inner.compile(circuit, observable, simulator=simulator, seed=seed)

    def duration(self, program: Program, request: Request) -> int:
        return (self.base + len(request.thetas) * request.shots * self.slow) * GRID

    def evaluate(self, program: Program, request: Request) -> QpuResult:
        values = tuple(int.from_bytes(digest[:4], "little") / 2**32 for digest in request.digests)
        if values[0] < self.faults:
            raise QpuError("The QPU refused the task", "Its dice say so")
        return QpuResult(self.name, request.epoch, request.shots, str(program.simulator), values)

    def next_window(self, after_ns: int) -> Window | None:
        return self.plan.next_window(after_ns)


@cache
def circuit(width: int) -> tuple[QuantumCircuit, SparsePauliOp]:
    made = QuantumCircuit(width)
    for qubit in range(width):
        made.ry(Parameter(f"t{qubit}"), qubit)
    return made, SparsePauliOp("Z" * width)


def qpus(random: np.random.Generator, calm: bool) -> list[GridQpu]:
    """`calm`: windows drift along the grid of the tasks, so that none begins just when a task ends."""
    found = []
    for q in range(int(random.integers(1, 4))):
        windows = random.random() < 0.6
        length = int(random.integers(1, 6))
        every = length + int(random.integers(6, 30))
        between = (every * GRID + 7_654_321 * calm) * windows
        plan = CalibrationPlan(int(random.integers(0, every)) * GRID, between, length * GRID)
        found.append(GridQpu(f"q{q}", 3 - q % 2, base=int(random.integers(1, 4)), slow=int(random.integers(1, 3)),
                             cold_s=float(random.choice([0.0, 0.5, 1.5])), plan=plan,
                             faults=0.02 * (random.random() < 0.3)))
    return found


class World:
    """Sessions of every kind on a platform."""

    def __init__(self, seed: int, policy: str, sessions: int = 12, *, calm: bool = False, operators: bool = False,
                 **settings: Any) -> None:
        """`calm`: loops only, nothing is cancelled or fails, and hardly anything is simultaneous.

        So any policy can carry it out, and no order of simultaneous events has to be known. `operators`: they take
        QPUs out and put them back; the last one is retired, if there are several.
        """
        self.calm, self.operators = calm, operators
        self.random = np.random.Generator(np.random.Philox(key=seed))
        platform = qpus(self.random, calm)
        for qpu in platform:
            qpu.faults *= not calm
        self.runtime = Runtime(qpus=platform, policy=policy, clock="virtual", journal=":memory:", trace=True,
                               seed=seed, tenants=TENANTS, **settings)
        self.open = 0
        if operators:
            self.operate()
        for n in range(sessions):
            self.open += 1
            self.later(self.random.random() * 40 if calm else int(self.random.integers(0, 40)),
                       lambda n=n: self.begin(n))

    def later(self, steps: float, action: Callable[[], Any]) -> None:
        self.runtime.later(steps * GRID * 1e-9, action)

    def run(self) -> Trace:
        with self.runtime:
            self.runtime.run_until(lambda: self.open == 0)
            return self.runtime.trace()

    def begin(self, n: int) -> None:
        random, names = self.random, self.lasting()
        kind = 1 if self.calm else int(random.integers(0, 4))
        pin = str(random.choice(names)) if random.random() < 0.15 else ""
        wide = self.runtime.parts.qpus[pin].describe().n_qubits if pin else self.widest()
        session = Session(f"s{n}", runtime=self.runtime, tenant=str(random.choice(["a", "b"])), qpu=pin,
                          weight=float(random.choice([1.0, 2.0])), shots=int(random.integers(1, 4)),
                          kind="background" if kind == 0 else "loop",
                          interactive_ttl=float(random.choice([2.0, 10.0, 300.0])))
        made = circuit(int(random.integers(1, wide + 1)))
        if random.random() < 0.2 and not self.calm:
            self.later(int(random.integers(1, 80)), session.cancel)
        if kind == 0:
            self.submit(session, made, lambda: self.close(session))
        elif kind == 1:
            thinking = random.random(100) * 4.0 if self.calm else random.integers(0, 8, 100) * 0.5
            loop = session.loop(*made, optimizer="spsa", maxiter=int(random.integers(1, 6)), seed=n,
                                think=lambda k: float(thinking[k]))
            loop.start(lambda done: self.close(session))
        elif kind == 2:
            self.batch(session, made, int(random.integers(1, 5)), int(random.integers(1, 5)))
        else:
            self.slide(session, made, [int(random.integers(2, 9))], int(random.integers(1, 4)))

    def lasting(self) -> list[str]:
        """The QPUs that are there to the end."""
        names = list(self.runtime.parts.qpus)
        return names[:-1] if self.operators and len(names) > 1 else names

    def widest(self) -> int:
        return max(self.runtime.parts.qpus[name].describe().n_qubits for name in self.lasting())

    def operate(self) -> None:
        """Pauses and drains of every length, some within one another, and a QPU that goes for good."""
        names, tell = list(self.runtime.parts.qpus), self.runtime.core.tell
        for k in range(2 * len(names)):
            name, begin, length = names[k % len(names)], self.random.integers(0, 60), self.random.integers(0, 25)
            wish = (QpuPaused if k % 3 else QpuDrained)(name, f"reason {k}")
            self.later(int(begin), lambda wish=wish: tell(wish))
            self.later(int(begin + length), lambda name=name: tell(QpuResumed(name)))
        if len(names) > 1:
            self.later(int(self.random.integers(5, 90)), lambda: tell(QpuRetired(names[-1], "sold")))

    def submit(self, session: Session, made: Any, done: Callable[[], Any]) -> None:
        future: QuantumFuture[float] = session.submit(*made, self.random.random(made[0].num_parameters))
        if self.random.random() < 0.08:
            self.later(int(self.random.integers(0, 12)), future.cancel)
        future.add_done_callback(lambda _: done())

    def batch(self, session: Session, made: Any, size: int, rounds: int) -> None:
        """Tasks that are gathered together before the next ones come."""
        if session.id not in self.runtime.sessions.books or rounds == 0:
            self.close(session)
            return
        left = [size]

        def one() -> None:
            left[0] -= 1
            if left[0] == 0:
                self.later(int(self.random.integers(0, 5)), lambda: self.batch(session, made, size, rounds - 1))

        for _ in range(size):
            self.submit(session, made, one)

    def slide(self, session: Session, made: Any, budget: list[int], window: int) -> None:
        """A window of tasks: whenever one ends another one follows."""
        out = [0]

        def one() -> None:
            out[0] -= 1
            if budget[0] > 0:
                self.later(int(self.random.integers(0, 4)), more)
            elif out[0] == 0:
                self.close(session)

        def more() -> None:
            if session.id not in self.runtime.sessions.books:
                budget[0] = 0
            if budget[0] > 0:
                budget[0] -= 1
                out[0] += 1
                self.submit(session, made, one)
            elif out[0] == 0:
                self.close(session)

        for _ in range(window):
            more()

    def close(self, session: Session) -> None:
        if not getattr(session, "counted", False):
            session.counted = True      # type: ignore[attr-defined]
            self.open -= 1
        if session.id in self.runtime.sessions.books:
            session.close()
