"""What a classical resource must offer: the Pilot protocol and the events by which it reports.

A pilot decides nothing. The engine says which worker runs which attempt; the pilot carries that out and tells what
happened. Four rules hold for every pilot (`qloop.testing.pilot_conformance` checks them):

1. Every `run` is answered by exactly one `Ended`; `Began` comes before it if the function was called.
2. A process that ends is a worker that leaves: its replacement joins under a new name, with nothing remembered.
3. `Left` comes before the `Ended` of an attempt that is LOST or CANCELLED with its worker, so that nobody sends the
   task there again; it comes after the `Ended` of an attempt that FAILED by its time limit, so that nobody repeats it.
4. A payload is opened only in a worker; what comes back are bytes and text.
"""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeAlias, runtime_checkable

import msgspec

from qloop.errors import QloopError
from qloop.model.states import Outcome

TAIL_BYTES = 65_536             # of one task's stdout, of its stderr and of its traceback: the last so many bytes
MOST_PAYLOAD_BYTES = 2**31      # of one payload, and of one result
MOST_WORKERS = 1024             # of one pilot


class PilotError(QloopError):
    """A pilot cannot bring up workers any more."""

    code = "pilot"


class Joined(msgspec.Struct, frozen=True, tag=True):
    """A worker, `startup_ns` after it was ordered, offers `cores` slots; tasks in these `environments` start warm."""

    worker: str
    cores: int = 1
    environments: tuple[str, ...] = ()
    startup_ns: int = 0


class Left(msgspec.Struct, frozen=True, tag=True):
    """A worker is gone."""

    worker: str
    reason: str = ""


class Began(msgspec.Struct, frozen=True, tag=True):
    """The function is being called.

    `cold`: it is the first task of its environment on this worker; `setup_ns`: what opening the payload took, imports
    included; `at_ns`: `time.monotonic_ns()` of this machine at the call.
    """

    worker: str
    task: str
    attempt: int
    cold: bool
    setup_ns: int
    at_ns: int


class Ended(msgspec.Struct, frozen=True, tag=True):
    """An attempt has left its worker, `measured_ns` after its `Began` (after its `run`, if it is LOST).

    `value` is the pickled result if the outcome is OK. Otherwise `error` says in a line what happened, and
    `traceback_text` is the function's own. The texts are the last `TAIL_BYTES` of what the task wrote.
    """

    worker: str
    task: str
    attempt: int
    outcome: Outcome
    measured_ns: int = 0
    value: bytes = b""
    error: str = ""
    traceback_text: str = ""
    stdout_text: str = ""
    stderr_text: str = ""


PilotEvent: TypeAlias = Joined | Left | Began | Ended


@runtime_checkable
class Pilot(Protocol):
    """A placeholder allocation of classical resources whose workers run what they are told to.

    One thread polls; `run`, `abort`, `wake` and `stop` may be called by any thread.
    """

    name: str
    kind: ClassVar[str]

    def start(self, size: int) -> None:
        """Bring up `size` workers. Returns at once; they announce themselves through `poll`. Called once."""

    def run(self, worker: str, task: str, attempt: int, payload: bytes, *, environment: str = "",
            limit_s: float = 0.0) -> None:
        """Run a payload (`qloop.pilots.payload.pack`) on a free slot of this worker; returns at once.

        `limit_s` seconds after this the attempt is killed and FAILED; 0 sets no limit. A worker that has left
        answers with LOST. `InvalidInput` for a payload or limit out of bounds, or a worker without a free slot.
        """

    def abort(self, worker: str, task: str, attempt: int) -> None:
        """Kill this attempt if that worker runs it now, and replace the worker; otherwise nothing happens."""

    def poll(self, timeout: float) -> list[PilotEvent]:
        """What happened since the last call, in order; waits up to `timeout` seconds for something to happen.

        Time limits are enforced here. `PilotError` if there are no workers and there will be none.
        """

    def wake(self) -> None:
        """Let a `poll` that waits, or the next one, return at once."""

    def fileno(self) -> int:
        """A file descriptor that is readable when `poll` has something to do, time limits aside."""

    def stop(self) -> None:
        """End every process this pilot started. Attempts that ran are LOST; `poll` tells once. May be repeated."""
