"""Qiskit's primitives, backed by a session: change the import, and a program has qloop's queue, journal and QPUs."""

from __future__ import annotations

from qloop.loops.primitives.estimator import EstimatorV2
from qloop.loops.primitives.sampler import SamplerV2

__all__ = ["EstimatorV2", "SamplerV2"]
