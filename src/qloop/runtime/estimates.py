"""What calls will cost, before they are made: reserved against budgets, or told to whoever asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from qloop.errors import InvalidInput, QloopError
from qloop.model.cost import Cost
from qloop.model.estimate import QpuEstimate, ranked
from qloop.model.limits import MAX_BATCH
from qloop.qpus.protocol import Program, Request
from qloop.runtime import requests
from qloop.runtime.assembly import Parts
from qloop.runtime.pricing import Charged
from qloop.runtime.quantum import Book
from qloop.runtime.ticket import QuantumTicket


def reserve(parts: Parts, book: Book, ticket: QuantumTicket) -> None:
    """Set aside what a task may cost, on the dearest QPU that it may be placed on; `BudgetExceeded`."""
    parts.accounts.reserve(book.id, ticket, partial(_charges, parts, book, ticket))


def predicted_s(parts: Parts, book: Book, ticket: QuantumTicket) -> float:
    """Predicted QPU seconds: of the emulated hardware; 0 leaves it to the session's own average."""
    for (structure, name), program in list(book.shelf.programs.items()):   # others may compile meanwhile
        if structure == ticket.structure and parts.emulated[name]:
            request = Request(ticket.thetas, ticket.shots, ticket.identities, ticket.counts)
            return parts.qpus[name].duration(program, request) * 1e-9
    return 0.0


def estimates(parts: Parts, book: Book, structure: str, calls: Mapping[int, int], shots: int,
              counts: bool) -> tuple[QpuEstimate, ...]:
    """The cost of `calls` (evaluations in a call: how many such calls) on each QPU, the cheapest first."""
    source, found = requests.source(book, structure), []
    requests.check_shots(shots, counts)
    for name, program in _programs(parts, book, structure, source.n_qubits):
        cost, number, evaluations, taken = Cost(currency=parts.accounts.pricing.price(name).currency), 0, 0, 0
        for rows, count in sorted(check(calls).items()):
            request = Request(np.broadcast_to(0.0, (rows, source.n_parameters)), shots, (), counts)
            one = parts.accounts.pricing.charged(name, program, request)
            cost += one.cost.times(count)
            number, evaluations, taken = number + count, evaluations + count * rows, taken + count * one.shots
        found.append(QpuEstimate(name, cost, number, evaluations, taken, parts.accounts.pricing.price(name)))
    return ranked(found)


def check(calls: Mapping[int, int]) -> Mapping[int, int]:
    """InvalidInput unless both are counts that can be."""
    for rows, count in calls.items():
        for value, high in ((rows, MAX_BATCH), (count, 10**12)):
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= high:
                raise InvalidInput(f"An estimate of {count!r:.40} calls with {rows!r:.40} evaluations each", "",
                                   f"Give at least 1 of both, and at most {MAX_BATCH} evaluations in a call")
    return calls


def _charges(parts: Parts, book: Book, ticket: QuantumTicket) -> Mapping[str, Charged]:
    """What a task would cost on each QPU that may run it."""
    width = book.shelf.sources[ticket.structure].n_qubits
    request = Request(ticket.thetas, ticket.shots, ticket.identities, ticket.counts)
    return {name: parts.accounts.pricing.charged(name, program, request)
            for name, program in _programs(parts, book, ticket.structure, width)}


def _programs(parts: Parts, book: Book, structure: str, width: int) -> Iterator[tuple[str, Program]]:
    """The circuit compiled for each QPU that may run it; those that cannot compile it cost nothing."""
    if book.pin:
        yield book.pin, parts.programs.get(book.id, book.shelf, structure, book.pin)
        return
    for name in [name for name, qpu in list(parts.qpus.items()) if qpu.describe().n_qubits >= width]:
        try:
            program = parts.programs.get(book.id, book.shelf, structure, name)
        except QloopError:
            continue
        yield name, program
