"""Any events in any order, for every policy: the promises hold after each, and the run is a fold of its events."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from qloop.engine.engine import Engine
from qloop.policies.catalog import builtin
from tests.policies.chosen import LONG

from .snapshot import snapshot
from .world import World

ANY = st.integers(0, 1000)


class Machine(RuleBasedStateMachine):
    """The world's actions as rules; `policy_name` is set by the subclass of each policy."""

    policy_name = "fifo"

    @initialize(seed=st.integers(0, 5), qpus=st.integers(0, 3), widths=ANY)
    def begin(self, seed: int, qpus: int, widths: int) -> None:
        self.world = World(builtin()[self.policy_name], seed)
        for q in range(qpus):
            self.world.join_qpu(q, widths + q, 0)
        self.world.open(0, widths, 0)

    @rule(half_seconds=st.sampled_from([0, 0, 1, 2, 3, 9, 41, 200]))
    def wait(self, half_seconds: int) -> None:
        self.world.wait(half_seconds)

    @rule(tenant=ANY, weight=ANY)
    def set_tenant(self, tenant: int, weight: int) -> None:
        self.world.set_tenant(tenant, weight)

    @rule(tenant=ANY, weight=ANY, short=ANY)
    def open(self, tenant: int, weight: int, short: int) -> None:
        self.world.open(tenant, weight, short)

    @rule(session=ANY, width=ANY, estimate=ANY, after=ANY, pin=ANY)
    def submit(self, session: int, width: int, estimate: int, after: int, pin: int) -> None:
        self.world.submit(session, width, estimate, after, pin)

    @rule(session=ANY, width=ANY, sizes=st.lists(ANY, min_size=2, max_size=6))
    def submit_batch(self, session: int, width: int, sizes: list[int]) -> None:
        for estimate in sizes:
            self.world.submit(session, width, estimate, 0, 1)

    @rule(session=ANY, cores=ANY, environment=ANY, after=ANY)
    def submit_classical(self, session: int, cores: int, environment: int, after: int) -> None:
        self.world.submit_classical(session, cores, environment, after)

    @precondition(lambda self: self.world.tasks)
    @rule(which=ANY, how=st.sampled_from(["cancel_task", "resubmit"]))
    def meddle_with_task(self, which: int, how: str) -> None:
        getattr(self.world, how)(which)

    @rule(which=ANY, how=st.sampled_from(["cancel_session", "close", "converge"]))
    def meddle_with_session(self, which: int, how: str) -> None:
        getattr(self.world, how)(which)

    @precondition(lambda self: self.world.on_qpu)
    @rule(which=ANY, outcome=ANY, half_seconds=st.integers(0, 6))
    def end_quantum(self, which: int, outcome: int, half_seconds: int) -> None:
        self.world.wait(half_seconds)
        self.world.end_quantum(which, outcome)

    @precondition(lambda self: self.world.on_worker)
    @rule(which=ANY, outcome=ANY)
    def end_classical(self, which: int, outcome: int) -> None:
        self.world.end_classical(which, outcome)

    @precondition(lambda self: self.world.past)
    @rule(which=ANY)
    def repeat(self, which: int) -> None:
        self.world.repeat(which)

    @rule(which=ANY, width=ANY, windowed=ANY)
    def join_qpu(self, which: int, width: int, windowed: int) -> None:
        self.world.join_qpu(which, width, windowed)

    @rule(which=ANY)
    def leave_qpu(self, which: int) -> None:
        self.world.leave_qpu(which)

    @rule(which=ANY, wish=ANY)
    def operate(self, which: int, wish: int) -> None:
        self.world.operate(which, wish)

    @rule(which=ANY, length=ANY)
    def calibrate(self, which: int, length: int) -> None:
        self.world.calibrate(which, length)

    @precondition(lambda self: self.world.calibrating)
    @rule(which=ANY)
    def calibrated(self, which: int) -> None:
        self.world.calibrated(which)

    @rule(which=ANY, cores=ANY, leaves=st.booleans())
    def workers(self, which: int, cores: int, leaves: bool) -> None:
        if leaves:
            self.world.leave_worker(which)
        else:
            self.world.join_worker(which, cores)

    def teardown(self) -> None:
        """P14: a fresh engine that meets the same events says the same and ends in the same state."""
        again = Engine(self.world.policy, self.world.limits, self.world.seed)
        assert [again.handle(now, event) for now, event in self.world.log] == self.world.answers
        assert snapshot(again.state) == snapshot(self.world.engine.state)


@pytest.mark.parametrize("name", LONG)
def test_any_events_in_any_order(name: str) -> None:
    machine = type(f"Machine_{name}", (Machine,), {"policy_name": name})
    run_state_machine_as_test(machine, settings=settings(
        max_examples=12, stateful_step_count=50, deadline=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck)))
