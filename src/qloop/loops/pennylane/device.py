"""`qml.device("qloop.session", wires=4)`: PennyLane's circuits run in a session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from qloop.errors import InvalidInput, MissingExtra
from qloop.loops.session import Session
from qloop.runtime.client import Client

try:
    from pennylane.devices import Device
    from pennylane.devices.modifiers import simulator_tracking, single_tape_support
except ImportError as error:
    raise MissingExtra("The PennyLane device", "pennylane") from error

from qloop.loops.pennylane.batch import Prepared, answers
from qloop.loops.pennylane.preprocess import NAME, add_transforms
from qloop.loops.pennylane.readings import Answer, Asked, Reading, readings


@simulator_tracking         # type: ignore[untyped-decorator, unused-ignore]
@single_tape_support        # type: ignore[untyped-decorator, unused-ignore]
class SessionDevice(Device):    # type: ignore[misc, unused-ignore]
    """A PennyLane device that runs circuits in a session: the one given, or one of its own.

    `wires`: their number or names; None takes those of each circuit. `shots`: PennyLane's default for circuits, None
    for exact values. `session`: an open session, which stays its owner's; else the device opens one, on the program's
    own runtime or the one given, on `qpu` if it is named, with `seed`, and `close()` ends it. All circuits of a batch
    are submitted at once, and those that differ in angles only are one quantum task. Gradients are PennyLane's own
    (parameter shift, finite differences). The tracker also counts `quantum_tasks` and `evaluations`.

    Raises `InvalidInput` for what a QPU cannot do: states, measurements before the end, counts without shots.
    """

    name = NAME

    def __init__(self, wires: Any = None, shots: Any = None, *, session: Session | None = None,
                 runtime: Client | None = None, qpu: str | None = None, seed: int | None = None) -> None:
        super().__init__(wires=wires, shots=shots)
        if session is not None and not isinstance(session, Session):
            raise InvalidInput(f"The session is {session!r:.80}", "", "Give a qloop.Session, or None for one's own")
        if session is not None and (runtime, qpu, seed) != (None, None, None):
            raise InvalidInput("Both a session and its settings were given", "A session has its runtime, QPU and seed",
                               "Give the session alone, or runtime, qpu and seed")
        self._owned = session is None
        self.session = Session(runtime=runtime, qpu=qpu, seed=seed) if session is None else session
        self._prepared = Prepared(self.session.client, self.session.id)
        self._random = np.random.Generator(np.random.Philox(key=self.session.details().seed % 2**64))

    def preprocess_transforms(self, execution_config: Any = None) -> Any:
        """PennyLane's pipeline from any circuit to circuits that the device runs."""
        empty = super().preprocess_transforms(execution_config)
        method = None if execution_config is None else execution_config.mcm_config.mcm_method
        return add_transforms(empty, self.wires, method == "deferred")

    def execute(self, circuits: Sequence[Any], execution_config: Any = None) -> tuple[Any, ...]:
        """The results of preprocessed tapes, in PennyLane's form."""
        plans = [self._plan(tape) for tape in circuits]
        asks = [ask for plan in plans for reading in _flat(plan) for ask in reading.asks]
        found, tasks = answers(self._prepared, asks)
        if self.tracker.active:
            self.tracker.update(quantum_tasks=tasks, evaluations=sum(len(ask.rows) for ask in asks))
        left = iter(found)
        return tuple(_result(tape, plan, left) for tape, plan in zip(circuits, plans, strict=True))

    def _plan(self, tape: Any) -> list[list[Reading]]:
        """What a tape asks, for each of its numbers of shots."""
        used = tape.wires if self.wires is None else [wire for wire in self.wires if wire in tape.wires]
        asked = Asked(tape.operations, tape.measurements, {wire: k for k, wire in enumerate(used)}, self._random)
        return [readings(asked, shots) for shots in list(tape.shots) or [0]]

    def close(self) -> None:
        """End the device's own session; a session that was given stays open."""
        if self._owned:
            self.session.close()


def _flat(plan: list[list[Reading]]) -> list[Reading]:
    return [reading for part in plan for reading in part]


def _result(tape: Any, plan: list[list[Reading]], left: Iterator[Answer]) -> Any:
    """A tape's result: one for each number of shots if there are several."""
    parts = tuple(_part(len(tape.measurements), part, left) for part in plan)
    return parts if tape.shots.has_partitioned_shots else parts[0]


def _part(count: int, part: list[Reading], left: Iterator[Answer]) -> Any:
    """The results of all measurements, in their order; a single one stands alone."""
    results: list[Any] = [None] * count
    for reading in part:
        values = reading.finish([next(left) for _ in reading.asks])
        for index, value in zip(reading.members, values, strict=True):
            results[index] = value
    return results[0] if count == 1 else tuple(results)
