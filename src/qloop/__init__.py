"""qloop: a serverless runtime for hybrid quantum-classical loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qloop.functions.function import function
    from qloop.functions.future import Future
    from qloop.functions.gathered import gather
    from qloop.functions.telling import log_metric, progress
    from qloop.functions.workflow import Workflow
    from qloop.loops.future import QuantumFuture
    from qloop.loops.result import LoopResult
    from qloop.loops.session import Session
    from qloop.loops.speculation.options import Speculation
    from qloop.runtime.embedded import Runtime
    from qloop.simulator.scenario import Scenario
    from qloop.simulator.simulate import simulate

__version__ = "0.1.0"
__all__ = [
    "Future",
    "LoopResult",
    "QuantumFuture",
    "Runtime",
    "Scenario",
    "Session",
    "Speculation",
    "Workflow",
    "__version__",
    "function",
    "gather",
    "log_metric",
    "progress",
    "simulate",
]

_HOMES = {
    "Future": "qloop.functions.future",
    "LoopResult": "qloop.loops.result",
    "QuantumFuture": "qloop.loops.future",
    "Runtime": "qloop.runtime.embedded",
    "Scenario": "qloop.simulator.scenario",
    "Session": "qloop.loops.session",
    "Speculation": "qloop.loops.speculation.options",
    "Workflow": "qloop.functions.workflow",
    "function": "qloop.functions.function",
    "gather": "qloop.functions.gathered",
    "log_metric": "qloop.functions.telling",
    "progress": "qloop.functions.telling",
    "simulate": "qloop.simulator.simulate",
}


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used, so that `import qloop` stays fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'qloop' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
