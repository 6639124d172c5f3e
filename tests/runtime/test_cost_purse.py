"""A purse by itself: whatever is reserved, settled, failed and spent, its sums hold and its bound is kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from qloop.errors import BudgetExceeded
from qloop.model.cost import Cost
from qloop.model.money import UNIT
from qloop.model.states import TaskState
from qloop.runtime.budget import Budget, Charge, Purse, parse
from qloop.runtime.ticket import QuantumTicket

LIMIT = 100
COSTS = st.integers(0, 40)


def charge(amount: int) -> Charge:
    return Charge(Cost(amount, 2 * amount, 3 * amount, "USD"), 5 * amount)


class Purses(RuleBasedStateMachine):
    """Tasks are reserved at most, run on a QPU, bought for at most that, cancelled, or fail."""

    def __init__(self) -> None:
        super().__init__()
        self.purse = Purse("session 's'", Budget("USD", 3 * LIMIT), "budget=")
        self.waiting: dict[str, tuple[QuantumTicket, int]] = {}
        self.spent = self.made = 0

    def reserved(self) -> int:
        return sum(most for _, most in self.waiting.values())

    @rule(low=COSTS, high=COSTS)
    def submit(self, low: int, high: int) -> None:
        most = max(low, high)
        fits = self.spent + self.reserved() + most <= LIMIT
        ticket = QuantumTicket(f"t{self.made}", "s", attempt=1)
        self.made += 1
        charges = [charge(low), charge(high)]
        if not fits:
            with pytest.raises(BudgetExceeded):
                self.purse.check(charges)
            return
        self.purse.check(charges)
        self.purse.reserve(ticket, charges)
        self.waiting[ticket.id] = ticket, most

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def buy(self, data: Any) -> None:
        task = data.draw(st.sampled_from(sorted(self.waiting)))
        ticket, most = self.waiting.pop(task)
        paid = data.draw(st.integers(0, most))
        self.purse.spend(charge(paid))
        self.purse.settle(task)
        ticket.settle(TaskState.DONE, "")
        self.spent += paid

    @precondition(lambda self: self.waiting)
    @rule(data=st.data(), state=st.sampled_from([TaskState.FAILED, TaskState.CANCELLED]))
    def end_for_nothing(self, data: Any, state: TaskState) -> None:
        ticket, _ = self.waiting.pop(data.draw(st.sampled_from(sorted(self.waiting))))
        ticket.reported = ticket.attempt
        ticket.settle(state, "")

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel_while_it_runs(self, data: Any) -> None:
        """Its QPU has not been left: it may still be paid for, so it stays reserved."""
        ticket, _ = self.waiting[data.draw(st.sampled_from(sorted(self.waiting)))]
        ticket.settle(TaskState.CANCELLED, "")

    @invariant()
    def the_sums_hold(self) -> None:
        purse = self.purse
        assert purse.spent == purse.cost.amount == 3 * self.spent
        assert (purse.cost.net_ns, purse.cost.billed_ns, purse.shots) == (self.spent, 2 * self.spent, 5 * self.spent)
        assert purse.reserved >= 3 * self.reserved()
        assert purse.spent + purse.reserved <= 3 * LIMIT


TestPurses = Purses.TestCase


@given(st.integers(0, 10**9), st.sampled_from([("USD", UNIT), ("EUR", UNIT), ("s", UNIT), ("min", 60 * UNIT),
                                               ("h", 3600 * UNIT), ("shots", 1)]), st.booleans())
def test_a_budget_is_what_its_text_says(number: int, unit: tuple[str, int], spaced: bool) -> None:
    found = parse("x", f"  {number}{' ' * spaced}{unit[0]} ")
    assert found.limit == number * unit[1]
    assert found.money == (unit[0] in ("USD", "EUR"))
    assert found.unit in (unit[0], "s")


def test_what_a_budget_measures() -> None:
    one = Charge(Cost(1, 2, 3, "USD"), 4)
    assert [Budget(unit, 0).measure(one) for unit in ("USD", "s", "shots")] == [3, 2, 4]
    assert Budget("s", 0).most([one, Charge(Cost(billed_ns=9)), Charge()]) == 9
    assert Budget("s", 0).most([]) == 0


@pytest.mark.parametrize(("unit", "value", "text"), [("USD", 3 * UNIT // 2, "1.50 USD"), ("s", 90 * UNIT, "90.00 s"),
                                                     ("shots", 1_000_000, "1,000,000 shots")])
def test_measures_as_people_read_them(unit: str, value: int, text: str) -> None:
    assert Budget(unit, 0).text(value) == text
