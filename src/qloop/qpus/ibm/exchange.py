"""One request to IBM's service and its answer, as far as faults are judged by it; never a header, never a body."""

from __future__ import annotations

import msgspec

SESSIONS = "/sessions"


class Exchange(msgspec.Struct):
    """One request: whether it was `sent`, the `status` of its answer (0: none), the service's `code` and words."""

    method: str
    path: str
    sent: bool = True
    status: int = 0
    retry_after_s: float = 0.0
    code: int = 0
    words: str = ""

    @property
    def writes(self) -> bool:
        """Whether it may have changed what the service holds; an opened session buys nothing, so it does not count."""
        return self.sent and self.method != "GET" and not self.path.endswith(SESSIONS)
