"""What a session's money is reckoned by, and what tenants may spend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from qloop.model.prices import Price
from qloop.runtime.budget import Budget, parse, same_currency
from qloop.runtime.journal.protocol import Store
from qloop.runtime.price_book import PriceBook

NAME: Final = "qloop.terms"
"""The name under which the journal keeps a session's terms, beside the checkpoints of its loops."""


class Terms(msgspec.Struct, frozen=True):
    """A session's budget, project and prices (other than free ones, by QPU); one that is taken up again keeps to them.

    They are no part of what must be equal when a session comes again: a budget may be raised.
    """

    budget: str = ""
    project: str = ""
    prices: dict[str, Price] = {}


def keep_terms(store: Store, session: str, terms: Terms) -> None:
    """Journal the terms of a session, in place of earlier ones."""
    store.put_checkpoint(session, NAME, 0, msgspec.json.encode(terms))


def kept_terms(store: Store, session: str) -> Terms:
    """The terms that the journal keeps of a session."""
    kept = store.get_checkpoint(session, NAME)
    return Terms() if kept is None else msgspec.json.decode(kept.state, type=Terms)


def tenant_budgets(budgets: Mapping[str, str], book: PriceBook) -> dict[str, Budget]:
    """The budgets of tenants; InvalidInput for one that cannot be kept."""
    made = {}
    for tenant, wish in budgets.items():
        made[tenant] = parse(f"tenant {tenant!r}", wish)
        same_currency(made[tenant], book.currency, f"tenant {tenant!r}")
    return made
