"""Accounts of QPU calls: priced, reserved against budgets before they are made, and settled by what they took."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from qloop.errors import BudgetExceeded, Conflict, InvalidInput, JournalError, Refused
from qloop.model.cost import Cost
from qloop.runtime.budget import Budget, Charge, Purse, parse, same_currency
from qloop.runtime.journal.protocol import Store
from qloop.runtime.journal.purchases import CallOutcome, CallRow, IntentInfo, IntentState
from qloop.runtime.journal.rows import SessionFilter
from qloop.runtime.pricing import Charged, Pricing
from qloop.runtime.remote.deal import GOES_ON, Left, Lost
from qloop.runtime.terms import Terms, keep_terms, kept_terms, tenant_budgets
from qloop.runtime.ticket import Outcome, QuantumTicket, Turn
from qloop.runtime.wishes import SessionWish

DONE, SQUASHED = CallOutcome.DONE.value, CallOutcome.SQUASHED.value
"""The reason under which `remote.dropping` leaves the intent of a task that nobody wants and that will be billed."""


@dataclass(slots=True, weakref_slot=True, eq=False)
class Account:
    """What is kept of one open session: who pays, and for what; `calls` is the number of its last call.

    `rows` are the accounts of purchases at providers by the tokens of their intents, `spent` those that are counted:
    one purchase is paid for once, however often its result is fetched.
    """

    session: str
    tenant: str
    project: str
    purse: Purse
    budget: str = ""
    calls: int = 0
    rows: dict[str, CallRow] = field(default_factory=dict)
    spent: set[str] = field(default_factory=set)

    def view(self) -> dict[str, Any]:
        """What the session's view tells of it."""
        return {"calls": self.purse.calls, "cost": self.purse.cost, "budget": self.budget, "project": self.project}


class Accounts:
    """The accounts of a runtime. `budgets` are those of tenants, by name; a session's comes with its wish.

    An account lives as long as its session's book: attempts that are under way when the session ends hold on to it.
    """

    def __init__(self, store: Store, pricing: Pricing, budgets: Mapping[str, str]) -> None:
        self.store, self.pricing = store, pricing
        self._budgets = tenant_budgets(budgets, pricing.book)
        self._tenants: dict[str, Purse] = {}
        self._accounts: weakref.WeakValueDictionary[str, Account] = weakref.WeakValueDictionary()
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
        last, rows = self._remember(purse, session)
        self._same_currency(purse)
        account = Account(session, wish.tenant, terms.project, purse, terms.budget, last, rows, set(rows))
        with self._lock:
            self._tenant(wish.tenant)
            self._accounts[session] = account
        return account

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
        """The account of a call that brought a result, for the journal and then for `settle`; completes the outcome.

        Where the purchase is accounted for already, that account again.
        """
        ticket, qpu = turn.ticket, outcome.qpu
        charged = self.pricing.predicted(turn, qpu, outcome.net_ns)
        outcome.net_ns, outcome.cost = charged.cost.net_ns, charged.cost
        late = intent is None and ticket.attempt != turn.attempt     # at a provider, the next attempt goes on with it
        ending = SQUASHED if ticket.done or late else DONE
        if intent is None and outcome.net_ns:       # emulated: it ends when its time is over
            now_ns = max(now_ns, ticket.begun_ns + turn.cold_ns + outcome.net_ns)
        return self._row(turn, qpu, ending, charged, now_ns, intent=intent, epoch=outcome.epoch)

    def squashed(self, ticket: QuantumTicket, call: CallRow, *, spent: bool = False) -> None:
        """Another attempt's result was first, or nobody wants it: the call is paid for, and kept by itself.

        `spent`: it was settled before.
        """
        row = msgspec.structs.replace(call, outcome=SQUASHED)
        with contextlib.suppress(Conflict):     # the purchase's account is there already, and stays as it is
            self.store.put_call(row)
        if not spent:
            self.settle(ticket, row)

    def cut_off(self, turn: Turn, net_ns: int, now_ns: int) -> None:
        """A guess was cut off after `net_ns` on an emulated QPU: that much is paid for."""
        if net_ns > 0:
            charged = self.pricing.predicted(turn, turn.place, net_ns)
            self.squashed(turn.ticket, self._row(turn, turn.place, SQUASHED, charged, now_ns, intent=None))
        self.forgo(turn.ticket)

    def failed(self, turn: Turn, error: Exception, reason: str, now_ns: int) -> None:
        """Journal a call that came to nothing; what was refused before a QPU saw it is none.

        A QPU in this process takes nothing for it. A provider may: what ran there in vain, or runs on though its task
        was cancelled, counts as predicted.
        """
        if isinstance(error, InvalidInput | JournalError | Refused | BudgetExceeded):
            return
        with contextlib.suppress(JournalError):     # the call's own error is told; the next write tells this one
            row = self._in_vain(turn, error, reason, now_ns)
            if row is None:
                return
            try:
                self.store.put_call(row)
            finally:
                self.settle(turn.ticket, row)

    def settle(self, ticket: QuantumTicket, row: CallRow) -> None:
        """The call is journaled: it is spent, once, and a task that has its result reserves nothing any more."""
        with self._lock:
            account = self._accounts[ticket.session]
            again = row.intent in account.spent
            if row.intent:
                account.spent.add(row.intent)
            for purse in self._purses(account):
                if not again:
                    purse.spend(charge_of(row))
                if again or row.outcome == DONE:
                    purse.settle(ticket.id)

    def account(self, session: str) -> Account:
        """The account of a session that this runtime has opened."""
        return self._accounts[session]

    def _row(self, turn: Turn, qpu: str, ending: str, charged: Charged, now_ns: int, *, intent: IntentInfo | None,
             epoch: int = 0, reason: str = "") -> CallRow:
        """A call's account under the session's next number, or the one that its purchase has already."""
        ticket, paid = turn.ticket, charged.cost
        token, provider = ("", "") if intent is None else (intent.row.token, intent.provider)
        with self._lock:
            account = self._accounts[ticket.session]
            known = account.rows.get(token)
            if known is not None:
                return known
            account.calls += 1
            row = CallRow(f"{ticket.session}#{account.calls}", ticket.session, ticket.id, turn.attempt, account.tenant,
                          qpu, ending, account.project, epoch, ticket.begun_ns, max(now_ns, ticket.begun_ns),
                          charged.evaluations, charged.circuits, charged.shots, charged.executions, paid.net_ns,
                          paid.billed_ns, paid.amount, paid.currency, charged.price, token, provider, reason)
            if token:
                account.rows[token] = row
        return row

    def _in_vain(self, turn: Turn, error: Exception, reason: str, now_ns: int) -> CallRow | None:
        """The account of a call without a result; None if there was no call, or it is accounted for."""
        ticket, qpu, intent = turn.ticket, turn.place, None
        if self.pricing.is_remote(qpu):
            intent = self._given_up(ticket, error)
            if intent is None:
                return None
            qpu = intent.row.qpu
        if intent is None or isinstance(error, Lost):
            charged = self.pricing.nothing(qpu, len(ticket.thetas))
        else:
            charged = self.pricing.predicted(turn, qpu)
        ending = CallOutcome.CANCELLED if ticket.done else CallOutcome.FAILED
        return self._row(turn, qpu, ending.value, charged, now_ns, intent=intent, reason=reason)

    def _given_up(self, ticket: QuantumTicket, error: Exception) -> IntentInfo | None:
        """The intent of a task that its provider had, and that came to nothing there, or to nothing that anybody wants;
        None if it is accounted for.
        """
        found = self.store.intents(ticket.session, ticket.digest)
        last = found[-1] if found else None
        if last is None or not last.provider or last.row.token in self._accounts[ticket.session].rows:
            return None
        goes_on = isinstance(error, Left) and last.state is IntentState.ACCEPTED and last.reason == GOES_ON
        return last if goes_on or last.state is IntentState.ABANDONED else None

    def _purses(self, account: Account) -> list[Purse]:
        tenant = self._tenants.get(account.tenant)
        return [account.purse] if tenant is None else [account.purse, tenant]

    def _remember(self, purse: Purse, session: str) -> tuple[int, dict[str, CallRow]]:
        """What the journal says that the session has spent; returns the number of its last call, and the accounts of
        its intents.

        A result without an account is of a QPU that takes no time and costs nothing: its shots count.
        """
        accounted, last, rows = set(), 0, {}
        for row in self.store.calls(session=session):
            accounted.add((row.task, row.attempt))
            last = max(last, int(row.id.rpartition("#")[2]))
            purse.spend(charge_of(row))
            if row.intent:
                rows[row.intent] = row
        intents = self.store.intents(session) if rows else []
        bought = {(one.row.digest, one.row.qpu) for one in intents if one.row.token in rows}
        for result in self.store.results(session):
            if (result.task, result.attempt) not in accounted and (result.digest, result.qpu) not in bought:
                purse.spend(Charge(Cost(), result.shots))
        return last, rows

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
