"""How well a task's circuit fits each QPU, and when its session was last there: blocks of facts behind the rows.

A row of `tasks` has FIT cells for each QPU behind its columns, a row of `flows` VISIT cells. Hosts fill them in; a
row without blocks counts as one of which nothing is known.
"""

from __future__ import annotations

from qloop.policies.columns import (
    AGE_RELAX,
    AGE_SD,
    AGING_RATE,
    BEST,
    CALIBRATED_AT,
    COLD,
    FLOW_COLUMNS,
    IDLE_SHARE,
    INF,
    ONLINE,
    PIN,
    QUBITS,
    TASK_COLUMNS,
    WIDTH,
    Row,
    Table,
)
from qloop.policies.drift import expected_growth

# of a task on a QPU
LOSS = 0         # -ln ESP by the last calibration, in nats; UNKNOWN, or inf where the circuit cannot run
STALE = 1        # how old the parameters it uses were at that calibration, in s, weighted by their part of the loss
COMPILE = 2      # seconds to compile it; 0 once it is compiled for this QPU
BIND = 3         # seconds to bind its parameters
LOAD = 4         # seconds to load its waveforms where they are not loaded
MITIGATE = 5     # seconds to measure what error mitigation needs, once in each epoch
FIT = 6
UNKNOWN = -1.0

# of a session on a QPU
USED_AT = 0      # when its last shot there ended, -1 before
USED_EPOCH = 1   # in which calibration epoch
VISIT = 2

HOUR_S = 3600.0


def default_fits(qpus: Table) -> Row:
    """The blocks of a task of which nothing is known: loading costs what the QPU says that a first shot does."""
    blocks: Row = []
    for qpu in qpus:
        blocks += [UNKNOWN, 0.0, 0.0, 0.0, qpu[COLD], 0.0]
    return blocks


def no_visits(qpus: int) -> Row:
    """The blocks of a session that was nowhere yet."""
    return [-1.0] * (VISIT * qpus)


def grown(qpu: Row, stale: float, now: float) -> float:
    """How many times as large as calibrated a loss on this QPU is expected to be by now; 1 where nothing drifts."""
    if qpu[AGING_RATE] == 0.0 and qpu[AGE_SD] == 0.0:
        return 1.0
    age = now - qpu[CALIBRATED_AT] + stale
    return expected_growth((age if age > 0.0 else 0.0) / HOUR_S, qpu[AGING_RATE], qpu[AGE_SD],
                           qpu[AGE_RELAX] / HOUR_S, qpu[IDLE_SHARE])


def loss_now(task: Row, qpu: Row, q: int, now: float) -> float:
    """L(u): the expected -ln ESP of the task's circuit on QPU q now; UNKNOWN where nothing is known of it."""
    at = TASK_COLUMNS + FIT * q
    if at >= len(task):
        return UNKNOWN
    loss = task[at + LOSS]
    return loss * grown(qpu, task[at + STALE], now) if 0.0 < loss < INF else loss


def note_best(tasks: Table, qpus: Table, i: int, now: float) -> None:
    """L_best: the least expected loss among the QPUs that could run task i, whether or not they are free."""
    task, best = tasks[i], INF
    if len(task) > TASK_COLUMNS:
        for q in range(len(qpus)):
            qpu = qpus[q]
            if qpu[ONLINE] < 1.0 or task[WIDTH] > qpu[QUBITS] or (task[PIN] >= 0.0 and task[PIN] != q):
                continue
            loss = loss_now(task, qpu, q, now)
            if 0.0 <= loss < best:
                best = loss
    task[BEST] = best


def note_visit(flow: Row, q: int, now: float, epoch: float) -> None:
    """A shot of the session that gave a result ended on QPU q."""
    at = FLOW_COLUMNS + VISIT * q
    if at < len(flow):
        flow[at + USED_AT], flow[at + USED_EPOCH] = now, epoch
