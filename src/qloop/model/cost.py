"""What QPU use costs: net time, plus overhead, rounded up to the provider's granule, times its price; exactly."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from qloop.errors import InvalidInput
from qloop.model.limits import SECOND
from qloop.model.money import UNIT, money
from qloop.model.prices import Price


class Cost(msgspec.Struct, frozen=True):
    """Net and billed ns of QPU time, and what is paid, in billionths of the currency. Costs add up exactly."""

    net_ns: int = 0
    billed_ns: int = 0
    amount: int = 0
    currency: str = ""

    @property
    def net_s(self) -> float:
        """Net seconds of QPU time."""
        return self.net_ns / SECOND

    @property
    def billed_s(self) -> float:
        """Billed seconds of QPU time."""
        return self.billed_ns / SECOND

    @property
    def value(self) -> float:
        """What is paid, in units of the currency, as a float; `amount` is exact."""
        return self.amount / UNIT

    @property
    def text(self) -> str:
        """What is paid, as people write it."""
        return money(self.amount, self.currency)

    def __add__(self, other: Cost) -> Cost:
        """The sum; InvalidInput for two currencies."""
        return Cost(self.net_ns + other.net_ns, self.billed_ns + other.billed_ns, self.amount + other.amount,
                    one_currency(self.currency, other.currency))

    def times(self, count: int) -> Cost:
        """The cost of so many such calls, each rounded by itself."""
        return Cost(self.net_ns * count, self.billed_ns * count, self.amount * count, self.currency)


NOTHING: Final = Cost()


def billed_ns(price: Price, net_ns: int) -> int:
    """Billed ns of a call: `net * factor + overhead`, rounded up to whole granules."""
    held = -(-net_ns * price.factor // UNIT) + price.overhead_ns
    return -(-held // price.granule_ns) * price.granule_ns if price.granule_ns else held


def cost(price: Price, net_ns: int, *, circuits: int = 1, executions: int = 0) -> Cost:
    """The cost of one call that used the QPU for `net_ns` and ran `circuits` with `executions` in all.

    The time's part is rounded up to a whole billionth of the currency. InvalidInput for negative numbers.
    """
    if net_ns < 0 or circuits < 0 or executions < 0:
        raise InvalidInput(f"A call of {net_ns} ns, {circuits} circuits and {executions} executions has no price",
                           "None of them can be negative", "Correct the numbers")
    billed = billed_ns(price, net_ns)
    amount = -(-billed * price.per_second // SECOND) + circuits * price.per_task + executions * price.per_shot
    return Cost(net_ns, billed, amount, price.currency)


def total(costs: Iterable[Cost]) -> Cost:
    """The exact sum; InvalidInput for two currencies."""
    found = NOTHING
    for one in costs:
        found += one
    return found


def one_currency(first: str, second: str) -> str:
    """The currency of both, where none stands for free; InvalidInput for two."""
    if first and second and first != second:
        raise InvalidInput(f"{first} and {second} cannot be added", "qloop knows no exchange rates",
                           "Give all prices and budgets in one currency")
    return first or second
