"""Whatever ends a loop, and whenever: no guess is left, and every second on a QPU is accounted for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.errors import InvalidInput
from qloop.loops.session import Session
from qloop.loops.speculation.options import Speculation
from qloop.runtime.embedded import Runtime
from qloop.testing.virtual import virtual_runtime
from qloop.trace.check import check

from .courses import START, TWIN, assert_nothing_left, circuit, compete, course_of, observable, open_loop, run, used_s

EAGER = Speculation(depth=2, width=6, budget=4.0, qpu_value=0.0)


@settings(max_examples=20, deadline=None)
@given(events=st.integers(0, 120), how=st.sampled_from(["close", "cancel", "keep", "retire", "drain", "squash"]),
       others=st.sampled_from([0, 6]))
def test_the_end_at_any_event_leaves_nothing_behind(events, how, others):
    with virtual_runtime((TWIN,), seed=5) as runtime:
        sessions = [compete(runtime, others, 2.0)] if others else []
        session, loop = open_loop(runtime, EAGER, maxiter=8)
        for _ in range(events):
            if loop.finished or not runtime.timers.step():
                break
        end(runtime, session, loop, how)
        for one in [session, *sessions]:
            one.close() if how != "keep" or one is not session else None
        while at_work(runtime) and runtime.timers.step():
            pass
        known = runtime.speculated(session.id)
        assert_nothing_left(runtime)
    assert known.open == 0
    assert known.launched == known.committed + sum(known.squashed.values())
    check(runtime.trace())


def at_work(runtime: Runtime) -> bool:
    """A session is open, or a QPU is busy: with what was cancelled, for a task that is no guess runs to its end."""
    return bool(runtime.sessions.books) or any(qpu.running for qpu in runtime.core.engine.state.qpus)


def end(runtime: Runtime, session: Session, loop, how: str) -> None:
    """End the session, or the QPU."""
    if how == "close":
        session.close()
    elif how == "cancel":
        session.cancel()
    elif how == "keep":
        session.__exit__(KeyboardInterrupt)
    elif how == "retire":
        runtime.retire(TWIN, "gone")
    elif how == "drain":
        runtime.drain(TWIN, timeout=60.0)
        runtime.resume(TWIN)
    else:
        for ticket in list(runtime.sessions.books[session.id].guesses.values()):
            runtime.squash(ticket, "budget")
    if not loop.finished and how in ("drain", "squash"):
        runtime.run_until(lambda: loop.finished)
        assert loop.error is None
        assert course_of(loop) == run(None, maxiter=8)[0]


@settings(max_examples=4, deadline=None)
@given(events=st.integers(1, 150))
def test_a_resumed_loop_takes_the_same_course(tmp_path_factory, events):
    """A life that ends in the middle of guesses is followed by one that goes on as if there had been none."""
    journal = tmp_path_factory.mktemp("run") / "j.db"
    plain = run(None)[0]
    options = {"qpus": (TWIN,), "clock": "virtual", "seed": 5, "journal": journal}
    first = Runtime(**options)
    _, loop = open_loop(first, EAGER)
    for _ in range(events):
        if loop.finished:
            break
        first.timers.step()
    bought = first.usage()
    first.close()
    with Runtime(**options, run=first.run, resume=True) as second:
        _, loop = open_loop(second, EAGER)
        second.run_until(lambda: loop.finished)
        assert loop.error is None, loop.error
        result = course_of(loop)
    assert (result.energies, result.x) == (plain.energies, plain.x)
    assert bought is not None


def test_the_budget_of_a_session_counts_squashed_shots_and_lets_the_loop_go_first():
    """Guesses that a budget of QPU time does not allow are not made; the loop itself gets as far as it can."""
    with virtual_runtime((TWIN,), seed=5) as runtime:
        session = Session("loop", runtime=runtime, qpu=TWIN, shots=100, budget="40 s")
        loop = session.loop(circuit(), observable(), START, optimizer="nelder-mead", maxiter=60, seed=7,
                            think=lambda k: 2.0, speculate=EAGER)
        loop.start(lambda ended: None)
        runtime.run_until(lambda: loop.finished)
        view, known = session.details(), runtime.speculated(session.id)
        assert "BudgetExceeded" in repr(loop.error)
        assert known.wasted_s > 0.0
        assert view.cost.net_s <= 40.0
        assert view.cost.billed_s == pytest.approx(used_s(runtime, session), rel=0.2)
        session.close()


def test_what_cannot_be_is_refused_before_anything_is_spent():
    for wrong, words in (({"budget": -0.1}, "budget"), ({"depth": -1}, "depth"), ({"depth": 0}, "depth"),
                         ({"width": 1000}, "width"), ({"mode": "exakt"}, "mode"), ({"eps": -1.0}, "eps")):
        with pytest.raises(InvalidInput, match=words):
            Speculation(**wrong)
    with virtual_runtime((TWIN,)) as runtime:
        session = Session(runtime=runtime, qpu=TWIN, shots=10)
        with pytest.raises(InvalidInput, match="speculate is 3"):
            session.minimize(circuit(), observable(), START, optimizer="nelder-mead", speculate=3)
        session.close()


def test_an_optimizer_that_fails_when_it_is_forked_does_not_harm_its_loop(monkeypatch):
    from qloop.loops.speculation import speculator

    def broken(*args):
        raise RuntimeError("no fork today")

    monkeypatch.setattr(speculator, "candidates", broken)
    with virtual_runtime((TWIN,), seed=5) as runtime:
        session, loop = open_loop(runtime, EAGER)
        runtime.run_until(lambda: loop.finished)
        report = loop.result().speculation
        session.close()
    assert course_of_report(loop) == run(None)[0].energies
    assert "no fork today" in report.trouble


def course_of_report(loop) -> list[float]:
    return [entry.energy for entry in loop.history]


def test_in_real_time_on_the_exact_qpu_the_course_is_the_same():
    results = []
    for wish in (None, Speculation(depth=2, width=6, budget=4.0, qpu_value=0.0)):
        with Runtime(qpus=("exact",), journal=":memory:", seed=5) as runtime, Session(
                "loop", runtime=runtime, qpu="exact", shots=200) as session:
            results.append(session.minimize(circuit(), observable(), START, optimizer="nelder-mead", maxiter=15,
                                            seed=7, speculate=wish, progress=False))
    plain, ahead = results
    assert [entry.energy for entry in plain.iterations] == [entry.energy for entry in ahead.iterations]
    assert plain.x.tobytes() == ahead.x.tobytes()
    assert ahead.speculation is not None
    assert not ahead.speculation.trouble


def test_where_nothing_can_be_masked_a_loop_goes_the_way_it_has_alone(monkeypatch):
    """Its own thread evaluates, and nothing is asked ahead: no QPU's thread ever begins."""
    from qloop.loops.speculation import speculator

    monkeypatch.setattr(speculator, "LEAST_S", float("inf"))
    for qpu in ("exact", ""):
        with Runtime(qpus=("exact",), journal=":memory:", seed=5) as runtime, Session(
                "loop", runtime=runtime, qpu=qpu, shots=200) as session:
            result = session.minimize(circuit(), observable(), START, optimizer="nelder-mead", maxiter=15, seed=7,
                                      speculate=True, progress=False)
            assert not runtime.parts.quantum._lines
        assert result.speculation.launched == 0
        assert not result.speculation.trouble
        assert "think" in result.speculation.why_none
        assert result.speculation.text.endswith(result.speculation.why_none)


def test_in_scaled_time_on_a_twin_guesses_are_stopped_and_taken():
    """Threads and real waits: the course is the same, and guesses are cut off in the middle of their emulated time."""
    results = []
    for wish in (None, Speculation(depth=1, width=6, budget=4.0, qpu_value=0.0)):
        with Runtime(qpus=(TWIN,), journal=":memory:", seed=5, clock=400.0) as runtime:
            session, loop = open_loop(runtime, wish, maxiter=8)
            runtime.run_until(lambda loop=loop: loop.finished)
            assert loop.error is None, loop.error
            results.append(loop.result())
            session.close()
    assert results[0].x.tobytes() == results[1].x.tobytes()
    assert results[1].speculation.launched > 0
