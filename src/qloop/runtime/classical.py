"""Carrying out classical tasks: on the workers of a pilot, or, in virtual time, here and with a modelled length."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any

from qloop.errors import QloopError, UserCodeError
from qloop.model.commands import AbortClassical, StartClassical
from qloop.model.events import ClassicalEnded, WorkerJoined, WorkerLeft
from qloop.model.limits import SECOND
from qloop.model.states import Outcome
from qloop.pilots.payload import open_value, pack
from qloop.pilots.protocol import Began, Ended, Joined, Left, Pilot, PilotError, PilotEvent
from qloop.runtime.core import Core
from qloop.runtime.ticket import ClassicalTicket
from qloop.runtime.timers import Timers

ENVIRONMENT = ""                 # the pilot's nameless environment: Python with NumPy
POLL_S = 1.0
MODELLED_COLD_NS = SECOND // 2  # a worker's first task in virtual time: start Python, import


class ClassicalSide:
    """Workers and what runs on them. `pilot` None: virtual time, where `size` modelled workers are always there."""

    def __init__(self, timers: Timers, size: int, pilot: Pilot | None) -> None:
        self.timers, self.size, self.pilot = timers, size, pilot
        self.core: Core | None = None
        self.failure: Exception | None = None
        self._running: dict[str, ClassicalTicket] = {}
        self._thread: threading.Thread | None = None
        self._stopping = False

    def begin(self) -> None:
        """Bring the workers up."""
        if self.size == 0:
            return
        if self.pilot is None:
            for number in range(self.size):
                self._post(WorkerJoined(f"worker-{number + 1}"))
            return
        self.pilot.start(self.size)
        self._thread = threading.Thread(target=self._poll, name="qloop-pilot", daemon=True)
        self._thread.start()

    def start(self, ticket: ClassicalTicket, command: StartClassical) -> None:
        """Hand the call to the worker; called with the core's lock held."""
        ticket.attempt, ticket.place, ticket.begun_ns = command.attempt, command.worker, self.timers.clock.now()
        if self.pilot is None:
            assert self.core is not None
            self.core.afterwards(lambda: self._run_virtually(ticket, command))
            return
        self._running[ticket.id] = ticket
        try:
            self.pilot.run(command.worker, ticket.id, command.attempt, ticket.payload, environment=ENVIRONMENT)
        except QloopError as error:
            self._ended(Ended(command.worker, ticket.id, command.attempt, Outcome.LOST, error=str(error)))

    def abort(self, command: AbortClassical) -> None:
        """Nobody wants this attempt any more."""
        self._running.pop(command.task, None)
        if self.pilot is not None:
            self.pilot.abort(command.worker, command.task, command.attempt)

    def stop(self) -> None:
        """End the pilot and its workers."""
        self._stopping = True
        if self.pilot is None or self._thread is None:
            return
        self.pilot.wake()
        self._thread.join(timeout=10.0)
        self.pilot.stop()

    def _post(self, event: WorkerJoined | WorkerLeft | ClassicalEnded) -> None:
        assert self.core is not None
        self.core.post(event)

    def _run_virtually(self, ticket: ClassicalTicket, command: StartClassical) -> None:
        """Call it here and now; its end comes after its modelled length."""
        import cloudpickle

        outcome, error = Outcome.OK, ""
        try:
            function, arguments, named = cloudpickle.loads(ticket.payload)
            ticket.outcome = cloudpickle.dumps(function(*arguments, **named))
        except Exception as raised:
            outcome, error = Outcome.FAILED, f"{type(raised).__name__}: {raised}"
            ticket.error = UserCodeError(error, traceback.format_exc())
        length = ticket.modelled_ns + (MODELLED_COLD_NS if command.cold else 0)
        ended = ClassicalEnded(ticket.id, command.attempt, command.worker, outcome, length, error)
        self.timers.at(ticket.begun_ns + length, lambda: self._post(ended))

    def _poll(self) -> None:
        """The pilot's thread: what it reports becomes events."""
        assert self.pilot is not None
        while not self._stopping:
            try:
                for event in self.pilot.poll(POLL_S):
                    self._report(event)
            except PilotError as error:
                self.failure = error
                self._fail_all(error)
                return

    def _report(self, event: PilotEvent) -> None:
        match event:
            case Joined():
                self._post(WorkerJoined(event.worker, event.cores, event.environments))
            case Left():
                self._post(WorkerLeft(event.worker, event.reason))
            case Began():
                pass
            case Ended():
                self._ended(event)

    def _ended(self, event: Ended) -> None:
        """Keep what the attempt left, if it is the one that counts, and report its end."""
        ticket = self._running.get(event.task)
        if ticket is not None and ticket.attempt == event.attempt and not ticket.done:
            if event.outcome is Outcome.OK:
                ticket.outcome = event.value
            elif event.outcome is Outcome.FAILED:
                ticket.error = UserCodeError(event.error, event.traceback_text, event.stderr_text)
            if event.outcome is not Outcome.LOST:
                self._running.pop(event.task, None)
        self._post(ClassicalEnded(event.task, event.attempt, event.worker, event.outcome, event.measured_ns,
                                  event.error))

    def _fail_all(self, error: PilotError) -> None:
        """No workers are left: whose task ran is told; what still waits ends with its session."""
        for ticket in list(self._running.values()):
            ticket.error = error
            self._post(ClassicalEnded(ticket.id, ticket.attempt, ticket.place, Outcome.FAILED, 0, str(error)))


def packed(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    """A call as bytes; InvalidInput if it cannot be pickled."""
    return pack(function, *arguments)


def opened(ticket: ClassicalTicket) -> Any:
    """What the call returned; raises what went wrong."""
    if ticket.error is not None:
        raise ticket.error
    return open_value(Ended(ticket.place, ticket.id, ticket.attempt, Outcome.OK, value=ticket.outcome))
