"""Carrying out classical tasks: on the workers of pilots, or, in virtual time, here and with a modelled length."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from qloop.errors import QloopError, UserCodeError
from qloop.model.commands import AbortClassical, GrowPilot, ReleaseWorker, StartClassical
from qloop.model.events import ClassicalEnded, Event, PilotFailed, PilotSet, WorkerJoined, WorkerLeft
from qloop.model.limits import SECOND
from qloop.model.states import Outcome
from qloop.pilots.inside import heard_by
from qloop.pilots.payload import open_value
from qloop.pilots.protocol import Asked, Began, Ended, Joined, Left, Pilot, PilotError, PilotEvent, Told
from qloop.pilots.spec import PilotSpec
from qloop.pilots.tracebacks import own_text
from qloop.runtime.core import Core
from qloop.runtime.ticket import ClassicalTicket
from qloop.runtime.timers import Timers

POLL_S = 1.0
MODELLED_COLD_NS = SECOND // 2  # a worker's first task in virtual time: start Python, import


@dataclass(slots=True)
class Held:
    """A pilot of the runtime: what was wished, and what carries it out (None: it is modelled, in virtual time)."""

    spec: PilotSpec
    pilot: Pilot | None
    serial: int = 0
    gone: set[str] = field(default_factory=set)
    thread: threading.Thread | None = None

    def terms(self) -> PilotSet:
        """The pilot as the engine sees it."""
        spec, node = self.spec, self.spec.node
        if self.pilot is not None and spec.kind == "local":
            from qloop.pilots.local import capacity_of

            node = capacity_of(spec)
        return PilotSet(spec.label, spec.kind, spec.least, spec.most, node, spec.on_node, spec.startup,
                        round(spec.keep_alive_s * SECOND))


class ClassicalSide:
    """The pilots, their workers, and what runs on them."""

    def __init__(self, timers: Timers, held: Sequence[Held]) -> None:
        self.timers = timers
        self.held = {one.spec.label: one for one in held}
        self.core: Core | None = None
        self._running: dict[str, ClassicalTicket] = {}
        self._places: dict[str, Held] = {}      # of each worker
        self._stopping = False

    def begin(self) -> None:
        """Let the pilots come up; the engine orders their workers."""
        for one in self.held.values():
            self._let_up(one)

    def hire(self, one: Held) -> None:
        """One pilot more, while the runtime runs."""
        self.held[one.spec.label] = one
        self._let_up(one)

    def _let_up(self, one: Held) -> None:
        if one.pilot is not None:
            one.pilot.start(0)
            one.thread = threading.Thread(target=self._poll, args=(one, one.pilot), daemon=True,
                                          name=f"qloop-pilot-{one.spec.label}")
            one.thread.start()
        self._post(one.terms())

    def grow(self, command: GrowPilot) -> None:
        """More workers; called with the core's lock held."""
        one = self.held[command.pilot]
        if one.pilot is not None:
            try:
                one.pilot.grow(command.count)
            except QloopError as error:
                self._afterwards(partial(self._fail, one, error))
            return
        assert self.core is not None
        for _ in range(command.count):
            one.serial += 1
            join = partial(self._join_modelled, one, one.serial)
            if one.spec.startup_s > 0.0:
                self.timers.at(self.timers.clock.now() + round(one.spec.startup_s * SECOND), join)
            else:
                self.core.afterwards(join)

    def release(self, command: ReleaseWorker) -> None:
        """One worker less; called with the core's lock held."""
        one = self.held[command.pilot]
        if one.pilot is not None:
            one.pilot.release(command.worker)
            return
        assert self.core is not None
        self.core.afterwards(lambda: self._post(WorkerLeft(command.worker, "it was idle and is let go")))

    def start(self, ticket: ClassicalTicket, command: StartClassical) -> None:
        """Hand the call to the worker; called with the core's lock held."""
        ticket.attempt, ticket.place, ticket.begun_ns = command.attempt, command.worker, self.timers.clock.now()
        one = self._places.get(command.worker)
        if self.timers.clock.virtual:
            self._afterwards(lambda: self._run_virtually(ticket, command))
            return
        if one is None or one.pilot is None:        # it has left, and the engine is about to hear of it
            lost = ClassicalEnded(command.task, command.attempt, command.worker, Outcome.LOST, 0, "its worker left")
            self._afterwards(lambda: self._post(lost))
            return
        self._running[ticket.id] = ticket
        try:
            one.pilot.run(command.worker, ticket.id, command.attempt, ticket.packed(),
                          environment=ticket.needs.environment, limit_s=ticket.needs.limit_s, share=command.share)
        except QloopError as error:
            self._afterwards(partial(self._ended, Ended(command.worker, ticket.id, command.attempt, Outcome.FAILED,
                                                        error=str(error))))

    def abort(self, command: AbortClassical) -> None:
        """Nobody wants this attempt any more."""
        self._running.pop(command.task, None)
        one = self._places.get(command.worker)
        if one is not None and one.pilot is not None:
            one.pilot.abort(command.worker, command.task, command.attempt)

    def stop(self) -> None:
        """End the pilots and their workers."""
        self._stopping = True
        for one in self.held.values():
            if one.pilot is not None:
                one.pilot.wake()
        for one in self.held.values():
            if one.pilot is not None and one.thread is not None:
                one.thread.join(timeout=10.0)
                one.pilot.stop()

    def _afterwards(self, action: Callable[[], None]) -> None:
        """From within an effect: once the core's lock is let go, for an event may call back anybody."""
        assert self.core is not None
        self.core.afterwards(action)

    def _post(self, event: Event) -> None:
        assert self.core is not None
        self.core.post(event)

    def _join_modelled(self, one: Held, serial: int) -> None:
        """A worker of virtual time is there."""
        worker, node = f"{one.spec.label}-{serial}", f"{one.spec.label}-node-{(serial - 1) // one.spec.on_node + 1}"
        self._places[worker] = one
        self._post(WorkerJoined(worker, 1, (), one.spec.label, node, one.spec.node,
                                round(one.spec.startup_s * SECOND) if one.spec.startup_s > 0.0 else 0))

    def _run_virtually(self, ticket: ClassicalTicket, command: StartClassical) -> None:
        """Call it here and now; its end comes after its modelled length."""
        import cloudpickle

        outcome, error = Outcome.OK, ""
        try:
            function, arguments, named = cloudpickle.loads(ticket.packed())
            with heard_by(ticket.hear) if ticket.hear is not None else nullcontext():
                ticket.outcome = cloudpickle.dumps(function(*arguments, **named))
        except Exception as raised:
            outcome, error = Outcome.FAILED, f"{type(raised).__name__}: {raised}"
            ticket.error = UserCodeError(error, own_text(raised))
        length = ticket.modelled_ns + (MODELLED_COLD_NS if command.cold else 0)
        ended = ClassicalEnded(ticket.id, command.attempt, command.worker, outcome, length, error)
        self.timers.at(ticket.begun_ns + length, lambda: self._post(ended))

    def _poll(self, one: Held, pilot: Pilot) -> None:
        """A pilot's thread: what it reports becomes events."""
        while not self._stopping:
            try:
                events = pilot.poll(POLL_S)
            except PilotError as error:
                self._fail(one, error)
                return
            except Exception as error:
                self._fail(one, PilotError(f"The pilot {one.spec.label!r} cannot be heard any more",
                                           f"{type(error).__name__}: {error}", "This is a bug of the pilot: report it"))
                return
            for event in events:
                self._heard(one, pilot, event)

    def _heard(self, one: Held, pilot: Pilot, event: PilotEvent) -> None:
        """What a follower of a task raises is logged: it must not end the thread that hears the pilot."""
        try:
            self._report(one, pilot, event)
        except Exception:
            logging.getLogger("qloop").exception("An event of the pilot %s could not be handled", one.spec.label)

    def _report(self, one: Held, pilot: Pilot, event: PilotEvent) -> None:
        match event:
            case Joined():
                self._places[event.worker] = one
                local = "" if event.node or one.spec.kind != "local" else one.spec.label
                self._post(WorkerJoined(event.worker, event.cores, event.environments, one.spec.label,
                                        event.node or local, one.spec.node if local else event.capacity,
                                        event.startup_ns))
            case Left():
                self._post(WorkerLeft(event.worker, event.reason, self._unbegun(event.worker)))
                self._places.pop(event.worker, None)
            case Began():
                ticket = self._current(event.task, event.attempt)
                if ticket is not None:
                    ticket.began = event.attempt
            case Told():
                ticket = self._current(event.task, event.attempt)
                if ticket is not None and ticket.hear is not None:
                    ticket.hear(event.what, event.data)
            case Asked():
                self._asked(pilot, event)
            case Ended():
                self._ended(event)

    def _asked(self, pilot: Pilot, event: Asked) -> None:
        """A task asks for something from outside; whoever submitted it knows the answer."""
        ticket = self._current(event.task, event.attempt)
        if ticket is not None and ticket.asked is not None:
            ticket.asked(event.data, partial(pilot.answer, event.worker, event.task, event.attempt, event.number))

    def _unbegun(self, worker: str) -> tuple[str, ...]:
        """The tasks that were given to this worker and whose functions it has not called."""
        return tuple(ticket.id for ticket in list(self._running.values())
                     if ticket.place == worker and ticket.began != ticket.attempt and not ticket.done)

    def _current(self, task: str, attempt: int) -> ClassicalTicket | None:
        """The ticket of an attempt, if it is the one that counts."""
        ticket = self._running.get(task)
        return ticket if ticket is not None and ticket.attempt == attempt and not ticket.done else None

    def _ended(self, event: Ended) -> None:
        """Keep what the attempt left, if it is the one that counts, and report its end."""
        ticket = self._current(event.task, event.attempt)
        if ticket is not None:
            ticket.stdout_text, ticket.stderr_text = event.stdout_text, event.stderr_text
            if event.outcome is Outcome.OK:
                ticket.outcome = event.value
            elif event.outcome is Outcome.FAILED:
                ticket.error = UserCodeError(event.error, event.traceback_text, event.stderr_text)
            if event.outcome is not Outcome.LOST:
                self._running.pop(event.task, None)
        self._post(ClassicalEnded(event.task, event.attempt, event.worker, event.outcome, event.measured_ns,
                                  event.error))

    def _fail(self, one: Held, error: QloopError) -> None:
        """A pilot has no workers any more: what only it could run fails; what ran there is told."""
        for worker in [name for name, place in list(self._places.items()) if place is one]:
            self._post(WorkerLeft(worker, str(error)))
            self._places.pop(worker, None)
        self._post(PilotFailed(one.spec.label, str(error)))


def opened(ticket: ClassicalTicket) -> Any:
    """What the call returned; raises what went wrong."""
    if ticket.error is not None:
        raise ticket.error
    return open_value(Ended(ticket.place, ticket.id, ticket.attempt, Outcome.OK, value=ticket.outcome))
