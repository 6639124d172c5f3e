"""Policies compiled from their one source: the plain functions of `policies/`, handed to Numba unchanged.

A plain function calls its neighbours through its module's globals, which Numba cannot type. So each function is
rebuilt over globals in which every plain function of `qloop.policies` (or of a user's policy) is its compiled self.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Callable
from typing import Any, NamedTuple

from qloop.errors import MissingExtra
from qloop.policies.record import Policy


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


class Compiler:
    """Compiles functions once each; calls between them stay direct."""

    def __init__(self) -> None:
        try:
            import numba
        except ImportError as error:
            raise MissingExtra("The simulator", "simulator") from error
        self.numba = numba
        self.done: dict[Callable[..., Any], Any] = {}
        table, row = numba.float64[:, ::1], numba.float64[::1]
        tables = (table, table, table, row)
        index, second = numba.int64, numba.float64
        self.enter = second(*tables, index, second, second)
        self.pick = index(*tables, numba.int64[::1], index, second, second)
        self.note = numba.void(*tables, index, index, second)
        self.place = second(*tables, index, index, second)

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

    def rebuild(self, function: Callable[..., Any]) -> types.FunctionType:
        """The same code over globals in which called plain functions are compiled."""
        assert isinstance(function, types.FunctionType)
        scope = dict(function.__globals__)
        loads = (step for step in dis.get_instructions(function) if step.opname == "LOAD_GLOBAL")
        for name in {step.argval for step in loads}:
            called = scope.get(name)
            if isinstance(called, types.FunctionType):
                scope[name] = self.compile(called, inner=True)
        return types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__)

    def policy(self, policy: Policy) -> CompiledPolicy:
        """All functions of a policy."""
        return CompiledPolicy(
            self.compile(policy.enter, self.enter), self.compile(policy.pick, self.pick),
            self.compile(policy.start, self.note), self.compile(policy.finish, self.note),
            self.compile(policy.place, self.place), self.compile(policy.scan or policy.pick, self.pick),
            policy.classes, policy.shared, policy.enter_draws, policy.pick_draws)
