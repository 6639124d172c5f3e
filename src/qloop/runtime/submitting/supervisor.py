"""The supervisor of a submitted program: starts it, keeps what it prints, takes it up again, ends it when told to.

    python -P -m qloop.runtime.submitting.supervisor FOLDER

The program runs under `qloop run`, in a session of its own, and so its run is journaled. A life that ends by a signal
or an error is followed by another that takes up the same run, where retries are left: no shot is bought twice.
SIGTERM ends the program as Ctrl-C would, in good order, and what does not heed that by force; SIGINT at once. Only
processes of the program's own session are ever signalled, by their id and start.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import msgspec

from qloop.pilots.kept import folder
from qloop.pilots.process_identity import Identity, identity, in_session
from qloop.runtime.submitting.log import Log
from qloop.runtime.submitting.records import Order, Stand, State, put_stand, stand_of

GRACE_S: Final = 20.0           # for the end in good order
TERM_S: Final = 5.0             # and after SIGTERM
FIRST_PAUSE_S: Final = 1.0      # before it is taken up again; each one is twice as long
LONGEST_PAUSE_S: Final = 60.0
_DRAIN_S: Final = 1.0           # for the last words of processes that the program left behind
_TICK_S: Final = 0.5
_NOT_AGAIN: Final = (0, 2, 3, 4, 130)    # it would end so again: done, bad input, refused, journal, Ctrl-C
_PR_SET_PDEATHSIG: Final = 1


class Supervisor:
    """One submitted program. `cancelled`: it was told to end it; `at_once`: without waiting."""

    def __init__(self, path: Path) -> None:
        self.cancelled = self.at_once = False
        self._path, self._log = path, Log(path / "log")
        self._order = msgspec.json.decode((path / "order.json").read_bytes(), type=Order)
        self._stand = Stand(State.STARTING, identity(), begun_s=time.time(), life=stand_of(path).life)
        self._process: subprocess.Popen[bytes] | None = None

    def serve(self) -> None:
        """All its lives, to the end."""
        self._set(state=State.STARTING)
        retries, pause = self._order.retries, FIRST_PAUSE_S
        while not self.cancelled:
            code = self._live()
            if self.cancelled or code in _NOT_AGAIN or retries <= 0:
                break
            retries -= 1
            self._log.note(f"{ended(code)}; it is taken up again in {pause:g} s")
            self._set(state=State.WAITING, exit_code=code, program=Identity(0))
            self._wait(pause)
            pause = min(LONGEST_PAUSE_S, 2 * pause)
        self._conclude()

    def _live(self) -> int:
        """One life; its exit code, or minus the signal that ended it."""
        self._process = process = self._start()
        assert process.stdout is not None
        program = identity(process.pid)
        self._set(state=State.RUNNING, program=program, life=self._stand.life + 1)
        told, until = 0, 0.0
        while process.poll() is None:
            self._hear(process.stdout.fileno(), _TICK_S)
            if self.cancelled and time.monotonic() >= until:
                told, until = self._press(program, told)
        self._sweep(process.pid)
        self._drain(process.stdout.fileno())
        process.stdout.close()
        self._process = None
        self._set(exit_code=process.returncode)
        return process.returncode

    def _start(self) -> subprocess.Popen[bytes]:
        order = self._order
        again = order.journal.exists()
        words = [sys.executable, "-P", "-m", "qloop.cli", "run", order.program, *order.options,
                 *(["--resume", order.run] if again else ["--id", order.run]),
                 *(["--", *order.arguments] if order.arguments and not again else [])]
        self._log.note(f"{'taking up' if again else 'starting'} run {order.run} of {order.program}")
        environment = {**os.environ, "QLOOP_HOME": order.home, "PYTHONUNBUFFERED": "1"}
        return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                cwd=order.directory, env=environment, start_new_session=True, preexec_fn=_end_with_us)

    def _press(self, program: Identity, told: int) -> tuple[int, float]:
        """Ask it to end, the more firmly the longer it takes; what was said last, and when to say more."""
        if self.at_once or told >= 2:
            program.signal(signal.SIGKILL)
            return 3, time.monotonic() + TERM_S
        if told == 0:
            self._log.note("it is told to end, as by Ctrl-C")
            program.signal(signal.SIGINT)
            return 1, time.monotonic() + GRACE_S
        self._log.note(f"it has not ended in {GRACE_S:g} s")
        program.signal(signal.SIGTERM)
        return 2, time.monotonic() + TERM_S

    def _sweep(self, session: int) -> None:
        """End what the program left behind in its session."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            until = time.monotonic() + (0.0 if self.at_once else TERM_S)
            left = [one for one in in_session(session) if one.pid != session]
            for one in left:
                one.signal(number)
            while any(one.alive() for one in left) and time.monotonic() < until:
                self._hear(-1, 0.05)

    def _hear(self, descriptor: int, seconds: float) -> bool:
        """Keep what comes within so many seconds; False at its end."""
        ready = select.select([descriptor] if descriptor >= 0 else [], [], [], seconds)[0]
        if not ready:
            return True
        data = os.read(descriptor, 65_536)
        self._log.add(data)
        if not data:
            time.sleep(0.02)    # it has closed its output and lives on
        return bool(data)

    def _drain(self, descriptor: int) -> None:
        until = time.monotonic() + _DRAIN_S
        while time.monotonic() < until and select.select([descriptor], [], [], 0.0)[0]:
            if not self._hear(descriptor, 0.0):
                return

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.cancelled and time.monotonic() < until:
            time.sleep(min(0.1, seconds))

    def _conclude(self) -> None:
        code = self._stand.exit_code
        ends = {0: State.DONE, 130: State.INTERRUPTED, -signal.SIGINT: State.INTERRUPTED}
        state = State.CANCELLED if self.cancelled and code != 0 else ends.get(code or 0, State.FAILED)
        reason = "it was cancelled" if state is State.CANCELLED else ended(code or 0)
        self._log.note(reason)
        self._log.close()
        self._set(state=state, reason=reason, program=Identity(0), ended_s=time.time())

    def _set(self, **changes: Any) -> None:
        self._stand = msgspec.structs.replace(self._stand, **changes)
        with contextlib.suppress(OSError):      # a full disk: the program shall go on
            put_stand(self._path, self._stand)


def ended(code: int) -> str:
    """How a life ended, in words."""
    if code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    return "done" if code == 0 else f"it ended with exit code {code}"


def _end_with_us() -> None:
    """In the program's process, before it begins: if its supervisor is killed, it is told to end, too."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def main() -> int:
    """Its life; exit status 1 if another process supervises the program already."""
    path = Path(sys.argv[1])
    with folder.held(path / "lock") as alone:
        if not alone:
            return 1
        supervisor = Supervisor(path)

        def told(number: int, frame: Any) -> None:
            supervisor.cancelled = True
            supervisor.at_once = supervisor.at_once or number == signal.SIGINT

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, told)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        supervisor.serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
