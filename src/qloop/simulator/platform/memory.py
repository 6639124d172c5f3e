"""What the extended kernel remembers: a few arrays, sized once for the sessions that may be open together.

An open session has a slot: its row in `slots`, in the policies' `tasks`, behind the tenants in `flows`, and one node
of the queues (a second one if sessions have TTLs). It waits in a lane, or is with the workers, or is delayed, or runs
on a QPU: never two of these.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qloop.simulator.platform.entries import KEPT
from qloop.simulator.platform.nodes import NODE, Heap
from qloop.simulator.platform.result import AREAS

NEVER = 1 << 62
LONG_S = 4e9        # seconds that are longer than any run
LATE_NS = 4e18      # a time after every run that still fits into 64 bits: what takes longer takes as long

# state: int64
LAST = 0            # time of the event being handled, ns
SEQ = 1             # quantum tasks that became ready so far
JOINED = 2          # tasks that joined the workers so far, and other numbers that order ties
CLASSICAL = 3       # active classical tasks
SHARING = 4         # of these, those that run
WAITING = 5         # quantum tasks that wait
RUNNING = 6         # quantum tasks on QPUs
DELAYED = 7         # sessions in transfer, cold start or a pause
ROOM = 8            # free slots
NEXT = 9            # the next session to arrive
NEXT_CLASSICAL = 10  # when the next shared classical task ends, ns
AT = 11             # when `attained` was brought up to date, ns
DECISIONS = 12      # times that `pick` was asked, if it reads its draw
EVENTS = 13         # changes of a session, a task or a QPU so far
LOGGED = 14         # lines in the log
ACTIVE = 15         # open sessions
WIDEST = 16         # most open sessions so far
FULL = 17           # 1: no slot (2: no number for a session) was left; the run is void and wants more room
IDLE_POOL = 18      # first free node of the pool of idle containers
FLOW_SEQ = 19       # numbers given to sessions in the policies' tables
IDLE = 20           # QPUs that are idle
WAKE_AT = 21        # when the policy wants to be asked again, ns
AREA = 22           # integrals over time, see `result.AREAS`
STATE = AREA + 2 * len(AREAS)

# slots: int64
SESSION = 0         # number of the session
LEFT = 1            # quantum tasks it has yet to finish
STAGE = 2           # PRE, COST or POST
PHASE = 3           # what it is doing, see below
SINCE = 4           # since when, ns
TRIES = 5           # attempts of its present quantum task
DRAWN = 6           # draws made for it
HELD_SINCE = 7      # when it took its container, ns; -1 for none
LAST_SHOT = 8       # end of its last quantum task, ns; -1 before
QPU = 9             # where it runs
COLD_PART = 10      # of the present run, time lost to cold caches, ns
VISITED = 11        # QPUs on which it ran, as bits
FREE_SLOT = 12      # the stack of free slots, in this column of its own
ENDS_AT = 13        # when what it runs would end without a break, ns
REST = 14           # what it has yet to run of a task that stands aside, ns; 0: it stands not aside
KEPT_NS = 15        # what it has run of it, ns
KEPT_SPAN = 16      # and how much of that was after the warm-up
SLOT = 17
PRE, COST, POST = 0, 1, 2
COMPUTING, IN_LINE, SUBMITTING, STARTING, UP, DOWN, PAUSING, QUEUED, ON_QPU = range(9)

# result of a session: int64
ARRIVED, LEFT_AT, OUTCOME, STEPS, WAITED, SERVED, COLD, LOST, CLASSICAL_NS, DELAYED_NS, GAP, COLDS, EPOCHS = range(13)
RESULT = 13

# work: what a session brings; columns of `times` (int64) and `loads` (float64)
ARRIVAL, ITERATIONS, FIRST, STRIDE, TENANT, THINK = range(6)    # part k is in row FIRST + STRIDE * k of `parts`
TIMES = 6
PRE_LOAD, POST_LOAD, PRIORITY, WIDTH, ERROR = range(5)          # classical work in ns on a whole worker
LOADS = 5
CLASSICAL_PART, QUANTUM_PART = 0, 1                             # columns of `parts` (float64), ns

# real: float64
ATTAINED = 0        # service that every active classical task has had, ns
REAL_AREA = 1       # the integrals over time once more, which do not overflow
REAL = REAL_AREA + 2 * len(AREAS)

# facts of a QPU, float64: `machines`
SPEED, COMPILE, LOAD, WARM_S, CACHE, CACHE_AT, EVERY, FIRST_AT, LENGTH, ABOVE, MTBF, MTTR, FAILURE = range(13)
QUALITY, SD, RELAX, AGING, T1_SD, T1_RELAX, TLS_EVERY, TLS_HOLD, TLS_FACTOR, IDLE_SHARE = range(13, 23)
MACHINE = 23
# state of a QPU, float64: `drifts`
GATE, T1, TLS, STEP, CALIBRATED_AT, PENDING = range(6)    # the last: the loss of what runs there
DRIFT = 6
# state of a QPU, int64: `duty`; the partition of its time comes first, in the order of `result`
SPANS, DUE, CALIBRATING, RAN, ENDS, SINCE_Q, OUTAGE = 8, 8, 9, 10, 11, 12, 13
DUTY = 14

WAIT_BINS = 256     # bins of waits: 8 an octave, from a millisecond
HEADS = 0           # row of `scratch`


class Platform(NamedTuple):
    """What does not change during a run."""

    workers: int
    max_classical: int
    max_quantum: int
    max_sessions: int
    paper_admission: bool
    key: int
    warm: int           # end of the warm-up, ns
    horizon: int
    submit: int         # ns
    up: int
    down: int
    cold_start: int
    keep_alive: float   # s
    hold_session: bool
    classical_failure: float
    interactive: int    # ns, NEVER for none
    max_ttl: int
    attempts: int
    between: int        # pause before a retry, ns
    exact_estimates: bool
    tenants: int
    users: int
    lanes: int          # queues: the lanes come first
    life_at: int        # first node of the sessions' TTLs
    qpu_at: int         # nodes of QPUs: running, then calendar, then outages
    user_at: int
    grid_ns: int


# queues behind the lanes, by offset
SHARED, LINE, DELAYS, LIVES, RUNS, CALENDAR, OUTAGES, USERS, HOMELESS_LINE, MOVED = range(10)
LINE_NORMAL = 10    # before the workers, where the policy orders classical tasks
QUEUES = 11


class Work(NamedTuple):
    """What the sessions bring."""

    times: Any
    loads: Any
    parts: Any


class Memory(NamedTuple):
    """All arrays that the kernel writes."""

    state: Any
    real: Any
    slots: Any
    heap: Any       # the queues, lanes first
    idle: Any       # idle QPUs, as bits of words
    scratch: Any
    entries: Any    # first entries of each lane that `scan` read, and how many (entries.py)
    known: Any
    machines: Any
    drifts: Any
    duty: Any
    caches: Any
    pool: Any       # idle containers: (since, newer, older)
    tops: Any       # newest idle container of each tenant, then the oldest
    waits: Any
    loss: Any
    result: Any
    log: Any


def memory(sessions: int, slots: int, qpus: int, lanes: int, *, lives: bool, tenants: int, containers: int, users: int,
           caches: Any, log: int) -> Memory:
    """The kernel's arrays before the first event; `machines` is filled in by the caller."""
    state = np.zeros(STATE, np.int64)
    state[ROOM], state[NEXT_CLASSICAL], state[WAKE_AT] = slots, NEVER, NEVER
    state[IDLE_POOL] = 0 if containers else -1
    table = np.zeros((slots, SLOT), np.int64)
    table[:, FREE_SLOT], table[:, HELD_SINCE] = np.arange(slots - 1, -1, -1), -1
    count = slots * (2 if lives else 1) + 3 * qpus + users
    nodes = np.full((count, NODE), -1, np.int64)
    pool = np.zeros((max(containers, 1), 3), np.int64)
    pool[:, 1] = np.arange(1, len(pool) + 1)
    pool[-1, 1] = -1
    result = np.zeros((sessions, RESULT), np.int64)
    result[:, LEFT_AT] = -1
    return Memory(
        state, np.zeros(REAL), table, Heap(np.zeros(count), nodes, np.full(lanes + QUEUES, -1, np.int64)),
        np.zeros((qpus + 62) // 62, np.int64), np.full((1, max(lanes, 1)), -1, np.int64),
        np.zeros((lanes, KEPT), np.int64), np.full((lanes + QUEUES, 2), -1, np.int64),
        np.zeros((qpus, MACHINE)), np.zeros((qpus, DRIFT)), np.zeros((qpus, DUTY), np.int64), caches, pool,
        np.full((2, tenants), -1, np.int64), np.zeros((2, WAIT_BINS), np.int64), np.zeros(sessions), result,
        np.zeros((log, 4), np.int64))
