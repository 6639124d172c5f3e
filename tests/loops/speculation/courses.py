"""Loops on twins in virtual time, with and without speculation, and what must be left of them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ParameterVector
from qiskit.quantum_info import SparsePauliOp

from qloop.engine import invariants
from qloop.errors import SessionEnded
from qloop.loops.loop import Loop
from qloop.loops.session import Session
from qloop.loops.speculation.options import Speculation
from qloop.policies.columns import USED
from qloop.runtime.embedded import Runtime
from qloop.testing.virtual import virtual_runtime
from qloop.trace.check import check

START = np.linspace(0.1, 0.4, 4)
TWIN = "twin-hanoi"


def circuit() -> QuantumCircuit:
    """Two qubits, four angles."""
    angles = ParameterVector("t", 4)
    made = QuantumCircuit(2)
    for k in range(2):
        made.ry(angles[2 * k], 0)
        made.ry(angles[2 * k + 1], 1)
        made.cx(0, 1)
    return made


def observable() -> SparsePauliOp:
    return SparsePauliOp(["ZZ", "XI", "IX"], [1.0, 0.5, 0.5])


@dataclass
class Course:
    """What a loop did: all of it is to be the same with and without speculation."""

    energies: list[float]
    x: bytes
    evaluations: int
    message: str


def course_of(loop: Loop) -> Course:
    result = loop.result()
    return Course([entry.energy for entry in result.iterations], result.x.tobytes(), result.nfev, result.message)


def open_loop(runtime: Runtime, speculate: Speculation | None, *, qpu: str = TWIN, optimizer: str = "nelder-mead",
              think: float = 2.0, shots: int | None = 100, maxiter: int = 12) -> tuple[Session, Loop]:
    """A loop that has begun."""
    session = Session("loop", runtime=runtime, qpu=qpu, shots=shots)
    loop = session.loop(circuit(), observable(), START, optimizer=optimizer, maxiter=maxiter, seed=7,
                        think=lambda k: think, speculate=speculate)
    loop.start(lambda ended: None)
    return session, loop


def compete(runtime: Runtime, number: int, every: float, qpu: str = TWIN) -> Session:
    """Background tasks that want the same QPU, `number` of them, `every` so many seconds."""
    session = Session("others", runtime=runtime, qpu=qpu, shots=400, kind="background", tenant="others")
    objective = session.objective(circuit(), observable())
    def ask(k: int) -> None:
        with contextlib.suppress(SessionEnded):
            objective.submit(np.full(4, 0.01 * k))

    for k in range(number):
        runtime.later(0.5 + k * every, lambda k=k: ask(k))
    return session


def run(speculate: Speculation | None, *, others: int = 0, every: float = 3.0, policy: str = "efaas", seed: int = 3,
        qpus: tuple[Any, ...] = (TWIN,), settings: dict[str, float] | None = None,
        **options: Any) -> tuple[Course, Any]:
    """A whole run; returns the loop's course, and its runtime, which is closed and was checked."""
    with virtual_runtime(qpus, policy=policy, seed=5, policy_settings=settings or {}) as runtime:
        runtime.core.engine.state.seed = seed       # of the scheduler's draws alone
        sessions = [compete(runtime, others, every)] if others else []
        session, loop = open_loop(runtime, speculate, **options)
        runtime.run_until(lambda: loop.finished)
        assert loop.error is None, loop.error
        used, tally = used_s(runtime, session), runtime.speculated(session.id)
        if others:
            runtime.run_until(lambda: runtime.now_s() > 0.5 + others * every)
        for one in [session, *sessions]:
            one.close()
        runtime.run_until(lambda: not runtime.sessions.books)
        assert_nothing_left(runtime)
    check(runtime.trace())
    known = runtime.speculated(session.id)
    assert known.open == 0
    assert known.launched == known.committed + sum(known.squashed.values())
    assert abs(tally.wasted_s + tally.useful_s - used) < 1e-6, "wasted + useful = total"
    return course_of(loop), runtime


def used_s(runtime: Runtime, session: Session) -> float:
    """QPU-seconds that the engine charged to a session."""
    state = runtime.core.engine.state
    return float(state.flows[state.sessions[session.id].row][USED])


def assert_nothing_left(runtime: Runtime) -> None:
    """No guess waits, runs, or is kept."""
    state = runtime.core.engine.state
    invariants.check(state)
    assert not state.guesses
    assert not any(task.guess for task in state.by_row if task is not None and task.state.value == "running")
    assert not any(ticket.guess for ticket in runtime.effects.tickets.values() if not ticket.done)
    assert not any(book.guesses for book in runtime.sessions.books.values())
