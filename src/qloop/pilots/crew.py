"""The local pilot's crew: its zygote, its workers' processes, and what follows when one of them says something or ends.

Nothing here waits and nothing here locks; `qloop.pilots.local` calls it under its lock.
"""

from __future__ import annotations

import contextlib
import math
import selectors
import socket
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from qloop.model.limits import SECOND
from qloop.model.states import Outcome
from qloop.pilots import machine, wire
from qloop.pilots.machine import Node
from qloop.pilots.member import Member, Running
from qloop.pilots.protocol import Asked, Began, Joined, Left, PilotError, PilotEvent
from qloop.pilots.zygote import Report, Zygote, last_words

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_MOST_FRUITLESS: Final = 3      # processes in a row that ended before any worker joined


class Crew:
    """Worker processes. `workers`: those that have joined and not left; `size`: how many there shall be; `events`: what
    is to be told. A `node` None: this machine, with a core for each worker at least.
    """

    def __init__(self, selector: selectors.BaseSelector, name: str, environments: Mapping[str, Sequence[str]],
                 memory_bytes: int, node: Node | None = None, mpi: str = "mpiexec") -> None:
        self.workers: dict[str, Member] = {}
        self.events: list[PilotEvent] = []
        self.failure: PilotError | None = None
        self.selector = selector
        self.size = 0
        self._name, self._environments, self._memory = name, environments, memory_bytes
        self._node, self._mpi = node, mpi
        self._members: dict[int, Member] = {}
        self._zygote: Zygote | None = None
        self._ready = False
        self._serial = self._fruitless = 0

    # -- what the pilot wants

    def hatch(self, size: int) -> None:
        """A zygote, and `size` workers from it. Raises `PilotError` if no process can be started."""
        self.size, self._ready = 0, False
        self._zygote = zygote = Zygote(self._environments, self._memory, self._mpi)
        self.selector.register(zygote.control, _READ, partial(self._on_reports, zygote))
        self.selector.register(zygote.log, _READ, partial(self._on_log, zygote))
        self.grow(size)

    def grow(self, count: int) -> None:
        """So many workers more."""
        self.size += count
        for _ in range(count):
            self._fork()

    def release(self, member: Member) -> None:
        """This worker leaves, and none comes in its place."""
        if member.gone:
            return
        self.size -= 1
        member.released = True
        self.let_go(member, Outcome.LOST, "the worker was released")

    def give(self, member: Member, running: Running, environment: str, payload: bytes) -> None:
        """This attempt runs on this free worker."""
        member.forget_output()
        member.running = running
        share = running.share
        self.send(member, wire.encode(wire.RUN, (share.cores, share.memory_bytes, share.ranks),
                                      (environment.encode(), ",".join(share.gpus).encode(), payload)))

    def send(self, member: Member, frame: wire.Buffers) -> None:
        """Send this to a worker as soon as it takes it."""
        if member.send(frame):
            with contextlib.suppress(KeyError):     # it has closed its channel: it is about to end
                self.selector.modify(member.channel, _READ | _WRITE, partial(self._on_channel, member))

    def let_go(self, member: Member, outcome: Outcome, reason: str) -> None:
        """This worker counts no more: its attempt is over, it has left, and its process is told to end."""
        if member.gone:
            return
        self._mute(member)
        member.gone = True
        if self._zygote is not None:
            self._zygote.kill(member.serial)
        spent = time.monotonic_ns() - member.running.sent_ns if member.running is not None else 0
        if outcome is Outcome.FAILED:
            member.end(outcome, spent, reason)
        if self.workers.pop(member.worker, None) is not None:
            self.events.append(Left(member.worker, reason))
        member.end(outcome, spent, reason)

    def clear(self, reason: str) -> None:
        """No process is left; what ran is LOST."""
        for member in self._members.values():
            self.let_go(member, Outcome.LOST, reason)
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            self._ignore(zygote.control, zygote.log)
            zygote.end([member.pid for member in self._members.values() if member.pid])
        for member in self._members.values():
            member.close()
        self._members.clear()

    def due(self) -> float:
        """When (`time.monotonic`) the next time limit is over; infinity if there is none."""
        deadlines = [member.running.deadline_ns for member in self.workers.values()
                     if member.running is not None and member.running.deadline_ns]
        return min(deadlines) / SECOND if deadlines else math.inf

    def expire(self) -> None:
        """End the attempts whose time limit is over."""
        now = time.monotonic_ns()
        for member in list(self.workers.values()):
            running = member.running
            if running is not None and 0 < running.deadline_ns <= now:
                self.let_go(member, Outcome.FAILED,
                            f"The task did not end within its time limit of {running.limit_s:g} s and was killed")

    # -- what is heard

    def _on_channel(self, member: Member, mask: int) -> None:
        if member.gone:
            return
        if mask & _WRITE and not member.flush():
            self.selector.modify(member.channel, _READ, partial(self._on_channel, member))
        if not mask & _READ:
            return
        try:
            for frame in member.receive():
                self._take(member, frame)
        except EOFError:
            # It is ending, or has closed its channel; the zygote will tell how it ended.
            self._mute(member)
            if self._zygote is not None:
                self._zygote.kill(member.serial)
        except (wire.WireError, ValueError, IndexError) as error:
            self.let_go(member, Outcome.LOST, f"the worker sent what cannot be read ({error})")

    def _on_output(self, member: Member, descriptor: int, mask: int) -> None:
        if not member.gone and not member.read_output(descriptor):
            self._ignore(descriptor)

    def _on_log(self, zygote: Zygote, mask: int) -> None:
        if zygote is self._zygote and not zygote.listen():
            self._ignore(zygote.log)

    def _on_reports(self, zygote: Zygote, mask: int) -> None:
        if zygote is not self._zygote:
            return
        try:
            for report in zygote.reports():
                self._reported(report)
        except EOFError:
            self._zygote_died(zygote)

    def _reported(self, report: Report) -> None:
        if report.serial == 0:
            self._ready = True
            return
        member = self._members.get(report.serial)
        if member is None:
            return
        if report.kind == wire.FORKED:
            member.pid = report.pid
            self._join(member)
            return
        for frame in member.rest():
            with contextlib.suppress(ValueError, IndexError):
                self._take(member, frame)
        self._bury(member, last_words(report))

    def _take(self, member: Member, frame: wire.Frame) -> None:
        """A frame of a worker. Raises `ValueError` or `IndexError` if it lacks what its kind has."""
        running = member.running
        if frame.kind == wire.READY:
            member.ready = True
            self._join(member)
        elif running is None:
            return
        elif frame.kind == wire.BEGAN:
            cold, setup_ns, at_ns = frame.numbers
            self.events.append(Began(member.worker, running.task, running.attempt, bool(cold), setup_ns, at_ns))
        elif frame.kind == wire.TOLD:
            member.drain()      # what it printed before goes before
            member.tell(str(frame.parts[0], "utf-8"), bytes(frame.parts[1]))
        elif frame.kind == wire.ASKED:
            self.events.append(Asked(member.worker, running.task, running.attempt, frame.numbers[0],
                                     bytes(frame.parts[0])))
        elif frame.kind == wire.ENDED:
            self._ended(member, running, frame)

    def _ended(self, member: Member, running: Running, frame: wire.Frame) -> None:
        ok, measured_ns = frame.numbers
        value = bytes(frame.parts[0])
        error, told = (str(part, "utf-8", "replace") for part in frame.parts[1:] or (b"", b""))
        member.end(Outcome.OK if ok else Outcome.FAILED, measured_ns, error, told, value)
        if running.share.gpus and running.share.ranks == 1:
            self.let_go(member, Outcome.LOST, "it held GPUs, which only the end of its process frees")

    # -- what follows from it

    def _join(self, member: Member) -> None:
        """The worker counts once it is ready and its process id is known, whichever was heard first."""
        if member.joined or member.gone or not member.ready or not member.pid:
            return
        member.joined, self._fruitless = True, 0
        self.workers[member.worker] = member
        spent = time.monotonic_ns() - member.ordered_ns
        node = self._node or machine.here(self._name, self.size)
        self.events.append(Joined(member.worker, 1, tuple(self._environments), spent, node.name, node.capacity))

    def _fork(self) -> None:
        """One more worker, under a name that no other had; none if the pilot has failed or was stopped."""
        zygote = self._zygote
        if zygote is None:
            return
        self._serial += 1
        member = Member(self._serial, f"{self._name}-{self._serial}", lambda event: self.events.append(event))
        self._members[member.serial] = member
        zygote.fork(member.serial, member.descriptors())
        member.release()
        self.selector.register(member.channel, _READ, partial(self._on_channel, member))
        for descriptor in (member.out, member.err):
            self.selector.register(descriptor, _READ, partial(self._on_output, member, descriptor))

    def _bury(self, member: Member, reason: str) -> None:
        """Its process has ended: close what is left of it, and replace it."""
        self._fruitless += not member.joined
        self.let_go(member, Outcome.LOST, reason)
        del self._members[member.serial]
        member.close()
        if self._fruitless >= _MOST_FRUITLESS:
            self._fail(f"{self._fruitless} of them ended at once, the last one because {reason}", member.stderr.text())
        elif not member.released:
            self._fork()

    def _zygote_died(self, zygote: Zygote) -> None:
        """Its workers have died with it: begin anew, unless it cannot even start."""
        self._fruitless += 1
        started = self._ready
        self.clear("the process that forks the pilot's workers has ended")
        if not started or self._fruitless >= _MOST_FRUITLESS:
            self._fail("the process that forks them has ended", zygote.said.text())
            return
        try:
            self.hatch(self.size)
        except PilotError as failure:
            self.failure = failure

    def _fail(self, why: str, said: str) -> None:
        self.clear("the pilot failed")
        self.failure = PilotError(f"The pilot {self._name!r} cannot bring up workers", why,
                                   f"It said:\n{said}" if said else "Look for a limit on processes or memory")

    def _mute(self, member: Member) -> None:
        """Listen to it no more."""
        self._ignore(member.channel, member.out, member.err)

    def _ignore(self, *sources: socket.socket | int) -> None:
        """Wait for these no more; some may be ignored already, for one wait brings news of several."""
        for source in sources:
            with contextlib.suppress(KeyError, ValueError):
                self.selector.unregister(source)
