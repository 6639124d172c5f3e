"""Layer 3, commitment: a speculative task is wanted, and from now on it is a task like others."""

from __future__ import annotations

from qloop.engine import counts, guesses, tasks, tenants, workloads
from qloop.engine.state import Quantum, State
from qloop.model.commands import Command, KeepQuantum, Refused
from qloop.model.events import QuantumCommitted
from qloop.model.states import SESSION_ENDED, TaskState
from qloop.policies import draws, efaas, ledger
from qloop.policies import guesses as facts
from qloop.policies.columns import CPU


def commit(state: State, event: QuantumCommitted, out: list[Command]) -> None:
    """The guess is wanted: if it waits it enters anew as what it is now, if it runs it goes on.

    What it was before, if it has its values already, is known of its session from now on.
    """
    session = state.sessions.get(event.session)
    if session is not None and session.state not in SESSION_ENDED and session.waiting + session.running == 0:
        session.idle_since = state.now
    task = state.everything.get(event.task)
    if not isinstance(task, Quantum) or not task.guess:
        guessed = session.guessed.pop(event.task, None) if session is not None else None
        if session is not None and guessed is not None:
            facts.guess_wanted(state.flows, session.row, *guessed)
        return
    refused = refusal(state, task)
    if refused is not None:
        guesses.cancel(state, task, refused.reason, out, TaskState.CANCELLED)
        return
    task.guess = False
    state.tasks[task.row][CPU] = event.cpu_s
    task.session.guesses -= 1
    out.append(KeepQuantum(task.id))
    counts.wanted(state, task)
    if task.state is TaskState.READY:
        del state.guesses[task.row]
        tasks.release(state, task)
        state.seq += 1          # its place in line is that of a task that arrives now
        task.seq = state.seq
        workloads.make_ready(state, task)
        return
    state.guessing -= 1
    if task.session.lapsed:
        workloads.revive(state, task.session)
    counts.ready(task.session)
    counts.started(state, task.session)
    ledger.note_ready(state.tasks, state.flows, task.row, state.t)
    facts.guess_kept(state.tasks, state.qpu_rows, state.totals, task.row, task.qpu)
    join(state, task)


def refusal(state: State, task: Quantum) -> Refused | None:
    """Why the guess may not become a task, as a task that comes now would be refused: then it ends."""
    if task.state is TaskState.READY:
        return workloads.no_room(state, task.session, task.id)
    return tenants.refusal(state, task.session.tenant, task.id)


def join(state: State, task: Quantum) -> None:
    """To the policy, a guess that runs is a task that entered now and was picked at once."""
    policy, tables = state.policy, (state.tasks, state.flows, state.qpu_rows, state.totals)
    task.hot = efaas.is_hot(state.flows[task.session.row], state.totals, state.t)
    u = draws.uniform(state.seed, draws.ENTER, task.seq) if policy.enter_draws else 0.0
    ledger.set_key(state.tasks, task.row, policy.enter(*tables, task.row, state.t, u))
    policy.start(*tables, task.row, task.qpu, state.t)
