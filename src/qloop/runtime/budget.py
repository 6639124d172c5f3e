"""Budgets: how much a session or a tenant may spend, what it has spent, and what is under way and may still cost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from qloop.errors import BudgetExceeded, InvalidInput
from qloop.model.cost import Cost, one_currency
from qloop.model.money import CURRENCY_LETTERS, UNIT, billionths, check_currency, decimal, money
from qloop.runtime.ticket import QuantumTicket

NUMBER: Final = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
FORM: Final = re.compile(rf"\s*({NUMBER})\s*([A-Za-z]+)\s*")
SWEEP: Final = 64
TIMES: Final = {"s": 1, "min": 60, "h": 3600}
EXAMPLES: Final = "Write '50 USD', '600 s' (billed QPU time; also min, h) or '100000 shots'"


class Charge(msgspec.Struct, frozen=True):
    """What one call costs, or may cost at most."""

    cost: Cost = Cost()
    shots: int = 0


class Budget(msgspec.Struct, frozen=True):
    """A bound: `unit` is a currency, "s" or "shots", `limit` in billionths of it, ns of billed time, or shots."""

    unit: str
    limit: int

    @property
    def money(self) -> bool:
        """Whether it bounds money."""
        return self.unit not in ("s", "shots")

    def most(self, charges: Sequence[Charge]) -> int:
        """How much of it the dearest charge takes."""
        return max(map(self.measure, charges), default=0)

    def measure(self, charge: Charge) -> int:
        """How much of it a charge takes."""
        if self.unit == "shots":
            return charge.shots
        return charge.cost.billed_ns if self.unit == "s" else charge.cost.amount

    def text(self, value: int) -> str:
        """A measure as people read it."""
        if self.unit == "shots":
            return f"{value:,} shots"
        return f"{decimal(value)} s" if self.unit == "s" else money(value, self.unit)


def parse(whose: str, wish: object) -> Budget:
    """The budget that a text such as '50 USD', '600 s' or '100000 shots' names; InvalidInput if it names none."""
    found = FORM.fullmatch(wish) if isinstance(wish, str) else None
    if found is None:
        raise InvalidInput(f"The budget of {whose} is {wish!r:.80}", "A budget is a number with its unit", EXAMPLES)
    number, unit = billionths(f"The budget of {whose}", found[1].replace(",", "")), found[2]
    if unit in TIMES:
        return Budget("s", number * TIMES[unit])
    if unit in ("shot", "shots"):
        if number % UNIT:
            raise InvalidInput(f"The budget of {whose} is {wish!r}", "There are no parts of shots", EXAMPLES)
        return Budget("shots", number // UNIT)
    if len(unit) != CURRENCY_LETTERS or not unit.isupper():
        raise InvalidInput(f"The budget of {whose} is {wish!r:.80}", f"{unit!r} is neither a currency nor a unit",
                           EXAMPLES)
    return Budget(check_currency(unit), number)


class Purse:
    """What one session or tenant has spent, and what its tasks under way may cost. Its owner holds a lock.

    `calls`, `shots` and `cost` are what was spent, `reserved` is how much of the budget tasks under way may take; only
    a purse with a budget keeps them.
    """

    def __init__(self, whose: str, budget: Budget | None, raise_by: str) -> None:
        self.whose, self.budget, self.raise_by = whose, budget, raise_by
        self.calls = self.shots = 0
        self.cost = Cost()
        self.reserved = 0
        self._under_way: dict[str, tuple[QuantumTicket, int]] = {}
        self._sweep_at = SWEEP

    def spend(self, charge: Charge) -> None:
        """A call has ended."""
        self.calls += 1
        self.shots += charge.shots
        self.cost += charge.cost

    @property
    def spent(self) -> int:
        """How much of the budget is spent."""
        return 0 if self.budget is None else self.budget.measure(Charge(self.cost, self.shots))

    def check(self, charges: Sequence[Charge]) -> None:
        """`BudgetExceeded` if a call that costs one of these might exceed the budget."""
        budget = self.budget
        if budget is None:
            return
        most, spent = budget.most(charges), self.spent
        if spent + self.reserved + most > budget.limit:
            self._forget_ended()        # looked for only now, so that many tasks under way cost nothing
        if spent + self.reserved + most <= budget.limit:
            return
        under_way = f", {budget.text(self.reserved)} are reserved for tasks under way" if self.reserved else ""
        raise BudgetExceeded(f"The budget of {self.whose} does not allow the next call",
                             f"{budget.text(spent)} of {budget.text(budget.limit)} are spent{under_way}, and the call "
                             f"would cost {budget.text(most)}",
                             f"Raise the budget ({self.raise_by}) and resume: what was bought is kept")

    def reserve(self, ticket: QuantumTicket, charges: Sequence[Charge]) -> None:
        """Set aside what a task may cost; `check` first."""
        if self.budget is not None:
            self.settle(ticket.id)
            if len(self._under_way) >= self._sweep_at:      # reserving nothing, it might never be looked for otherwise
                self._forget_ended()
                self._sweep_at = SWEEP + 2 * len(self._under_way)
            self._under_way[ticket.id] = ticket, self.budget.most(charges)
            self.reserved += self._under_way[ticket.id][1]

    def settle(self, task: str) -> None:
        """The task's cost is known, or it will have none."""
        found = self._under_way.pop(task, None)
        self.reserved -= 0 if found is None else found[1]

    def _forget_ended(self) -> None:
        """Tasks that ended without a purchase, and whose QPU has been left, cost nothing more."""
        ended = [task for task, (ticket, _) in self._under_way.items()
                 if ticket.done and ticket.reported == ticket.attempt]
        for task in ended:
            self.settle(task)


def same_currency(budget: Budget | None, currency: str, whose: str) -> None:
    """InvalidInput if a budget of money is in another currency than the prices."""
    if budget is None or not budget.money:
        return
    try:
        one_currency(budget.unit, currency)
    except InvalidInput:
        raise InvalidInput(f"The budget of {whose} is in {budget.unit}, and the prices are in {currency}",
                           "qloop knows no exchange rates", f"Give the budget in {currency}, or in 's'") from None
