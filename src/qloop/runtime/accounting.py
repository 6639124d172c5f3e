"""Accounts of QPU calls: priced, reserved against budgets before they are made, and settled by what they took."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from qloop.errors import BudgetExceeded, InvalidInput, JournalError, Refused
from qloop.model.cost import Cost
from qloop.runtime.budget import Budget, Charge, Purse, parse, same_currency
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.purchases import CallOutcome, CallRow, IntentInfo, IntentState
from qloop.runtime.journal.rows import SessionFilter
from qloop.runtime.pricing import Charged, Pricing
from qloop.runtime.remote.deal import Lost
from qloop.runtime.terms import Terms, keep_terms, kept_terms, tenant_budgets
from qloop.runtime.ticket import Outcome, QuantumTicket, Turn
from qloop.runtime.wishes import SessionWish

DONE, SQUASHED = CallOutcome.DONE.value, CallOutcome.SQUASHED.value


@dataclass(slots=True)
class Account:
    """What is kept of one open session: who pays, and for what; `calls` is the number of its last call."""

    session: str
    tenant: str
    project: str
    purse: Purse
    budget: str = ""
    calls: int = 0
    tokens: set[str] = field(default_factory=set)

    def view(self) -> dict[str, Any]:
        """What the session's view tells of it."""
        return {"calls": self.purse.calls, "cost": self.purse.cost, "budget": self.budget, "project": self.project}


class Accounts:
    """The accounts of a runtime. `budgets` are those of tenants, by name; a session's comes with its wish."""

    def __init__(self, store: Store, pricing: Pricing, budgets: Mapping[str, str]) -> None:
        self.store, self.pricing = store, pricing
        self._budgets = tenant_budgets(budgets, pricing.book)
        self._tenants: dict[str, Purse] = {}
        self._accounts: dict[str, Account] = {}
        self._lock = threading.Lock()

    def check(self, wish: SessionWish) -> None:
        """InvalidInput if the budget of the session or its tenant cannot be kept; nothing is written."""
        self._budget(f"session {wish.name!r}" if wish.name else "the session", wish.budget, wish.qpu)
        tenants = self._budgets.get(wish.tenant)
        if tenants is not None:
            self.pricing.check_priced(f"tenant {wish.tenant!r}", tenants, wish.qpu)

    def open(self, session: str, wish: SessionWish) -> Account:
        """Make the session's account: what it and its tenant have spent in earlier lives counts."""
        kept = kept_terms(self.store, session)
        terms = Terms(wish.budget or kept.budget, wish.project or kept.project, self.pricing.not_free(wish.qpu))
        if terms != kept:
            keep_terms(self.store, session, terms)
        name = session.rpartition(".")[2]
        budget = self._budget(f"session {name!r}", terms.budget, wish.qpu)
        purse = Purse(f"session {name!r}", budget, "budget= of the session")
        last, tokens = self._remember(purse, session)
        self._same_currency(purse)
        with self._lock:
            self._tenant(wish.tenant)
            self._accounts[session] = Account(session, wish.tenant, terms.project, purse, terms.budget, last, tokens)
        return self._accounts[session]

    def reserve(self, session: str, ticket: QuantumTicket, charges: Callable[[], Mapping[str, Charged]]) -> None:
        """Set aside what a task may cost at most; `BudgetExceeded`, and nothing set aside, if that is too much."""
        account = self._accounts[session]
        tenant = self._tenants.get(account.tenant)
        purses = [purse for purse in (account.purse, tenant) if purse is not None and purse.budget is not None]
        if not purses:
            return
        found = [Charge(one.cost, one.shots) for one in charges().values()]
        with self._lock:
            for purse in purses:
                purse.check(found)
            for purse in purses:
                purse.reserve(ticket, found)

    def forgo(self, ticket: QuantumTicket) -> None:
        """The task was not accepted: it will cost nothing."""
        with self._lock:
            for purse in self._purses(self._accounts[ticket.session]):
                purse.settle(ticket.id)

    def bought(self, turn: Turn, outcome: Outcome, now_ns: int, intent: IntentInfo | None = None) -> CallRow:
        """The account of a call that brought a result, for the journal and then for `settle`; completes the outcome."""
        ticket, qpu = turn.ticket, outcome.qpu
        charged = self.pricing.predicted(turn, qpu, outcome.net_ns)
        outcome.net_ns, outcome.cost = charged.cost.net_ns, charged.cost
        ending = SQUASHED if ticket.done or ticket.attempt != turn.attempt else DONE
        if intent is None and outcome.net_ns:       # emulated: it ends when its time is over
            now_ns = max(now_ns, ticket.begun_ns + turn.cold_ns + outcome.net_ns)
        return self._row(turn, qpu, ending, charged, now_ns, intent=intent, epoch=outcome.epoch)

    def squashed(self, ticket: QuantumTicket, call: CallRow) -> None:
        """Another attempt's result was first: the call is paid for, and kept by itself."""
        row = msgspec.structs.replace(call, outcome=SQUASHED)
        self.store.put_call(row)
        self.settle(ticket, row)

    def failed(self, turn: Turn, error: Exception, reason: str, now_ns: int) -> None:
        """Journal a call that came to nothing; what was refused before a QPU saw it, or goes on there, is none.

        A QPU in this process takes nothing for it. A provider may: what ran there in vain counts as predicted.
        """
        if isinstance(error, InvalidInput | JournalError | Refused | BudgetExceeded):
            return
        ticket, qpu, intent = turn.ticket, turn.place, None
        charged = self.pricing.nothing(qpu, len(ticket.thetas))
        if self.pricing.is_remote(qpu):
            intent = self._given_up(ticket)
            if intent is None:
                return
            qpu = intent.row.qpu
            charged = charged if isinstance(error, Lost) else self.pricing.predicted(turn, qpu)
        ending = CallOutcome.CANCELLED if ticket.done else CallOutcome.FAILED
        with contextlib.suppress(JournalError):     # the call's own error is told; the next write tells this one
            row = self._row(turn, qpu, ending.value, charged, now_ns, intent=intent, reason=reason)
            self.store.put_call(row)
            self.settle(ticket, row)

    def settle(self, ticket: QuantumTicket, row: CallRow) -> None:
        """The call is journaled: it is spent, and a task that has its result reserves nothing any more."""
        with self._lock:
            for purse in self._purses(self._accounts[ticket.session]):
                purse.spend(charge_of(row))
                if row.outcome == DONE:
                    purse.settle(ticket.id)

    def account(self, session: str) -> Account:
        """The account of a session that this runtime has opened."""
        return self._accounts[session]

    def _row(self, turn: Turn, qpu: str, ending: str, charged: Charged, now_ns: int, *, intent: IntentInfo | None,
             epoch: int = 0, reason: str = "") -> CallRow:
        """A call's account under the session's next number."""
        ticket, paid = turn.ticket, charged.cost
        token, provider = ("", "") if intent is None else (intent.row.token, intent.provider)
        with self._lock:
            account = self._accounts[ticket.session]
            account.calls += 1
            number = account.calls
            account.tokens.add(token)
        return CallRow(f"{ticket.session}#{number}", ticket.session, ticket.id, turn.attempt, account.tenant, qpu,
                       ending, account.project, epoch, ticket.begun_ns, max(now_ns, ticket.begun_ns),
                       charged.evaluations, charged.circuits, charged.shots, charged.executions, paid.net_ns,
                       paid.billed_ns, paid.amount, paid.currency, charged.price, token, provider, reason)

    def _given_up(self, ticket: QuantumTicket) -> IntentInfo | None:
        """The intent of a task that its provider had, and that came to nothing there; None if it is accounted for."""
        found = self.store.intents(ticket.session, ticket.digest)
        last = found[-1] if found else None
        if last is None or last.state is not IntentState.ABANDONED or not last.provider:
            return None
        return None if last.row.token in self._accounts[ticket.session].tokens else last

    def _purses(self, account: Account) -> list[Purse]:
        tenant = self._tenants.get(account.tenant)
        return [account.purse] if tenant is None else [account.purse, tenant]

    def _remember(self, purse: Purse, session: str) -> tuple[int, set[str]]:
        """What the journal says that the session has spent; returns the number of its last call, and all intents.

        A result without an account is of a QPU that takes no time and costs nothing: its shots count.
        """
        accounted, last, tokens = set(), 0, set()
        for row in self.store.calls(session=session):
            accounted.add((row.task, row.attempt))
            tokens.add(row.intent)
            last = max(last, int(row.id.rpartition("#")[2]))
            purse.spend(charge_of(row))
        for result in self.store.results(session):
            if (result.task, result.attempt) not in accounted:
                purse.spend(Charge(Cost(), result.shots))
        return last, tokens

    def _tenant(self, tenant: str) -> None:
        """The tenant's purse, filled from the whole journal at its first session."""
        budget = self._budgets.get(tenant)
        if budget is None or tenant in self._tenants:
            return
        purse = self._tenants[tenant] = Purse(f"tenant {tenant!r}", budget, "budgets= of the runtime")
        for known in self.store.sessions(SessionFilter(tenant=tenant)):
            self._remember(purse, known.row.id)
        self._same_currency(purse)

    def _same_currency(self, purse: Purse) -> None:
        """InvalidInput if what was spent earlier is in another currency than the prices of today."""
        spent, now = purse.cost.currency, self.pricing.book.currency
        if spent and now and spent != now:
            raise InvalidInput(f"The {purse.whose} has spent {purse.cost.text}, and the prices are in {now}",
                               "qloop knows no exchange rates", f"Give all prices in {spent}, or start a new run")

    def _budget(self, whose: str, wish: str, pin: str) -> Budget | None:
        if not wish:
            return None
        budget = parse(whose, wish)
        same_currency(budget, self.pricing.book.currency, whose)
        self.pricing.check_priced(whose, budget, pin)
        return budget


def charge_of(row: CallRow) -> Charge:
    """What a journaled call has cost."""
    return Charge(Cost(row.net_ns, row.billed_ns, row.amount, row.currency), row.shots)
