"""Values for a circuit's parameters: arrays of any number of dimensions, by position or by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.loops.objective import real

ORDER = "Give one value for each parameter along the last axis, in the order of circuit.parameters, or a mapping"


def bound(values: Any, names: tuple[str, ...]) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """The sets as (sets, parameters), in the order of `names`, and the shape in which they were given.

    By position the last axis is over the parameters; for a circuit with a single one it may be left out. By name as
    Qiskit's `BindingsArray`. Raises `InvalidInput`.
    """
    from qiskit.primitives.containers.bindings_array import BindingsArray

    if values is None or isinstance(values, Mapping | BindingsArray):
        array = _by_name(values, names)
    else:
        array = _by_position(real(values), names)
    if not np.isfinite(array).all():
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(array))[0])
        raise InvalidInput(f"The parameter {names[where[-1]]!r} of set {where[:-1]} is {array[where]}", "",
                           "Give finite values; an optimizer that diverged needs smaller steps")
    shape = array.shape[:-1]
    return array.reshape(-1 if array.size else int(np.prod(shape)), len(names)), shape


def _by_position(array: NDArray[np.float64], names: tuple[str, ...]) -> NDArray[np.float64]:
    n = len(names)
    if n == 1 and (array.ndim == 0 or array.shape[-1] != 1):
        return array[..., np.newaxis]
    if array.ndim == 0 or array.shape[-1] != n:
        raise InvalidInput(f"The parameter values have shape {array.shape}", f"The circuit has {_counted(n)}", ORDER)
    return array


def _by_name(values: Any, names: tuple[str, ...]) -> NDArray[np.float64]:
    from qiskit.primitives.containers.bindings_array import BindingsArray

    try:
        array = BindingsArray.coerce(values)
    except (TypeError, ValueError) as error:
        raise InvalidInput("The parameter values cannot be used", str(error), ORDER) from None
    given = [name for key in array.data for name in key]
    missing, surplus = sorted(set(names) - set(given)), sorted(set(given) - set(names))
    if missing:
        raise InvalidInput(f"The parameter {missing[0]!r} has no value",
                           f"The circuit has {_counted(len(names))}, of which {len(missing)} got none", ORDER)
    if surplus:
        raise InvalidInput(f"There is a value for {surplus[0]!r}", "The circuit has no such parameter", ORDER)
    if len(given) > len(names):
        twice = next(name for name in given if given.count(name) > 1)
        raise InvalidInput(f"The parameter {twice!r} has two values", "", ORDER)
    found: NDArray[np.float64] = array.as_array(names)
    return found


def _counted(n: int) -> str:
    return "1 parameter" if n == 1 else f"{n or 'no'} parameters"
