"""Asking a remote QPU: intent before effect, and on doubt look before asking again."""

from __future__ import annotations

from qloop.errors import QpuError
from qloop.qpus.protocol import Recovery
from qloop.qpus.remote import CredentialsRefused, Duplicate, NotAccepted, Unanswered
from qloop.runtime.journal.purchases import IntentInfo, IntentRow, IntentState
from qloop.runtime.remote.calls import pause
from qloop.runtime.remote.deal import Deal, Lost, token_of
from qloop.runtime.remote.dropping import drop_double, still_wanted
from qloop.runtime.remote.finding import Silent, find

MOST_REQUESTS = 20      # of one purchase, in one life of the run


def intend(deal: Deal) -> IntentInfo:
    """The intent, in the journal under a token that no other purchase has."""
    wanted, ticket = deal.wanted, deal.wanted.ticket
    earlier = len(deal.store.intents(wanted.session, ticket.digest))
    row = IntentRow(token_of(wanted.session, ticket.digest, earlier), wanted.session, ticket.digest, ticket.id,
                    deal.name, ticket.shots * len(ticket.thetas), wanted.epoch, wanted.now_ns())
    intent = deal.store.put_intent(row)
    deal.step("intended")
    return intent


def ask(deal: Deal, intent: IntentInfo) -> IntentInfo:
    """Send the request until the provider has it; the intent with the provider's id."""
    while True:
        still_wanted(deal, intent)
        deal.requests += 1
        try:
            provider = deal.call("submit", deal.qpu.submit, deal.wanted.program, deal.wanted.request, intent.row.token)
        except NotAccepted as error:
            if error.offline or deal.requests >= MOST_REQUESTS:
                return refused(deal, intent, error if error.offline else busy(deal, error))
            deal.pause(error.retry_after_s or pause(deal.requests, deal.poll_s))
        except (Unanswered, Duplicate):
            return in_doubt(deal, intent)
        except QpuError as error:
            return refused(deal, intent, error)
        else:
            deal.step("answered")
            if not (isinstance(provider, str) and provider):
                return in_doubt(deal, intent)       # no id: an answer that cannot be used
            return accepted(deal, intent, provider)


def busy(deal: Deal, error: NotAccepted) -> Lost:
    """The provider had no room in all the time."""
    return Lost(f"QPU {deal.name} took no task in {deal.requests} requests", str(error))


def refused(deal: Deal, intent: IntentInfo, error: QpuError) -> IntentInfo:
    """This request was surely not taken; but an earlier one of the same intent may have been, and then it is found."""
    if deal.doubt:
        if isinstance(error, CredentialsRefused):
            raise error     # the intent stays open: it is looked for once the provider knows who asks
        found = found_at(deal, intent)
        if found is not None:
            return found
    deal.move(intent, IntentState.ABANDONED, reason=str(error))
    raise error


def accepted(deal: Deal, intent: IntentInfo, provider: str) -> IntentInfo:
    """The provider has the task under this id."""
    there = deal.move(intent, IntentState.ACCEPTED, provider=provider)
    deal.doubt = False
    deal.step("accepted")
    return there


def in_doubt(deal: Deal, intent: IntentInfo) -> IntentInfo:
    """The request may have been carried out: find its task, and ask again only where that is safe."""
    deal.doubt = True
    recovery = deal.qpu.describe().recovery
    if recovery is Recovery.NONE:
        raise deal.hold(intent, f"QPU {deal.name} may or may not have taken the task, and cannot be asked")
    if recovery is Recovery.TOKEN and deal.requests < MOST_REQUESTS:
        deal.pause(pause(deal.requests, deal.poll_s) if deal.requests else 0.0)
        return ask(deal, intent)        # the provider takes a token once
    found = found_at(deal, intent)
    if found is not None:
        return found
    if deal.requests >= MOST_REQUESTS:
        raise deal.hold(intent, f"QPU {deal.name} answered none of {deal.requests} requests")
    return ask(deal, intent)


def found_at(deal: Deal, intent: IntentInfo) -> IntentInfo | None:
    """The intent with the id under which the provider has it; None if it surely has not, and then there is no doubt."""
    try:
        found = find(deal, intent, lambda: still_wanted(deal, intent))
    except Silent as error:
        raise deal.hold(intent, str(error)) from error
    if not found:
        deal.doubt = False
        return None
    for double in found[1:]:
        drop_double(deal, double)
    return accepted(deal, intent, found[0])
