"""Layer 1, what the operator wants of QPUs: which take new tasks, which are empty, and what can run nowhere any more.

Policies see one fact, the column ONLINE: 1 where a QPU is there and the operator lets it take tasks. So a policy knows
neither pausing nor draining, and no QPU that is paused looks free to it.
"""

from __future__ import annotations

from qloop.engine import profiles
from qloop.engine.state import Qpu, State
from qloop.model.commands import Command, QpuEmpty
from qloop.model.events import QuantumSubmitted
from qloop.model.states import SERVICE_TABLE, Service, Wish
from qloop.policies.columns import BUSY, DUE_S, N_QPUS, ONLINE, QUBITS, RUNNING
from qloop.policies.reservation import let_go


def follow(state: State, qpu: Qpu) -> None:
    """Make the facts that policies see follow from the QPU's record."""
    cells = state.qpu_rows[qpu.row]
    takes = qpu.online and qpu.service is Service.ON
    state.totals[N_QPUS] += takes - cells[ONLINE]
    cells[ONLINE] = float(takes)
    state.apart = sum(other.online and other.service is not Service.ON for other in state.qpus)


def has_free_qpu(state: State) -> bool:
    """Whether a QPU takes tasks and neither runs one nor calibrates."""
    if state.apart:     # what those do is counted, but they are no QPUs that could be free
        return any(cells[ONLINE] > 0.0 and cells[BUSY] == 0.0 for cells in state.qpu_rows)
    return state.totals[RUNNING] + state.calibrating + state.guessing < state.totals[N_QPUS]


def ask(state: State, qpu: Qpu, wish: Wish, reason: str = "") -> bool:
    """Let the operator's wish hold; returns whether the QPU's service has changed. A wish without reason keeps it."""
    was, qpu.service = qpu.service, SERVICE_TABLE[qpu.service][wish]
    if was is Service.RETIRED or (qpu.service is was and not reason):
        return False
    qpu.reason = reason
    if qpu.service is was:
        return False
    if qpu.service is Service.ON:
        let_go(state.flows, state.qpu_rows[qpu.row], qpu.row)
    follow(state, qpu)
    return True


def tell_empty(state: State, qpu: Qpu, out: list[Command]) -> None:
    """Tell the operator, who waits for it, if nothing runs on the QPU; a retired one is gone from then on."""
    if qpu.running is not None or qpu.service not in (Service.DRAINED, Service.RETIRED):
        return
    out.append(QpuEmpty(qpu.id))
    if qpu.service is Service.RETIRED and qpu.online:
        leave(state, qpu)


def leave(state: State, qpu: Qpu) -> None:
    """The QPU is offline."""
    state.calibrating -= qpu.calibrating
    qpu.online, qpu.calibrating, qpu.due_ns = False, False, 0
    state.qpu_rows[qpu.row][DUE_S] = 0.0
    follow(state, qpu)


def nowhere(state: State, wish: QuantumSubmitted) -> tuple[str, str] | None:
    """Code and words if no QPU could ever run the task; None if one could, or if none was ever there."""
    rows, candidates = state.qpu_rows, state.qpus
    if wish.pin:
        row = state.qpu_ids.get(wish.pin)
        if row is None:
            return "unknown_qpu", f"there is no QPU named {wish.pin}"
        candidates = candidates[row:row + 1]
    able = [qpu.row for qpu in candidates
            if qpu.service is not Service.RETIRED and wish.width <= rows[qpu.row][QUBITS]]
    if able:
        why = profiles.unfit(state, wish, able)
        return ("unfit", f"its circuit runs on no QPU here: {why}") if why else None
    return why_nowhere(state, wish, candidates) if candidates else None


def why_nowhere(state: State, wish: QuantumSubmitted, candidates: list[Qpu]) -> tuple[str, str]:
    """Code and words for a task that none of these QPUs can run."""
    gone = [qpu for qpu in candidates if qpu.service is Service.RETIRED]
    wide_enough = [qpu for qpu in gone if wish.width <= state.qpu_rows[qpu.row][QUBITS]]
    if wish.pin and gone:
        return "retired", (f"QPU {retirement(gone[0])}, and the task is pinned to it: open a session on another QPU, "
                           "or on none in particular")
    if len(gone) == len(candidates):
        return "retired", f"no QPU is left: {'; '.join(map(retirement, gone))}. Start a run with other QPUs"
    left = [qpu for qpu in candidates if qpu.service is not Service.RETIRED]
    best = max(left, key=lambda qpu: state.qpu_rows[qpu.row][QUBITS])
    which = "" if wish.pin else "the widest QPU, "
    more = "".join(f"; {retirement(qpu)}" for qpu in wide_enough[:1])
    width = int(state.qpu_rows[best.row][QUBITS])
    return "too_wide", f"it needs {wish.width} qubits; {which}{best.id}, has {width}{more}"


def retirement(qpu: Qpu) -> str:
    """That this QPU was retired, and why, in words."""
    return f"{qpu.id} was {by_operator(qpu)}"


def by_operator(qpu: Qpu) -> str:
    """What the operator did to the QPU, and why: `paused by the operator: new cables`."""
    return f"{qpu.service} by the operator" + (f": {qpu.reason}" if qpu.reason else "")
