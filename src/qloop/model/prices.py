"""Prices of QPU use: what a provider takes for seconds, shots and tasks, and how it counts the seconds.

The public ones are data with source and date. They are what was published then, not an offer: whoever has a contract
gives a price list (`runtime.price_files`), and who names no price pays nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from qloop.errors import InvalidInput, UnknownName
from qloop.model.limits import SECOND
from qloop.model.money import UNIT, billionths, check_currency, decimal

LONGEST_NAME: Final = 64


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """The price of a QPU's use. Money is in billionths of the currency, time in ns; `Price.of` takes plain numbers.

    The billed time of a call is `net * factor + overhead`, rounded up to whole granules (0: not rounded); `per_second`
    is for billed time, `per_shot` for each execution of a circuit, `per_task` for each circuit that is run: what
    providers who price by tasks call a task. `factor` is in billionths. Without a currency it is free.
    """

    name: str
    currency: str = ""
    per_second: int = 0
    per_shot: int = 0
    per_task: int = 0
    granule_ns: int = 0
    overhead_ns: int = 0
    factor: int = UNIT
    source: str = ""
    date: str = ""

    @classmethod
    def of(cls, name: str, *, currency: str = "", per_second: object = 0, per_shot: object = 0, per_task: object = 0,
           granule_s: object = 0, overhead_s: object = 0, overhead_factor: object = 1, source: str = "",
           date: str = "") -> Price:
        """A price from plain numbers (or decimal texts) in units of the currency and seconds; InvalidInput."""
        check_name(name)
        money = {field: billionths(f"{field} of the price {name!r}", value) for field, value in
                 (("per_second", per_second), ("per_shot", per_shot), ("per_task", per_task))}
        if currency != "" or any(money.values()):
            check_currency(currency)
        for field, text in (("source", source), ("date", date)):
            if not isinstance(text, str):
                raise InvalidInput(f"The {field} of the price {name!r} is {text!r:.80}", "", "Give a text")
        times = {field: billionths(f"{label} of the price {name!r}", value)
                 for field, label, value in (("granule_ns", "granule_s", granule_s),
                                             ("overhead_ns", "overhead_s", overhead_s))}
        factor = billionths(f"overhead_factor of the price {name!r}", overhead_factor)
        return cls(name=name, currency=currency, factor=factor, source=source, date=date, **money, **times).check()

    def check(self) -> Price:
        """Itself; InvalidInput for what no price can be."""
        if self.factor < UNIT:
            raise InvalidInput(f"overhead_factor of the price {self.name!r} is {decimal(self.factor)}",
                               "What is billed is never less than the net time", "Give a factor from 1")
        for field in ("per_second", "per_shot", "per_task", "granule_ns", "overhead_ns"):
            if getattr(self, field) < 0:
                raise InvalidInput(f"{field} of the price {self.name!r} is {getattr(self, field)}",
                                   "Nobody is paid for computing", "Give a number from 0")
        return self

    @property
    def free(self) -> bool:
        """Whether nothing is ever paid."""
        return not (self.per_second or self.per_shot or self.per_task)

    @property
    def text(self) -> str:
        """The price in one line."""
        parts = [f"{decimal(value)} {self.currency} per {unit}" for value, unit in
                 ((self.per_second, "second"), (self.per_task, "task"), (self.per_shot, "shot")) if value]
        if self.factor != UNIT or self.overhead_ns:
            parts.append(f"overhead {decimal(self.factor)} x net + {self.overhead_ns / SECOND:g} s")
        if self.granule_ns:
            parts.append(f"in steps of {self.granule_ns / SECOND:g} s")
        return ", ".join(parts) if parts else "free"


FIELDS: Final = ("currency", "per_second", "per_shot", "per_task", "granule_s", "overhead_s", "overhead_factor",
                 "source", "date")

IBM: Final = "ibm.com/quantum/pricing, per minute of QPU use: 96 pay-as-you-go, 72 flex, 48 premium (USD)"
BRAKET: Final = "aws.amazon.com/braket/pricing, on-demand quantum computers, USD per task and per shot"

FREE: Final = Price(name="free", source="computed on your own machine")
UNPRICED: Final = Price(name="unpriced", source="nobody has said what this QPU costs")

PRICES: Final[Mapping[str, Price]] = MappingProxyType({price.name: price for price in (
    FREE,
    Price(name="ibm-pay-as-you-go", currency="USD", per_second=1_600_000_000, granule_ns=SECOND, source=IBM,
          date="2026-05-25"),
    Price(name="ibm-flex", currency="USD", per_second=1_200_000_000, granule_ns=SECOND, source=IBM, date="2026-05-25"),
    Price(name="ibm-premium", currency="USD", per_second=800_000_000, granule_ns=SECOND, source=IBM, date="2026-05-25"),
    Price(name="iqm-pay-as-you-go", currency="USD", per_second=300_000_000, granule_ns=SECOND,
          source="iqm.tech, Resonance, pay-as-you-go 'starting at' this price per QPU second", date="2026-08-23"),
    Price(name="braket-ionq-forte", currency="USD", per_task=300_000_000, per_shot=80_000_000, source=BRAKET,
          date="2025"),
    Price(name="braket-ionq-aria", currency="USD", per_task=300_000_000, per_shot=30_000_000, source=BRAKET,
          date="2025"),
    Price(name="braket-iqm-garnet", currency="USD", per_task=300_000_000, per_shot=1_450_000, source=BRAKET,
          date="2025"),
    Price(name="braket-rigetti-ankaa", currency="USD", per_task=300_000_000, per_shot=900_000, source=BRAKET,
          date="2025"),
)})


def check_name(name: object) -> str:
    """The name of a price; InvalidInput if it cannot be one."""
    if isinstance(name, str) and name and name.isprintable() and len(name) <= LONGEST_NAME:
        return name
    raise InvalidInput(f"The name of a price is {name!r:.80}", "", f"Give a text of 1 to {LONGEST_NAME} characters")


def price_named(name: str, own: Mapping[str, Price] = PRICES) -> Price:
    """The price of this name, of one's own list or the public ones; UnknownName offers the nearest."""
    found = own.get(name) or PRICES.get(name)
    if found is None:
        raise UnknownName("price", name, {*own, *PRICES})
    return found


def price_from(name: str, entry: object) -> Price:
    """A price from an entry of a price list, a mapping of `FIELDS`; UnknownName for another field, InvalidInput."""
    check_name(name)
    if not isinstance(entry, Mapping):
        raise InvalidInput(f"The price {name!r} is {entry!r:.80}", "A price is a table of fields",
                           f"Give some of: {', '.join(FIELDS)}")
    for field in entry:
        if field not in FIELDS:
            raise UnknownName(f"field of the price {name!r}", field, FIELDS)
    fields: dict[str, Any] = dict(entry)
    return Price.of(name, **fields)
