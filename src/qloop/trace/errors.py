"""What can go wrong with a trace."""

from __future__ import annotations

from qloop.errors import QloopError


class TraceError(QloopError):
    """A trace cannot be read or written, or it contradicts itself."""

    code = "trace"
