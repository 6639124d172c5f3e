"""What the paper's kernel remembers: a few arrays, sized once for the sessions that may be open together.

An open session has a slot: its row in `slots` and in the policies' `tasks`, and, behind the one tenant, in `flows`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qloop.policies import columns as c
from qloop.policies.columns import SCAN_LIMIT
from qloop.policies.record import Policy
from qloop.simulator.tables import World, totals_of

NEVER = 1 << 62

# state: int64
LAST = 0            # time of the event being handled, ns
SEQ = 1             # quantum tasks that became ready so far
JOINED = 2          # classical tasks that began so far
CLASSICAL = 3       # active classical tasks
WAITING = 4         # quantum tasks that wait
RUNNING = 5         # quantum tasks on QPUs
FREE = 6            # idle QPUs
ROOM = 7            # free slots
NEXT = 8            # the next session to arrive
NEXT_CLASSICAL = 9  # when the next classical task ends, ns
AT = 10             # when `attained` was brought up to date, ns
DECISIONS = 11      # times that `pick` was asked, if it reads its draw
EVENTS = 12         # events so far: an arrival, an end, or a start
LOGGED = 13         # lines in the log
ACTIVE = 14         # open sessions
WIDEST = 15         # most open sessions so far
FULL = 16           # 1: no slot was left; the run is void and wants more room
AREA = 17           # eight integrals over time, see below
LENGTHS = 25        # how many wait in each lane
LANES_LIMIT = 16    # lanes that a policy may have here
STATE = LENGTHS + LANES_LIMIT

# areas: integrals over time in ns, before and (AREAS further) after the warm-up
CLASSICAL_AREA, WAITING_AREA, RUNNING_AREA, BUSY_AREA = 0, 1, 2, 3
AREAS = 4

# slots: int64
SESSION = 0         # number of the session
LEFT = 1            # quantum tasks it has yet to begin
PHASE = 2           # PRE, COST or POST: its classical task
READY = 3           # when its quantum task became ready, ns
BEGAN = 4           # when it began to run, ns
STACK = 5           # the stack of free slots, in this column of its own
SLOT = 6
PRE, COST, POST = 0, 1, 2

# result of a session: int64
DONE = 0            # end in ns, or REFUSED, or UNFINISHED
WAITED = 1          # time its quantum tasks waited, ns
SERVED = 2          # time they ran, ns
RESULT = 3
REFUSED, UNFINISHED = -1, -2

# real: float64
BLOCK = 256         # the first are draws, made so many at a time: the compiler turns that into vector instructions
ATTAINED = 256      # service that every active classical task has had, ns
REAL = 257

# scratch: int64
HEADS, ENTRIES, HELD = 0, 1, 2      # first of each lane; entries shown to `scan`; QPUs on which the policy holds


class Platform(NamedTuple):
    """What does not change during a run."""

    workers: float
    max_classical: int
    max_quantum: int
    paper_admission: bool
    key: int
    lane_room: int      # rows of each lane's heap; the classical tasks' heap comes first
    ends_at: int        # where the heap of running QPUs begins
    free_at: int        # where the heap of idle QPUs begins


class Work(NamedTuple):
    """What the sessions bring: `times` holds arrival, quantum duration (ns) and iterations; `loads` the classical
    work of pre, one iteration and post (ns on a whole worker), the weight and the width.
    """

    times: Any
    loads: Any


class Memory(NamedTuple):
    """All arrays that the kernel writes: few, because each costs time wherever it is handed on."""

    state: Any
    real: Any
    slots: Any
    keys: Any       # columns of heaps: classical tasks by mark, lanes by key, running QPUs by end, idle QPUs by row
    numbers: Any
    items: Any
    scratch: Any
    result: Any
    log: Any        # (time, kind, session, QPU) a row; of length 0 for no log


def world(policy: Policy, slots: int, qpus: int, workers: int) -> World:
    """The policies' tables of an empty platform with equal QPUs and one tenant."""
    flows = [c.new_flow(1.0, -1.0, 1.0)] + [c.new_flow(0.0, 0.0, 1.0)] * slots
    tasks = [c.new_task(-1.0, float(1 + i), 0.0, 0.0) for i in range(slots)]
    rows = [c.new_qpu(1e9) for _ in range(qpus)]
    return World(*map(np.array, (tasks, flows, rows, totals_of(policy, float(workers), qpus))))


def memory(sessions: int, slots: int, qpus: int, classes: int, log: int) -> Memory:
    """The kernel's arrays before the first event."""
    state = np.zeros(STATE, np.int64)
    state[ROOM], state[FREE], state[NEXT_CLASSICAL] = slots, qpus, NEVER
    table = np.zeros((slots, SLOT), np.int64)
    table[:, STACK] = np.arange(slots - 1, -1, -1)
    entries = (slots + 1) * (classes + 1) + 2 * (qpus + 1)
    keys, numbers, items = np.zeros(entries), np.zeros(entries, np.int64), np.zeros(entries, np.int64)
    for column in (keys, numbers, items):
        column[-(qpus + 1):-1] = np.arange(qpus)
    result = np.zeros((sessions, RESULT), np.int64)
    result[:, DONE] = UNFINISHED
    scratch = np.full((3, max(qpus, SCAN_LIMIT)), -1, np.int64)
    return Memory(state, np.zeros(REAL), table, keys, numbers, items, scratch, result, np.zeros((log, 4), np.int64))


def platform(workers: int, max_classical: int, max_quantum: int, paper_admission: bool, key: int, slots: int,
             qpus: int, classes: int) -> Platform:
    """The constants of a run, with the places of the heaps in `memory`."""
    ends_at = (slots + 1) * (classes + 1)
    return Platform(float(workers), max_classical, max_quantum, paper_admission, key, slots + 1, ends_at,
                    ends_at + qpus + 1)
