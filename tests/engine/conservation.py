"""No QPU idles while a task waits that it could run; where a policy does idle, only for its documented reason."""

from __future__ import annotations

from qloop.engine.state import State
from qloop.policies.bind import margin, residual
from qloop.policies.columns import (
    BOUND,
    BUSY,
    ESTIMATE,
    FLOW,
    HELD,
    HOLD_IDLE,
    INF,
    LAST_QPU,
    ONLINE,
    OWNER,
    QUEUED,
    WINDOW_AT,
)
from qloop.policies.place import eligible
from qloop.policies.reservation import owner
from qloop.policies.tenure import holder

GREEDY = ("fifo", "lifo", "sjf", "random", "weighted", "easy", "faas", "fairshare", "batch", "sfq", "drfq",
          "paper_score")


def check_no_needless_idling(state: State) -> None:
    """After a decision, for every idle QPU without calibration windows and every task that waits and fits there."""
    idle = [q for q, qpu in enumerate(state.qpu_rows)
            if qpu[ONLINE] > 0.0 and qpu[BUSY] < 1.0 and qpu[WINDOW_AT] == INF]
    if not idle or not state.waiting:
        return
    waiting = [i for i, task in enumerate(state.by_row) if task is not None and task.state.value == "ready"]
    pairs = [(i, q) for i in waiting for q in idle if eligible(state.tasks[i], state.qpu_rows[q], q)]
    name = state.policy.name
    if name in GREEDY:
        assert not pairs, f"{name}: QPU {pairs[0][1]} idles while task row {pairs[0][0]} waits"
    elif name == "efaas":
        for i, q in pairs:
            check_prefers(state, i, q)
    elif name == "reservation":
        for i, q in pairs:
            check_reserved(state, i, q)
    elif name in ("session", "pilot"):
        for i, q in pairs:
            check_held(state, i, q, state.totals[HOLD_IDLE] if name == "session" else INF)


def check_prefers(state: State, i: int, q: int) -> None:
    """efaas: what waits although QPU q idles expects no less where it waits, or would not save enough to move."""
    task, now = state.tasks[i], state.now * 1e-9
    bound = int(task[BOUND])
    assert bound not in (-1, q), "a task waits for an idle QPU that could run it"
    qpu, flow = state.qpu_rows[bound], state.flows[int(task[FLOW])]
    there, here = (state.policy.place(state.tasks, state.flows, state.qpu_rows, state.totals, i, p, now)
                   for p in (bound, q))
    queued = sum(qpu[QUEUED:QUEUED + 3]) - task[ESTIMATE]
    at_most = there + residual(qpu, now) + queued + 1e-6
    allowed = margin(flow, state.totals, bound, at_most) if int(flow[LAST_QPU]) == bound else 0.0
    assert there + residual(qpu, now) - here <= max(allowed, 0.0) + 1e-9, "the head of a lane should have moved"
    if residual(qpu, now) == 0.0:
        assert qpu[BUSY] > 0.0 or qpu[WINDOW_AT] < INF, "both QPUs idle while a task waits"


def check_reserved(state: State, i: int, q: int) -> None:
    """reservation: QPU q is held by another open session, or the task's session holds another QPU."""
    flow = int(state.tasks[i][FLOW])
    holder = owner(state.flows, state.qpu_rows[q])
    assert holder < 0 or int(state.flows[holder][HELD]) == q, "a session keeps a QPU that it has left for another"
    held = int(state.flows[flow][HELD])
    elsewhere = held >= 0 and held != q and int(state.qpu_rows[held][OWNER]) == flow
    assert holder not in (-1, flow) or elsewhere, "a QPU that nobody holds idles while a session waits for one"


def check_held(state: State, i: int, q: int, idle: float) -> None:
    """session, pilot: QPU q is another session's for now, or the task's session holds one that can run it."""
    row = int(state.tasks[i][FLOW])
    tables = (state.flows, state.qpu_rows, state.totals)
    held = int(state.flows[row][HELD])
    elsewhere = held not in (-1, q) and eligible(state.tasks[i], state.qpu_rows[held], held)
    elsewhere = elsewhere and holder(*tables, held, state.t, idle) == row
    assert elsewhere or holder(*tables, q, state.t, idle) not in (-1, row), "a QPU idles although its task waits"
