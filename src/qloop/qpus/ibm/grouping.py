"""IBM's sessions and batches: opened when first needed, replaced when the service has closed them."""

from __future__ import annotations

import threading
from typing import Any

from qloop.qpus.ibm.settings import Mode, Settings


class Grouping:
    """The session or batch that tasks are submitted into; without grouping the backend itself.

    `opened` counts what was opened. A session that the service has closed (its longest time is over, or nobody used
    it) is noticed by asking before each submission, and another is opened; one that closes between that look and the
    submission makes the service refuse, and `lost` drops it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._group: Any = None
        self._lock = threading.Lock()
        self.opened = 0

    def where(self, backend: Any) -> Any:
        """What IBM's primitives take as their mode; opens a session or batch on the backend if there is none."""
        if self._settings.mode is Mode.JOB:
            return backend
        with self._lock:
            if self._group is not None and not _accepts(self._group):
                self._group = None
            if self._group is None:
                self._group = self._open(backend)
                self.opened += 1
            return self._group

    def lost(self) -> None:
        """The service says that the session is over."""
        with self._lock:
            self._group = None

    def close(self) -> None:
        """Close the session; one that cannot be closed is kept, so that closing again tries again."""
        with self._lock:
            if self._group is not None:
                self._group.close()
            self._group = None

    def _open(self, backend: Any) -> Any:
        from qiskit_ibm_runtime import Batch, Session

        kind = Session if self._settings.mode is Mode.SESSION else Batch
        return kind(backend, max_time=self._settings.max_time_s or None)


def _accepts(group: Any) -> bool:
    """Whether a session takes tasks; one without an id is of the local testing mode."""
    if group.session_id is None:
        return True
    details = group.details()
    if not details:
        return True
    over = str(details.get("state", "")) in ("closed", "pending_closed")
    return not over and bool(details.get("accepting_jobs", True))
