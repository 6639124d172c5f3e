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
BEST = 15        # least expected -ln ESP among the QPUs that could run it, inf where nothing is known (fits.py)
SHARE = 16       # weight that it was charged at: the session's part of its tenant's
TENANT_SHARE = 17  # and the tenant's weight then
PAID = 18        # part of its iteration's dominant share that its lost attempts were charged
EARLIER = 19     # QPU seconds of its lost attempts
CHARGED = 20     # its SEQ once it was charged: a row is used again, and a lost attempt is followed by another
IN_LINE = 21     # 1 if it stands in its tenant's line of sessions (shares.py)
KEPT = 22       # fact: QPU seconds of the shots that it has, while it runs in chunks (chunks.py)
KEPT_EPOCH = 23  # fact: the calibration epoch of those shots
WHOLE = 24      # fact: its estimate before it stood aside; ESTIMATE is what is left
OWN_PIN = 25    # fact: its PIN before
PAUSES = 26     # fact: how often it stood aside in this attempt
TASK_COLUMNS = 27   # behind them: FIT cells for each QPU (fits.py)

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
AWAY_SINCE = 16  # fact: end of the run since which it has had no task, -1 while it has one or none has ended
THINK = 17       # fact: moving average of the seconds from its last QPU end to its next task, 0 before
THINK_DEV = 18   # fact: moving average of how far it was off
ACTIVE_SINCE = 19  # when it began to hold its QPU, or its batch became active, -1 before
TOUCHED = 20     # when a task of it last began or left
RUNS = 21        # tasks of it on QPUs
RECENT = 22      # in a tenant: QPU seconds used in the window of fairshare
PENDING = 23     # in a tenant: estimated seconds of its tasks that wait or run
DAY = 24         # in a tenant: day to which the next ones are up to date
DAYS = 25        # in a tenant: QPU seconds of each of the last WINDOW_DAYS days; day d is in DAYS + d % WINDOW_DAYS
SERVER = 53      # state: the server (shares.py) in whose virtual time FINISH_TAG is
CPU_TAG = 54     # state: as FINISH_TAG, of its classical tasks
CPU_MEAN = 55    # fact: moving average of the CPU seconds of its classical tasks, 0 before
COMPUTING = 56   # fact: classical tasks waiting or running; in a tenant: sessions with any
COMPUTING_WEIGHT = 57  # fact, in a tenant: sum of the weights of those sessions
QUOTA = 58       # fact, in a tenant: QPU seconds in a window, then CPU seconds; inf for no quota
SPENT = 60       # fact, in a tenant: what it used of them in this window
QUOTA_UNTIL = 62  # fact, in a tenant: end of this window, inf for none
QUOTA_WINDOW = 63  # fact, in a tenant: length of a window, s
LOWERED = 64     # fact, in a tenant: what its weight is multiplied with once a quota is exhausted
POSITION = 65    # state, in a tenant: where its service has brought it in the virtual time of each server
NEXT_IN_LINE = 71  # state, in a tenant: where its next session without a tag of its own begins, in each server
CPU_SERVER = 77  # state: as SERVER, of its classical tasks
DROPPED = 78     # fact: QPU seconds of shots that were dropped (chunks.py)
FOLLOWS = 79     # state, in a tenant, by kind: QPU seconds that follow on a NORMAL task (expected.py)
LINE = 81        # state, in a tenant: when its next NORMAL task would begin on its share of the QPUs
KIND = 82        # state: kind of its last NORMAL task, 1 if a classical step came before
COUNTED = 83     # state, in a tenant: its weight in BUSY_WEIGHT
FLOW_COLUMNS = 84   # behind them: VISIT cells for each QPU (fits.py)

# qpus: facts
ONLINE = 0       # 1 if tasks may be placed on it
BUSY = 1         # 1 while it runs a task or calibrates, 0.5 while the task is speculative and gives way to any
FREE_AT = 2      # expected end of what it does now
QUEUED = 3       # estimated seconds waiting in its lane of class 0; classes 1 and 2 follow
QUBITS = 6       # how wide a task may be
WINDOW_AT = 7    # begin of its next calibration window, inf for none
WINDOW_GAP = 8   # seconds between two windows, inf for none
EPOCH = 9        # calibration epoch
COLD = 10        # seconds that a session loses on its first shot here: transpile, bind, load
CALIBRATED_AT = 11  # when it was last calibrated; its drift since then follows from the next four (drift.py)
AGING_RATE = 12  # growth of gate errors with the age of the calibration, 1/h
AGE_SD = 13      # stationary standard deviation of ln(gate error)
AGE_RELAX = 14   # relaxation time of that process, s
IDLE_SHARE = 15  # part of a circuit's loss that is decay in idle time
DUE_S = 16       # seconds of a calibration that begins when what runs is over, 0 for none
WINDOW_S = 17    # length of its next calibration window
# qpus: state
OWNER = 18       # row of the session that holds it, -1 for none
OWNER_SEQ = 19   # that session's SEQ: rows are used again, numbers are not
SERVED = 20      # fact: row of the loop that ran here and is expected back first, -1 for none
SERVED_SEQ = 21  # fact: that session's SEQ
LOSS_BOUND = 22  # fact: predicted loss of the reference circuit, in nats, that is not borne; inf: any is
REFERENCE_LOSS = 23  # fact: loss of that circuit by the calibration
DUE_AT = 24      # fact: since when a calibration is due for the predicted loss, -1 for none (recalibrate.py)
LAST_NORMAL_AT = 25   # state: when a NORMAL task last ended or stood aside on it, 0 before
QPU_COLUMNS = 26

# totals: facts
N_QPUS = 0       # QPUs online
N_CPUS = 1       # CPU slots
WAITING = 2      # tasks waiting in class 0; classes 1 and 2 follow
RUNNING = 5      # tasks on QPUs
# totals: state
WAKE = 6         # when `pick` wants to be asked again, inf for never
LAST_NORMAL_CPU = 7  # last begin of a NORMAL classical task, or begin of their backlog
BUSY_TENANTS = 8  # tenants with quantum tasks that wait or run
LAST_KEY = 9     # key of the task dispatched last
FRESH = 10       # fifo_swap: class of the lane that takes new arrivals
FRESH_NEXT = 11  # fifo_swap: the same after the dispatch that `pick` decided
COUNTER = 12     # numbers handed out so far
LAST_NORMAL = 13  # last dispatch of a NORMAL task, or begin of the NORMAL backlog
DEFICIT = 14     # QPU seconds owed to NORMAL
DEFICIT_AT = 15  # when it was last brought up to date
LONGEST = 16     # longest task that began since nothing waited or ran, s
# totals: settings, from the policy's record
TTL_HOT = 17     # seconds for which a loop stays HOT after its last shot
AGING = 18       # T_s: NORMAL is due after so long without a dispatch
PHI = 19         # share of the QPUs promised to a backlogged NORMAL class
HYSTERESIS = 20  # seconds that leaving the last QPU must save
HYSTERESIS_REL = 21  # and the same as a part of the cost there
LAMBDA_EPOCH = 22  # seconds that a change of calibration epoch costs a loop
WARM_TTL = 23    # seconds for which a QPU's waveforms stay loaded
LAMBDA_FIDELITY = 24  # lambda_F: seconds that a nat of -ln ESP beyond the best QPU's costs
LAMBDA_MOVE = 25  # lambda_M: seconds that another QPU than the last one costs
ANTICIPATE = 26  # most seconds for which an idle QPU is held for the loop that it served last, 0: never
HOLD_IDLE = 27   # seconds without a task after which a session lets its QPU, or its batch's precedence, go
HOLD_MAX = 28    # seconds after which it does so in any case
LANES = 29       # most tasks of one batch that run at a time
TAU = 30         # tau of the paper's score, s
VIRTUAL = 31     # state: virtual time of each server: the largest start tag that was in service
LAST_FINISH = 37  # state: the largest finish tag in each server
PATIENCE = 43    # setting: most seconds for which a calibration by predicted loss waits for a quiet moment
CHUNK_S = 44     # seconds of QPU time after which a long NORMAL task may stand aside for a HOT one, 0: never
POOL_TASKS = 45  # classical tasks that wait or run, where the policy orders them (pool.py)
POOL_WAITING = 46  # of these, NORMAL ones that wait
LONGEST_CPU = 47  # most CPU seconds of a classical task, as LONGEST
DEFER = 48       # setting: seconds of waiting that weigh as much as a QPU second which a NORMAL task brings
BUSY_WEIGHT = 49  # state: sum of the weights of those BUSY_TENANTS
FOLLOWED = 50    # as FOLLOWS, of all tenants
POOL_TENANTS = 52  # tenants with classical tasks that wait or run, where the policy orders them
TOTAL_COLUMNS = 53
SERVERS = 6      # of virtual time: classes of quantum tasks, then those of classical tasks (shares.py)

HOMELESS = -2    # a task that no QPU online can run: it is in no lane, and no backlog
WINDOW_DAYS = 28  # days whose usage fairshare counts, the present one included
MAX_CLASSES = 3  # lanes of one QPU, or of the platform where lanes are shared
HOLD = -1        # `pick`: start nothing on this QPU now
SCAN = -2        # `pick`: show me the first entries of lane 0 (of lane k: SCAN - k)
SCAN_LIMIT = 64  # entries that `scan` may read


def new_flow(seq: float, parent: float, weight: float) -> Row:
    """A row of `flows` for a session (or a tenant: parent -1) that has done nothing yet."""
    row = [0.0] * FLOW_COLUMNS
    row[SEQ], row[PARENT], row[OPEN], row[WEIGHT] = seq, parent, 1.0, weight
    row[LAST_END] = row[LAST_QPU] = row[LAST_EPOCH] = row[HELD] = row[ORDER] = -1.0
    row[AWAY_SINCE] = row[ACTIVE_SINCE] = -1.0
    row[QUOTA] = row[QUOTA + 1] = row[QUOTA_UNTIL] = row[QUOTA_WINDOW] = INF
    row[FOLLOWS] = row[FOLLOWS + 1] = INF
    return row


def new_qpu(qubits: float, cold: float = 0.0, window_at: float = INF, window_gap: float = INF) -> Row:
    """A row of `qpus` for an idle QPU."""
    row = [0.0] * QPU_COLUMNS
    row[ONLINE], row[QUBITS], row[COLD] = 1.0, qubits, cold
    row[WINDOW_AT], row[WINDOW_GAP], row[OWNER], row[AGE_RELAX] = window_at, window_gap, -1.0, 1.0
    row[SERVED], row[LOSS_BOUND], row[DUE_AT] = -1.0, INF, -1.0
    return row


def new_task(seq: float, flow: float, estimate: float, width: float, weight: float = 1.0,
             cpu: float = 0.0, pin: float = -1.0) -> Row:
    """A row of `tasks` for a task that becomes ready."""
    # written out in the order of the columns: this is done for every task
    return [seq, flow, estimate, width, weight, 0.0, -1.0, -1.0, cpu, pin, -1.0, 0.0, 0.0, 0.0, 0.0, INF,
            0.0, 0.0, 0.0, 0.0, -1.0, 0.0,
            0.0, 0.0, 0.0, 0.0, 0.0]


def new_totals(n_cpus: float = 1.0) -> Row:
    """The `totals` of an empty system; settings are filled in from the policy's record."""
    row = [0.0] * TOTAL_COLUMNS
    row[N_CPUS], row[WAKE] = n_cpus, INF
    return row
