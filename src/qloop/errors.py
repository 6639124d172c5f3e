"""Every error qloop raises on purpose.

Each says what happened, why, and what to do about it, and carries a stable `code` for programs.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class QloopError(Exception):
    """Root of qloop's errors: `what` happened, `why`, what to `do`; `code` names the kind."""

    code: ClassVar[str] = "error"

    def __init__(self, what: str, why: str = "", do: str = "") -> None:
        self.what, self.why, self.do = what, why, do
        super().__init__(" ".join(_sentence(part) for part in (what, why, do) if part))


class InvalidInput(QloopError, ValueError):
    """An argument that can never work; nothing was spent and nothing changed."""

    code = "invalid_input"


class UnknownName(InvalidInput):
    """A name that is not registered; the message offers the nearest valid one, or says that there are none."""

    code = "unknown_name"

    def __init__(self, noun: str, name: object, valid: Iterable[str]) -> None:
        self.name, self.valid = name, sorted(valid)
        near = difflib.get_close_matches(str(name), self.valid, n=1, cutoff=0.5)
        hint = f"Did you mean {near[0]!r}?" if near else ""
        choice = f"Choose one of: {', '.join(self.valid)}" if self.valid else "There are none"
        super().__init__(f"There is no {noun} named {name!r}", hint, choice)


class MissingExtra(QloopError, ImportError):
    """An optional library is needed and not installed."""

    code = "missing_extra"

    def __init__(self, what_for: str, extra: str) -> None:
        super().__init__(f"{what_for} needs an optional library that is not installed", "",
                         f"Install it with: pip install 'qloop[{extra}]'")


class Refused(QloopError):
    """Admission said no: a bound is reached. Try again after `retry_after` seconds."""

    code = "refused"

    def __init__(self, what: str, why: str = "", do: str = "", retry_after: float = 1.0) -> None:
        self.retry_after = retry_after
        super().__init__(what, why, do)


class BudgetExceeded(QloopError):
    """The next call might cost more than the budget allows; it was not made, and the session can be resumed."""

    code = "budget"


class Conflict(QloopError):
    """The same id was used before with another content."""

    code = "conflict"


class Cancelled(QloopError):
    """The task or its session was cancelled; there is no result and there will be none."""

    code = "cancelled"


class SessionEnded(QloopError):
    """The session is closed, cancelled or expired and takes no further tasks."""

    code = "session_ended"


class QpuError(QloopError):
    """A QPU failed to run a task."""

    code = "qpu_error"


class Held(QpuError):
    """Nobody can know whether a QPU was paid for this task, so a person decides; `token` names the intent."""

    code = "held"

    def __init__(self, what: str, why: str = "", do: str = "", token: str = "") -> None:
        self.token = token
        super().__init__(what, why, do)


class JournalError(QloopError):
    """The journal cannot be used: corrupt, foreign, newer than this qloop, locked, or its disk is full."""

    code = "journal"


class UserCodeError(QloopError):
    """A user's function raised; `traceback_text` and `stderr_text` are its own, unaltered."""

    code = "user_code"

    def __init__(self, what: str, traceback_text: str = "", stderr_text: str = "") -> None:
        self.traceback_text, self.stderr_text = traceback_text, stderr_text
        super().__init__(what, traceback_text, "")


class CallFailed(QloopError):
    """A call of a function could not be carried out: its worker died with it, its time was up, or what it needs failed.
    """

    code = "call_failed"


def _sentence(text: str) -> str:
    """The text, ended as a sentence."""
    text = text.strip()
    return text if text.endswith((".", "!", "?", ":")) else text + "."
