"""A call as it will be made, and what is known of the function that is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from qloop.functions.handle import Handle
from qloop.functions.parcel import Packed
from qloop.functions.wishes import Wish


class Callee(Protocol):
    """A function that can be called elsewhere."""

    inner: Callable[..., Any]
    wish: Wish
    name: str
    signature: inspect.Signature | None

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """InvalidInput if it cannot be called with these arguments."""

    def importable(self) -> bool:
        """Whether a worker finds this very function by its name."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it will be made: its function and arguments packed, and the futures that they wait for.

    `key` names what is asked, in a workflow, where its result is journaled under it; "": it is not.
    """

    name: str
    number: int
    code: Packed
    arguments: Packed
    inputs: tuple[Handle, ...]
    wish: Wish
    session: str
    key: str = ""

    @property
    def upstream(self) -> tuple[Handle, ...]:
        """All futures that it waits for."""
        return (*self.inputs, *self.wish.after)
