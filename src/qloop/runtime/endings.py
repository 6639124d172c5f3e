"""How an attempt ended: what an error means for its task, and what a result must be to be one."""

from __future__ import annotations

import math

from qloop.errors import QpuError
from qloop.model.states import Outcome as Ending
from qloop.qpus.protocol import QpuResult, Request
from qloop.qpus.remote import NotAccepted
from qloop.runtime.remote.answers import is_counted
from qloop.runtime.remote.deal import Left, Lost


def ending_of(error: Exception) -> Ending:
    """What a failed attempt means for its task: surely nothing was bought, nobody waits, or it cannot be had."""
    if isinstance(error, Lost) or (isinstance(error, NotAccepted) and error.offline):
        return Ending.LOST
    return Ending.CANCELLED if isinstance(error, Left) else Ending.FAILED


def check(qpu: str, result: QpuResult, request: Request) -> None:
    """Refuse a result that cannot be one: `QpuError`, before it is journaled."""
    rows, got = len(request.thetas), len(result.counts if request.counts else result.values)
    if got != rows:
        raise QpuError(f"QPU {qpu} answered {got} results for {rows} parameter sets", "Nothing of it was kept",
                       "Report this as a bug of the QPU")
    if not all(map(math.isfinite, result.values)):
        raise QpuError(f"QPU {qpu} answered a value that is not finite", "Nothing of it was kept", "Try again")
    if request.counts and any(not is_counted(row) or sum(row.values()) != request.shots for row in result.counts):
        raise QpuError(f"QPU {qpu} answered another number of shots than {request.shots}", "Nothing of it was kept",
                       "Try again")
