"""The offline problem by trying all orders: what the solver is compared with on tiny instances.

Both objectives never gain from a task that begins later. So some optimal schedule is found by giving the tasks, in
some order that keeps each session's, the first time at which they may begin (serial schedule generation; Sprecher,
Kolisch and Drexl 1995). All such orders are tried.
"""

from __future__ import annotations

from collections.abc import Iterator

from qloop.simulator.offline.model import Instance

Placed = tuple[bool, int, int]      # kind, begin, end


def earliest(placed: list[Placed], quantum: bool, places: int, ready: int, length: int) -> int:
    """The first begin, not before `ready`, at which a task finds a place for its whole length."""
    same = [(begin, end) for kind, begin, end in placed if kind == quantum and end > begin]
    for begin in sorted({ready, *(end for _, end in same if end > ready)}):
        # the number of others changes at their begins only
        looks = [begin, *(b for b, _ in same if begin < b < begin + length)]
        if length == 0 or all(sum(b <= look < e for b, e in same) < places for look in looks):
            return begin
    raise AssertionError("after the last end there is a place")


def schedules(instance: Instance) -> Iterator[tuple[int, ...]]:
    """The ends of all sessions, for each order of their tasks."""
    n = len(instance.tasks)
    done, ends, placed = [0] * n, list(instance.arrival), []      # type: list[int], list[int], list[Placed]

    def go_on() -> Iterator[tuple[int, ...]]:
        if all(done[i] == len(instance.tasks[i]) for i in range(n)):
            yield tuple(ends)
        for i in range(n):
            if done[i] < len(instance.tasks[i]):
                task, ready = instance.tasks[i][done[i]], ends[i]
                begin = earliest(placed, task.quantum, instance.places(task.quantum), ready, task.length)
                placed.append((task.quantum, begin, begin + task.length))
                done[i], ends[i] = done[i] + 1, begin + task.length
                yield from go_on()
                placed.pop()
                done[i], ends[i] = done[i] - 1, ready

    return go_on()


def least_delay(instance: Instance) -> int:
    """The least sum of delays over all orders."""
    return min(sum(ends) for ends in schedules(instance)) - sum(instance.arrival)


def keeps(instance: Instance, most: int) -> bool:
    """Whether some order keeps every delay at or below `most`."""
    return any(all(end - came <= most for end, came in zip(ends, instance.arrival, strict=True))
               for ends in schedules(instance))
