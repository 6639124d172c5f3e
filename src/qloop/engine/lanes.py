"""Lanes: heaps of waiting tasks by (key, seq). What left a lane stays in its heap until it comes to the top."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from qloop.engine.state import State
from qloop.policies.columns import BOUND, CLASS, KEY, SCAN_LIMIT, SEQ, STARTED_AT

Entry = tuple[float, int, int]


def push(state: State, i: int) -> None:
    """Task row i joins the lane of its QPU and class."""
    task = state.tasks[i]
    heappush(state.lanes[lane_of(state, i)], (task[KEY], int(task[SEQ]), i))


def lane_of(state: State, i: int) -> int:
    """The lane in which task row i waits."""
    task = state.tasks[i]
    return state.policy.lane(int(task[BOUND]), int(task[CLASS]))


def live(state: State, lane: int, entry: Entry) -> bool:
    """Whether the entry still stands for a task that waits in this lane."""
    row = state.tasks[entry[2]]
    return row[SEQ] == entry[1] and row[STARTED_AT] < 0.0 and lane_of(state, entry[2]) == lane


def head(state: State, lane: int) -> int:
    """The row of the lane's first task, -1 if it is empty."""
    heap = state.lanes[lane]
    while heap:
        if live(state, lane, heap[0]):
            return heap[0][2]
        heappop(heap)
    return -1


def first_entries(state: State, lane: int) -> list[int]:
    """The rows of the lane's first tasks, at most SCAN_LIMIT, in order, in O(k log k) whatever the lane's length."""
    heap = state.lanes[lane]
    frontier: list[tuple[Entry, int]] = [(heap[0], 0)] if heap else []
    found: list[int] = []
    while frontier and len(found) < SCAN_LIMIT:
        entry, at = heappop(frontier)
        if live(state, lane, entry) and entry[2] not in found:
            found.append(entry[2])
        for child in (2 * at + 1, 2 * at + 2):
            if child < len(heap):
                heappush(frontier, (heap[child], child))
    return found


def rows(state: State, lane: int) -> list[int]:
    """The rows of all tasks that wait in the lane, in order of service; forgets what has left."""
    kept = sorted({entry for entry in state.lanes[lane] if live(state, lane, entry)})
    state.lanes[lane] = kept
    heapify(kept)
    return [entry[2] for entry in kept]
