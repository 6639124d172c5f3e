"""Many circuits at once: rows that share a circuit and an observable become one quantum task."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np

from qloop.loops.pennylane.gates import Shape, circuit_of
from qloop.loops.pennylane.observables import PauliSum
from qloop.loops.pennylane.readings import Answer, Ask
from qloop.runtime.client import Client, Outcome, QuantumTicket

KEPT = 1024
"""How many prepared circuits a device remembers by their shape."""

_Group = tuple[Shape, PauliSum | None, int]


class Prepared:
    """The structures of circuits that were prepared in a session, the latest `KEPT` of them."""

    def __init__(self, client: Client, session: str) -> None:
        self.client, self.session = client, session
        self._known: OrderedDict[tuple[Shape, PauliSum | None], str] = OrderedDict()

    def structure(self, shape: Shape, observable: PauliSum | None) -> str:
        """The structure of a circuit with its observable, prepared now if it was not yet."""
        key = (shape, observable)
        found = self._known.pop(key, None)
        if found is None:
            found = self._prepare(shape, observable)
        self._known[key] = found
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return found

    def _prepare(self, shape: Shape, observable: PauliSum | None) -> str:
        from qiskit.quantum_info import SparsePauliOp

        terms = None if observable is None else SparsePauliOp.from_list(list(observable))
        return self.client.prepare(self.session, circuit_of(shape), terms)


def answers(prepared: Prepared, asks: Sequence[Ask]) -> tuple[list[Answer], int]:
    """The answer to each, in order, and how many quantum tasks it took: all are submitted before any is waited for."""
    groups: OrderedDict[_Group, list[int]] = OrderedDict()
    for k, ask in enumerate(asks):
        groups.setdefault((ask.shape, ask.observable, ask.shots), []).append(k)
    outcomes = _run(prepared, [(group, np.vstack([asks[k].rows for k in members]))
                               for group, members in groups.items()])
    found: list[Answer] = [None] * len(asks)
    for outcome, members in zip(outcomes, groups.values(), strict=True):
        _share(outcome, [(k, len(asks[k].rows)) for k in members], found)
    return found, len(groups)


def _share(outcome: Outcome, members: Sequence[tuple[int, int]], found: list[Answer]) -> None:
    """Give each ask its rows of a task's outcome."""
    whole = outcome.counts or np.array(outcome.values)
    first = 0
    for k, rows in members:
        found[k] = whole[first:first + rows]
        first += rows


def _run(prepared: Prepared, tasks: Sequence[tuple[_Group, Any]]) -> list[Outcome]:
    client, session = prepared.client, prepared.session
    structures = [prepared.structure(shape, observable) for (shape, observable, _), _ in tasks]
    if len(tasks) == 1 and tasks[0][0][1] is not None:      # where nothing is emulated, this thread runs it itself
        (_, _, shots), rows = tasks[0]
        return [client.evaluate(session, structures[0], rows, shots)]
    tickets: list[QuantumTicket] = []
    try:
        for structure, ((_, observable, shots), rows) in zip(structures, tasks, strict=True):
            tickets.append(client.submit(session, structure, rows, shots, counts=observable is None))
        return [client.gather(ticket) for ticket in tickets]
    except BaseException:       # also Ctrl-C: nobody would take the other results
        for ticket in tickets:
            if not ticket.done:
                client.cancel(ticket)
        raise
