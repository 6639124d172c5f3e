"""Dropping a remote task that nobody wants any more."""

from __future__ import annotations

from qloop.errors import QpuError
from qloop.qpus.remote import Phase, Reading
from qloop.runtime.journal.purchases import IntentInfo, IntentState
from qloop.runtime.remote.calls import pause
from qloop.runtime.remote.deal import Deal, Left, Lost

TRIES = 3
LOOKS = 8


def still_wanted(deal: Deal, intent: IntentInfo) -> None:
    """Raises `Left` if the runtime closes or the session is left to be resumed.

    If the task's owner has cancelled it, it is dropped, and what came of that is raised (see `give_up`). Returns for a
    task that is wanted, and for one that was cancelled too late: its result is there, and paid for.
    """
    if deal.wanted.closing() or (deal.wanted.ticket.done and deal.wanted.kept()):
        raise Left(f"Nobody waits while QPU {deal.name} has the task")
    if deal.wanted.ticket.done:
        give_up(deal, intent)


def give_up(deal: Deal, intent: IntentInfo) -> None:
    """Drop the task: `Lost` if nothing was bought, `Left` if the provider goes on; returns if it is done already."""
    provider = intent.provider or sent_as(deal, intent)
    if not provider:
        deal.move(intent, IntentState.ABANDONED, reason="cancelled before the provider had it")
        raise Lost("The task was cancelled before it was sent")
    drop(deal, provider)
    reading = last_word(deal, provider)
    if reading.phase is Phase.DONE:
        return
    if reading.phase in (Phase.CANCELLED, Phase.FAILED, Phase.GONE):
        deal.move(intent, IntentState.ABANDONED, provider=provider, reason="cancelled by its owner")
        raise Lost("The task was cancelled")
    deal.move(intent, IntentState.ACCEPTED, provider=provider, reason="cancelled, but the provider goes on with it")
    raise Left(f"QPU {deal.name} goes on with a task that was cancelled")


def sent_as(deal: Deal, intent: IntentInfo) -> str:
    """The provider's id of a task whose request may have arrived, empty if none is known."""
    if not deal.requests:
        return ""
    try:
        found = deal.call("find", deal.qpu.find, intent.row.token)
    except QpuError:
        return ""
    return found[0] if found else ""


def drop(deal: Deal, provider: str) -> None:
    """Ask for a task to be dropped; whether it was, its status will say."""
    for _ in range(TRIES):
        try:
            deal.call("cancel", deal.qpu.cancel, provider)
            return
        except QpuError:
            continue


def last_word(deal: Deal, provider: str) -> Reading:
    """Where the task stands once the wish to drop it has had its time."""
    reading = Reading(Phase.UNKNOWN)
    for nth in range(LOOKS):
        try:
            reading = deal.call("status", deal.qpu.status, provider)
        except QpuError:
            continue
        if reading.phase in (Phase.DONE, Phase.CANCELLED, Phase.FAILED, Phase.GONE):
            break
        deal.sleep(pause(nth, deal.settle_s))
    return reading
