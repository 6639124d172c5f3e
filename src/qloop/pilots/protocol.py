"""What a classical resource must offer: the Pilot protocol and the events by which it reports.

A pilot decides nothing. The engine says how many workers there are and which of them runs which attempt; the pilot
carries that out and tells what happened. A worker is a process that runs one attempt at a time; workers of one node
share its cores, memory and GPUs, which the engine shares out. Five rules hold for every pilot
(`qloop.testing.pilot_conformance` checks them):

1. Every `run` is answered by exactly one `Ended`; `Began` comes before it if the function was called.
2. A process that ends is a worker that leaves: its replacement joins under a new name, with nothing remembered.
3. `Left` comes before the `Ended` of an attempt that is LOST or CANCELLED with its worker, so that nobody sends the
   task there again; it comes after the `Ended` of an attempt that FAILED by its time limit, so that nobody repeats it.
4. A payload is opened only in a worker; what comes back are bytes and text.
5. A worker that was let go with `release` is not replaced; one that ends in any other way is, while it can be.
"""

from __future__ import annotations

from typing import ClassVar, Protocol, TypeAlias, runtime_checkable

import msgspec

from qloop.errors import QloopError
from qloop.model.needs import ONE_CORE, Capacity, Share
from qloop.model.states import Outcome

TAIL_BYTES = 65_536             # of one task's stdout, of its stderr and of its traceback: the last so many bytes
MOST_PAYLOAD_BYTES = 2**31      # of one payload, and of one result
MOST_WORKERS = 1024             # of one pilot


class PilotError(QloopError):
    """A pilot cannot bring up workers any more."""

    code = "pilot"


class Joined(msgspec.Struct, frozen=True, tag=True):
    """A worker, `startup_ns` after it was ordered, offers `cores` slots; tasks in these `environments` start warm.

    `node` names the node that it shares with other workers, and `capacity` is what that node gives to all of them
    together; "" and None: a node of its own with `cores` cores.
    """

    worker: str
    cores: int = 1
    environments: tuple[str, ...] = ()
    startup_ns: int = 0
    node: str = ""
    capacity: Capacity | None = None


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


class Told(msgspec.Struct, frozen=True, tag=True):
    """What an attempt says while it runs. `what`: `stdout`, `stderr` (text, as it was written), or what the code in the
    worker calls it (`progress`, `metric`). Best effort: what comes too fast may be thinned out, never reordered.
    """

    worker: str
    task: str
    attempt: int
    what: str
    data: bytes


class Asked(msgspec.Struct, frozen=True, tag=True):
    """An attempt waits for an answer from outside, which `Pilot.answer` gives; `number` counts its questions."""

    worker: str
    task: str
    attempt: int
    number: int
    data: bytes


PilotEvent: TypeAlias = Joined | Left | Began | Ended | Told | Asked


@runtime_checkable
class Pilot(Protocol):
    """A placeholder allocation of classical resources whose workers run what they are told to.

    One thread polls; `run`, `abort`, `wake` and `stop` may be called by any thread.
    """

    name: str
    kind: ClassVar[str]

    def start(self, size: int) -> None:
        """Bring up `size` workers (0: none yet); returns at once, they join through `poll`. Called once."""

    def grow(self, count: int) -> None:
        """Bring up `count` more workers; returns at once. `InvalidInput` if that is more than the pilot can have."""

    def release(self, worker: str) -> None:
        """Let this worker go for good, and with the last one of a node the node; what it runs is LOST.

        A worker that has left already is no error.
        """

    def run(self, worker: str, task: str, attempt: int, payload: bytes, *, environment: str = "",
            limit_s: float = 0.0, share: Share = ONE_CORE) -> None:
        """Run a payload (`qloop.pilots.payload.pack`) on a free slot of this worker; returns at once.

        `limit_s` seconds after this the attempt is killed and FAILED; 0 sets no limit. It may use `share` of its node:
        it sees the GPUs of its share alone. A worker that has left answers with LOST. `InvalidInput` for a payload or
        limit out of bounds, or a worker without a free slot.
        """

    def answer(self, worker: str, task: str, attempt: int, number: int, data: bytes) -> None:
        """Answer a question (`Asked`) of this attempt; nothing happens if it has ended."""

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
