"""The keeper's desk: which attempt of which runtime runs on which worker of the pilot, and how many workers there are.

Runtimes share the workers attempt by attempt: whoever has the fewest running is served next, and among equals whoever
was served longest ago. So nobody needs to give up a worker that is at work. A process that has run tasks of one runtime
is renewed before it runs those of another: they may have modules of the same names, and secrets. The desk talks to
nobody but the pilot and the parties.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec

from qloop.errors import QloopError
from qloop.model.states import Outcome
from qloop.pilots import messages
from qloop.pilots.protocol import Asked, Began, Ended, Joined, Left, Pilot, PilotEvent, Told
from qloop.pilots.spec import PilotSpec
from qloop.runtime.keeping.parties import PASSED_S, Attempt, Party
from qloop.runtime.keeping.staff import Staff


class Desk:
    """The pilot `pilot`, of this specification, shared by `parties`."""

    def __init__(self, pilot: Pilot, spec: PilotSpec) -> None:
        self.pilot, self.spec = pilot, spec
        self.parties: list[Party] = []
        self.staff = Staff(pilot, spec)
        self._running: dict[str, Attempt] = {}
        self._turn = 0

    # -- what runtimes want

    def enter(self, party: Party) -> None:
        """A runtime is there."""
        self.parties.append(party)

    def leave(self, party: Party) -> None:
        """It is gone: what it ran is ended, and the processes that it used are renewed."""
        self.parties.remove(party)
        party.waiting.clear()
        for name, worker in list(self.staff.workers.items()):
            if worker.owner is not party:
                continue
            if worker.attempt is not None and worker.attempt.party is party:
                self._drop(worker.attempt)
            elif worker.free:
                self.staff.renew(name)
        self.settle()

    def obey(self, party: Party, command: messages.Command, payload: bytes) -> None:
        """What a runtime wants; of places that are not its own it can want nothing."""
        match command:
            case messages.Grow():
                count = max(0, min(command.count, self.spec.most - party.wanted))
                party.wanted += count
                party.orders_ns.extend([time.monotonic_ns()] * count)
            case messages.Release() if command.worker in party.places:
                party.wanted -= 1
                self._vacate(party, command.worker, Outcome.LOST, "the worker was released")
            case messages.Run():
                self._take(party, command, payload)
            case messages.Abort() if self._wanted(party, command) is not None:
                party.orders_ns.append(time.monotonic_ns())
                self._vacate(party, command.worker, Outcome.CANCELLED, "the attempt was aborted")
            case messages.Answer():
                attempt = self._wanted(party, command)
                if attempt is not None and attempt.worker:
                    self.pilot.answer(attempt.worker, command.task, command.attempt, command.number, payload)
            case _:
                pass    # of what has ended, or nonsense
        self.settle()

    def _wanted(self, party: Party, command: messages.Abort | messages.Answer) -> Attempt | None:
        attempt = party.places.get(command.worker)
        same = attempt is not None and (attempt.task, attempt.attempt) == (command.task, command.attempt)
        return attempt if same else None

    def _take(self, party: Party, command: messages.Run, payload: bytes) -> None:
        if party.places.get(command.worker, self) is not None:
            reason = "the worker runs something else" if command.worker in party.places else "the worker has left"
            party.tell(Ended(command.worker, command.task, command.attempt, Outcome.LOST, error=reason))
            return
        attempt = Attempt(party, command.worker, command.task, command.attempt, command.environment, command.limit_s,
                          command.share, payload)
        party.places[command.worker] = attempt
        party.waiting.append(attempt)

    def _vacate(self, party: Party, place: str, outcome: Outcome, reason: str) -> None:
        """A place is given up with what it runs; where that has begun, the process ends with it."""
        attempt = party.places.pop(place)
        if attempt is not None and attempt.worker:
            self._drop(attempt)
        elif attempt is not None:
            party.waiting.remove(attempt)
        party.tell(Left(place, reason))
        if attempt is not None:
            spent = round((time.monotonic() - attempt.since) * 1e9)
            party.tell(Ended(place, attempt.task, attempt.attempt, outcome, spent, error=reason))

    def _drop(self, attempt: Attempt) -> None:
        """Nobody wants this attempt, which runs, any more."""
        if attempt.party is not None:
            attempt.party.running -= 1
        attempt.party = None
        self.pilot.abort(attempt.worker, attempt.task, attempt.attempt)

    # -- what the pilot reports

    def hear(self, events: Iterable[PilotEvent]) -> None:
        """Tell everybody what concerns them."""
        for event in events:
            match event:
                case Joined():
                    self.staff.joined(event)
                case Left():
                    self._left(event)
                case Ended():
                    self._ended(event)
                case Began() | Told() | Asked():
                    attempt = self._running.get(event.worker)
                    if attempt is not None and attempt.party is not None:
                        attempt.party.tell(msgspec.structs.replace(event, worker=attempt.place))
        self.settle()

    def _left(self, event: Left) -> None:
        worker = self.staff.left(event)
        if worker is None:
            return
        party = worker.owner
        if party is not None and worker.place in party.places and not (worker.renewing or worker.going):
            del party.places[worker.place]
            party.orders_ns.append(time.monotonic_ns())
            party.tell(Left(worker.place, event.reason))

    def _ended(self, event: Ended) -> None:
        attempt, worker = self._running.pop(event.worker, None), self.staff.workers.get(event.worker)
        if attempt is None:
            return
        if attempt.node is not None and attempt.taken is not None:
            attempt.node.give_back(attempt.taken)
        if worker is not None:
            worker.attempt, worker.idle_since = None, time.monotonic()
        party = attempt.party
        if party is not None:
            party.running -= 1
            party.ended += 1
            if party.places.get(attempt.place) is attempt:
                party.places[attempt.place] = None
            party.tell(msgspec.structs.replace(event, worker=attempt.place))

    # -- what is done about it

    def settle(self) -> None:
        """Order and let go workers, give places, and begin what can begin."""
        self.staff.adjust(sum(party.wanted for party in self.parties))
        self._give_places()
        stuck: list[Party] = []
        while waiting := [party for party in self.parties if party.waiting and party not in stuck]:
            party = min(waiting, key=lambda one: (one.running, one.turn))
            attempt = party.waiting[0]
            name = self.staff.choose(party, attempt, sum(len(one.waiting) for one in self.parties))
            if name:
                self._begin(party, attempt, name)
                continue
            if not self.staff.could_hold(attempt.share):
                self._refuse(party, attempt)
                continue
            stuck.append(party)
            if self.staff.has_free() and time.monotonic() - attempt.since > PASSED_S:
                return      # what becomes free is kept for it

    def _give_places(self) -> None:
        """A party has as many places as it wishes, and at most as many as there are workers."""
        present = self.staff.present()
        for party in self.parties:
            while len(party.places) < min(party.wanted, len(present)):
                party.named += 1
                name = f"{self.pilot.name}-{party.serial}-{party.named}"
                like = self.staff.workers[present[len(party.places) % len(present)]].joined
                since = party.orders_ns.popleft() if party.orders_ns else time.monotonic_ns()
                party.places[name] = None
                party.tell(Joined(name, 1, like.environments, max(1, time.monotonic_ns() - since),
                                  f"@{like.node or like.worker}", like.capacity))

    def _refuse(self, party: Party, attempt: Attempt) -> None:
        """No node of the pilot could ever run this."""
        party.waiting.popleft()
        party.places[attempt.place] = None
        share = attempt.share
        party.tell(Ended(attempt.place, attempt.task, attempt.attempt, Outcome.FAILED, error=(
            f"no node of the kept pilot {self.pilot.name!r} has {share.cores} cores, {share.memory_bytes} bytes of "
            f"memory and {len(share.gpus)} GPUs")))

    def _begin(self, party: Party, attempt: Attempt, name: str) -> None:
        party.waiting.popleft()
        worker, now = self.staff.workers[name], time.monotonic()
        if worker.owner is not party:
            worker.owner, worker.since = party, now
        for other in self.staff.workers.values():
            if other.owner is party and other.place == attempt.place:
                other.place = ""
        worker.place, worker.attempt, attempt.worker = attempt.place, attempt, name
        attempt.node, attempt.taken = worker.node, worker.node.take(attempt.share)
        worker.environments.add(attempt.environment)
        self._turn += 1
        party.turn, party.running = self._turn, party.running + 1
        self._running[name] = attempt
        payload, attempt.payload = attempt.payload, b""
        try:
            self.pilot.run(name, attempt.task, attempt.attempt, payload, environment=attempt.environment,
                           limit_s=attempt.limit_s, share=attempt.taken)
        except QloopError as error:
            self._ended(Ended(name, attempt.task, attempt.attempt, Outcome.FAILED, error=str(error)))
