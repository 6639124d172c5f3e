"""What a primitive's own session is opened with, checked when it is given: the session opens with the first run."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, TypedDict, cast

import numpy as np

from qloop.errors import InvalidInput, UnknownName
from qloop.loops import duration
from qloop.loops.session import client_of
from qloop.runtime.client import Client

SEEDS = 2**63       # seeds of a session are below


class SessionSettings(TypedDict, total=False):
    """What `qloop.Session` is opened with; see there. `seed` may also be a NumPy generator, which draws one."""

    name: str
    runtime: Client | None
    qpu: str | None
    tenant: str
    weight: float
    seed: int | np.random.Generator | None
    max_time: float | str | None
    interactive_ttl: float | str | None
    kind: str
    optimum: float | None
    budget: str | None
    project: str


FORMS: Mapping[str, tuple[type, str]] = {
    "name": (str, "a text"), "qpu": (str, "the name of a QPU"), "tenant": (str, "a text"), "weight": (Real, "a number"),
    "seed": (Integral, "an integer, a numpy.random.Generator, or None"), "kind": (str, "'loop' or 'background'"),
    "optimum": (Real, "a number, or None"), "budget": (str, "a text such as '50 USD', '600 s' or '10000 shots'"),
    "project": (str, "a text")}
OPTIONAL = ("qpu", "seed", "optimum", "budget")


def checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings in plain types, with a seed drawn if a generator was given; `UnknownName`, or `InvalidInput`."""
    for name, value in settings.items():
        if name not in SessionSettings.__annotations__:
            raise UnknownName("setting of a session", name, SessionSettings.__annotations__)
        if name in FORMS:
            _check(name, value)
        elif name == "runtime" and value is not None:
            client_of(value)
        elif name != "runtime":
            duration.seconds(name, value)
    return {name: _plain(name, value) for name, value in settings.items()}


def _plain(name: str, value: Any) -> Any:
    """NumPy's numbers as Python's, which a journal can hold."""
    if name == "seed":
        return seed_of(value)
    return float(value) if name in ("weight", "optimum") and value is not None else value


def seed_of(wish: Any) -> int | None:
    """The seed, or one that the generator draws, as Qiskit's `StatevectorSampler` does."""
    if isinstance(wish, np.random.Generator):
        return int(wish.integers(SEEDS))
    return None if wish is None else int(cast(int, wish))


def check_flag(name: str, value: object) -> bool:
    """The flag; `InvalidInput` if it is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise InvalidInput(f"{name} is {value!r:.80}", "", "Give True or False")
    return bool(value)


def _check(name: str, value: object) -> None:
    kind, form = FORMS[name]
    if (value is None and name in OPTIONAL) or (name == "seed" and isinstance(value, np.random.Generator)):
        return
    if isinstance(value, bool) or not isinstance(value, kind):
        raise InvalidInput(f"The session's {name} is {value!r:.80}", "", f"Give {form}")
    if name == "seed" and not 0 <= int(cast(int, value)) < SEEDS:
        raise InvalidInput(f"The session's seed is {value!r:.80}", "", "Give an integer from 0 to 2^63 - 1")
