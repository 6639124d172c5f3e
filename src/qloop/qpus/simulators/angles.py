"""From a parameter vector to the rotation angles of a compiled circuit.

Nearly every ansatz has angles that are linear in its parameters, so they are computed by one gather, one product
and one sum; only the others pay for Qiskit's symbolic binding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput

# Two generic points at which a derived linear form must agree with the expression itself.
_PROBES = ((0.7390851332151607, 0.4142135623730950), (-1.3247179572447460, 0.2718281828459045))


@dataclass(frozen=True, slots=True)
class Linear:
    """`sum(coefs * theta[cols]) + const`."""

    cols: tuple[int, ...]
    coefs: tuple[float, ...]
    const: float


@dataclass(frozen=True, slots=True)
class Symbolic:
    """An expression that is not linear in the parameters; `parameters` pairs each symbol with its column."""

    expression: Any
    parameters: tuple[tuple[Any, int], ...]

    def value(self, theta: NDArray[np.float64]) -> float:
        """The expression at `theta`; `InvalidInput` where it has no finite real value."""
        bound = {symbol: float(theta[col]) for symbol, col in self.parameters}
        try:
            value = float(self.expression.bind(bound, allow_unknown_parameters=False))
        except Exception as error:
            # Qiskit raises several unrelated kinds here (division by zero, complex results, domains).
            raise InvalidInput(f"The angle {self.expression} has no real value at {_listing(bound)}", str(error),
                               "Keep the parameters inside the expression's domain") from error
        if not np.isfinite(value):
            raise InvalidInput(f"The angle {self.expression} is {value} at {_listing(bound)}", "",
                               "Keep the parameters inside the expression's domain")
        return value


Form = Linear | Symbolic


def form_of(angle: Any, column: dict[Any, int]) -> Form:
    """The form of an angle (number, Parameter or ParameterExpression); `column` gives each parameter's index."""
    if _is_symbol(angle):
        return Linear((column[angle],), (1.0,), 0.0)
    symbols = getattr(angle, "parameters", None)
    if not symbols:
        return Linear((), (), _real(angle))
    ordered = tuple(sorted(((symbol, column[symbol]) for symbol in symbols), key=lambda pair: pair[1]))
    return _linear(angle, ordered) or Symbolic(angle, ordered)


class AngleMap:
    """All angles of a circuit as a function of its parameters: `map(theta)` has one entry per rotation.

    Sums run in a fixed order (`reduceat`), never through a threaded BLAS, so results are the same bits everywhere.
    """

    def __init__(self, forms: list[Form], n_parameters: int) -> None:
        linear = [(slot, form) for slot, form in enumerate(forms) if isinstance(form, Linear)]
        moving = [(slot, form) for slot, form in linear if form.cols]
        sizes = [len(form.cols) for _, form in moving]
        self.n_slots, self.n_parameters = len(forms), n_parameters
        self._const = np.zeros(len(forms))
        self._const[[slot for slot, _ in linear]] = [form.const for _, form in linear]
        self._cols = np.array([col for _, form in moving for col in form.cols], dtype=np.intp)
        self._coefs = np.array([coef for _, form in moving for coef in form.coefs], dtype=np.float64)
        self._starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp) if sizes else None
        self._slots = np.array([slot for slot, _ in moving], dtype=np.intp)
        self._plain = len(moving) == len(forms) and all(size == 1 for size in sizes)
        self._symbolic = [(slot, form) for slot, form in enumerate(forms) if isinstance(form, Symbolic)]

    def __call__(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Angles (n_slots,) in radians for parameters (n_parameters,)."""
        if self._plain:
            return theta[self._cols] * self._coefs + self._const
        angles = self._const.copy()
        if self._starts is not None:
            angles[self._slots] += np.add.reduceat(theta[self._cols] * self._coefs, self._starts)
        for slot, form in self._symbolic:
            angles[slot] = form.value(theta)
        return angles


def _linear(expression: Any, ordered: tuple[tuple[Any, int], ...]) -> Linear | None:
    """The linear form of an expression, or None. Derivatives propose it, two probes must confirm it."""
    try:
        slopes = [expression.gradient(symbol) for symbol, _ in ordered]
        if any(getattr(slope, "parameters", None) for slope in slopes):
            return None
        coefs = tuple(_real(slope) for slope in slopes)
        const = _real(expression.bind({symbol: 0.0 for symbol, _ in ordered}))
        for start, step in _PROBES:
            point = {symbol: start + step * k for k, (symbol, _) in enumerate(ordered)}
            told = const + sum(coef * value for coef, value in zip(coefs, point.values(), strict=True))
            if abs(_real(expression.bind(point)) - told) > 1e-12 * (1.0 + abs(told)):
                return None
    except (ArithmeticError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return None  # No derivative or no value at a probe: symbolic binding decides at each evaluation.
    return Linear(tuple(col for _, col in ordered), coefs, const)


def _is_symbol(angle: Any) -> bool:
    from qiskit.circuit import Parameter

    return isinstance(angle, Parameter)


def _real(number: Any) -> float:
    """A finite float; `InvalidInput` for complex, NaN and infinite constants."""
    value = complex(number)
    if value.imag != 0.0 or not np.isfinite(value.real):
        raise InvalidInput(f"The circuit has the angle {number}", "Angles must be finite real numbers",
                           "Correct the gate's parameter")
    return value.real


def _listing(bound: dict[Any, float]) -> str:
    return ", ".join(f"{symbol.name} = {value!r}" for symbol, value in bound.items())
