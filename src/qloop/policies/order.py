"""Orders of service by a fixed key: fifo, lifo, random, weighted, sjf, and fifo_swap as the reference has it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qloop.policies.columns import (
    CLASS,
    ESTIMATE,
    FRESH,
    FRESH_NEXT,
    HOLD,
    KEY,
    LAST_KEY,
    SEQ,
    WAITING,
    WEIGHT,
    Row,
    Table,
)
from qloop.policies.place import eligible, fits


def before(a: Row, b: Row) -> bool:
    """Whether task a is served before task b: by key, then by arrival."""
    return a[KEY] < b[KEY] or (a[KEY] == b[KEY] and a[SEQ] < b[SEQ])


def first_lane(tasks: Table, heads: Sequence[int], first: int, step: int) -> int:
    """The lane, among first, first + step, ..., whose head is served first; -1 if all are empty."""
    best = -1
    for lane in range(first, len(heads), step):
        i = heads[lane]
        if i >= 0 and (best < 0 or before(tasks[i], tasks[heads[best]])):
            best = lane
    return best


def pick_first(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], q: int,
               now: float, u: float) -> int:
    """Strictly the first task of all lanes; if it does not end before the next window, nothing runs."""
    best = first_lane(tasks, heads, 0, 1)
    if best >= 0 and fits(tasks[heads[best]], qpus[q], now):
        return best
    return HOLD


def note_nothing(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """This order keeps no state of its own."""


def enter_fifo(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """First in, first out."""
    return tasks[i][SEQ]


def enter_lifo(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Last in, first out."""
    return -tasks[i][SEQ]


def enter_sjf(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Shortest task (by its estimate) first."""
    return tasks[i][ESTIMATE]


def enter_random(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Uniformly at random, as a race of exponential clocks: memoryless, so a late entry is not behind."""
    return totals[LAST_KEY] - math.log(1.0 - u)


def enter_weighted(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """At random in proportion to the task's weight: the clock of weight w runs w times as fast."""
    return totals[LAST_KEY] - math.log(1.0 - u) / tasks[i][WEIGHT]


def start_race(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """The race goes on from the key of the winner."""
    totals[LAST_KEY] = max(totals[LAST_KEY], tasks[i][KEY])


def enter_swap(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, now: float, u: float) -> float:
    """Newest first, in the one of three lanes that takes arrivals; the first of an empty line becomes its front.

    The reference fills the hole at the front with the newest task, so the next one served is the newest of those
    that waited at the last dispatch. Tasks that arrived since must not get ahead of it: they gather in a lane whose
    head cannot be the front.
    """
    waiting = totals[WAITING] + totals[WAITING + 1] + totals[WAITING + 2]
    fresh = int(totals[FRESH])
    tasks[i][CLASS] = float(fresh) if waiting > 0.0 else float((fresh + 1) % 3)
    return -tasks[i][SEQ]


def pick_swap(tasks: Table, flows: Table, qpus: Table, totals: Row, heads: Sequence[int], q: int,
              now: float, u: float) -> int:
    """The front, whoever came after it; it blocks the line where it is not eligible, as in the reference."""
    fresh = int(totals[FRESH])
    one, two = (fresh + 1) % 3, (fresh + 2) % 3
    if heads[one] < 0 or (heads[two] >= 0 and before(tasks[heads[two]], tasks[heads[one]])):
        one, two = two, one
    front = one if heads[one] >= 0 else fresh
    i = heads[front]
    if i < 0 or not eligible(tasks[i], qpus[q], q) or not fits(tasks[i], qpus[q], now):
        return HOLD
    older = two
    if heads[fresh] < 0 or (heads[two] >= 0 and before(tasks[heads[two]], tasks[heads[fresh]])):
        older = fresh
    totals[FRESH_NEXT] = float(older)
    return front


def start_swap(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """From now on arrivals gather where the head is known not to be the new front."""
    totals[FRESH] = totals[FRESH_NEXT]
