"""Guesses that end while something else happens: a QPU leaves, the loop fails, the session's time is over."""

from __future__ import annotations

import numpy as np
import pytest

from qloop.errors import Refused
from qloop.loops.session import Session
from qloop.loops.speculation.guess import PENDING, Guess
from qloop.loops.speculation.options import Speculation
from qloop.loops.speculation.speculator import Speculator
from qloop.model.states import TaskState
from qloop.policies.columns import CPU
from qloop.qpus.twin import TwinQpu
from qloop.runtime.client import Stake
from qloop.testing.virtual import virtual_runtime
from qloop.trace.check import check
from tests.runtime.two_qubits import ENERGY, circuit

from . import courses

LIKELY = Stake(probability=0.9, lead_s=100.0, qpu_value=0.0, budget=100.0)
EAGER = Speculation(depth=2, width=6, budget=4.0, qpu_value=0.0)


def twin(name: str = "q", **options) -> TwinQpu:
    return TwinQpu("hanoi", name=name, **{"calibration_interval_s": 0.0, "task_overhead_s": 10.0, **options})


def theta(angle: float) -> np.ndarray:
    return np.array([[angle, 0.2]])


def opened(runtime, **options):
    """A session with one evaluation behind it, which took ten seconds, and its structure."""
    session = Session("s", runtime=runtime, shots=100, **options)
    structure = runtime.prepare(session.id, circuit(), ENERGY)
    runtime.gather(runtime.submit(session.id, structure, theta(0.1), 100))
    return session, structure


def asked_later(runtime, session, structure, after_s, angle=0.5):
    """Ask for this angle in the middle of what happens."""
    asked = []
    runtime.later(after_s, lambda: asked.append(runtime.submit(session.id, structure, theta(angle), 100)))
    runtime.run_until(lambda: bool(asked))
    return asked[0]


@pytest.mark.parametrize("back", [28.0, 100.0])
def test_a_committed_guess_whose_qpu_leaves_is_taken_anew_like_any_task(back):
    found = []
    for ahead in (False, True):
        with virtual_runtime([twin(maintenance=[(19.0, back)])]) as runtime:
            session, structure = opened(runtime)
            guess = runtime.speculate(session.id, structure, theta(0.5), 100, LIKELY) if ahead else None
            ticket = asked_later(runtime, session, structure, 6.0)
            assert not ahead or ticket is guess
            outcome = runtime.gather(ticket)
            found.append((outcome.values, outcome.epoch, outcome.source, ticket.attempt, runtime.now_s(),
                          [(row.attempt, row.outcome, row.epoch) for row in runtime.store.calls(session=session.id)]))
            session.close()
        check(runtime.trace())
    assert found[0] == found[1]
    assert found[0][1] == 1, "measured after the QPU came back"


def test_a_guess_whose_qpu_leaves_costs_nothing_for_nothing_was_bought():
    with virtual_runtime([twin(maintenance=[(19.0, 100.0)])]) as runtime:
        session, structure = opened(runtime)
        guess = runtime.speculate(session.id, structure, theta(0.5), 100, LIKELY)
        runtime.later(60.0, lambda: None)
        runtime.run_until(lambda: runtime.now_s() > 60.0)
        assert guess.squashed == "preempted"
        assert [row.outcome for row in runtime.store.calls(session=session.id)] == ["done"]
        session.close()


@pytest.mark.parametrize("think", [2.0, 15.0])
def test_a_loop_broken_off_by_its_callback_leaves_no_guess(think):
    with virtual_runtime((courses.TWIN, "twin-torino"), seed=5) as runtime:
        session = Session("loop", runtime=runtime, qpu="", shots=100)
        launched = []

        def stop(entry):
            launched.append(runtime.speculated(session.id).launched)
            if entry.number == 6:
                raise StopIteration

        with pytest.raises(StopIteration):
            session.minimize(courses.circuit(), courses.observable(), courses.START, optimizer="nelder-mead",
                             maxiter=30, seed=7, speculate=EAGER, callback=stop, progress=False)
        assert launched[-1] > 0
        assert runtime.speculated(session.id).open == 0
        courses.assert_nothing_left(runtime)
        session.close()


def test_a_session_that_expires_accounts_for_the_guess_whose_values_it_has():
    with virtual_runtime([twin()]) as runtime:
        session, structure = opened(runtime, max_time=60.0)
        guess = runtime.speculate(session.id, structure, theta(0.5), 100, LIKELY)
        runtime.later(80.0, lambda: None)
        runtime.run_until(lambda: runtime.now_s() > 75.0)
        known = runtime.speculated(session.id)
        assert guess.squashed == "session_closed"
        assert (known.open, known.squashed) == (0, {"session_closed": 1})
        assert known.wasted_s == pytest.approx(10.0, rel=0.01)
        calls = list(runtime.store.calls(session=session.id))
        assert [row.outcome for row in calls] == ["done", "squashed"]
        assert sum(row.net_ns for row in calls) * 1e-9 == pytest.approx(session.details().cost.net_s)
        session.close()
    check(runtime.trace())


def test_no_guess_goes_round_a_quota():
    """Not even one that has its values; once there is room again, they are the result."""
    with virtual_runtime([twin()], tenants={"default": {"weight": 1.0, "qpu_quota_s": 15.0, "window_s": 100.0,
                                                        "lowered": 0.0}}) as runtime:
        session, structure = opened(runtime)
        guess = runtime.speculate(session.id, structure, theta(0.5), 100, LIKELY)
        runtime.run_until(lambda: guess.done)
        for _ in range(2):
            with pytest.raises(Refused, match="has used"):
                runtime.submit(session.id, structure, theta(0.5), 100)
        runtime.later(100.0, lambda: None)
        runtime.run_until(lambda: runtime.now_s() > 110.0)
        ticket = runtime.submit(session.id, structure, theta(0.5), 100)
        assert ticket is guess
        assert runtime.gather(ticket).source == "memo"
        session.close()
    check(runtime.trace())


@pytest.mark.parametrize("ahead", [False, True])
def test_a_hit_is_charged_the_seconds_of_its_classical_step(ahead):
    with virtual_runtime([twin()]) as runtime:
        session, structure = opened(runtime)
        if ahead:
            runtime.speculate(session.id, structure, theta(0.5), 100, LIKELY)
        ticket = runtime.submit(session.id, structure, theta(0.5), 100, cpu_s=500.0)
        cells = runtime.core.ask(lambda engine: engine.state.tasks[engine.state.everything[ticket.id].row])
        assert ticket.guess == ahead
        assert cells[CPU] == 500.0
        runtime.gather(ticket)
        session.close()


def test_the_budget_counts_what_a_cold_qpu_takes():
    with virtual_runtime([twin("a"), twin("b", cold_s=60.0)]) as runtime:
        session, structure = opened(runtime, qpu="")
        runtime.gather(runtime.submit(session.id, structure, theta(0.15), 100))
        stake = Stake(probability=0.5, lead_s=100.0, qpu_value=0.0, budget=0.6)
        running = runtime.submit(session.id, structure, theta(0.2), 100)
        assert running.place == "a"
        assert runtime.speculate(session.id, structure, theta(0.5), 100, stake) is None, "60 s and more at risk"
        rich = Stake(probability=0.5, lead_s=100.0, qpu_value=0.0, budget=4.0)
        guess = runtime.speculate(session.id, structure, theta(0.5), 100, rich)
        assert guess.risk_s == pytest.approx(70.0, rel=0.02)
        runtime.run_until(lambda: guess.done)
        assert guess.took_ns * 1e-9 <= guess.risk_s * 1.001
        runtime.gather(running)
        session.close()


def test_waste_that_it_is_not_to_blame_for_keeps_no_certain_guess_away():
    certain = Stake(probability=1.0, lead_s=100.0, qpu_value=0.1, budget=0.0)
    with virtual_runtime([twin()]) as runtime:
        session, structure = opened(runtime)
        other = Session("o", runtime=runtime, shots=100)
        theirs = runtime.prepare(other.id, circuit(), ENERGY)
        guess = runtime.speculate(session.id, structure, theta(0.5), 100, certain)
        runtime.gather(asked_later(runtime, other, theirs, 3.0))
        assert guess.squashed == "preempted"
        assert runtime.speculated(session.id).wasted_s == pytest.approx(3.0)
        assert runtime.speculate(session.id, structure, theta(0.7), 100, certain) is not None
        doubtful = Stake(probability=0.9, lead_s=100.0, qpu_value=0.1, budget=0.0)
        assert runtime.speculate(session.id, structure, theta(0.8), 100, doubtful) is None
        session.close()
        other.close()


def test_an_error_of_a_guess_is_told(caplog):
    class Breaking(TwinQpu):
        calls = 0

        def evaluate(self, *args):
            self.calls += 1
            if self.calls > 1:
                raise RuntimeError("broken control electronics")
            return super().evaluate(*args)

    with virtual_runtime([Breaking("hanoi", name="q", calibration_interval_s=0.0, task_overhead_s=10.0)]) as runtime:
        session, structure = opened(runtime)
        guess = runtime.speculate(session.id, structure, theta(0.5), 100, LIKELY)
        runtime.run_until(lambda: guess.done)
        assert "broken control electronics" in runtime.speculated(session.id).text
        assert "broken control electronics" in caplog.text
        session.cancel()


def test_the_approximate_mode_takes_no_guess_that_waits(monkeypatch):
    """It would deviate and gain nothing; and none of an epoch that is over."""
    taken = []
    close = Speculator._close_enough

    def watched(self, foresight, points):
        chosen = close(self, foresight, points)
        taken.extend((one.ticket.state, self.client.is_current(one.ticket)) for one in self.open
                     if chosen is not points and one.points == chosen.tobytes())
        return chosen

    monkeypatch.setattr(Speculator, "_close_enough", watched)
    qpu = TwinQpu("hanoi", name=courses.TWIN, calibration_interval_s=30.0, calibration_length_s=3.0)
    with virtual_runtime((qpu,), seed=5) as runtime:
        wish = Speculation(mode="approximate", eps=0.3, budget=8.0, qpu_value=0.0)
        session, loop = courses.open_loop(runtime, wish, optimizer="spsa", shots=2000, maxiter=60)
        runtime.run_until(lambda: loop.finished)
        assert loop.error is None
        session.close()
    states = {state for state, _ in taken}
    assert TaskState.RUNNING in states
    assert TaskState.READY not in states
    assert all(current for _, current in taken)


def test_a_guess_that_had_to_give_way_is_made_again_with_what_is_built_on_it():
    with virtual_runtime([twin()]) as runtime:
        session, structure = opened(runtime)
        other = Session("o", runtime=runtime, shots=100)
        theirs = runtime.prepare(other.id, circuit(), ENERGY)
        ahead = Speculator(runtime, session.id, structure, 100, EAGER)
        ahead._think = ahead._wait = 5.0
        guesses = [Guess(theta(0.5), 0.9, PENDING), Guess(theta(0.7), 0.8, 0)]
        ahead.launch(guesses, 1)
        first, _ = (one.ticket for one in ahead.open)
        runtime.gather(asked_later(runtime, other, theirs, 3.0))
        assert first.squashed == "preempted"
        ahead.launch(guesses, 1)
        assert [one.points for one in ahead.open] == [guess.points.tobytes() for guess in guesses]
        assert not any(one.ticket.squashed for one in ahead.open)
        assert ahead.open[0].ticket is not first
        ahead.keep(theta(0.5).tobytes())
        assert not ahead.open[0].ticket.squashed, "still built on what is wanted"
        session.close()
        other.close()
