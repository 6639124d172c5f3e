"""Caches of a QPU: what a session loses on a shot that finds them cold, and who leaves a full one."""

from __future__ import annotations

from collections.abc import Sequence

from qloop.policies.columns import COLD, TASK_COLUMNS, Row, Table
from qloop.policies.fits import FIT, LOAD

KEY, USED, EPOCH = 0, 1, 2      # columns of a cache's entries: whose, last used at (s), in which calibration epoch


def is_warm(used: float, epoch: float, now: float, epoch_now: float, ttl: float) -> bool:
    """Whether what was loaded is still there, and of the present calibration."""
    return epoch == epoch_now and now - used <= ttl


def unkept_load(task: Row, qpu: Row, q: int) -> float:
    """Seconds of loading the task's circuit on QPU q where nothing is ever kept (a policy that is `stateless`)."""
    at = TASK_COLUMNS + FIT * q
    return task[at + LOAD] if at < len(task) else qpu[COLD]


def find(entries: Table, first: int, count: int, key: float) -> int:
    """The row of an entry among `count` rows from `first`, -1 if it is not there."""
    for row in range(first, first + count):
        if entries[row][KEY] == key:
            return row
    return -1


def oldest(entries: Table, first: int, count: int) -> int:
    """The row that is to be overwritten: the least recently used (the first of equals)."""
    best = first
    for row in range(first + 1, first + count):
        if entries[row][USED] < entries[best][USED]:
            best = row
    return best


def touch(entries: Table, first: int, count: int, key: float, now: float, epoch: float, ttl: float) -> bool:
    """Use an entry now; returns whether it was warm. The least recently used one leaves if it was not there."""
    row = find(entries, first, count, key)
    warm = row >= 0 and is_warm(entries[row][USED], entries[row][EPOCH], now, epoch, ttl)
    if row < 0:
        row = oldest(entries, first, count)
    entries[row][KEY], entries[row][USED], entries[row][EPOCH] = key, now, epoch
    return warm


def refresh(entries: Table, first: int, count: int, key: float, now: float) -> None:
    """What was in use until now: its time begins now."""
    row = find(entries, first, count, key)
    if row >= 0:
        entries[row][USED] = now


def empty(count: int) -> Sequence[list[float]]:
    """The entries of an empty cache."""
    return [[-1.0, -1.0, -1.0] for _ in range(count)]
