"""Asking a remote QPU: intent before effect, and on doubt look before asking again."""

from __future__ import annotations

import time

from qloop.errors import QpuError
from qloop.qpus.protocol import Recovery
from qloop.qpus.remote import CredentialsRefused, Duplicate, NotAccepted, Unanswered
from qloop.runtime.journal.purchases import IntentInfo, IntentRow, IntentState
from qloop.runtime.remote.calls import pause
from qloop.runtime.remote.deal import Deal, Lost, token_of
from qloop.runtime.remote.dropping import drop, still_wanted

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
            wait_for_acceptance(deal, intent, error)
        except (Unanswered, Duplicate):
            return in_doubt(deal, intent)
        except QpuError as error:
            deal.move(intent, IntentState.ABANDONED, reason=str(error))
            raise
        else:
            deal.step("answered")
            return accepted(deal, intent, provider)


def wait_for_acceptance(deal: Deal, intent: IntentInfo, error: NotAccepted) -> None:
    """The provider is busy: wait and go on with the same intent, as long as there is hope."""
    if error.offline or deal.requests >= MOST_REQUESTS:
        deal.move(intent, IntentState.ABANDONED, reason=str(error))
        if error.offline:
            raise error
        raise Lost(f"QPU {deal.name} took no task in {deal.requests} requests", str(error)) from error
    deal.pause(error.retry_after_s or pause(deal.requests, deal.poll_s))


def accepted(deal: Deal, intent: IntentInfo, provider: str) -> IntentInfo:
    """The provider has the task under this id."""
    there = deal.move(intent, IntentState.ACCEPTED, provider=provider)
    deal.step("accepted")
    return there


def in_doubt(deal: Deal, intent: IntentInfo) -> IntentInfo:
    """The request may have been carried out: find its task, and ask again only where that is safe."""
    recovery = deal.qpu.describe().recovery
    if recovery is Recovery.NONE:
        raise deal.hold(intent, f"QPU {deal.name} may or may not have taken the task, and cannot be asked")
    if recovery is Recovery.TOKEN and deal.requests < MOST_REQUESTS:
        deal.pause(pause(deal.requests, deal.poll_s) if deal.requests else 0.0)
        return ask(deal, intent)        # the provider takes a token once
    found = find(deal, intent)
    if found:
        for twin in found[1:]:      # the wire doubled the request: one is enough
            drop(deal, twin)
        return accepted(deal, intent, found[0])
    if deal.requests >= MOST_REQUESTS:
        raise deal.hold(intent, f"QPU {deal.name} answered none of {deal.requests} requests")
    return ask(deal, intent)


def find(deal: Deal, intent: IntentInfo) -> tuple[str, ...]:
    """What bears the token at the provider; empty only once its lists have surely caught up."""
    begun, silent, looks = time.monotonic(), 0, 0
    while True:
        still_wanted(deal, intent)
        sure = time.monotonic() - begun >= deal.settle_s
        try:
            found = deal.call("find", deal.qpu.find, intent.row.token)
        except CredentialsRefused:
            raise
        except QpuError as error:
            silent += 1
            if silent > MOST_REQUESTS:
                raise deal.hold(intent, f"QPU {deal.name} does not say which tasks it has: {error}") from error
        else:
            if found or sure:
                return found
        deal.pause(pause(looks, max(deal.settle_s / 4.0, 1e-3)))
        looks += 1
