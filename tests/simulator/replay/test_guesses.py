"""A recording with guesses: the replay has no speculation of its own, and says so."""

from __future__ import annotations

from qloop.loops.speculation.options import Speculation
from qloop.simulator.replay.replay import replay
from qloop.trace.check import check
from tests.loops.speculation.courses import run

TOLD = "guesses are replayed as tasks like others, at the times at which they were made"


def test_a_replay_says_that_guesses_are_tasks_like_others():
    """The committed tasks all run, but not when they did: a guess does not give way there, and is never cut off."""
    _, runtime = run(Speculation(width=4, budget=8.0, qpu_value=0.0), others=6, every=2.0)
    trace = runtime.trace()
    again = replay(trace)
    assert TOLD in again.notes
    check(again.trace)
    committed = {task.name for task in trace.index.tasks.values() if task.launched is None or task.committed}
    assert len(committed) <= again.starts
    assert not again.exact


def test_without_guesses_the_same_loop_is_replayed_exactly():
    _, runtime = run(None, others=6, every=2.0)
    again = replay(runtime.trace())
    assert again.exact, again.notes
    assert TOLD not in again.notes
