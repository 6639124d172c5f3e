"""IBM's primitives: options and submission."""

from __future__ import annotations

import copy
from typing import Any

from qloop.errors import InvalidInput, QpuError
from qloop.qpus.ibm.compiling import Compiled, pub_of
from qloop.qpus.ibm.program import Ask
from qloop.qpus.ibm.settings import Settings
from qloop.qpus.ibm.software import versions


def run(where: Any, compiled: Compiled, ask: Ask, tag: str, settings: Settings) -> str:
    """Submit to a backend, batch or session of the service; the service's id of the task."""
    estimator, sampler = primitives()
    options = options_of(settings, tag, ask.counts)
    pubs = pub_of(compiled, ask.thetas, ask.counts)
    if ask.counts:
        task = sampler(mode=where, options=options).run(pubs, shots=ask.shots)
    else:
        task = estimator(mode=where, options={**options, "default_shots": ask.shots}).run(pubs)
    return str(task.job_id())


def primitives() -> tuple[Any, Any]:
    """IBM's estimator and sampler that run at the service; `QpuError` if this version of the client has none."""
    try:
        from qiskit_ibm_runtime import EstimatorV2, SamplerV2
    except ImportError as error:
        raise QpuError("This version of IBM's client lacks the primitives that qloop uses", f"{versions()}: {error}",
                       "Install an earlier one that has EstimatorV2 and SamplerV2, such as 0.51") from error
    return EstimatorV2, SamplerV2


def options_of(settings: Settings, tag: str, counts: bool) -> dict[str, Any]:
    """The options of one task."""
    options: dict[str, Any] = {**copy.deepcopy(settings.extra), "environment": {"job_tags": [tag]}}
    if not counts:
        options["resilience_level"] = settings.resilience_level
    if settings.max_execution_s:
        options["max_execution_time"] = settings.max_execution_s
    return options


def check_options(settings: Settings) -> None:
    """Raise `InvalidInput` if IBM's client knows one of the further options in neither primitive, or not the value."""
    from qiskit_ibm_runtime.options import EstimatorOptions, SamplerOptions

    if not settings.extra:
        return
    reasons = []
    for kind, counts in ((EstimatorOptions, False), (SamplerOptions, True)):
        try:
            kind(**options_of(settings, "tag", counts))
        except Exception as error:  # the options validate themselves, by several libraries
            reasons.append(f"{kind.__name__}: {error}"[:300])
    if len(reasons) == 2:
        raise InvalidInput(f"IBM's primitives do not take the options {', '.join(sorted(settings.extra))}",
                           "; ".join(reasons), "Look them up in IBM's documentation of EstimatorOptions")
