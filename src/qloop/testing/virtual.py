"""Virtual time for tests, and the check that a run's decisions follow from its events alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qloop.engine import invariants
from qloop.engine.engine import Engine
from qloop.engine.state import State
from qloop.model.commands import Command
from qloop.model.events import Event
from qloop.qpus.protocol import LocalQpu
from qloop.runtime.embedded import Runtime

Log = Iterable[tuple[int, Event, tuple[Command, ...]]]


def virtual_runtime(qpus: Sequence[str | LocalQpu], **settings: Any) -> Runtime:
    """A runtime in virtual time, its journal in memory, that records a trace."""
    return Runtime(**{"qpus": qpus, "clock": "virtual", "journal": ":memory:", "trace": True, **settings})


def log_of(runtime: Runtime) -> list[tuple[int, Event, tuple[Command, ...]]]:
    """What the runtime's engine was told, when, and what it answered; it must record a trace, and not to a file."""
    recording = runtime.parts.recording
    assert recording is not None, "the runtime records no trace"
    assert not recording.recorder.streams, "a runtime that writes its trace to a file keeps no log"
    return recording.log


def fresh_engine(runtime: Runtime) -> Engine:
    """An engine as this runtime's was at its start."""
    state = runtime.core.engine.state
    return Engine(state.policy, state.limits, state.seed)


def refold(engine: Engine, log: Log) -> State:
    """Tell a fresh engine the same events; AssertionError where it decides differently or breaks an invariant."""
    for number, (now, event, commands) in enumerate(log):
        answer = tuple(engine.handle(now, event))
        assert answer == commands, f"event {number}, {event}: {answer} instead of {commands}"
        invariants.check(engine.state)
    return engine.state
