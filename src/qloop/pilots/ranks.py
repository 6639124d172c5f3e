"""How a worker runs a task on several MPI ranks: it starts them with `mpiexec` and stands between them and the pilot.

Each rank is a process that takes the task over a socket and answers as a worker does (`qloop.pilots.rank_process`).
What rank 0 returns is the result; what it tells and asks goes on to the pilot. A rank that fails ends all.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import selectors
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from qloop.pilots import wire
from qloop.pilots.sharing import GPU_VARIABLES, THREAD_VARIABLES, Part

_BOOT: Final = ("import json, sys; told = json.loads(sys.argv.pop()); sys.path[:] = told.pop('path'); "
                "from qloop.pilots.rank_process import main; main(**told)")
_TICK_S: Final = 0.2            # how soon a launcher's end is seen that no rank foretold
_PATIENCE_S: Final = 5.0        # for the launcher to end by itself when its ranks have ended, or one has failed
# Open MPI refuses root and more ranks than cores unless told; others ignore these.
_OPEN_MPI: Final = (("OMPI_ALLOW_RUN_AS_ROOT", "1"), ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
                    ("OMPI_MCA_rmaps_base_oversubscribe", "1"),
                    ("PRTE_MCA_rmaps_default_mapping_policy", ":oversubscribe"))
_WORLDS: Final = ("PMI_", "PMIX_", "OMPI_COMM_", "HYDI_", "HYDRA_", "MPI_LOCAL")

Send = Callable[..., None]


class Ranks:
    """A worker's means to run a task on ranks. `channel` and `reader`: its line to the pilot, for answers."""

    def __init__(self, channel: socket.socket, reader: wire.FrameReader, most_bytes: int, mpi: str) -> None:
        self._channel, self._reader, self._most, self._mpi = channel, reader, most_bytes, mpi

    def run(self, frame: wire.Frame, part: Part, send: Send) -> None:
        """The task of this frame, from the start of its ranks to its end, which is sent."""
        missing = _missing(self._mpi)
        if missing:
            send(wire.ENDED, (0, 0), (b"", missing.encode(), b""))
            return
        with _listener() as listener:
            launched = subprocess.Popen(self._command(part, listener), stdin=subprocess.DEVNULL, env=_environment(part))
            turn = _Turn(launched, frame, part, self._most, send)
            try:
                self._serve(turn, listener)
            finally:
                _end(launched)
                turn.close()
        turn.tell_end()

    def _serve(self, turn: _Turn, listener: socket.socket) -> None:
        """Until the launcher has ended: let ranks in, hear them, carry answers to rank 0."""
        turn.selector.register(listener, selectors.EVENT_READ, lambda: turn.welcome(listener.accept()[0]))
        turn.selector.register(self._channel, selectors.EVENT_READ,
                               lambda: turn.answer(list(self._reader.receive(self._channel))))
        over = False
        while not over:
            over = turn.over()
            while ready := turn.selector.select(0.0 if over else _TICK_S):
                for key, _ in ready:
                    key.data()
                if turn.late():
                    return

    def _command(self, part: Part, listener: socket.socket) -> list[str]:
        address = listener.getsockname()
        told = json.dumps({"path": [str(entry) for entry in sys.path], "most_bytes": self._most,
                           "address": address.decode() if isinstance(address, bytes) else address})
        first, *rest = shlex.split(self._mpi)
        return [_found(first) or first, *rest, "-n", str(part.ranks), sys.executable, "-c", _BOOT, told]


class _Turn:
    """One task on its ranks."""

    def __init__(self, launched: subprocess.Popen[bytes], task: wire.Frame, part: Part, most_bytes: int,
                 send: Send) -> None:
        self.selector = selectors.DefaultSelector()
        self._launched, self._task, self._part, self._most, self._send = launched, task, part, most_bytes, send
        self._ranks: dict[int, socket.socket] = {}
        self._value: wire.Frame | None = None
        self._failure: tuple[int, wire.Frame] | None = None
        self._ended, self._kill_at = 0, math.inf

    def over(self) -> bool:
        """Whether nothing more will come, once what is there has been heard."""
        return self._launched.poll() is not None or self.late()

    def late(self) -> bool:
        """Whether one rank has failed long enough ago."""
        return time.monotonic() > self._kill_at

    def welcome(self, channel: socket.socket) -> None:
        """A process connects; it says which rank it is. One of another user is none of ours."""
        if not is_own(channel):
            channel.close()
            return
        reader = wire.FrameReader(self._most)
        self.selector.register(channel, selectors.EVENT_READ, lambda: self._hear(channel, reader))

    def answer(self, frames: list[wire.Frame]) -> None:
        """The pilot's answers to rank 0."""
        for frame in frames:
            if frame.kind == wire.ANSWER and 0 in self._ranks:
                _send(self._ranks[0], frame.kind, frame.numbers, frame.parts)

    def tell_end(self) -> None:
        """What came of it: rank 0's value, the first failure, or how the launcher ended."""
        if self._failure is not None:
            rank, frame = self._failure
            line = f"Rank {rank}: ".encode() + bytes(frame.parts[1])
            self._send(wire.ENDED, frame.numbers, (b"", line, bytes(frame.parts[2])))
        elif self._value is not None and self._ended == self._part.ranks:
            self._send(wire.ENDED, self._value.numbers, tuple(self._value.parts))
        else:
            words = (f"Of {self._part.ranks} MPI ranks {self._ended} have ended well; the launcher ended with "
                     f"exit status {self._launched.returncode}")
            self._send(wire.ENDED, (0, 0), (b"", words.encode(), b""))

    def close(self) -> None:
        """No socket to a rank is left."""
        for key in list(self.selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket) and key.fileobj in self._ranks.values():
                key.fileobj.close()
        self.selector.close()

    def _hear(self, channel: socket.socket, reader: wire.FrameReader) -> None:
        try:
            for frame in list(reader.receive(channel)):
                self._take(channel, frame)
        except (EOFError, OSError, wire.WireError, ValueError, IndexError):
            self.selector.unregister(channel)
            channel.close()

    def _take(self, channel: socket.socket, frame: wire.Frame) -> None:
        if frame.kind == wire.READY:
            rank, size = frame.numbers
            if rank in self._ranks or size != self._part.ranks:
                self._fail(rank, f"one of {self._part.ranks} processes says that it is rank {rank} of {size}: the "
                                 "launcher and mpi4py's MPI do not fit (under srun, try --mpi=pmi2 or --mpi=pmix)")
                return
            self._ranks[rank] = channel
            share = (max(1, self._part.cores // self._part.ranks), self._part.memory_bytes // self._part.ranks, 1)
            _send(channel, wire.RUN, share, self._task.parts)
            return
        rank = next(number for number, known in self._ranks.items() if known is channel)
        if frame.kind == wire.ENDED:
            self._took_end(rank, frame)
        elif rank == 0:
            self._send(frame.kind, frame.numbers, tuple(frame.parts))

    def _fail(self, rank: int, why: str) -> None:
        """There is no use in waiting."""
        none = memoryview(b"")
        self._failure = self._failure or (rank, wire.Frame(wire.ENDED, (0, 0), (none, memoryview(why.encode()), none)))
        self._kill_at = time.monotonic()

    def _took_end(self, rank: int, frame: wire.Frame) -> None:
        if not frame.numbers[0]:
            self._failure = self._failure or (rank, frame)
            self._kill_at = min(self._kill_at, time.monotonic() + _PATIENCE_S)
            return
        self._ended += 1
        if rank == 0:
            self._value = frame


def _send(channel: socket.socket, kind: int, numbers: Sequence[int], parts: Sequence[bytes | memoryview]) -> None:
    for buffer in wire.encode(kind, numbers, parts):
        channel.sendall(buffer)


def _listener() -> socket.socket:
    """A local socket that leaves no trace in the file system (Linux), open to this user's processes alone elsewhere."""
    listener = socket.socket(socket.AF_UNIX)
    if sys.platform.startswith("linux"):
        listener.bind(f"\0qloop-ranks-{secrets.token_hex(16)}")
    else:
        listener.bind(str(Path(tempfile.mkdtemp(prefix="qloop-ranks-"), "socket")))
    listener.listen(128)
    return listener


def _missing(mpi: str) -> str:
    """What the environment lacks to run ranks, in words; "" if nothing."""
    if find_spec("mpi4py") is None:
        return ("A task on several ranks needs mpi4py, which is not installed where the worker runs. "
                "Install it there with: pip install mpi4py mpich")
    first = shlex.split(mpi)[0]
    if _found(first) is None:
        return (f"A task on several ranks needs the command {first!r}, which is neither beside Python nor on the PATH "
                "of the worker. Install an MPI there, for example with: pip install mpich")
    return ""


def _found(command: str) -> str | None:
    """Where a command is: beside this Python, so that it fits its mpi4py, or on the PATH."""
    beside = Path(sys.executable).parent / command
    return str(beside) if os.access(beside, os.X_OK) and beside.is_file() else shutil.which(command)


def _environment(part: Part) -> dict[str, str]:
    """What the ranks see: the task's GPUs, their part of its threads, and no MPI world that this worker may be in."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_WORLDS)}
    threads = dict.fromkeys(THREAD_VARIABLES, str(max(1, part.cores // part.ranks)))
    return {**dict(_OPEN_MPI), **kept, **threads, **dict.fromkeys(GPU_VARIABLES, part.gpus)}


def _end(launched: subprocess.Popen[bytes]) -> None:
    """The launcher ends its ranks when it is told to; if it does not, it is killed."""
    launched.terminate()
    try:
        launched.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        launched.kill()
        launched.wait()


def is_own(channel: socket.socket) -> bool:
    """Whether this user's process is at the other end, where the system tells (Linux)."""
    asked = getattr(socket, "SO_PEERCRED", None)
    if asked is None:
        return True
    told = channel.getsockopt(socket.SOL_SOCKET, asked, struct.calcsize("3i"))
    return int(struct.unpack("3i", told)[1]) == os.geteuid()
