"""What a fresh worker does first: it loads the libraries of the function. It knows no other part of qloop."""

from __future__ import annotations

import time
from importlib import import_module

LIBRARIES = ("qiskit.circuit.library", "qiskit.quantum_info", "scipy.optimize")


def load() -> tuple[float, float]:
    """Load the libraries that an experiment needs; when it began (monotonic clock of the machine) and how long it took.

    The monotonic clock is the same for all processes of a machine.
    """
    begun = time.monotonic()
    for library in LIBRARIES:
        import_module(library)
    return begun, time.monotonic() - begun
