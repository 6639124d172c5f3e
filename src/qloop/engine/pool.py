"""Layer 2, the lines before the workers: first come, first served, or by the tags of `policies/pool.py`."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from qloop.engine import scaling
from qloop.engine.lanes import SLACK
from qloop.engine.state import Classical, Place, State, seconds
from qloop.model.states import TaskState
from qloop.policies import pool, quota
from qloop.policies.columns import CLASS, INF, KEY, QUOTA_WINDOW, new_task


def join(state: State, task: Classical) -> None:
    """The task waits for a worker: it gets its place in line."""
    key, line = 0.0, state.classical
    if state.policy.fair_pool:
        wish = task.wish
        task.cells = new_task(float(task.seq), float(task.session.row), wish.estimate_s * wish.cores, 0.0)
        pool.enter(task.cells, state.flows, state.totals, state.t)
        key, line = task.cells[KEY], line_of(state, task)
    state.classical_ready += 1
    scaling.count(state, task, 1)
    heappush(line, (key, task.seq, task.id))


def line_of(state: State, task: Classical) -> list[Place]:
    """The line in which a task stands."""
    return state.classical_normal if task.cells and task.cells[CLASS] == pool.NORMAL else state.classical


def waiting(state: State, place: Place) -> Classical | None:
    """The task for which a place in line stands, None if it has left."""
    task = state.everything.get(place[2])
    alive = isinstance(task, Classical) and task.state is TaskState.READY and task.seq == place[1]
    if not alive or not isinstance(task, Classical):
        return None
    return task if not task.cells or task.cells[KEY] == place[0] else None


def next_task(state: State) -> Classical | None:
    """Take the first task out of the lines; None if nobody waits."""
    lines = [state.classical, state.classical_normal]
    if state.classical_normal and pool.normal_first(state.totals, state.t):
        lines.reverse()
    for line in lines:
        task = first(state, line)
        if task is not None:
            return task
    return None


def first(state: State, line: list[Place]) -> Classical | None:
    """Take the first task out of one line. Whose tenant is ahead of its key stands further back."""
    while line:
        place = heappop(line)
        task = waiting(state, place)
        if task is None:
            continue
        if not task.cells or not pool.moved_back(task.cells, state.flows, state.totals):
            return task
        heappush(line, (task.cells[KEY], task.seq, task.id))
    return None


def put_back(state: State, task: Classical) -> None:
    """A task that no worker has room for keeps its place."""
    heappush(line_of(state, task), (task.cells[KEY] if task.cells else 0.0, task.seq, task.id))


def begin(state: State, task: Classical) -> None:
    """The task, which was taken out of its line, has a worker."""
    state.classical_ready -= 1
    scaling.count(state, task, -1)
    if task.cells:
        pool.begin(task.cells, state.flows, state.totals, state.t)


def left_worker(state: State, task: Classical, measured_ns: int) -> None:
    """An attempt, wanted or not, left its worker."""
    used = seconds(measured_ns) * task.wish.cores if measured_ns > 0 else 0.0
    tenant = state.flows[state.tenants[task.session.tenant]]
    if task.cells:
        pool.leave(task.cells, state.flows, state.totals, used, True, state.t)
    elif tenant[QUOTA_WINDOW] < INF:
        quota.use(tenant, quota.CPU_SECONDS, used, state.t)


def left_line(state: State, task: Classical) -> None:
    """The task will have no worker; a line in which mostly such places are left is cleaned."""
    state.classical_ready -= 1
    scaling.count(state, task, -1)
    if task.cells:
        pool.leave(task.cells, state.flows, state.totals, 0.0, False, state.t)
    line = line_of(state, task)
    if len(line) > 2 * state.classical_ready + SLACK:
        line[:] = [place for place in line if waiting(state, place) is not None]
        heapify(line)


def ahead(state: State, task: Classical) -> int:
    """How many tasks stand before this one in its line, and in that of HOT tasks."""
    own = line_of(state, task)
    mine = (task.cells[KEY] if task.cells else 0.0, task.seq)
    before = sum(place[:2] < mine and waiting(state, place) is not None for place in own)
    if own is state.classical:
        return before
    return before + sum(waiting(state, place) is not None for place in state.classical)
