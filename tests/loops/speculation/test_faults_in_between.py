"""What happens to a QPU or a purse while guesses are under way: the loop goes on, and takes nothing stale or unpaid."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.loops.session import Session
from qloop.loops.speculation.options import Speculation
from qloop.model.prices import Price
from qloop.qpus.twin import TwinQpu
from qloop.testing.virtual import virtual_runtime
from qloop.trace import schema as ev
from qloop.trace.check import check

from .courses import START, assert_nothing_left, circuit, compete, course_of, observable, open_loop, run

EAGER = Speculation(depth=2, width=6, budget=4.0, predictor="past", qpu_value=0.0)


def played(qpu: TwinQpu, others: int, think: float = 2.0):
    """A loop to its end on this QPU; returns its report and the trace."""
    with virtual_runtime([qpu], seed=5) as runtime:
        sessions = [compete(runtime, others, 4.0, qpu="q")] if others else []
        session, loop = open_loop(runtime, EAGER, qpu="q", maxiter=12, think=think)
        runtime.run_until(lambda: loop.finished)
        assert loop.error is None, loop.error
        report = loop.result().speculation
        for one in [session, *sessions]:
            one.close()
        while runtime.sessions.books and runtime.timers.step():
            pass
        assert_nothing_left(runtime)
        trace = runtime.trace()
    assert not report.trouble
    return report, trace


def stale(trace) -> list[ev.Result]:
    """Values that lay in the table, measured in an epoch that was over when the loop asked for them."""
    epoch, found = 0, []
    for event in trace.events:
        if isinstance(event, ev.CalibrationEnd | ev.QpuOnline):
            epoch = event.epoch
        elif isinstance(event, ev.Result) and event.source == "memo" and event.epoch != epoch:
            found.append(event)
    return found


@pytest.mark.parametrize("others", [0, 6])
@pytest.mark.parametrize("interval", [7.0, 11.0, 23.0])
def test_calibrations_between_squash_and_no_value_of_an_older_one_is_taken(interval, others):
    qpu = TwinQpu("hanoi", name="q", calibration_interval_s=interval, calibration_length_s=1.0)
    report, trace = played(qpu, others, think=6.0)
    check(trace)
    assert stale(trace) == []
    assert report.squashed.get("epoch_change", 0) + report.squashed.get("preempted", 0) > 0
    if not others:
        assert report.squashed["epoch_change"] > 0
        assert any(event.source == "memo" for event in trace.events if isinstance(event, ev.Result))


@settings(max_examples=10, deadline=None)
@given(leaves=st.floats(1.0, 40.0), length=st.floats(0.5, 30.0), others=st.sampled_from([0, 6]))
def test_a_qpu_that_leaves_for_a_while_takes_its_guesses_with_it(leaves, length, others):
    qpu = TwinQpu("hanoi", name="q", calibration_interval_s=0.0, maintenance=[(leaves, leaves + length)])
    report, trace = played(qpu, others)
    check(trace)
    assert stale(trace) == []
    assert report.launched == report.hits + sum(report.squashed.values())


@pytest.mark.parametrize("dollars", [6, 20, 45])
def test_a_budget_of_money_is_kept_to_the_cent_and_the_loop_goes_first(dollars):
    """Guesses give way before the loop is refused; what was cut off is paid for by what it took."""
    price = Price.of("test", currency="USD", per_second=1)
    with virtual_runtime(("twin-hanoi",), seed=5, prices=price) as runtime:
        session = Session("loop", runtime=runtime, qpu="twin-hanoi", shots=100, budget=f"{dollars} USD")
        loop = session.loop(circuit(), observable(), START, optimizer="nelder-mead", maxiter=60, seed=7,
                            think=lambda k: 2.0, speculate=EAGER)
        loop.start(lambda ended: None)
        runtime.run_until(lambda: loop.finished)
        assert "BudgetExceeded" in repr(loop.error)
        spent, known = session.usage()["amount"], runtime.speculated(session.id)
        assert spent <= dollars
        assert sum(call.amount for call in runtime.store.calls(session=session.id)) == pytest.approx(spent * 1e9)
        assert known.open == 0
        session.close()
        assert_nothing_left(runtime)
    plain = run(None, maxiter=60)[0]
    energies = course_of(loop).energies
    assert energies == plain.energies[:len(energies)]
    check(runtime.trace())
