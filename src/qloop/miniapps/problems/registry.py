"""Finds a problem by its name, for the command line, the demo and the benchmarks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from qloop.errors import UnknownName
from qloop.miniapps.problems.ising import ising
from qloop.miniapps.problems.maxcut import maxcut
from qloop.miniapps.problems.molecules import h2, lih
from qloop.miniapps.problems.problem import Problem


def names() -> tuple[str, ...]:
    """The names that `problem` knows, sorted."""
    return tuple(sorted(_makers()))


def parameters(name: str) -> Mapping[str, Any]:
    """The parameters that a problem takes, with their defaults. Raises `UnknownName`."""
    signature = inspect.signature(_maker(name))
    return {parameter.name: parameter.default for parameter in signature.parameters.values()}


def problem(name: str, **given: Any) -> Problem:
    """The problem of that name: `problem("maxcut", nodes=8, seed=3, ansatz="qaoa", layers=2)`.

    Raises `UnknownName` for a name or a parameter that does not exist and `InvalidInput` for a value out of
    range.
    """
    maker = _maker(name)
    valid = parameters(name)
    for key in given:
        if key not in valid:
            raise UnknownName(f"parameter of {name}", key, valid)
    return maker(**given)


def _maker(name: str) -> Callable[..., Problem]:
    makers = _makers()
    if name not in makers:
        raise UnknownName("problem", name, makers)
    return makers[name]


def _makers() -> dict[str, Callable[..., Problem]]:
    return {"h2": h2, "ising": ising, "lih": lih, "maxcut": maxcut}
