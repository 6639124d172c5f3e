"""What went wrong at IBM, as the errors of `qloop.qpus.remote`.

The rule that matters: a submission counts as surely not made only if its POST never left, or the service itself refused
it. Whatever was sent and not answered in a readable way is `Unanswered`.
"""

from __future__ import annotations

from qloop.errors import InvalidInput, QloopError, QpuError
from qloop.qpus.ibm.exchange import Exchange
from qloop.qpus.remote import CredentialsRefused, NotAccepted, Unanswered

# Codes of IBM's error registry (IBM Quantum documentation, "Error code registry").
BUSY = (1012, 1202, 3458)
OFFLINE = (1004, 1999, 2002, 2615, 3245, 3246)
QUOTA = (4317,)
SESSION_OVER = (4001,)
CREDENTIALS = (1200, 1201, 3402, 3407, 3440)
BUSY_RETRY_S = 30.0
QUOTA_RETRY_S = 600.0


class SessionOver(NotAccepted):
    """The service has closed the session that the task was meant for; the next submission opens another."""


def failure_of(what: str, error: Exception, exchanges: list[Exchange], versions: str, *,
               writing: bool = False) -> QloopError:
    """The error of a call: `what` it was to do, the client's exception, and what went over the wire.

    `writing`: it was to submit, cancel or close, so that what was not sent was surely not done.
    """
    if isinstance(error, QloopError):
        return error
    if not exchanges:
        return _local(what, error)
    last = exchanges[-1]
    written = [one for one in exchanges if one.writes]
    if any(one.status < 300 for one in written):
        return Unanswered(f"IBM's service did not answer readably: {what}", _why(error, last),
                          "Look for the task before asking again")
    if last.status >= 400:
        return _refused(what, last, bool(written) or not writing, versions)
    if (last.status == 0 and not last.sent) or writing:
        return NotAccepted(f"IBM's service was not reached: {what}", _why(error, last),
                           "Check the network; it is retried")
    return Unanswered(f"IBM's service did not answer: {what}", _why(error, last), "Ask again")


def _local(what: str, error: Exception) -> QloopError:
    """The client refused before it asked anybody."""
    words = f"{type(error).__name__}: {error}"[:600]
    if isinstance(error, ValueError | TypeError) or type(error).__name__ in ("IBMInputValueError",):
        return InvalidInput(f"IBM's client refuses: {what}", words, "Nothing was sent; correct it and try again")
    return QpuError(f"IBM's client failed: {what}", words, "Nothing was sent")


def _why(error: Exception, last: Exchange) -> str:
    if last.status:
        return f"Its answer to {last.method} cannot be read ({type(error).__name__})"
    return f"{last.method} {'was sent, and no answer came' if last.sent else 'could not be sent'}"


def _refused(what: str, last: Exchange, open_end: bool, versions: str) -> QloopError:
    """The service answered with an error."""
    said = f"It says{f' (code {last.code})' if last.code else ''}: {last.words or f'HTTP status {last.status}'}"
    if last.status == 401 or last.code in CREDENTIALS or (last.status == 403 and not _limit(last)):
        return CredentialsRefused(f"IBM's service does not accept the credentials: {what}", said,
                                  "Make a new API key, put it where the QPU's reference points (saved account, "
                                  "environment variable or file), and check that the instance is yours")
    if last.code in SESSION_OVER or ("session" in last.words.lower() and "closed" in last.words.lower()):
        return SessionOver(f"IBM's session is over: {what}", said, "The next submission opens another")
    if last.status == 429 or last.code in BUSY or (last.status < 500 and _limit(last)):
        return NotAccepted(f"IBM's service takes no more tasks now: {what}", said, "It is retried",
                           retry_after_s=last.retry_after_s or (0.0 if last.status == 429 else BUSY_RETRY_S))
    if last.code in QUOTA:
        return NotAccepted(f"The instance has no time left: {what}", said, "Wait, or raise its limit",
                           retry_after_s=QUOTA_RETRY_S, offline=True)
    if last.code in OFFLINE:
        return NotAccepted(f"The QPU is offline: {what}", said, "It is retried", offline=True,
                           retry_after_s=last.retry_after_s)
    if last.status >= 500:
        return _broken(what, last, open_end, said)
    return _for_good(what, last, said, versions)


def _broken(what: str, last: Exchange, open_end: bool, said: str) -> QloopError:
    """A 5xx: unknown for what was written or only read, surely not made if the writing was still to come."""
    if open_end:
        return Unanswered(f"IBM's service failed: {what}", said, "Look for the task before asking again")
    return NotAccepted(f"IBM's service failed before the task was sent: {what}", said, "It is retried",
                       retry_after_s=last.retry_after_s)


def _for_good(what: str, last: Exchange, said: str, versions: str) -> QpuError:
    words = last.words.lower()
    if last.status == 426 or ("version" in words and any(sign in words for sign in ("support", "upgrade", "minimum"))):
        return QpuError(f"IBM's service does not work with this software: {what}", f"{said}. Here: {versions}",
                        "Upgrade with: pip install -U 'qloop[ibm]'")
    return QpuError(f"IBM's service refuses: {what}", said, "")


def _limit(last: Exchange) -> bool:
    words = last.words.lower()
    return last.code in (*BUSY, *QUOTA) or ("pending" in words and ("maximum" in words or "limit" in words))
