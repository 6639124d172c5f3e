"""Lanes: heaps of waiting tasks by (key, seq). What left a lane stays in its heap until it comes to the top.

Each entry carries a ticket. An entry stands for a task exactly if the task's row has that ticket, so a task that left
and came back, even with the same key, never waits twice. The top of a heap always stands for a task; `State.heads`
keeps its row.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from qloop.engine.state import Entry, State
from qloop.policies.columns import BOUND, CLASS, KEY, SCAN_LIMIT, SEQ

SLACK = 64      # entries of tasks that left which a lane may hold beside as many as wait in it


def push(state: State, i: int) -> None:
    """Task row i joins the lane of its QPU and class."""
    task = state.tasks[i]
    lane = state.policy.lane(int(task[BOUND]), int(task[CLASS]))
    state.ticket += 1
    state.tickets[i] = state.ticket
    state.lane_of[i] = lane
    state.in_lane[lane] += 1
    heap = state.lanes[lane]
    heappush(heap, (task[KEY], task[SEQ], i, state.ticket))
    state.heads[lane] = heap[0][2]


def leave(state: State, i: int) -> None:
    """Task row i left its lane; a lane in which mostly such entries are left is cleaned."""
    if state.tickets[i] == 0:
        return
    lane = state.lane_of[i]
    state.tickets[i] = 0
    state.in_lane[lane] -= 1
    heap, tickets = state.lanes[lane], state.tickets
    if heap[0][2] == i:
        heappop(heap)
        while heap and tickets[heap[0][2]] != heap[0][3]:
            heappop(heap)
        state.heads[lane] = heap[0][2] if heap else -1
    elif len(heap) > 2 * state.in_lane[lane] + SLACK:
        heap[:] = [entry for entry in heap if tickets[entry[2]] == entry[3]]
        heapify(heap)


def first_entries(state: State, lane: int) -> list[int]:
    """The rows of the lane's first tasks, at most SCAN_LIMIT, in order, in O(k log k) whatever the lane's length."""
    heap, tickets = state.lanes[lane], state.tickets
    frontier: list[tuple[Entry, int]] = [(heap[0], 0)] if heap else []
    found: list[int] = []
    while frontier and len(found) < SCAN_LIMIT:
        entry, at = heappop(frontier)
        if tickets[entry[2]] == entry[3]:
            found.append(entry[2])
        for child in (2 * at + 1, 2 * at + 2):
            if child < len(heap):
                heappush(frontier, (heap[child], child))
    return found


def rows(state: State, lane: int) -> list[int]:
    """The rows of all tasks that wait in the lane, in order of service."""
    return [entry[2] for entry in sorted(state.lanes[lane]) if state.tickets[entry[2]] == entry[3]]


def empty(state: State, lane: int) -> list[int]:
    """Take all tasks out of the lane; returns their rows."""
    found = rows(state, lane)
    for i in found:
        state.tickets[i] = 0
    state.lanes[lane].clear()
    state.in_lane[lane] = 0
    state.heads[lane] = -1
    return found
