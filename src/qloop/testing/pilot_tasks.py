"""Functions that a worker runs in tests of pilots: good ones, bad ones, and deadly ones."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.pilots import inside


def add(first: float, second: float = 1.0) -> float:
    """The sum."""
    return first + second


def my_pid() -> int:
    """The process id of the worker."""
    return os.getpid()


def doubled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice the values."""
    return 2.0 * values


def draw() -> int:
    """A number from NumPy's global generator, as careless code draws it."""
    legacy = vars(np)["random"] if "random" in vars(np) else __import__("numpy.random").random
    return int(legacy.randint(2**31))


def say(out: str, err: str) -> None:
    """Write to both streams, to one of them below Python."""
    print(out)
    os.write(2, err.encode())


def raise_value_error(words: str) -> NoReturn:
    """A bug."""
    print("about to fail", file=sys.stderr)
    raise InvalidInput(words)


def leave(how: BaseException) -> NoReturn:
    """Raise what is not an Exception."""
    raise how


def lock() -> Any:
    """What cannot be sent back."""
    return threading.Lock()


def chatter(n_bytes: int) -> int:
    """Much output, in long lines."""
    line = "x" * 9_999
    for _ in range(n_bytes // 10_000):
        print(line)
    print("the end")
    return n_bytes


def chatter_for_ever() -> NoReturn:
    """Output without end."""
    while True:
        os.write(1, b"y" * 65_536)


def sleep(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


def die(number: int) -> NoReturn:
    """End this worker's process by a signal."""
    sys.stderr.write("last words\n")
    os.kill(os.getpid(), number)
    signal.pause()
    raise SystemExit


def leave_at_once(status: int) -> NoReturn:
    """End this worker's process without a word."""
    os._exit(status)


def fork_and_return() -> str:
    """Both processes return; only one may be heard."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return "parent" if child else "child"


class Poison:
    """Travels well, but cannot be opened at the other end."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_explode, ())


def _explode() -> NoReturn:
    raise InvalidInput("this was not to be opened")


def poison() -> Poison:
    """A result that cannot be opened."""
    return Poison()


def spawn_sleepers(detached: bool) -> list[int]:
    """Processes below this worker, which outlive the call: their ids."""
    import subprocess

    return [subprocess.Popen(["sleep", "600"], start_new_session=detached).pid]


def read_line() -> str:
    """Ask a person who is not there."""
    return input()


def allocate(n_bytes: int) -> int:
    """Take memory."""
    return len(bytearray(n_bytes))


def told_of_its_share() -> tuple[str, str]:
    """The GPUs and the number of threads that a library would find."""
    return os.environ["CUDA_VISIBLE_DEVICES"], os.environ["OMP_NUM_THREADS"]


def speak(count: int) -> bool:
    """Tell numbers, with a line printed before each."""
    for number in range(count):
        print(f"line {number}")
        inside.tell("number", str(number).encode())
    return inside.inside()


def ask(*questions: bytes) -> list[bytes]:
    """Ask from a thread for each question."""
    answers: dict[bytes, bytes] = {}

    def one(said: bytes) -> None:
        answers[said] = inside.ask(said)

    threads = [threading.Thread(target=one, args=(said,)) for said in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[said] for said in questions]


def sum_over_ranks(value: int) -> tuple[int, int, str]:
    """The sum of `value` plus the rank, the number of ranks, and the threads of each."""
    world = _world()
    print(f"rank {world.Get_rank()}")
    return world.allreduce(value + world.Get_rank()), world.Get_size(), os.environ["OMP_NUM_THREADS"]


def fail_on_rank(rank: int) -> None:
    """One rank raises, the others wait for it for ever."""
    if _world().Get_rank() == rank:
        raise InvalidInput("this rank is unwell")
    _world().barrier()


def sleep_on_ranks(path: str) -> None:
    """Each rank writes its process id, and waits."""
    Path(path, str(os.getpid())).touch()
    time.sleep(600.0)


def _world() -> Any:
    import importlib

    return importlib.import_module("mpi4py.MPI").COMM_WORLD


def touch_then_sleep(path: str, seconds: float) -> None:
    """Tell by a file that it has begun, and wait."""
    Path(path).touch()
    time.sleep(seconds)
