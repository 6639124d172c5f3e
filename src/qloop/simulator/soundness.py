"""A policy of one's own that gives no number is told of: nan would order a lane at random and bind tasks anywhere.

qloop's own policies are known to give numbers, and run without the check.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from qloop.errors import InvalidInput
from qloop.policies.record import Enter, Place, Policy

OWN = "qloop.policies."


def watched(policy: Policy) -> Policy:
    """The policy, whose `enter` and `place` raise FloatingPointError for nan, compiled or not."""
    enter, place = policy.enter, policy.place
    return replace(policy, enter=_enter(enter) if _foreign(enter) else enter,
                   place=_place(place) if _foreign(place) else place)


@contextmanager
def told(name: str) -> Iterator[None]:
    """What `watched` functions raise is told as InvalidInput, with the policy's name."""
    try:
        yield
    except FloatingPointError as error:
        part, what = ("place", "cost of a task on a QPU") if str(error) == "place" else ("enter", "key of a task")
        raise InvalidInput(f"The policy {name} gave no number", f"Its {part} returned nan as the {what}",
                           "Look for 0/0, inf - inf, or a column that holds inf in it") from error


def _foreign(function: Any) -> bool:
    return isinstance(function, types.FunctionType) and not str(function.__module__).startswith(OWN)


def _enter(enter: Enter) -> Enter:
    def enter_with_number(tasks: Any, flows: Any, qpus: Any, totals: Any, i: int, now: float, u: float) -> float:
        key = enter(tasks, flows, qpus, totals, i, now, u)
        if key != key:      # nan alone differs from itself, compiled as well
            raise FloatingPointError("enter")
        return key

    return enter_with_number


def _place(place: Place) -> Place:
    def place_with_number(tasks: Any, flows: Any, qpus: Any, totals: Any, i: int, q: int, now: float) -> float:
        cost = place(tasks, flows, qpus, totals, i, q, now)
        if cost != cost:
            raise FloatingPointError("place")
        return cost

    return place_with_number
