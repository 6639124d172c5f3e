"""Asking a session for quantum tasks: all of a call are submitted before anything is waited for, or none is."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.loops.primitives.circuits import Prepared
from qloop.model.cost import total
from qloop.model.limits import MAX_BATCH
from qloop.runtime.client import Client, Outcome, QuantumTicket

SHORT_S = 5e-3
"""A lone task that is expected to take less than this runs at once, in the thread that asks: changing to the QPU's
thread and back costs a quarter of a millisecond, on a busy machine several."""

SOON_S = 20e-3
"""Unless the last one waited longer than this for its QPU: then others use it, and `run` must not wait for them."""


@dataclass(slots=True, eq=False)
class Part:
    """A quantum task that a PUB needs: sets of parameters (rows, P) for a prepared circuit, and who carries it out."""

    prepared: Prepared
    thetas: NDArray[np.float64]
    shots: int
    counts: bool = False
    ticket: QuantumTicket | None = None
    outcome: Outcome | None = None

    def rows(self) -> int:
        """How many results it has."""
        return len(self.thetas)

    def taken(self) -> int:
        """Shots of each result: as the QPU says, which may not have exact values where 0 were asked for."""
        # A journaled outcome counts the shots of all its rows.
        return self.outcome.shots if self.outcome is not None and self.outcome.source == "qpu" else self.shots


def parts(prepared: Prepared, thetas: NDArray[np.float64], shots: int, counts: bool = False) -> list[Part]:
    """As few tasks as hold all rows; none for no rows."""
    return [Part(prepared, thetas[begin:begin + MAX_BATCH], shots, counts)
            for begin in range(0, len(thetas), MAX_BATCH)]


def submit(client: Client, session: str, wanted: Sequence[Part], iteration: int) -> None:
    """Submit all; if one is refused, those before it are cancelled, and the refusal is raised."""
    alone = len(wanted) == 1 and _is_short(wanted[0])
    try:
        for part in wanted:
            part.ticket = client.submit(session, part.prepared.structure, part.thetas, part.shots, counts=part.counts,
                                        iteration=iteration, inline=alone)
    except BaseException:
        for part in wanted:
            _drop(client, part)
        raise


def run_now(client: Client, asked: Sequence[Part]) -> None:
    """Run what was submitted to be run in this thread. What goes wrong stays with the ticket: `gather` raises it."""
    if not (len(asked) == 1 and asked[0].ticket is not None and asked[0].ticket.inline):
        return
    try:
        gather(client, asked[0], None)
    except Exception:
        return
    except BaseException:       # Ctrl-C, also just before the task began
        _drop(client, asked[0])
        raise


def _drop(client: Client, part: Part) -> None:
    """End a task that nobody will wait for."""
    ticket = part.ticket
    if ticket is None or ticket.done:
        return
    client.cancel(ticket)
    if ticket.inline:       # it may hold a QPU, which this gives back
        with contextlib.suppress(Exception):
            client.gather(ticket, 0.0)


def gather(client: Client, part: Part, timeout: float | None) -> Outcome:
    """Wait for a part's outcome; TimeoutError after `timeout` seconds."""
    ticket = part.ticket
    assert ticket is not None
    outcome = client.gather(ticket, timeout)
    if outcome.source == "qpu" and part.outcome is None:
        part.prepared.took((ticket.ended_ns - ticket.begun_ns) * 1e-9 / part.rows(), _waited(ticket))
    part.outcome = outcome
    return outcome


def told(asked: Sequence[Part]) -> dict[str, Any]:
    """Metadata of gathered parts: `qpu`, `epoch`, `simulator`, `source` and `shots` of a result (one value, or a tuple
    where they differ), `waiting_s` of the part that waited longest for its QPU, and `cost` as `Session.usage` tells it.
    """
    outcomes = [part.outcome for part in asked if part.outcome is not None]
    found: dict[str, Any] = {name: _one([getattr(outcome, name) for outcome in outcomes])
                             for name in ("qpu", "epoch", "simulator", "source")}
    found["shots"] = _one([part.taken() for part in asked])
    found["waiting_s"] = max((_waited(part.ticket) for part in asked), default=0.0)
    cost = total(outcome.cost for outcome in outcomes)
    found["cost"] = {"net_s": cost.net_s, "billed_s": cost.billed_s, "amount": cost.value, "currency": cost.currency}
    return found


def _is_short(part: Part) -> bool:
    return part.prepared.pace * part.rows() < SHORT_S and part.prepared.waited < SOON_S


def _one(values: list[Any]) -> Any:
    """The value that all have, None for no values, else all different ones."""
    if len(values) == 1:
        return values[0]
    different = tuple(dict.fromkeys(values))
    return different[0] if len(different) == 1 else different or None


def _waited(ticket: QuantumTicket | None) -> float:
    """Seconds of the run's clock from submission to the QPU; 0 for what came from the journal."""
    return 0.0 if ticket is None or not ticket.begun_ns else (ticket.begun_ns - ticket.ready_ns) * 1e-9


def summary(asked: Sequence[Part], session: str) -> dict[str, Any]:
    """Metadata of a whole call: that of its parts, the session, and the shots that were bought in this life."""
    shots = sum(part.taken() * part.rows() for part in asked if part.outcome and part.outcome.source == "qpu")
    found = told(asked)
    del found["shots"]
    return {"version": 2, "session": session, "shots_bought": shots, **found}
