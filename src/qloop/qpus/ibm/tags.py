"""The tag that names a task at IBM."""

from __future__ import annotations

import hashlib
import re

LONGEST = 60
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")


def tag_of(token: str, prefix: str) -> str:
    """`prefix-token`; a long or unusual token by its hash, so that the service takes it as it is."""
    head = f"{prefix}-" if prefix else ""
    if _PLAIN.fullmatch(token) and len(head) + len(token) <= LONGEST:
        return head + token
    return head + hashlib.sha256(token.encode()).hexdigest()[:32]
