"""`Engine.handle(now, event) -> commands`: the whole of qloop's deciding, without effects, clock or randomness."""

from __future__ import annotations

from typing import assert_never

from qloop.engine import (
    classical,
    committing,
    edges,
    explain,
    guesses,
    operators,
    profiles,
    resources,
    scaling,
    service,
    tasks,
    workflows,
    workloads,
)
from qloop.engine.state import NS, Classical, Quantum, State
from qloop.errors import InvalidInput
from qloop.model import events as ev
from qloop.model.commands import Command, Refused, WakeAt
from qloop.model.limits import NEVER, Limits
from qloop.model.states import Outcome, Service, TaskState, Trigger
from qloop.policies.columns import INF, STARTED_AT, WAKE
from qloop.policies.record import Policy


class Engine:
    """The decisions of one platform under one policy; `seed` names the draws of random policies."""

    def __init__(self, policy: Policy, limits: Limits | None = None, seed: int = 0) -> None:
        self.state = State(policy, limits or Limits(), seed)
        if policy.shared:
            self.state.lanes = [[] for _ in range(policy.classes)]
            self.state.in_lane = [0] * policy.classes
            self.state.heads = [-1] * policy.classes
        for column, value in policy.settings.items():
            self.state.totals[column] = value

    def handle(self, now: int, event: ev.Event) -> list[Command]:
        """Take one event at time `now` (ns since the run's start, never smaller than before); return what to do."""
        state = self.state
        if now < state.now:
            raise InvalidInput(f"An event came at {now} ns, after {state.now} ns", "Time never goes back in a run",
                               "Send events in order of time")
        state.now, state.t = now, now * NS
        out: list[Command] = []
        if state.timers and state.timers[0][0] <= now:
            workloads.tick(state, now, out)
        apply(state, now, event, out)
        if state.ended or state.dying:
            workflows.settle(state, now, out)
        if state.policy.quiet_until is not None or state.recalibrates:
            resources.begin_held_back(state, out)
        if state.waiting and service.has_free_qpu(state):
            tasks.dispatch(state, out)
            if state.recalibrates:
                resources.begin_held_back(state, out)       # a QPU for which nothing waits any more
        if state.guessing or state.guesses:
            speculate(state, now, out)
        if state.slots_changed:
            classical.dispatch(state, out)
            scaling.look_again(state)
        if state.scale_at <= now:
            scaling.adjust(state, now, out)
        if now >= state.wake_at or state.totals[WAKE] != INF or (
                state.timers and state.timers[0][0] < state.wake_at) or state.scale_at < state.wake_at:
            wake(state, now, out)
        return out

    def explain(self, task: str) -> explain.Explanation:
        """Where a waiting task stands, why it waits, when it is expected to start, and what each QPU would cost."""
        return explain.explain(self.state, task)


def speculate(state: State, now: int, out: list[Command]) -> None:
    """Guesses give way to tasks that wait, and take what is left."""
    if state.guessing and state.waiting > state.giving_way:
        guesses.preempt(state, out)
        if state.ended:
            workflows.settle(state, now, out)
    if state.guesses and service.has_free_qpu(state):
        guesses.dispatch(state, out)


def wake(state: State, now: int, out: list[Command]) -> None:
    """Ask for a Tick where a TTL or the policy needs one, unless an earlier one is under way."""
    if state.wake_at <= now:
        state.wake_at = NEVER
    if state.wish_at <= now:
        state.wish_at = NEVER
    wished = state.totals[WAKE]
    if wished < INF:
        state.wish_at = min(state.wish_at, max(now + 1, int(wished * 1e9)))
        state.totals[WAKE] = INF
    at = min(workloads.next_timer(state), state.wish_at, state.scale_at)
    if at < state.wake_at:
        state.wake_at = max(at, now)
        out.append(WakeAt(state.wake_at))


def apply(state: State, now: int, event: ev.Event, out: list[Command]) -> None:
    """Let the event change the records."""
    match event:
        case ev.QuantumEnded():
            quantum_ended(state, event, out)
        case ev.ChunkEnded():
            edges.reached(state, event, out)
        case ev.QuantumSubmitted() | ev.ClassicalSubmitted():
            workflows.submit(state, event, out)
        case ev.QuantumCommitted():
            committing.commit(state, event, out)
        case ev.ClassicalEnded():
            classical.ended(state, event)
        case ev.Tick():
            pass        # the TTLs that are over were carried out before any event
        case ev.TaskCancelled():
            cancel_task(state, event, out)
        case ev.SessionOpened():
            workloads.open_session(state, now, event, out)
        case ev.SessionClosing():
            workloads.close(state, event.session, out)
        case ev.SessionCancelled():
            cancel_session(state, event, out)
        case ev.SessionConverged():
            workloads.converged(state, event)
        case ev.TenantSet():
            workloads.set_tenant(state, event, out)
        case _:
            apply_resource(state, now, event, out)


def quantum_ended(state: State, event: ev.QuantumEnded, out: list[Command]) -> None:
    """An attempt left its QPU: of a guess, or of another task."""
    guess = guesses.running(state, event) if state.guessing else None
    if guess is None:
        tasks.ended(state, event, out)
    else:
        guesses.ended(state, guess, event, out)


ResourceEvent = (
    ev.StructureProfiled | ev.QpuJoined | ev.QpuLeft | ev.CalibrationDue | ev.CalibrationEnded | ev.WorkerJoined
    | ev.WorkerLeft | ev.PilotSet | ev.PilotFailed | operators.OperatorEvent
)


def apply_resource(state: State, now: int, event: ResourceEvent, out: list[Command]) -> None:
    """The events from below."""
    match event:
        case ev.StructureProfiled():
            profiled(state, event, out)
        case ev.QpuJoined():
            join_qpu(state, event, out)
        case ev.QpuLeft():
            lose_qpu(state, event, out)
        case ev.CalibrationDue():
            resources.calibration_due(state, event, out)
            give_way(state, event.qpu, out)
        case ev.CalibrationEnded():
            qpu = None if resources.goes_back(state, event, out) else resources.calibration_ended(state, event)
            if qpu is not None:
                tasks.replace_waiting(state, qpu.row)
                resources.begin_calibration(state, qpu, out)
        case ev.WorkerJoined():
            resources.join_worker(state, event)
        case ev.WorkerLeft():
            for task in resources.leave_worker(state, event.worker):
                classical.lose(state, task, event.reason or "its worker is gone", task.id not in event.unbegun)
        case ev.PilotSet():
            scaling.set_pilot(state, event)
        case ev.PilotFailed():
            pilot_failed(state, event, out)
        case ev.QpuPaused() | ev.QpuResumed() | ev.QpuDrained() | ev.QpuRetired():
            operators.apply(state, event, out)
        case _:
            assert_never(event)


def profiled(state: State, event: ev.StructureProfiled, out: list[Command]) -> None:
    """More is known of a circuit; what no QPU can run any more fails, with the reason of each."""
    row = profiles.note(state, event, out)
    if row < 0:
        return
    tasks.replace_waiting(state, row)
    if not event.unfit:
        return
    for task in list(state.everything.values()):
        if not isinstance(task, Quantum) or task.wish.structure != event.structure:
            continue
        if task.state in (TaskState.READY, TaskState.BLOCKED):
            why = service.nowhere(state, task.wish)
            if why is not None:
                workloads.cancel_task(state, task, why[1], out, TaskState.FAILED)


def pilot_failed(state: State, event: ev.PilotFailed, out: list[Command]) -> None:
    """The pilot is no more: what waits and can run nowhere else fails, with the reason."""
    if not scaling.fail_pilot(state, event.pilot, event.reason):
        return
    for task in list(state.everything.values()):
        if isinstance(task, Classical) and task.state in (TaskState.READY, TaskState.BLOCKED):
            why = scaling.misfit(state, task.wish)
            if why:
                workloads.cancel_task(state, task, why, out, TaskState.FAILED)


def give_way(state: State, qpu: str, out: list[Command]) -> None:
    """A calibration is due: no guess keeps the QPU."""
    row = state.qpu_ids.get(qpu, -1)
    if row >= 0 and state.qpus[row].due_ns and state.guessing:
        guesses.give_way(state, row, out)


def join_qpu(state: State, event: ev.QpuJoined, out: list[Command]) -> None:
    """A QPU is there; what waits for it, or for any, is placed. One that was retired does not come back."""
    row = state.qpu_ids.get(event.qpu, -1)
    if row >= 0 and state.qpus[row].service is Service.RETIRED:
        out.append(Refused(event.qpu, "retired", f"{service.retirement(state.qpus[row])}, for good"))
        return
    if not resources.goes_back(state, event, out):
        tasks.replace_waiting(state, resources.join_qpu(state, event).row)


def lose_qpu(state: State, event: ev.QpuLeft, out: list[Command]) -> None:
    """What the QPU ran is lost, what waits for it is placed again."""
    row = state.qpu_ids.get(event.qpu, -1)
    running = state.qpus[row].running if row >= 0 else None
    qpu = resources.leave_qpu(state, event)
    if qpu is None:
        return
    if running is not None:
        since = state.tasks[running.row][STARTED_AT]
        measured = max(0, round((state.t - since) * 1e9))
        quantum_ended(state, ev.QuantumEnded(running.id, running.attempt, qpu.id, Outcome.LOST, measured,
                                                event.reason or "its QPU went offline"), out)
    tasks.replace_waiting(state, row)


def cancel_task(state: State, event: ev.TaskCancelled, out: list[Command]) -> None:
    """End one task, if it has not ended."""
    task = state.everything.get(event.task)
    if task is not None:
        workloads.cancel_task(state, task, event.reason, out)


def cancel_session(state: State, event: ev.SessionCancelled, out: list[Command]) -> None:
    """End a session and all that is its."""
    session = state.sessions.get(event.session)
    if session is not None and session.id not in state.dying:
        workloads.drop(state, session, Trigger.CANCEL, event.reason, out)
