"""Long NORMAL tasks in chunks of shots: the facts that hosts keep of a task that stands aside for another.

Between two chunks a QPU may change over to a HOT task; the one that stood aside keeps its key, its class and the shots
that it has, which lie on this QPU, in this calibration epoch. So it is pinned to the QPU. If the epoch ends before it
is continued, or the QPU takes no tasks, its shots are dropped, because energies of two epochs cannot be mixed: it
begins anew wherever it may, and what it had used is kept as a loss (docs/concepts/chunks-and-anticipation.md).
"""

from __future__ import annotations

from qloop.policies.columns import (
    BUSY,
    CHUNK_S,
    CLASS,
    DROPPED,
    EPOCH,
    ESTIMATE,
    FLOW,
    KEPT,
    KEPT_EPOCH,
    MEASURED,
    ONLINE,
    OWN_PIN,
    PARENT,
    PAUSES,
    PIN,
    RUNNING,
    STARTED_AT,
    TASK_COLUMNS,
    USED,
    WHOLE,
    Row,
    Table,
)
from qloop.policies.fits import COMPILE, FIT
from qloop.policies.quota import QPU_SECONDS, use

NORMAL = 1
LEAST_CHUNK_S = 1e-3    # shorter ones would be edges all the time
LEAST_REST = 0.1    # part of its estimate that a task which ran longer is expected to need still


def is_chunked(task: Row, totals: Row) -> bool:
    """Whether the task, which begins, runs in chunks: a NORMAL one that takes longer than a chunk."""
    return LEAST_CHUNK_S <= totals[CHUNK_S] < task[ESTIMATE] and task[CLASS] == NORMAL


def paused(tasks: Table, flows: Table, qpus: Table, totals: Row, i: int, q: int, now: float) -> None:
    """Facts: task i stands aside on QPU q after `MEASURED` seconds there, and keeps its shots."""
    task, qpu, ran = tasks[i], qpus[q], tasks[i][MEASURED]
    if task[PAUSES] == 0.0:
        task[WHOLE], task[OWN_PIN] = task[ESTIMATE], task[PIN]
    task[PAUSES] += 1.0
    task[PIN], task[KEPT_EPOCH] = float(q), qpu[EPOCH]
    task[KEPT] += ran
    rest, least = task[WHOLE] - task[KEPT], LEAST_REST * task[WHOLE]
    task[ESTIMATE] = rest if rest > least else least
    task[STARTED_AT] = task[MEASURED] = -1.0
    compiled = TASK_COLUMNS + FIT * q + COMPILE
    if compiled < len(task):
        task[compiled] = 0.0        # it ran here
    qpu[BUSY] = 0.0
    totals[RUNNING] -= 1.0
    flow = flows[int(task[FLOW])]
    flow[USED] += ran
    use(flows[int(flow[PARENT])], QPU_SECONDS, ran, now)


def is_stale(task: Row, qpus: Table) -> bool:
    """Whether the task keeps shots that no further ones can join: of another epoch, or on a QPU that takes no tasks."""
    if task[KEPT] <= 0.0:
        return False
    qpu = qpus[int(task[PIN])]
    return qpu[ONLINE] < 1.0 or qpu[EPOCH] != task[KEPT_EPOCH]


def drop(tasks: Table, flows: Table, i: int) -> None:
    """Facts: the shots that task i keeps are of no use any more; it is whole again, and may run where it could."""
    task = tasks[i]
    flows[int(task[FLOW])][DROPPED] += task[KEPT]
    task[KEPT] = 0.0
    task[ESTIMATE], task[PIN] = task[WHOLE], task[OWN_PIN]


def over(tasks: Table, flows: Table, i: int, useful: bool) -> None:
    """Facts: the attempt of task i is over; without a result, what it kept is lost."""
    task = tasks[i]
    if task[PAUSES] == 0.0:
        return
    if not useful:
        drop(tasks, flows, i)
    task[ESTIMATE], task[PIN] = task[WHOLE], task[OWN_PIN]
    task[KEPT] = task[PAUSES] = 0.0
