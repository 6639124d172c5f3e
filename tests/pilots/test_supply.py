"""What is acquired and given back, for any course of events: bounded, enough, and not for ever in vain."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from qloop.pilots.allocator import Allotment, Gone
from qloop.pilots.protocol import PilotError
from qloop.pilots.supply import Supply


class Engine:
    """What was asked for and not given back."""

    def __init__(self) -> None:
        self.held, self.ever = set[str](), 0

    def acquire(self, name: str) -> None:
        assert name not in self.held
        self.held.add(name)
        self.ever += 1

    def release(self, name: str) -> None:
        self.held.discard(name)


@given(nodes=st.integers(1, 4), workers=st.integers(1, 8), most=st.integers(1, 10), missing=st.integers(1, 200))
def test_enough_is_asked_for_once_and_not_too_much(nodes, workers, most, missing):
    engine = Engine()
    supply = Supply("p", engine, Allotment(nodes=nodes, workers=workers), most, 60.0)
    for _ in range(3):
        supply.require(missing)     # what is on its way counts
    each = nodes * workers
    assert engine.ever == min(most, -(-missing // each))


@pytest.mark.parametrize("final", [True, False])
def test_what_ends_before_it_worked_is_asked_for_three_times_at_most(monkeypatch, final):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    engine = Engine()
    supply = Supply("p", engine, Allotment(), 4, 60.0)
    for nth in range(1 if final else 3):
        assert supply.failure(()) is None
        supply.require(1)
        assert engine.ever == nth + 1
        supply.gone(Gone(f"p-{nth + 1}", "no such partition", final))
        supply.require(1)
        assert engine.ever == nth + 1       # not at once
        now[0] += 10.0
    failure = supply.failure(())
    assert isinstance(failure, PilotError)
    assert "no such partition" in str(failure)
    assert supply.failure(("an agent",)) is None    # while somebody is there the pilot works


class Course(RuleBasedStateMachine):
    """Agents come, go, and are dismissed; allocations end; time passes."""

    @initialize(nodes=st.integers(1, 3), workers=st.integers(1, 3), most=st.integers(1, 4))
    def begin(self, nodes, workers, most):
        self.now, self.engine, self.most, self.nodes = 1000.0, Engine(), most, nodes
        self.patched = pytest.MonkeyPatch()
        self.patched.setattr(time, "monotonic", lambda: self.now)
        self.supply = Supply("p", self.engine, Allotment(nodes=nodes, workers=workers), most, 60.0)

    def teardown(self):
        if hasattr(self, "patched"):
            self.patched.undo()

    def here(self):
        return [agent for held in self.supply.allocations.values() for agent in sorted(held.here)]

    @rule(missing=st.integers(1, 30))
    def wish(self, missing):
        self.supply.require(missing)

    @precondition(lambda self: self.supply.allocations)
    @rule(which=st.integers(0, 100), node=st.integers(0, 2))
    def join(self, which, node):
        names = sorted(self.supply.allocations)
        held = self.supply.allocations[names[which % len(names)]]
        if len(held.here) + held.dismissed < self.nodes:
            assert self.supply.came(f"{held.name}/{node}") is held

    @precondition(lambda self: self.here())
    @rule(which=st.integers(0, 100), dismissed=st.booleans())
    def go(self, which, dismissed):
        agents = self.here()
        self.supply.went(agents[which % len(agents)], dismissed)

    @precondition(lambda self: self.engine.held)
    @rule(which=st.integers(0, 100), worked=st.booleans())
    def end(self, which, worked):
        name = sorted(self.engine.held)[which % len(self.engine.held)]
        held = self.supply.allocations.get(name)
        if worked and held is not None:
            self.supply.worked(held)
        self.engine.held.discard(name)
        self.supply.gone(Gone(name, "over"))

    @rule(seconds=st.floats(0.1, 100.0))
    def wait(self, seconds):
        self.now += seconds
        self.supply.forget()

    @invariant()
    def bounded_and_never_forgotten(self):
        if hasattr(self, "supply"):
            assert len(self.supply.allocations) <= self.most
            assert self.engine.held == set(self.supply.allocations)


TestCourse = Course.TestCase
