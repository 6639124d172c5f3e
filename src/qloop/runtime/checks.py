"""Checks of sessions, tenants and weights, before anything is written or spent."""

from __future__ import annotations

import math
import os
import re

import msgspec

from qloop.errors import InvalidInput, QloopError, UnknownName
from qloop.model.limits import MAX_WEIGHT, MIN_WEIGHT
from qloop.runtime.wishes import SessionWish

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
TENANT_LENGTH = 200
KINDS = ("loop", "background")
DAY_S = 24 * 3600.0


def check_weight(whose: str, weight: object) -> None:
    """InvalidInput unless it is a number from MIN_WEIGHT to MAX_WEIGHT."""
    number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not (number and MIN_WEIGHT <= weight <= MAX_WEIGHT):     # type: ignore[operator]
        raise InvalidInput(f"The weight of {whose} is {weight!r:.80}", "",
                           f"Give a number from {MIN_WEIGHT:g} to {MAX_WEIGHT:g}")


def check_tenant(tenant: object) -> None:
    """InvalidInput unless it is a printable name of at most 200 characters."""
    if tenant == "":
        raise InvalidInput("The tenant's name is empty", "", "Give a name, or leave it out for 'default'")
    if not (isinstance(tenant, str) and tenant and tenant.isprintable() and len(tenant) <= TENANT_LENGTH):
        raise InvalidInput(f"The tenant's name is {tenant!r:.80}", "",
                           f"Give a printable text of 1 to {TENANT_LENGTH} characters, or leave it out for 'default'")


def check_wish(wish: SessionWish) -> None:
    """Refuse a session that can never work."""
    try:
        msgspec.convert(msgspec.structs.asdict(wish), SessionWish)
    except msgspec.ValidationError as error:
        raise InvalidInput("The session cannot be opened", str(error), "Give values of the documented types") from None
    if wish.name and not NAME.fullmatch(wish.name):
        raise InvalidInput(f"The session name {wish.name!r:.80} cannot be used", "Names become parts of ids",
                           "Use letters, digits, '-' and '_', at most 64")
    check_tenant(wish.tenant)
    check_weight("the session", wish.weight)
    for label, value in (("interactive_ttl", wish.interactive_ttl_s), ("max_time", wish.max_ttl_s)):
        if not 0.0 <= value <= 366 * DAY_S:
            raise InvalidInput(f"The session's {label} is {value!r:.80} seconds", "",
                               "Give seconds from 0 (the default) to a year")
    if wish.seed is not None and (isinstance(wish.seed, bool) or not 0 <= wish.seed < 2**63):
        raise InvalidInput(f"The session's seed is {wish.seed!r:.80}", "", "Give an integer from 0 to 2^63 - 1")
    if not (wish.project.isprintable() and len(wish.project) <= TENANT_LENGTH):
        raise InvalidInput(f"The session's project is {wish.project!r:.80}", "",
                           f"Give a printable text of at most {TENANT_LENGTH} characters")
    if wish.kind not in KINDS:
        raise UnknownName("kind of session", wish.kind, KINDS)
    if wish.optimum is not None and not math.isfinite(wish.optimum):
        raise InvalidInput(f"The session's optimum is {wish.optimum}", "", "Give a finite energy, or None")


def check_process(maker: int) -> None:
    """QloopError in a process that was forked from the runtime's: it has the records, but neither threads nor file."""
    here = os.getpid()
    if here != maker:
        raise QloopError(f"This runtime was made by process {maker}, and this is process {here}",
                         "A forked child has no threads to run tasks, and would damage the journal",
                         "Make a runtime in this process, or call the parent's")
