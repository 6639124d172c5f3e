"""The agent: what an allocation runs on each of its nodes. A local pilot, led by a hub from afar.

    python -m qloop.pilots.agent --hub HOST:PORT --name NAME --cores N

It joins with its pilot's token, announces its node, and starts workers as the hub orders them. It ends, and all its
workers with it, when the hub says so or is gone, when whoever started it is gone, and before its walltime is over. Exit
status: 0 if it was let in and ended in good order, 2 if it was not let in, 1 for anything else.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from qloop.errors import InvalidInput, QloopError
from qloop.model.states import Outcome
from qloop.pilots import messages, wire
from qloop.pilots.agent_arguments import Arguments, read_arguments
from qloop.pilots.agent_handshake import NotAdmitted, hub_address, join
from qloop.pilots.credential import find_token, read_credential
from qloop.pilots.local import LocalPilot
from qloop.pilots.machine import Node
from qloop.pilots.messages import Welcome
from qloop.pilots.protocol import Ended, PilotError, Told
from qloop.pilots.stream import Stream

_LOOK_S: Final = 0.2            # how soon the end of whoever started the agent is noticed
_MOST_WAITING_BYTES: Final = 2**22      # beyond this what tasks say is left out
_GRACE_S: Final = 30.0          # before its walltime is over an agent takes no new tasks, for a tenth of it at most
_LAST_S: Final = 2.0            # and this long before all ends


class Agent:
    """A local pilot and its line to the hub."""

    def __init__(self, told: Arguments, stream: Stream, welcome: Welcome) -> None:
        self._stream, self._welcome = stream, welcome
        self._parent, self._ending = os.getppid(), ""
        self._heard = self._beaten = time.monotonic()
        self._closing, self._tend_at = False, 0.0
        self._last = told.begun + told.walltime_s - min(_LAST_S, told.walltime_s / 10) if told.walltime_s else 0.0
        self._close_at = self._last - min(_GRACE_S, told.walltime_s / 10)
        self._busy: set[str] = set()
        node = Node(welcome.prefix, told.node.capacity)     # another life of this allocation is another node
        self._pilot = LocalPilot(welcome.prefix, environments=welcome.environments, node=node, mpi=welcome.mpi)

    def serve(self) -> None:
        """Until its end."""
        try:
            self._pilot.start(0)
            self._hear()        # at once: the first orders may have come with the welcome
            while not self._ending:
                self._turn()
        except PilotError as error:
            self._say(messages.Failing(str(error)))
        finally:
            self._pilot.stop(self._ending or "its agent failed")
            with contextlib.suppress(PilotError):
                self._report()
            self._finish()

    def end(self, reason: str) -> None:
        """Let this round be the last one."""
        self._ending = self._ending or reason

    def _turn(self) -> None:
        """Wait until somebody says something, a time limit is over, or it is time to look around; and do it."""
        hub, pilot, now = self._stream.socket.fileno(), self._pilot.fileno(), time.monotonic()
        if now >= self._tend_at:
            self._tend_at = now + _LOOK_S
            self._tend()
        due = self._pilot.due()
        wait = max(0.0, min(_LOOK_S, due - now))
        readable, writable, _ = select.select([hub, pilot], [hub] if self._stream.waiting else [], [], wait)
        if writable:
            self._stream.flush()
        if hub in readable:
            self._hear()
        if pilot in readable or due <= time.monotonic():
            self._report()

    def _hear(self) -> None:
        try:
            for frame in self._stream.receive():
                self._heard = time.monotonic()
                if frame.kind == messages.COMMAND:
                    self._obey(*messages.read_command(frame))
        except EOFError:
            self.end("the connection to the hub was lost")
        except wire.WireError as error:
            self.end(f"the hub sent what cannot be read ({error})")

    def _obey(self, command: messages.Command, payload: bytes) -> None:
        match command:
            case messages.Run():
                self._run(command, payload)
            case messages.Answer():
                self._pilot.answer(command.worker, command.task, command.attempt, command.number, payload)
            case messages.Abort():
                self._pilot.abort(command.worker, command.task, command.attempt)
            case messages.Grow():
                if not self._closing:
                    self._pilot.grow(command.count)
            case messages.Release() if command.worker in self._pilot.pids():
                self._pilot.release(command.worker)
            case messages.Release():
                self._say(messages.Kept(command.worker))
            case messages.End():
                self.end(command.reason)

    def _run(self, command: messages.Run, payload: bytes) -> None:
        self._busy.add(command.worker)
        try:
            self._pilot.run(command.worker, command.task, command.attempt, payload, environment=command.environment,
                            limit_s=command.limit_s, share=command.share)
        except InvalidInput as error:
            self._say(Ended(command.worker, command.task, command.attempt, Outcome.LOST, error=str(error)))

    def _report(self) -> None:
        """What happened here goes to the hub; what tasks only say is left out while it does not listen."""
        said: wire.Buffers = []
        for event in self._pilot.poll(0.0):
            if isinstance(event, Told) and self._stream.waiting > _MOST_WAITING_BYTES:
                continue
            said += messages.report(event)
            if isinstance(event, Ended):
                self._busy.discard(event.worker)
                if self._closing:
                    self._pilot.release(event.worker)
        self._stream.send(said)

    def _tend(self) -> None:
        """What time asks for: beats, the walltime, and noticing who is gone."""
        now = time.monotonic()
        if now - self._beaten >= self._welcome.beat_s:
            self._beaten = now
            self._stream.send(wire.encode(messages.BEAT))
        if now - self._heard > self._welcome.silence_s:
            self.end(f"the hub was silent for {self._welcome.silence_s:.0f} s")
        if os.getppid() != self._parent:
            self.end("whoever started this agent is gone")
        if self._last and now >= self._close_at and not self._closing:
            self._close()
        if (self._last and now >= self._last) or (self._closing and not self._pilot.pids()):
            self.end("the walltime is over")

    def _close(self) -> None:
        """The end is near: who is free leaves now, who is busy after its task."""
        self._closing = True
        self._say(messages.Closing("the walltime is nearly over"))
        for worker in self._pilot.pids():
            if worker not in self._busy:
                self._pilot.release(worker)

    def _say(self, report: messages.Report) -> None:
        self._stream.send(messages.report(report))

    def _finish(self) -> None:
        """The last words, as far as the hub takes them."""
        until = time.monotonic() + 5.0
        while self._stream.flush() and time.monotonic() < until:
            select.select([], [self._stream.socket], [], 0.2)
        self._stream.close()


def main(words: Sequence[str]) -> int:
    """An agent's life; the exit status."""
    try:
        told = read_arguments(words)
        credential = read_credential(find_token(told.token_file))
        stream, welcome = join(hub_address(told.hub), credential, told.name, told.node, told.workers)
    except (NotAdmitted, InvalidInput) as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"The hub cannot be reached from this node: {error}", file=sys.stderr)
        return 1
    _move_in(welcome)
    try:
        agent = Agent(told, stream, welcome)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, frame: agent.end(f"it was told to by {signal.Signals(number).name}"))
        agent.serve()
    except QloopError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _move_in(welcome: Welcome) -> None:
    """Where the program is that sent the tasks, if this machine has it: its modules and its files are found."""
    theirs = [entry for entry in welcome.path if not entry or Path(entry).exists()]
    sys.path[:] = [*theirs, *(entry for entry in sys.path if entry not in theirs)]      # its own modules come first
    if welcome.directory and Path(welcome.directory).is_dir():
        os.chdir(welcome.directory)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
