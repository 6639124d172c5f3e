"""Policies compiled from their one source: the plain functions of `policies/`, handed to Numba unchanged.

A plain function calls its neighbours through its module's globals, which Numba cannot type. So each function is
rebuilt over globals in which every plain function of `qloop.policies` (or of a user's policy) is its compiled self.
"""

from __future__ import annotations

import dis
import sys
import sysconfig
import types
from collections.abc import Callable
from typing import Any, NamedTuple

from qloop.errors import InvalidInput, MissingExtra
from qloop.policies.record import Policy, nothing
from qloop.policies.session import quiet_until
from qloop.policies.switching import never


class CompiledPolicy(NamedTuple):
    """The functions of a policy as first-class functions of explicit signatures, and what the kernel must know."""

    enter: Any
    pick: Any
    start: Any
    finish: Any
    place: Any
    scan: Any
    classes: int
    shared: bool
    enter_draws: bool
    pick_draws: bool
    quiet_until: Any = quiet_until
    quiet: bool = False     # whether it is the policy's: without, no calibration waits
    stateless: bool = False
    switch: Any = never
    pause: Any = nothing
    chunks: bool = False    # whether long tasks run in chunks


class Compiler:
    """Compiles functions once each; calls between them stay direct."""

    def __init__(self) -> None:
        try:
            import numba
        except ImportError as error:
            raise MissingExtra("The simulator", "simulator") from error
        self.numba = numba
        self.done: dict[Callable[..., Any], Any] = {}
        self.begun: list[types.FunctionType] = []       # being rebuilt: each calls the next
        table, row = numba.float64[:, ::1], numba.float64[::1]
        tables = (table, table, table, row)
        index, second = numba.int64, numba.float64
        self.enter = second(*tables, index, second, second)
        self.pick = index(*tables, numba.int64[::1], index, second, second)
        self.note = numba.void(*tables, index, index, second)
        self.place = second(*tables, index, index, second)
        self.quiet = second(table, table, row, index, second)
        self.switch = index(*tables, numba.int64[::1], index, index, second)

    def compile(self, function: Callable[..., Any], signature: Any = None, *, inner: bool = False) -> Any:
        """The function, compiled for a signature (or lazily, for whatever it is called with).

        An `inner` one is called by compiled code only, and needs no wrappers, which take half the time.
        """
        if function not in self.done:
            rebuilt = self.rebuild(function)
            wrappers = {"no_cpython_wrapper": inner, "no_cfunc_wrapper": inner}
            self.done[function] = self.numba.njit(signature)(rebuilt) if signature else self.numba.njit(
                rebuilt, **wrappers)
        return self.done[function]

    def inner(self, function: types.FunctionType) -> Any:
        """A function that only compiled code calls."""
        return self.compile(function, inner=True)

    def scope(self, function: types.FunctionType) -> dict[str, Any]:
        """The globals that a function is compiled over."""
        return dict(function.__globals__)

    def rebuild(self, function: Callable[..., Any]) -> types.FunctionType:
        """The same code over globals, defaults and enclosing variables in which called plain functions are compiled.

        Raises `InvalidInput` if it is no plain function, calls itself, or has keyword-only arguments.
        """
        plain = self.compilable(function)
        self.begun.append(plain)
        try:
            scope = self.scope(plain)
            scope.update({name: self._callee(scope[name]) for name in global_names(plain) if name in scope})
            defaults = tuple(map(self._callee, plain.__defaults__ or ()))
            cells = tuple(types.CellType(self._callee(value)) for value in enclosed(plain))
        finally:
            self.begun.pop()
        return types.FunctionType(plain.__code__, scope, plain.__name__, defaults, cells)

    def _callee(self, value: Any) -> Any:
        """A plain function compiled; anything else as it is."""
        own = isinstance(value, types.FunctionType) and not from_library(value)
        return self.inner(value) if own else value

    def compilable(self, function: Callable[..., Any]) -> types.FunctionType:
        """The function, or an error that says why it cannot be compiled."""
        if not isinstance(function, types.FunctionType):
            raise InvalidInput(f"{function!r} cannot be compiled", "it is not a function made with def or lambda",
                               "Write a policy's functions as plain functions")
        if function in self.begun:
            chain = [f.__qualname__ for f in [*self.begun[self.begun.index(function):], function]]
            raise InvalidInput(f"{function.__qualname__} cannot be compiled", f"it calls itself ({' -> '.join(chain)})",
                               "Write it as a loop")
        if function.__code__.co_kwonlyargcount:
            raise InvalidInput(f"{function.__qualname__} cannot be compiled", "it has keyword-only arguments",
                               "Remove the * from its arguments, or make them constants of its module")
        return function

    def policy(self, policy: Policy) -> CompiledPolicy:
        """All functions of a policy."""
        return CompiledPolicy(
            self.compile(policy.enter, self.enter), self.compile(policy.pick, self.pick),
            self.compile(policy.start, self.note), self.compile(policy.finish, self.note),
            self.compile(policy.place, self.place), self.compile(policy.scan or policy.pick, self.pick),
            policy.classes, policy.shared, policy.enter_draws, policy.pick_draws,
            self.compile(policy.quiet_until or quiet_until, self.quiet), policy.quiet_until is not None,
            policy.stateless, self.compile(policy.switch or never, self.switch), self.compile(policy.pause, self.note),
            policy.switch is not None)


def global_names(function: types.FunctionType) -> list[str]:
    """The global names that a function reads, sorted; those in its comprehensions and inner functions too."""
    steps = (step for code in codes(function.__code__) for step in dis.get_instructions(code))
    return sorted({step.argval for step in steps if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")})


def codes(code: types.CodeType) -> list[types.CodeType]:
    """The code and all code inside it."""
    inside = [part for part in code.co_consts if isinstance(part, types.CodeType)]
    return [code, *(deeper for part in inside for deeper in codes(part))]


def enclosed(function: types.FunctionType) -> list[Any]:
    """The values of the variables that a function has from the function around it.

    Raises `InvalidInput` if one has none yet.
    """
    try:
        return [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError as error:
        raise InvalidInput(f"{function.__qualname__} cannot be compiled",
                           "a variable of the function around it has no value yet",
                           "Give it a value before the policy is used") from error


def from_library(value: Any) -> bool:
    """Whether a thing is found by its name in Python's own library, NumPy or Numba, whose versions are known."""
    module, name = getattr(value, "__module__", None), getattr(value, "__name__", None)
    if not isinstance(module, str) or not isinstance(name, str) or not is_library(module):
        return False
    return getattr(sys.modules.get(module), name, None) is value


def is_library(module: str) -> bool:
    """Whether a module of this name is of Python's own library, NumPy or Numba; a user's file may have such a name."""
    root = module.partition(".")[0]
    if root not in sys.stdlib_module_names:
        return root in ("numpy", "numba")
    path = getattr(sys.modules.get(root), "__file__", None)
    return path is None or path.startswith((sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")))
