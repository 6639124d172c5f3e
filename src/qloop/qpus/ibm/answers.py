"""IBM's primitive results as results of a QPU, and what is wrong with them if they are not what was asked."""

from __future__ import annotations

from typing import Any

import numpy as np

from qloop.errors import QpuError
from qloop.qpus.ibm.program import REGISTER, Ask
from qloop.qpus.protocol import QpuResult


def result_of(answer: Any, ask: Ask, qpu: str, epoch: int) -> QpuResult:
    """The result of a task; `QpuError` if its shape, its shots or its numbers are not those of the request."""
    simulator = str(ask.program.simulator)
    try:
        pubs = list(answer)
        if ask.counts:
            counts = _counts(pubs, ask)
            return QpuResult(qpu, epoch, ask.shots, simulator, counts=counts)
        values, shots = _values(pubs, ask)
    except (TypeError, AttributeError, LookupError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"[:300]
    else:
        return QpuResult(qpu, epoch, shots, simulator, values=values)
    raise QpuError("IBM's result cannot be used", reason, "Ask IBM's support, naming the task")


def _values(pubs: list[Any], ask: Ask) -> tuple[tuple[float, ...], int]:
    rows = len(ask.thetas)
    (pub,) = pubs
    values = np.asarray(pub.data.evs, dtype=np.float64).reshape(-1)
    if len(values) != rows:
        raise ValueError(f"it holds {len(values)} expectation values for {rows} rows")
    if not np.isfinite(values).all():
        raise ValueError("an expectation value is not finite")
    shots = pub.metadata.get("shots", ask.shots) if isinstance(pub.metadata, dict) else ask.shots
    return tuple(float(value) for value in values), int(shots if isinstance(shots, int) else ask.shots)


def _counts(pubs: list[Any], ask: Ask) -> tuple[dict[str, int], ...]:
    """Bit strings row by row, all classical bits, without spaces."""
    rows = len(ask.thetas)
    arrays = [getattr(pub.data, REGISTER) for pub in pubs]
    counts = [array.get_counts(place) if array.shape else array.get_counts()
              for array in arrays for place in (range(array.size) if array.shape else (0,))]
    if len(counts) != rows:
        raise ValueError(f"it holds counts for {len(counts)} rows, not {rows}")
    for count in counts:
        shots = sum(count.values())
        if shots != ask.shots:
            raise ValueError(f"it holds {shots} shots, not {ask.shots}")
        wide = [bits for bits in count if len(bits) != ask.program.n_bits]
        if wide:
            raise ValueError(f"it holds the bit string {wide[0]!r}, not one of {ask.program.n_bits} bits")
    return tuple({str(bits): int(number) for bits, number in count.items()} for count in counts)
