"""What the engine may ask of the world: a closed union, carried out by the runtime or met by the simulator."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from qloop.model.needs import ONE_CORE, Share
from qloop.model.states import SessionState, TaskState


class StartQuantum(msgspec.Struct, frozen=True, tag=True):
    """Run this attempt on this QPU. `terms` are the cost terms (seconds) that placed it there.

    `chunk_ns` (0: run to the end): after each such time, if the QPU can, ask with a ChunkEnded whether it is to go on.
    `resumed`: the attempt began here before, and has shots that are kept.
    """

    task: str
    attempt: int
    qpu: str
    hot: bool
    terms: tuple[tuple[str, float], ...] = ()
    chunk_ns: int = 0
    resumed: bool = False


class YieldQuantum(msgspec.Struct, frozen=True, tag=True):
    """The attempt, at the end of a chunk, leaves its QPU now; it will be continued if its shots are to be kept."""

    task: str
    attempt: int
    qpu: str
    keep: bool


class AbortQuantum(msgspec.Struct, frozen=True, tag=True):
    """Nobody wants this attempt any more: stop it if the QPU can; its end must still be reported."""

    task: str
    attempt: int
    qpu: str


class KeepQuantum(msgspec.Struct, frozen=True, tag=True):
    """The speculative task is on the committed path from now on: its values, when they come, are a result."""

    task: str


class StartClassical(msgspec.Struct, frozen=True, tag=True):
    """Run this attempt on this worker, on its share of the node; `cold` if it must set up the environment first."""

    task: str
    attempt: int
    worker: str
    cold: bool
    share: Share = ONE_CORE


class AbortClassical(msgspec.Struct, frozen=True, tag=True):
    """Nobody wants this attempt any more."""

    task: str
    attempt: int
    worker: str


class GrowPilot(msgspec.Struct, frozen=True, tag=True):
    """Bring up `count` more workers of this pilot; each joins, or the pilot fails."""

    pilot: str
    count: int


class ReleaseWorker(msgspec.Struct, frozen=True, tag=True):
    """Let this idle worker go; it leaves and is not replaced."""

    pilot: str
    worker: str


class StartCalibration(msgspec.Struct, frozen=True, tag=True):
    """The QPU is free: its calibration window begins now and lasts `length_ns`."""

    qpu: str
    length_ns: int


class QpuEmpty(msgspec.Struct, frozen=True, tag=True):
    """The operator drained (or retired) the QPU, and nothing runs there any more."""

    qpu: str


class TaskEnded(msgspec.Struct, frozen=True, tag=True):
    """The task is DONE, FAILED or CANCELLED, and stays so."""

    task: str
    state: TaskState
    reason: str = ""


class SessionEnded(msgspec.Struct, frozen=True, tag=True):
    """The session is CLOSED, EXPIRED or CANCELLED, and stays so."""

    session: str
    state: SessionState
    reason: str = ""


class Refused(msgspec.Struct, frozen=True, tag=True):
    """A wish was not taken: `subject` is its id, `code` the kind of refusal. Nothing has changed."""

    subject: str
    code: str
    reason: str
    retry_after_s: float = 0.0


class WakeAt(msgspec.Struct, frozen=True, tag=True):
    """Send a Tick at `at_ns`."""

    at_ns: int


Command: TypeAlias = (
    StartQuantum | YieldQuantum | TaskEnded | KeepQuantum | StartClassical | WakeAt | AbortQuantum | AbortClassical
    | StartCalibration | SessionEnded | Refused | QpuEmpty | GrowPilot | ReleaseWorker
)
