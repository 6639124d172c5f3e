"""Which QPU has which price: from a runtime's option, or from a price list in a TOML or JSON file."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from qloop.errors import InvalidInput, UnknownName
from qloop.model.cost import one_currency
from qloop.model.prices import FREE, PRICES, UNPRICED, Price, price_from, price_named

PriceWish: TypeAlias = Mapping[str, str | Price] | str | Price | Path
ALL = "*"
SUFFIXES = (".toml", ".json")
TABLES = ("prices", "qpus")


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices by QPU; `rest` for those that are not named. Without either, a QPU in this process is free."""

    by_qpu: Mapping[str, Price] = field(default_factory=dict)
    rest: Price | None = None

    def of(self, qpu: str, local: bool = True) -> Price:
        """The price of a QPU; `local` says that it is in this process."""
        found = self.by_qpu.get(qpu, self.rest)
        return found if found is not None else FREE if local else UNPRICED

    @property
    def currency(self) -> str:
        """The currency of all prices, empty if all are free; InvalidInput for two."""
        found = ""
        for price in (*self.by_qpu.values(), self.rest or FREE):
            found = one_currency(found, price.currency)
        return found

    def check_names(self, qpus: Iterable[str]) -> None:
        """UnknownName if a price is for a QPU that is not there."""
        names = tuple(qpus)
        for name in self.by_qpu:
            if name not in names:
                raise UnknownName("QPU with a price", name, names)


def price_book(wish: PriceWish) -> PriceBook:
    """The price book that an option asks for: a mapping of QPUs ("*": all others) to names or prices, one name or price
    for all QPUs, or a price list's file. InvalidInput or UnknownName if it cannot be used.
    """
    if isinstance(wish, Path) or (isinstance(wish, str) and wish.endswith(SUFFIXES)):
        made = read_price_list(Path(wish))
    elif isinstance(wish, str | Price):
        made = PriceBook(rest=_price(wish, {}))
    elif isinstance(wish, Mapping):
        made = _book(wish, {})
    else:
        raise InvalidInput(f"The prices are {wish!r:.80}", "", "Give the name of a price, a mapping of QPUs to prices, "
                           "or the TOML or JSON file of a price list")
    _ = made.currency
    return made


def read_price_list(path: Path) -> PriceBook:
    """The price list of a TOML or JSON file: own prices in `prices`, QPUs with the names of theirs in `qpus`."""
    content = _content(path)
    for name in content:
        if name not in TABLES:
            raise UnknownName(f"table of the price list {path.name}", name, TABLES)
    for name in TABLES:
        if not isinstance(content.get(name, {}), Mapping):
            raise InvalidInput(f"{name!r} of the price list {path.name} is {content[name]!r:.80}", "It is not a table",
                               "Write [prices.NAME] with its fields, and [qpus] with QPU = NAME")
    own = {name: price_from(name, entry) for name, entry in content.get("prices", {}).items()}
    for name in own:
        if name in PRICES:
            raise InvalidInput(f"The price list {path.name} names a price {name!r}",
                               "That is the name of a public price", "Choose another name")
    if not content.get("qpus"):
        raise InvalidInput(f"The price list {path.name} gives no QPU a price", "It has no entries in [qpus]",
                           "Write [qpus] with QPU = PRICE; '*' stands for all others")
    return _book(content["qpus"], own)


def _book(wish: Mapping[Any, Any], own: Mapping[str, Price]) -> PriceBook:
    for qpu in wish:
        if not isinstance(qpu, str):
            raise InvalidInput(f"A price is for the QPU {qpu!r:.80}", "", "Name the QPU by a text")
    made = {qpu: _price(price, own) for qpu, price in wish.items()}
    rest = made.pop(ALL, None)
    return PriceBook(made, rest)


def _price(wish: object, own: Mapping[str, Price]) -> Price:
    if isinstance(wish, Price):
        return wish.check()
    if not isinstance(wish, str):
        raise InvalidInput(f"A price is {wish!r:.80}", "", "Give the name of a price, or a Price")
    return price_named(wish, own)


def _content(path: Path) -> Mapping[str, Any]:
    """What a file says."""
    if path.suffix not in SUFFIXES:
        raise InvalidInput(f"The price list {path.name} is neither TOML nor JSON", "",
                           f"Give a file that ends in {' or '.join(SUFFIXES)}")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"The price list {path} cannot be read", str(error), "Give a file with prices") from None
    try:
        found = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"The price list {path.name} cannot be understood", str(error),
                           f"Correct its {path.suffix[1:].upper()}") from None
    if not isinstance(found, Mapping):
        raise InvalidInput(f"The price list {path.name} is no table", "",
                           "Write an object with 'prices' and 'qpus'")
    return found
