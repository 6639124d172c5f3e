"""What a result from far away must be, before it is taken for one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from qloop.errors import QpuError
from qloop.qpus.protocol import QpuResult, Request

if TYPE_CHECKING:
    from qiskit.quantum_info import SparsePauliOp

SLACK = 10.0    # times the largest value that an observable has: error mitigation extrapolates, but not without bounds


def check_answer(name: str, result: QpuResult, request: Request, observable: SparsePauliOp | None) -> None:
    """QpuError for a result that cannot be one of this request."""
    rows, got = len(request.thetas), len(result.counts if request.counts else result.values)
    if got != rows:
        raise QpuError(f"QPU {name} answered {got} results for {rows} parameter sets")
    if result.qpu != name or result.epoch < 0:
        raise QpuError(f"The answer names QPU {result.qpu!r} in epoch {result.epoch}", f"{name} was asked")
    if request.counts:
        check_counts(name, result, request.shots)
        return
    most = SLACK * float(np.abs(observable.coeffs).sum()) if observable is not None else math.inf
    for value in result.values:
        if not (math.isfinite(value) and abs(value) <= most):
            raise QpuError(f"QPU {name} answered the value {value}", f"The observable's are at most {most / SLACK:g}")


def check_counts(name: str, result: QpuResult, shots: int) -> None:
    """QpuError for counts that are none, or of another number of shots."""
    if result.shots != shots:
        raise QpuError(f"QPU {name} answered {result.shots} shots instead of {shots}")
    widths: set[int] = set()
    for row in result.counts:
        widths |= {len(bits) for bits in row}
        if not is_counted(row) or sum(row.values()) != shots:
            raise QpuError(f"QPU {name} answered counts that are none of {shots} shots")
    if len(widths) > 1:
        raise QpuError(f"QPU {name} answered bit strings of the lengths {', '.join(map(str, sorted(widths)))}")


def is_counted(row: Mapping[str, int]) -> bool:
    """Whether these are bit strings with whole numbers from 0; blanks may stand between registers."""
    return all(set(bits) <= {"0", "1", " "} and isinstance(number, int | np.integer) and number >= 0
               for bits, number in row.items())
