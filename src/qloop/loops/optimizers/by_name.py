"""Optimizers by their names: made from arguments, or loaded from a dump."""

from __future__ import annotations

import inspect
from types import MappingProxyType
from typing import Any, TypeAlias

from numpy.typing import ArrayLike

from qloop.errors import UnknownName
from qloop.loops.optimizers import wire
from qloop.loops.optimizers.adam import GradientAdam
from qloop.loops.optimizers.cmaes import CMAES
from qloop.loops.optimizers.descent import GradientDescent
from qloop.loops.optimizers.nelder_mead import NelderMead
from qloop.loops.optimizers.protocol import Optimizer
from qloop.loops.optimizers.rotosolve import Rotosolve
from qloop.loops.optimizers.spsa import SPSA

Kind: TypeAlias = (type[SPSA] | type[NelderMead] | type[GradientAdam] | type[CMAES] | type[Rotosolve]
                   | type[GradientDescent])
KINDS: MappingProxyType[str, Kind] = MappingProxyType(
    {"spsa": SPSA, "nelder-mead": NelderMead, "adam": GradientAdam, "cma-es": CMAES, "rotosolve": Rotosolve,
     "gradient-descent": GradientDescent})


def make(name: str, x0: ArrayLike, maxiter: int = 200, seed: int = 0, **options: Any) -> Optimizer:
    """The optimizer of this name (case and `_` do not matter), with its own keyword options.

    `UnknownName` for a name or an option that does not exist, with the nearest one; `InvalidInput` for bad arguments.
    """
    kind = _kind(name)
    valid = option_names(name)
    for option in options:
        if option not in valid:
            raise UnknownName(f"option of {kind.name}", option, valid)
    return kind(x0, maxiter=maxiter, seed=seed, **options)


def loads(blob: bytes) -> Optimizer:
    """The optimizer that was dumped, of whichever kind; `InvalidInput` if the bytes are damaged or newer."""
    return _kind(wire.unpack(blob).name).loads(blob)


def option_names(name: str) -> tuple[str, ...]:
    """The keyword options of this optimizer, beside x0, maxiter and seed."""
    parameters = inspect.signature(_kind(name)).parameters
    return tuple(p for p in parameters if p not in ("x0", "maxiter", "seed"))


def _kind(name: str) -> Kind:
    key = str(name).lower().replace("_", "-")
    if key not in KINDS:
        raise UnknownName("optimizer", name, KINDS)
    return KINDS[key]
