"""Carrying out classical tasks on the workers of a pilot."""

from __future__ import annotations

from qloop.model.commands import AbortClassical, StartClassical
from qloop.runtime.core import Core
from qloop.runtime.ticket import Ticket


class ClassicalSide:
    """No pilot yet."""

    def __init__(self) -> None:
        self.core: Core | None = None

    def start(self, ticket: Ticket, command: StartClassical) -> None:
        """Hand the call to the worker."""

    def abort(self, command: AbortClassical) -> None:
        """Stop the worker."""

    def stop(self) -> None:
        """End the pilot."""
