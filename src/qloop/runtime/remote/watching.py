"""Watching a remote task until it ends, and taking its result."""

from __future__ import annotations

from qloop.errors import QpuError
from qloop.qpus.protocol import QpuResult
from qloop.qpus.remote import CredentialsRefused, NotAccepted, Phase, Reading, Unanswered
from qloop.runtime.journal.purchases import IntentInfo, IntentState
from qloop.runtime.remote.calls import pause
from qloop.runtime.remote.deal import Deal, Lost
from qloop.runtime.remote.dropping import still_open, still_wanted

MOST_READINGS = 5       # of a result that cannot be used, or of a state that nobody understands


def wait(deal: Deal, intent: IntentInfo) -> QpuResult:
    """Until the provider's task is done; its result. A task that was done stays done, whatever is said later."""
    looks, odd = 0, 0
    while True:
        still_wanted(deal, intent)
        reading = read(deal, intent)
        if reading is not None:
            if reading.phase is Phase.DONE:
                return fetch(deal, intent)
            if reading.phase in (Phase.FAILED, Phase.CANCELLED):
                raise ended(deal, intent, reading)
            odd = odd + 1 if reading.phase in (Phase.UNKNOWN, Phase.GONE) else 0
            if odd > MOST_READINGS:
                raise deal.hold(intent, f"QPU {deal.name} says of its task {intent.provider}: {reading.phase}"
                                        f"{', ' + reading.reason if reading.reason else ''}")
        deal.pause(pause(looks, deal.poll_s))
        looks += 1


def read(deal: Deal, intent: IntentInfo) -> Reading | None:
    """Where the task stands; None if the provider did not say."""
    try:
        return deal.call("status", deal.qpu.status, intent.provider)
    except CredentialsRefused:
        raise
    except QpuError:
        return None


def ended(deal: Deal, intent: IntentInfo, reading: Reading) -> QpuError:
    """The task ended without a result: it ran in vain, somebody cancelled it, or it never ran and may be moved."""
    reason = reading.reason or "The provider gave no reason"
    deal.move(intent, IntentState.ABANDONED, reason=reason)
    cancelled = reading.phase is Phase.CANCELLED
    what = f"Task {intent.provider} {'was cancelled' if cancelled else 'failed'} at QPU {deal.name}"
    if cancelled or reading.executed:
        return QpuError(what, reason, "Nothing is kept of it; the provider may bill what it used")
    return Lost(what, reason)


def fetch(deal: Deal, intent: IntentInfo) -> QpuResult:
    """The result of a task that is done, asked for until the provider answers; held if its answers are no result."""
    looks, useless = 0, 0
    while True:
        try:
            result = deal.call("result", deal.qpu.result, intent.provider, deal.wanted.program, deal.wanted.request)
            if result.token not in ("", intent.row.token):
                raise QpuError(f"It answered the result of another task, {result.token}")
            deal.wanted.check(result)
        except CredentialsRefused:
            raise
        except QpuError as error:
            still_open(deal)
            useless += not isinstance(error, Unanswered | NotAccepted)
            if useless >= MOST_READINGS:
                raise deal.hold(intent, f"Task {intent.provider} is done at QPU {deal.name}, but gives no result: "
                                        f"{error}") from error
            deal.sleep(pause(looks, deal.poll_s))
            looks += 1
        else:
            deal.step("fetched")
            return result
