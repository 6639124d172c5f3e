"""Runtimes on a kept pilot: by name, several at once, when it is lost, and what is told of a wrong name."""

from __future__ import annotations

import operator
import os
import signal
import time
from collections.abc import Iterator

import pytest

from qloop.errors import InvalidInput, QloopError, UnknownName
from qloop.model.needs import Needs
from qloop.pilots.kept.registry import Record
from qloop.pilots.process_identity import bury
from qloop.pilots.spec import PilotSpec
from qloop.runtime.embedded import Runtime
from qloop.runtime.keeping import operate
from qloop.runtime.keeping.by_name import pilot_word
from qloop.runtime.pilots import pilot_specs
from qloop.runtime.wishes import SessionWish
from tests.pilots.processes import all_gone

PATIENCE_S = 60.0


@pytest.fixture
def work(tmp_path, monkeypatch) -> Iterator[Record]:
    """A kept pilot `work` of up to two workers."""
    monkeypatch.setenv("QLOOP_STATE", str(tmp_path / "state"))
    record = operate.start("work", PilotSpec(least=1, most=2), 300.0)
    yield record
    if record.keeper.alive():
        operate.stop("work", now=True)
    assert all_gone([record.keeper.pid])
    bury(record.keeper.pid)
    operate.look()      # what a killed keeper left is removed


def runtime(*pilots: str | PilotSpec) -> Runtime:
    return Runtime(qpus=["exact"], journal=":memory:", pilots=pilots)


def test_programs_come_and_go_and_share(work):
    with runtime("@work") as one, runtime(PilotSpec(kind="named", address="work", name="other")) as two:
        first, second = one.open_session(SessionWish()), two.open_session(SessionWish())
        here = [one.call(first, operator.mul, 3, k) for k in range(30)]
        there = [two.call(second, operator.mul, 5, k, needs=Needs(pilot="other")) for k in range(30)]
        assert [one.answer(ticket, PATIENCE_S) for ticket in here] == [3 * k for k in range(30)]
        assert [two.answer(ticket, PATIENCE_S) for ticket in there] == [5 * k for k in range(30)]
        assert here[0].place.startswith("work-")
    with runtime("@work") as again:
        session = again.open_session(SessionWish())
        assert again.answer(again.call(session, os.getpid), PATIENCE_S) != os.getpid()


@pytest.mark.ci
def test_what_a_lost_keeper_ran_goes_on_elsewhere(work):
    with runtime("@work", "local:1") as run:
        session = run.open_session(SessionWish())
        tickets = [run.call(session, time.sleep, 0.2) for _ in range(6)]
        assert work.keeper.signal(signal.SIGKILL)
        assert [run.answer(ticket, PATIENCE_S) for ticket in tickets] == [None] * 6


def test_what_only_a_lost_keeper_could_run_fails(work):
    with runtime("@work") as run:
        session = run.open_session(SessionWish())
        ticket = run.call(session, time.sleep, 600.0)
        assert work.keeper.signal(signal.SIGKILL)
        with pytest.raises(QloopError):
            run.answer(ticket, PATIENCE_S)


def test_wrong_names_are_told_with_the_nearest(work):
    with pytest.raises(UnknownName, match=r"no kept pilot named 'worc'.*Did you mean 'work'"):
        runtime("@worc")
    with pytest.raises(UnknownName, match=r"kept pilot or kind of pilot named 'wrk'.*Did you mean 'work'"):
        pilot_word("wrk", ("local", "ray"))
    with pytest.raises(InvalidInput, match="was started with its own"), \
            runtime(PilotSpec(kind="named", address="work", options={"a": 1})):
        pass
    assert pilot_word("work", ()) == pilot_word("@work", ()) == "@work"
    assert pilot_word("local:3", ("local",)) == "local:3"
    (spec,) = pilot_specs(0, ["@work"])
    assert (spec.kind, spec.address, spec.label, spec.most) == ("named", "work", "work", 2)


@pytest.mark.ci
def test_in_virtual_time_a_kept_pilot_is_modelled(work):
    with Runtime(qpus=["exact"], journal=":memory:", clock="virtual", pilots=["@work"]) as run:
        session = run.open_session(SessionWish())
        assert run.answer(run.call(session, operator.add, 1, 1, modelled_s=60.0)) == 2
        assert run.now_s() > 60.0
