"""The processes that a campaign is spread over, and the promise that none outlives it.

Any `concurrent.futures.Executor` does as well: a unit goes out by pickle and comes back as columns.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any, TypeVar

from qloop.errors import InvalidInput

MOST_PROCESSES = 1024
T = TypeVar("T")


class Inline(Executor):
    """Runs what is submitted at once, in this process."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run it; the future that comes back is done."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def available() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def checked(processes: int | None) -> int:
    """The number of processes; all processors if none is given. InvalidInput for one that cannot be."""
    found = available() if processes is None else processes
    if not 1 <= found <= MOST_PROCESSES:
        raise InvalidInput(f"{processes} processes were asked for", "", f"Give a number from 1 to {MOST_PROCESSES}")
    return found


@contextmanager
def spread(processes: int) -> Iterator[Executor]:
    """An executor over so many processes; whatever ends the block, they end with it.

    Each is started afresh: a copy of a process with threads (of a progress bar, of Arrow) may hang.
    """
    if processes == 1:
        yield Inline()
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import active_children, get_context

    before = set(active_children())
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=begin_worker)
    try:
        with _terminable():
            _start(pool, processes)
            yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(active_children()) - before:
            child.terminate()
        raise
    pool.shutdown()


def _start(pool: Executor, processes: int) -> None:
    """Start all processes: one is when something is submitted and none is idle."""
    with _uninterrupted():
        for _ in range(processes):
            pool.submit(available)


@contextmanager
def _terminable() -> Iterator[None]:
    """Let a SIGTERM, which would end this process on the spot, end the block and its processes as an error does.

    Otherwise what the processes share is left to the system, which tells of leaked semaphores.
    """
    import signal
    import threading

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold interrupts back for the block; the processes started in it hold them back until they ignore them.

    A terminal sends Ctrl-C to the workers as well, at the worst while they start. The parent is told, and ends them.
    """
    import signal

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin_worker() -> None:
    """Make a worker leave interrupts to its parent, and end when that is gone, even by a kill."""
    import signal
    import threading
    import warnings

    from qloop.simulator.specialise import NotKept

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore", NotKept)        # the parent, which compiled first, has told
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
