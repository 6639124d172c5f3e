"""What operators ask of QPUs, carried out: running work is finished, waiting work moves, and who waits is told.

A wish that holds already changes nothing, so each may be repeated. A QPU that is offline keeps what was wished for it
until it is back. A retired QPU never comes back under its name; its row is not used again, because sessions remember
by row where they are warm.
"""

from __future__ import annotations

from typing import TypeAlias, assert_never

from qloop.engine import service, tasks, workloads
from qloop.engine.state import Quantum, State
from qloop.model import events as ev
from qloop.model.commands import Command, Refused
from qloop.model.states import Service, TaskState, Wish

OperatorEvent: TypeAlias = ev.QpuPaused | ev.QpuResumed | ev.QpuDrained | ev.QpuRetired


def apply(state: State, event: OperatorEvent, out: list[Command]) -> None:
    """Carry out one wish; it is refused for a QPU that is not known, and none brings a retired one back."""
    row = state.qpu_ids.get(event.qpu)
    if row is None:
        out.append(Refused(event.qpu, "unknown_qpu", f"there is no QPU named {event.qpu}"))
        return
    qpu = state.qpus[row]
    match event:
        case ev.QpuPaused():
            changed = service.ask(state, qpu, Wish.PAUSE, event.reason)
        case ev.QpuResumed():
            if qpu.service is Service.RETIRED:
                out.append(Refused(qpu.id, "retired", f"{service.retirement(qpu)}, for good"))
            changed = service.ask(state, qpu, Wish.RESUME)
        case ev.QpuDrained():
            changed = service.ask(state, qpu, Wish.DRAIN, event.reason)
            service.tell_empty(state, qpu, out)
        case ev.QpuRetired():
            changed = service.ask(state, qpu, Wish.RETIRE, event.reason)
            if changed:
                fail_stranded(state, out)
            service.tell_empty(state, qpu, out)
        case _:
            assert_never(event)
    if changed:
        tasks.replace_waiting(state, row)


def fail_stranded(state: State, out: list[Command]) -> None:
    """End what no QPU that is left could ever run, whether it waits for a QPU or for another task."""
    for task in list(state.everything.values()):
        if not isinstance(task, Quantum) or task.state not in (TaskState.BLOCKED, TaskState.READY):
            continue
        why = service.nowhere(state, task.wish)
        if why is not None:
            workloads.cancel_task(state, task, why[1], out, TaskState.FAILED)
