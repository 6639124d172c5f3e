"""Dropping a remote task that nobody wants any more."""

from __future__ import annotations

import logging

from qloop.errors import QpuError
from qloop.qpus.protocol import Recovery
from qloop.qpus.remote import CredentialsRefused, Phase, Reading
from qloop.runtime.journal.purchases import IntentInfo, IntentState
from qloop.runtime.remote.calls import pause
from qloop.runtime.remote.deal import GOES_ON, Deal, Left, Lost
from qloop.runtime.remote.finding import Silent, find

TRIES = 3
LOOKS = 8
ENDED = (Phase.CANCELLED, Phase.FAILED, Phase.GONE)


def still_wanted(deal: Deal, intent: IntentInfo) -> None:
    """Raises `Left` if the runtime closes or the session is left to be resumed.

    If the task's owner has cancelled it, it is dropped, and what came of that is raised (see `give_up`). Returns for a
    task that is wanted, and for one that was cancelled too late: its result is there, and paid for. A guess that is
    squashed is dropped even then: in a later life of the run nobody may ask for it, and it would be billed unseen.
    """
    if deal.wanted.ticket.done and deal.wanted.kept():
        raise Left(f"Nobody waits while QPU {deal.name} has the task")
    if not (deal.wanted.ticket.done and deal.wanted.ticket.speculative):
        still_open(deal)
    if deal.wanted.ticket.done:
        give_up(deal, intent)


def still_open(deal: Deal) -> None:
    """Raises `Left` if the runtime closes."""
    if deal.wanted.closing():
        raise Left(f"The runtime closes while QPU {deal.name} has the task")


def give_up(deal: Deal, intent: IntentInfo) -> None:
    """Drop the task: `Lost` if nothing was bought, `Left` if nobody knows yet; returns if it is done already."""
    provider = intent.provider or sent_as(deal, intent)
    if not provider:
        deal.move(intent, IntentState.ABANDONED, reason="cancelled before the provider had it")
        raise Lost("The task was cancelled before it was sent")
    reading = drop(deal, provider)
    if reading.phase is Phase.DONE:
        return
    if reading.phase in ENDED:
        deal.move(intent, IntentState.ABANDONED, provider=provider, reason="cancelled by its owner")
        raise Lost("The task was cancelled")
    deal.move(intent, IntentState.ACCEPTED, provider=provider, reason=GOES_ON)
    raise Left(f"QPU {deal.name} goes on with a task that was cancelled")


def sent_as(deal: Deal, intent: IntentInfo) -> str:
    """The provider's id of the task, empty if its request surely never arrived; `Left` while nobody can know."""
    if not deal.doubt:
        return ""
    if deal.qpu.describe().recovery is Recovery.NONE:
        raise deal.hold(intent, f"QPU {deal.name} may or may not have taken the task, and cannot be asked")
    try:
        found = find(deal, intent, lambda: still_open(deal))
    except (Silent, CredentialsRefused) as error:
        raise Left(f"It was cancelled, but QPU {deal.name} may have it", str(error)) from error
    return found[0] if found else ""


def drop(deal: Deal, provider: str) -> Reading:
    """Ask for a task to be dropped; where it stands once that has had its time."""
    for nth in range(TRIES):
        try:
            deal.call("cancel", deal.qpu.cancel, provider)
            break
        except QpuError:
            deal.sleep(pause(nth, deal.settle_s))
    return last_word(deal, provider)


def drop_double(deal: Deal, provider: str) -> None:
    """Drop a task that the wire made of a doubled request; one that goes on is told of, for it will be billed."""
    if drop(deal, provider).phase not in ENDED:
        logging.getLogger("qloop").warning("QPU %s runs task %s, a double of a request that the wire sent twice; it "
                                           "may be billed", deal.name, provider)


def last_word(deal: Deal, provider: str) -> Reading:
    """Where a task stands after a wish to drop it."""
    reading = Reading(Phase.UNKNOWN)
    for nth in range(LOOKS):
        try:
            reading = deal.call("status", deal.qpu.status, provider)
        except QpuError:
            reading = Reading(Phase.UNKNOWN)
        if reading.phase is Phase.DONE or reading.phase in ENDED:
            break
        deal.sleep(pause(nth, deal.settle_s))
    return reading
