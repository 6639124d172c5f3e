"""Pilots in virtual time: elastic, several at once, with needs and results that are arguments."""

from __future__ import annotations

import operator

import pytest

from qloop.errors import InvalidInput, Refused, UnknownName, UserCodeError
from qloop.model.needs import Needs
from qloop.pilots.spec import PilotSpec, spec_of
from qloop.runtime.embedded import Runtime
from qloop.runtime.wishes import SessionWish


def runtime(*pilots: str | PilotSpec, workers: int = 0) -> Runtime:
    return Runtime(qpus=["exact"], clock="virtual", journal=":memory:", pilots=pilots, workers=workers)


def present(run: Runtime, pilot: str) -> int:
    found = run.core.ask(lambda engine: len(engine.state.pilots[pilot].workers))
    assert isinstance(found, int)
    return found


def test_workers_come_when_tasks_wait_and_leave_when_idle() -> None:
    with runtime(PilotSpec(kind="slurm", least=0, most=3, cores=1, startup_s=20.0, keep_alive_s=30.0)) as run:
        session = run.open_session(SessionWish())
        assert present(run, "slurm") == 0
        tickets = [run.call(session, operator.mul, 6, k, modelled_s=100.0) for k in range(4)]
        run.later(25.0, lambda: None)
        run.run_until(lambda: run.now_s() >= 25.0)
        assert present(run, "slurm") == 3
        assert [run.answer(ticket) for ticket in tickets] == [0, 6, 12, 18]
        assert run.now_s() == pytest.approx(20.0 + 200.0 + 0.5)     # cold start, two rounds, opening the environment
        run.later(31.0, lambda: None)
        run.run_until(lambda: run.now_s() > 251.0)
        assert present(run, "slurm") == 0


def test_results_are_arguments_of_later_calls_wherever_they_run() -> None:
    with runtime("local:1", PilotSpec(name="far", kind="ray", least=1, most=1, cores=2)) as run:
        session = run.open_session(SessionWish())
        first = run.call(session, operator.add, 1, 2, needs=Needs(pilot="far"))
        both = run.call(session, max, [first, 5, (first,)[0]], modelled_s=1.0)
        total = run.call(session, dict, named={"sum": both, "parts": [first, both]})
        assert run.answer(total) == {"sum": 5, "parts": [3, 5]}
        assert first.place.startswith("far-")


def test_a_call_whose_argument_failed_fails_with_it() -> None:
    with runtime(workers=1) as run:
        session = run.open_session(SessionWish())
        bad = run.call(session, operator.truediv, 1, 0)
        later = run.call(session, operator.neg, bad)
        with pytest.raises(UserCodeError, match="ZeroDivisionError"):
            run.answer(bad)
        with pytest.raises(Exception, match=rf"task {bad.id}, which it needs, failed"):
            run.answer(later)
        with pytest.raises(UserCodeError, match="ZeroDivisionError"):
            run.call(session, operator.neg, bad)


def test_what_cannot_run_anywhere_is_refused_at_submit() -> None:
    with runtime("local:2", PilotSpec(name="big", cores=8, most=1)) as run:
        session = run.open_session(SessionWish())
        with pytest.raises(Refused, match="the nearest pilot, big, has nodes of 8 cores and no GPU"):
            run.call(session, abs, 1, needs=Needs(cores=9))
        with pytest.raises(Refused, match="there is no pilot 'none'; there are big, local"):
            run.call(session, abs, 1, needs=Needs(pilot="none"))
        with pytest.raises(InvalidInput, match="2 ranks on 1 cores"):
            run.call(session, abs, 1, needs=Needs(ranks=2))
        assert run.answer(run.call(session, abs, -1, needs=Needs(cores=8))) == 1
    with runtime() as run, pytest.raises(InvalidInput, match="no workers"):
        run.call(run.open_session(SessionWish()), abs, 1)


def test_pilots_are_named_by_words() -> None:
    assert spec_of("slurm:0-16") == PilotSpec(kind="slurm", least=0, most=16)
    assert spec_of("dask:2@tcp://127.0.0.1:8786") == PilotSpec(kind="dask", least=2, most=2,
                                                               address="tcp://127.0.0.1:8786")
    for word in ("", "local:", "local:4-", ":4", "local:-4"):
        with pytest.raises(InvalidInput, match="does not name a pilot"):
            spec_of(word)
    with pytest.raises(InvalidInput, match="4 to 2 workers"):
        spec_of("local:4-2")
    with pytest.raises(UnknownName, match="slurn"):
        runtime("slurn:2")
    with pytest.raises(InvalidInput, match="Two pilots are named 'local'"):
        runtime("local:1", "local:2")
    with pytest.raises(InvalidInput, match="Give a list"):
        Runtime(pilots="local:1")
