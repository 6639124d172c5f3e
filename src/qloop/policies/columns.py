"""The columns of the four tables that policies see; every row is a sequence of float64.

Tables are rows indexed twice (`tasks[i][KEY]`): lists of lists live, 2-D arrays in the compiled kernel. *Facts* are
written by the ledger as things happen; *state* columns are written by policy functions only. Times and durations are
seconds; row numbers are stored as floats, -1 for none.
"""

from __future__ import annotations

from typing import TypeAlias

Row: TypeAlias = list[float]
Table: TypeAlias = list[list[float]]

INF = float("inf")

# tasks: facts
SEQ = 0          # unique number in order of arrival
FLOW = 1         # row of the session in `flows`
ESTIMATE = 2     # predicted QPU seconds
WIDTH = 3        # qubits needed
WEIGHT = 4       # priority weight of the task; in `flows`: of the session or tenant
READY_AT = 5     # when it became ready
STARTED_AT = 6   # when it began on a QPU, -1 before
MEASURED = 7     # measured QPU seconds, -1 before the end
CPU = 8          # CPU seconds of its iteration
PIN = 9          # row of the only QPU it may run on, -1 for any
BOUND = 10       # row of the QPU in whose lane it waits, -1 in a shared lane, HOMELESS in none
# tasks: state
KEY = 11         # order within its lane, smallest first
CLASS = 12       # lane class, 0 .. classes-1
START_TAG = 13   # start-time fair queuing tag
CHARGE = 14      # normalised service charged for it
TASK_COLUMNS = 15

# flows: facts (SEQ and WEIGHT as above)
PARENT = 1       # row of the tenant, -1 for a tenant itself
OPEN = 2         # 1 while the session may submit
STEPS = 3        # quantum steps finished
CONVERGED = 5    # 1 once the loop said so
LAST_END = 6     # end of its last QPU run, -1 before
LAST_QPU = 7     # row of its last QPU, -1 before
LAST_EPOCH = 8   # calibration epoch of its last QPU run
MEAN = 9         # moving average of measured QPU seconds, 0 before
OUTSTANDING = 10  # tasks ready or running; in a tenant: sessions with any
ACTIVE_WEIGHT = 11  # in a tenant: sum of the weights of those sessions
USED = 12        # QPU seconds used
# flows: state
FINISH_TAG = 13  # where the flow's next start tag begins
HELD = 14        # row of the QPU it holds exclusively, -1 for none
ORDER = 15       # its number in the line for a reservation, -1 before
FLOW_COLUMNS = 16

# qpus: facts
ONLINE = 0       # 1 if tasks may be placed on it
BUSY = 1         # 1 while it runs a task or calibrates
FREE_AT = 2      # expected end of what it does now
QUEUED = 3       # estimated seconds waiting in its lane of class 0; classes 1 and 2 follow
QUBITS = 6       # how wide a task may be
WINDOW_AT = 7    # begin of its next calibration window, inf for none
WINDOW_GAP = 8   # seconds between two windows, inf for none
EPOCH = 9        # calibration epoch
COLD = 10        # seconds that a session loses on its first shot here: transpile, bind, load
# qpus: state
OWNER = 11       # row of the session that holds it, -1 for none
OWNER_SEQ = 12   # that session's SEQ: rows are used again, numbers are not
QPU_COLUMNS = 13

# totals: facts
N_QPUS = 0       # QPUs online
N_CPUS = 1       # CPU slots
WAITING = 2      # tasks waiting in class 0; classes 1 and 2 follow
RUNNING = 5      # tasks on QPUs
# totals: state
WAKE = 6         # when `pick` wants to be asked again, inf for never
VIRTUAL = 7      # virtual time: largest start tag in service
LAST_FINISH = 8  # largest finish tag served
LAST_KEY = 9     # key of the task dispatched last
FRESH = 10       # fifo_swap: class of the lane that takes new arrivals
FRESH_NEXT = 11  # fifo_swap: the same after the dispatch that `pick` decided
COUNTER = 12     # numbers handed out so far
LAST_NORMAL = 13  # last dispatch of a NORMAL task, or begin of the NORMAL backlog
DEFICIT = 14     # QPU seconds owed to NORMAL
DEFICIT_AT = 15  # when it was last brought up to date
LONGEST = 16     # longest task seen
# totals: settings, from the policy's record
TTL_HOT = 17     # seconds for which a loop stays HOT after its last shot
AGING = 18       # T_s: NORMAL is due after so long without a dispatch
PHI = 19         # share of the QPUs promised to a backlogged NORMAL class
HYSTERESIS = 20  # seconds that leaving the last QPU must save
HYSTERESIS_REL = 21  # and the same as a part of the cost there
LAMBDA_EPOCH = 22  # seconds that a change of calibration epoch costs a loop
WARM_TTL = 23    # seconds for which a QPU's waveforms stay loaded
TOTAL_COLUMNS = 24

HOMELESS = -2    # a task that no QPU online can run: it is in no lane, and no backlog
MAX_CLASSES = 3  # lanes of one QPU, or of the platform where lanes are shared
HOLD = -1        # `pick`: start nothing on this QPU now
SCAN = -2        # `pick`: show me the first entries of lane 0 (of lane k: SCAN - k)
SCAN_LIMIT = 64  # entries that `scan` may read


def new_flow(seq: float, parent: float, weight: float) -> Row:
    """A row of `flows` for a session (or a tenant: parent -1) that has done nothing yet."""
    row = [0.0] * FLOW_COLUMNS
    row[SEQ], row[PARENT], row[OPEN], row[WEIGHT] = seq, parent, 1.0, weight
    row[LAST_END] = row[LAST_QPU] = row[LAST_EPOCH] = row[HELD] = row[ORDER] = -1.0
    return row


def new_qpu(qubits: float, cold: float = 0.0, window_at: float = INF, window_gap: float = INF) -> Row:
    """A row of `qpus` for an idle QPU."""
    row = [0.0] * QPU_COLUMNS
    row[ONLINE], row[QUBITS], row[COLD] = 1.0, qubits, cold
    row[WINDOW_AT], row[WINDOW_GAP], row[OWNER] = window_at, window_gap, -1.0
    return row


def new_task(seq: float, flow: float, estimate: float, width: float, weight: float = 1.0,
             cpu: float = 0.0, pin: float = -1.0) -> Row:
    """A row of `tasks` for a task that becomes ready."""
    # written out in the order of the columns: this is done for every task
    return [seq, flow, estimate, width, weight, 0.0, -1.0, -1.0, cpu, pin, -1.0, 0.0, 0.0, 0.0, 0.0]


def new_totals(n_cpus: float = 1.0) -> Row:
    """The `totals` of an empty system; settings are filled in from the policy's record."""
    row = [0.0] * TOTAL_COLUMNS
    row[N_CPUS], row[WAKE] = n_cpus, INF
    return row
