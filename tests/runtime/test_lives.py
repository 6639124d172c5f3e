"""A run that goes on: on the same QPUs, under the budgets it had, and with the right date of every call."""

from __future__ import annotations

import datetime
import math

import msgspec
import pytest

import qloop
from qloop.errors import BudgetExceeded, Conflict, InvalidInput
from qloop.model.limits import SECOND
from qloop.model.prices import PRICES, Price
from qloop.qpus.twin import TwinQpu
from qloop.runtime import usage
from qloop.runtime.journal.memory import MemoryStore
from qloop.runtime.journal.rows import Run
from qloop.runtime.journal.sqlite import SqliteStore
from qloop.runtime.lives import Life, begin_life, fingerprint, lives_of
from qloop.runtime.price_book import price_book
from qloop.testing.scripted_qpu import ScriptedQpu

from .test_cost_remote import remote
from .two_qubits import ENERGY, circuit, runtime, scripted

START = [0.1, 0.2]
PRICE = Price.of("test", currency="USD", per_second=1)


class Named(ScriptedQpu):
    """A QPU that says itself what tells it from others."""

    def __init__(self, text: str) -> None:
        super().__init__(seconds=1.0)
        self.text = text

    def fingerprint(self) -> str:
        return self.text


def left_open(path, *qpus, **settings):
    """A run "r" that leaves its session "s" to be taken up; the session's id and its first value."""
    with runtime(*qpus, clock="virtual", journal=path, run="r", **settings) as platform:
        session = qloop.Session("s", runtime=platform, shots=10)
        return session.id, session.submit(circuit(), ENERGY, START).result()


def drifting():
    return TwinQpu("hanoi", drift="x4", seed=7)


def test_a_twin_that_was_handed_over_is_not_silently_replaced_by_the_one_of_its_name(tmp_path):
    path = tmp_path / "j.qloop"
    session, first = left_open(path, drifting())
    for attempt in (lambda: qloop.Session.from_id(session, str(path)),
                    lambda: qloop.Runtime(qpus=["twin-hanoi"], clock="virtual", journal=path, run="r", resume=True)):
        with pytest.raises(Conflict, match=r"The QPU twin-hanoi is not the one that the run r was set up with\. Its "
                           r"options or its snapshot are others.*Resume with the same object: "
                           r"Runtime\(qpus=\[\.\.\.\], run='r', resume=True\).*'twin-torino\?drift=x4&seed=7'"):
            attempt()
    with runtime(drifting(), clock="virtual", journal=path, run="r", resume=True) as platform:
        again = qloop.Session("s", runtime=platform, shots=10)
        assert again.submit(circuit(), ENERGY, START).result() == first
        assert again.usage()["resumed"] == 1


def test_a_twin_that_is_named_with_its_options_is_reopened_as_it_was(tmp_path):
    session, first = left_open(tmp_path / "j.qloop", "twin-hanoi?drift=x4&seed=7")
    with qloop.Session.from_id(session, str(tmp_path / "j.qloop")) as again:
        assert again.submit(circuit(), ENERGY, START).result() == first
        assert "drifts" in again._client.parts.qpus["twin-hanoi?drift=x4&seed=7"].describe().note


def test_a_qpu_without_a_name_in_the_catalog_has_to_be_handed_over_again(tmp_path):
    path = tmp_path / "j.qloop"
    session, _ = left_open(path, scripted(seconds=1.0))
    with pytest.raises(InvalidInput, match=r"The run r was set up with the QPU scripted, which no name opens\. "
                       r"It was handed over as an object\. Hand it over again"):
        qloop.Session.from_id(session, str(path))
    with runtime(scripted(seconds=1.0), clock="virtual", journal=path, run="r", resume=True) as platform:
        assert qloop.Session("s", runtime=platform, shots=10).usage()["results"] == 1


def test_a_qpus_own_fingerprint_decides(tmp_path):
    path = tmp_path / "j.qloop"
    left_open(path, Named("one"))
    left_open(path, Named("one"), resume=True)
    with pytest.raises(Conflict, match="The QPU scripted is not the one"):
        left_open(path, Named("two"), resume=True)
    left_open(path, Named("one"), resume=True)
    assert fingerprint(scripted()) == fingerprint(scripted()) != fingerprint(TwinQpu("hanoi"))
    assert fingerprint(remote()) == ""


def test_a_journal_of_a_version_that_kept_no_lives_is_resumed(tmp_path, monkeypatch):
    path = tmp_path / "j.qloop"
    with monkeypatch.context() as old:
        old.setattr("qloop.runtime.assembly.begin_life", lambda store, run, life: None)
        session, _ = left_open(path, "exact")
    with qloop.Session.from_id(session, str(path)) as again:
        assert again.usage()["results"] == 1


def test_tenants_budgets_and_prices_hold_in_a_session_that_is_taken_up_by_its_id(tmp_path):
    path = tmp_path / "j.qloop"
    session, _ = left_open(path, "twin-hanoi", budgets={"default": "25 shots", "bob": "3 USD"}, prices="ibm-flex")
    with qloop.Session.from_id(session, str(path)) as again:
        f = again.objective(circuit(), ENERGY)
        f([0.3, 0.4])
        with pytest.raises(BudgetExceeded, match=r"tenant 'default' does not allow the next call\. 20 shots of 25"):
            f([0.5, 0.6])
        options = again._client.options
        assert options.budgets == {"default": "25 shots", "bob": "3 USD"}
        assert price_book(options.prices).of("any other") == PRICES["ibm-flex"]
    left_open(path, "twin-hanoi", budgets={"default": "35 shots"}, prices="ibm-flex", resume=True)
    client, _ = qloop.runtime.recovery.reopen(session, str(path))
    client.close()
    assert client.options.budgets == {"default": "35 shots"}, "the last life's"


def test_the_log_of_a_run_may_hold_other_entries():
    store = MemoryStore()
    store.begin_run(Run("r", "", 1, 0, "real", "0"))
    store.append("r", [b"not JSON", b'{"type":"other"}'])
    life = Life(5, 7, {"a": "b"}, {"t": "1 USD"}, {"*": PRICE})
    begin_life(store, "r", life)
    assert lives_of(store, "r") == (life,)


def test_the_date_of_a_call_is_reckoned_from_the_begin_of_its_own_life(tmp_path):
    """The run's clock stands still between two lives; here the second begins an hour after the first."""
    path = tmp_path / "j.qloop"
    for life in range(2):
        with qloop.Runtime(qpus=[scripted(seconds=0.01)], journal=path, run="r", resume=life > 0) as platform:
            session = qloop.Session("s", runtime=platform)
            session.objective(circuit(), ENERGY)([0.1 * life, 0.2])
    first, second = usage.calls_in(path)
    lives = first.lives
    assert first.lives == second.lives
    assert lives[0].begun_ns < first.row.begun_ns < first.row.ended_ns <= lives[1].begun_ns < second.row.begun_ns
    hour = 3600 * SECOND
    later = (lives[0], msgspec.structs.replace(lives[1], started_at_ns=lives[0].started_at_ns + hour))
    told = [one["begun_at"] for one in usage.lines(msgspec.structs.replace(one, lives=later)
                                                   for one in (first, second))]
    for text, known, call in zip(told, later, (first, second), strict=True):
        at = datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=datetime.UTC).timestamp()
        assert at == math.floor((known.started_at_ns + call.row.begun_ns - known.begun_ns) / SECOND)


def test_without_a_life_that_is_known_a_call_has_no_date(tmp_path):
    path = tmp_path / "j.qloop"
    with qloop.Runtime(qpus=[scripted(seconds=0.01)], journal=path, run="r") as platform:
        qloop.Session("s", runtime=platform).objective(circuit(), ENERGY)(START)
    call, = usage.calls_in(path)
    late = msgspec.structs.replace(call.lives[0], begun_ns=call.row.ended_ns + 1)
    for lives in ((), (late,)):
        line, = usage.lines([msgspec.structs.replace(call, lives=lives)])
        assert line["begun_at"] == ""


def test_a_run_keeps_one_entry_for_each_life(tmp_path):
    path = tmp_path / "j.qloop"
    for life in range(3):
        left_open(path, "exact", resume=life > 0)
    store = SqliteStore(path, create=False)
    try:
        lives = lives_of(store, "r")
    finally:
        store.close()
    assert len(lives) == 3
    assert [one.started_at_ns for one in lives] == sorted(one.started_at_ns for one in lives)
    assert {frozenset(one.qpus) for one in lives} == {frozenset({"exact"})}


def test_twins_of_one_name_are_told_apart_by_their_options():
    prints = [TwinQpu("torino", name="t", **options).fingerprint() for options in (
        {}, {"drift": "x1"}, {"drift": "x4"}, {"seed": 3}, {"task_overhead_s": 3.0}, {"mitigate_readout": True})]
    assert len(set(prints)) == len(prints)
    assert TwinQpu("torino", name="t", drift="x4").fingerprint() == prints[2]
