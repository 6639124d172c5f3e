"""The script of a simulated run: sessions with their services and think times, QPUs with their windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Script:
    """Arrays over sessions s, iterations k and QPUs q; times in ns, estimates in s.

    `service_ns`, `think_ns`, `estimate_s` have shape (sessions, longest loop); `cancel_ns` is NEVER for no cancel;
    `window_ns` is the first calibration window of a QPU (NEVER: none), `window_length_ns` and `window_gap_ns` its
    length and the time from its end to the next.
    """

    arrival_ns: Ints
    iterations: Ints
    tenant: Ints
    width: Ints
    cancel_ns: Ints
    service_ns: Ints
    think_ns: Ints
    estimate_s: Floats
    weight: Floats
    tenant_weight: Floats
    qpu_width: Ints
    qpu_cold_s: Floats
    window_ns: Ints
    window_length_ns: Ints
    window_gap_ns: Ints
    seed: int = 0
