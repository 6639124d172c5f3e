"""The desk alone, over a pilot that only keeps accounts: fairness, exactly one end, and no node given twice."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.model.needs import ONE_CORE, Capacity, Share
from qloop.model.states import Outcome
from qloop.pilots import messages
from qloop.pilots.protocol import Ended, Joined, Left
from qloop.pilots.spec import PilotSpec
from qloop.runtime.keeping import parties
from qloop.runtime.keeping.desk import Desk
from qloop.runtime.keeping.parties import Party

NODE = Capacity(4, 1000, ("0", "1"))


class Ledger:
    """A pilot on paper: workers of one node; the test says when an attempt ends. Checks what it is told to do."""

    kind: ClassVar[str] = "ledger"
    name = "ledger"

    def __init__(self) -> None:
        self.events: list[Joined | Left | Ended] = []
        self.running: dict[str, tuple[str, int, Share]] = {}
        self.workers: set[str] = set()
        self.owners: dict[str, str] = {}
        self._serial = 0

    def grow(self, count: int) -> None:
        for _ in range(count):
            self._join()

    def _join(self) -> None:
        self._serial += 1
        self.workers.add(f"w{self._serial}")
        self.events.append(Joined(f"w{self._serial}", 1, ("",), 5, "node", NODE))

    def run(self, worker, task, attempt, payload, *, environment="", limit_s=0.0, share=ONE_CORE) -> None:
        assert worker in self.workers
        assert worker not in self.running
        if task.startswith("renewal"):
            self._leave(worker, task, attempt, Outcome.LOST, replaced=True)
            return
        owner = payload.decode()
        assert self.owners.setdefault(worker, owner) == owner       # no process serves two programs
        self.running[worker] = (task, attempt, share)
        used = [one for _, _, one in self.running.values()]
        assert sum(one.cores for one in used) <= NODE.cores
        assert sum(one.memory_bytes for one in used) <= NODE.memory_bytes
        gpus = [gpu for one in used for gpu in one.gpus]
        assert len(set(gpus)) == len(gpus)
        assert set(gpus) <= set(NODE.gpus)

    def _leave(self, worker, task, attempt, outcome, replaced) -> None:
        self.workers.remove(worker)
        self.running.pop(worker, None)
        self.events += [Left(worker), Ended(worker, task, attempt, outcome)]
        if replaced:
            self._join()

    def end(self, worker: str) -> None:
        task, attempt, _ = self.running.pop(worker)
        self.events.append(Ended(worker, task, attempt, Outcome.OK))

    def die(self, worker: str) -> None:
        task, attempt, _ = self.running[worker]
        self._leave(worker, task, attempt, Outcome.LOST, replaced=True)

    def abort(self, worker, task, attempt) -> None:
        if self.running.get(worker, ("", 0))[:2] == (task, attempt):
            self._leave(worker, task, attempt, Outcome.CANCELLED, replaced=True)

    def release(self, worker) -> None:
        assert worker not in self.running
        self.workers.discard(worker)
        self.events.append(Left(worker))

    def answer(self, *words) -> None:
        raise AssertionError("nothing was asked")


class Program:
    """A runtime on paper: it keeps all its places busy, and the accounts of what it was told."""

    def __init__(self, desk: Desk, serial: int, share: Share = ONE_CORE) -> None:
        self.desk, self.share = desk, share
        self.places: dict[str, str | None] = {}
        self.open: set[str] = set()
        self.ended: list[Ended] = []
        self.sent = 0
        self.party = Party(serial, self.hear)
        desk.enter(self.party)

    def hear(self, report) -> None:
        if isinstance(report, Joined):
            assert report.worker not in self.places
            self.places[report.worker] = None
        elif isinstance(report, Left):
            del self.places[report.worker]
        elif isinstance(report, Ended):
            assert report.task in self.open     # exactly one end, of what was sent
            self.open.remove(report.task)
            self.ended.append(report)
            if report.worker in self.places:
                self.places[report.worker] = None

    def fill(self) -> None:
        for place, task in list(self.places.items()):
            if task is None:
                self.sent += 1
                name = f"{self.party.serial}-{self.sent}"
                self.places[place] = name
                self.open.add(name)
                self.obey(messages.Run(place, name, 1, "", 0.0, self.share), str(self.party.serial).encode())

    def obey(self, command, payload=b"") -> None:
        self.desk.obey(self.party, command, payload)


def settle(desk: Desk, pilot: Ledger) -> None:
    while pilot.events:
        events, pilot.events = pilot.events, []
        desk.hear(events)


def at_desk(least: int, most: int) -> tuple[Desk, Ledger]:
    pilot = Ledger()
    desk = Desk(pilot, PilotSpec(least=least, most=most, keep_alive_s=0.0))
    pilot.grow(least)
    desk.staff.ordered = least
    settle(desk, pilot)
    return desk, pilot


@pytest.fixture(autouse=True)
def _no_holding(monkeypatch):
    """What a process's renewal may wait for is not what is tested here."""
    monkeypatch.setattr(parties, "HOLD_S", 0.0)


def test_a_newcomer_gets_its_half_at_once():
    desk, pilot = at_desk(4, 4)
    first, second = Program(desk, 1), Program(desk, 2)
    first.obey(messages.Grow(4))
    first.fill()
    assert len(pilot.running) == 4
    second.obey(messages.Grow(4))
    second.fill()
    for turn in range(40):
        pilot.end(sorted(pilot.running)[turn % 4])
        settle(desk, pilot)
        first.fill()
        second.fill()
        settle(desk, pilot)
        if turn >= 4:
            assert first.party.running == second.party.running == 2
    assert all(one.outcome is Outcome.OK for one in first.ended + second.ended)
    assert len(second.ended) >= 15


def test_gpus_and_memory_of_a_node_are_not_given_twice():
    desk, pilot = at_desk(4, 4)
    large = [Program(desk, serial, Share(1, 400, ("0",))) for serial in (1, 2, 3)]
    for program in large:
        program.obey(messages.Grow(1))
        program.fill()
    settle(desk, pilot)
    assert sorted(share.gpus for _, _, share in pilot.running.values()) == [("0",), ("1",)]
    pilot.end(next(iter(pilot.running)))
    settle(desk, pilot)
    assert len(pilot.running) == 2


def test_who_has_more_to_run_keeps_its_processes_for_a_while(monkeypatch):
    monkeypatch.setattr(parties, "HOLD_S", 1e9)
    desk, pilot = at_desk(2, 2)
    first, second = Program(desk, 1), Program(desk, 2)
    for program in (first, second):
        program.obey(messages.Grow(2))
        program.fill()
    assert sorted(task for task, _, _ in pilot.running.values()) == ["1-1", "1-2"]
    pilot.end(next(iter(pilot.running)))
    settle(desk, pilot)         # the first has nothing that waits: its process is renewed for the second
    assert first.party.running == second.party.running == 1
    assert desk.staff.renewals == 1
    first.fill()
    second.fill()
    pilot.end(next(name for name, run in pilot.running.items() if run[0].startswith("2-")))
    settle(desk, pilot)
    assert first.party.running == second.party.running == 1
    assert desk.staff.renewals == 1


def test_a_large_attempt_is_not_passed_over_for_ever(monkeypatch):
    monkeypatch.setattr("qloop.runtime.keeping.desk.PASSED_S", -1.0)
    desk, pilot = at_desk(4, 4)
    small, large = Program(desk, 1), Program(desk, 2, Share(4))
    small.obey(messages.Grow(4))
    small.fill()
    large.obey(messages.Grow(1))
    large.fill()
    for _ in range(4):
        assert large.party.running == 0
        pilot.end(next(iter(pilot.running)))
        settle(desk, pilot)
        small.fill()
    settle(desk, pilot)
    assert large.party.running == 1
    assert small.party.running == 0


def test_what_no_node_can_hold_fails_at_once():
    desk, pilot = at_desk(1, 1)
    program = Program(desk, 1, Share(5))
    program.obey(messages.Grow(1))
    program.fill()
    assert program.ended[0].outcome is Outcome.FAILED
    assert "no node of the kept pilot 'ledger' has 5 cores" in program.ended[0].error
    assert not pilot.running


def test_workers_come_as_they_are_wished_for_and_go_when_they_are_not():
    desk, pilot = at_desk(0, 3)
    program = Program(desk, 1)
    program.obey(messages.Grow(2))
    settle(desk, pilot)
    assert len(program.places) == len(pilot.workers) == 2
    program.obey(messages.Grow(5))
    settle(desk, pilot)
    assert len(program.places) == len(pilot.workers) == 3       # no more than the pilot may have
    for place in list(program.places):
        program.obey(messages.Release(place))
    settle(desk, pilot)
    assert not program.places
    assert not pilot.workers


STEPS = st.lists(st.tuples(st.sampled_from(["grow", "fill", "end", "die", "abort", "release", "leave", "enter"]),
                           st.integers(0, 2), st.integers(0, 5)), max_size=80)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, least=st.integers(0, 2), shares=st.tuples(*[st.integers(1, 3)] * 3))
def test_whatever_happens_every_attempt_ends_once(steps, least, shares):
    desk, pilot = at_desk(least, 4)
    programs = {n: Program(desk, n + 1, Share(shares[n])) for n in range(3)}
    for program in programs.values():
        program.obey(messages.Grow(2))
        program.fill()
    settle(desk, pilot)
    serial = 3
    for word, who, number in steps:
        program = programs.get(who)
        busy = sorted(pilot.running)
        if word == "enter" and program is None:
            serial += 1
            programs[who] = Program(desk, serial, Share(shares[who]))
        elif word in ("end", "die") and busy:
            getattr(pilot, word)(busy[number % len(busy)])
        elif program is not None:
            act(desk, programs, who, word, number)
        settle(desk, pilot)
    for program in programs.values():
        assert {task for task in program.places.values() if task} == program.open
        assert program.party.running == sum(task.split("-")[0] == str(program.party.serial)
                                            for task, _, _ in pilot.running.values())
    for _ in range(200):        # run on: all that is open ends
        for worker in list(pilot.running):
            pilot.end(worker)
        settle(desk, pilot)
    assert not any(program.open for program in programs.values())


def act(desk, programs, who, word, number) -> None:
    program = programs[who]
    places = sorted(program.places)
    if word == "grow":
        program.obey(messages.Grow(1 + number % 3))
    elif word == "fill":
        program.fill()
    elif word == "leave":
        desk.leave(program.party)
        del programs[who]
    elif places:
        place = places[number % len(places)]
        task = program.places[place]
        if word == "release":
            program.obey(messages.Release(place))
        elif word == "abort" and task is not None:
            program.obey(messages.Abort(place, task, 1))
