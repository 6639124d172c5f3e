"""What can stop a campaign under way; what was finished is kept."""

from __future__ import annotations

from typing import ClassVar

from qloop.errors import QloopError


class CampaignError(QloopError):
    """A campaign cannot go on: a full disk, a lost process, results that cannot be read, or a fault of qloop."""

    code: ClassVar[str] = "campaign"


def told_as(error: QloopError, prefix: str) -> QloopError:
    """The same error, of the same class, that says first where it stands."""
    made = type(error).__new__(type(error))
    made.__dict__.update(error.__dict__)
    QloopError.__init__(made, f"{prefix}{error.what}", error.why, error.do)
    return made
