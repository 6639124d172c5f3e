"""What one MPI rank of a task does: take the task from the worker that started it, run it, answer, and end."""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import socket
import threading
from typing import Any

from qloop.pilots import wire
from qloop.pilots.inside import seat
from qloop.pilots.worker_process import Worker, own_streams


def main(address: str, most_bytes: int) -> None:
    """The life of a rank. A rank that fails ends all of them, for the others may wait for it for ever."""
    own_streams()
    world: Any = importlib.import_module("mpi4py.MPI").COMM_WORLD
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(address)
        threading.Thread(target=_end_with, args=(channel.fileno(),), daemon=True).start()
        worker = Worker(channel, set(), most_bytes, "")
        if world.Get_rank():
            seat().be_silent()
        worker.send(wire.READY, (world.Get_rank(), world.Get_size()))
        with contextlib.suppress(EOFError, ConnectionError):
            worker.run_all(_first(worker, channel))
            if not worker.failed:
                return
        world.Abort(1)
        os._exit(1)


def _end_with(channel: int) -> None:
    """End this process with the worker that started it, wherever it waits: a launcher that is killed may leave its
    ranks behind, as `srun` does.
    """
    hung_up = select.poll()
    hung_up.register(channel, 0)
    hung_up.poll()
    os._exit(1)


def _first(worker: Worker, channel: socket.socket) -> list[wire.Frame]:
    """The task, whole: a large one comes in many reads."""
    frames: list[wire.Frame] = []
    while not frames:
        frames = list(worker.reader.receive(channel))
    return frames
