"""qloop: a serverless runtime for hybrid quantum-classical loops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qloop.loops.future import QuantumFuture
    from qloop.loops.result import LoopResult
    from qloop.loops.session import Session
    from qloop.loops.speculation.options import Speculation
    from qloop.runtime.embedded import Runtime
    from qloop.simulator.scenario import Scenario
    from qloop.simulator.simulate import simulate

__version__ = "0.1.0"
__all__ = ["LoopResult", "QuantumFuture", "Runtime", "Scenario", "Session", "Speculation", "__version__", "simulate"]

_HOMES = {
    "LoopResult": "qloop.loops.result",
    "QuantumFuture": "qloop.loops.future",
    "Runtime": "qloop.runtime.embedded",
    "Scenario": "qloop.simulator.scenario",
    "Session": "qloop.loops.session",
    "Speculation": "qloop.loops.speculation.options",
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
