"""P7: cancel means cancel, at every step of a run: nothing of the session starts after it, and nothing comes back."""

from __future__ import annotations

import pytest

import qloop
from qloop.engine import invariants
from qloop.errors import Cancelled
from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.states import TaskState
from qloop.testing.virtual import log_of, virtual_runtime
from tests.runtime.two_qubits import ENERGY, circuit, scripted

STEPS = 26


def scene(platform: qloop.Runtime, **settings):
    """Two sessions on two QPUs: one with futures that depend on each other and a sample, one with a loop."""
    victim = qloop.Session("victim", runtime=platform, shots=10)
    other = qloop.Session("other", runtime=platform, shots=10)
    f = victim.objective(circuit(), ENERGY)
    futures = [f.submit([0.1 * k, 0.2]) for k in range(4)]
    futures.append(f.submit([0.5, 0.5], after=(futures[0].id, futures[2].id)))
    futures.append(victim.sample(circuit(), [0.1, 0.2], shots=5))
    loop = other.loop(circuit(), ENERGY, maxiter=4, think=lambda k: 0.5)
    loop.start(lambda loop: None)
    return victim, other, futures, loop


def run(cancel_at: int, what: str, **settings: float):
    """Cancel after so many steps of virtual time; the log of the whole run, and what became of the futures."""
    platform = virtual_runtime([scripted(name="a", seconds=3.0), scripted(name="b", seconds=2.0)],
                               policy_settings=settings)
    victim, _, futures, loop = scene(platform)
    for _ in range(cancel_at):
        if not loop.finished:
            platform.timers.step()
    already = [future.done() for future in futures]
    mark = len(log_of(platform))
    if what == "session":
        victim.cancel()
        gone = [future.id for future in futures]
    else:
        futures[0].cancel()
        gone = [futures[0].id, futures[4].id]
    platform.run_until(lambda: loop.finished and all(future.done() for future in futures)
                       and not platform.core.engine.state.unwanted)
    invariants.check(platform.core.engine.state)
    return platform, futures, already, gone, log_of(platform)[mark:], loop


@pytest.mark.parametrize("what", ["session", "task"])
def test_nothing_starts_after_a_cancel_at_any_step(what):
    cancelled_while = set()
    for step in range(STEPS):
        platform, futures, already, gone, after, loop = run(step, what)
        if what == "task" and already[0]:
            continue        # what is done stays done; nothing is told to the engine
        assert isinstance(after[0][1], ev.SessionCancelled if what == "session" else ev.TaskCancelled)
        started = [command.task for _, _, commands in after for command in commands
                   if isinstance(command, cmd.StartQuantum)]
        wanted = {future.id for future, done in zip(futures, already, strict=True) if not done} & set(gone)
        assert not wanted & set(started), f"cancelled at step {step}, and started after it"
        for future, was_done in zip(futures, already, strict=True):
            if future.id in gone and not was_done:
                assert future.cancelled()
                assert isinstance(future.exception(), Cancelled)
                assert future._ticket.state is TaskState.CANCELLED
            elif was_done:
                assert future.exception() is None, "a cancel took a result back"
        cancelled_while |= {command.__class__.__name__ for command in after[0][2]}
        assert loop.error is None
        assert loop.result().nit == 4, "the other session was disturbed"
        platform.close()
    assert "AbortQuantum" in cancelled_while, "no cancel met a running task"


def test_late_results_of_cancelled_tasks_are_kept_as_evidence():
    platform, futures, _, _, _, _ = run(3, "session", chunk_s=0.0)      # in chunks it ends at its next edge
    kept = {row.task for row in platform.store.results(futures[0]._ticket.session)}
    unfinished = [future for future in futures if future.cancelled()]
    assert unfinished
    assert any(future.id in kept for future in unfinished), "what ran when the cancel came was paid for"
    platform.close()
