"""A kernel compiled for one policy and one set of effects, and kept on disk for the next start.

Each gets a kernel of its own in which the policy's functions are called directly: a call through a first-class
function passes four tables by value and costs about 9 ns, a direct one is mostly inlined. Numba's disk cache does not
look at the functions that a kernel calls, so each kernel has a directory named by everything that it was made from.
"""

from __future__ import annotations

import dis
import hashlib
import os
import platform
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from qloop.simulator.compile import Compiler

CONSTANTS = (bool, int, float, str, tuple)
OPTIONS = MappingProxyType({"nogil": True, "_nrt": False})


class Specialiser(Compiler):
    """Compiles a kernel with other values in the place of some of its modules' names.

    `bound` are these names and values; they take effect in the modules whose names begin with `room`. Functions of the
    modules that begin with one of `inlined` are made one with their callers, but for those named in `seldom`, which
    are not on the way of a busy platform and long to compile many times.
    """

    def __init__(self, bound: Mapping[str, Any], room: str, inlined: tuple[str, ...], seldom: frozenset[str]) -> None:
        super().__init__()
        self.bound, self.room, self.inlined, self.seldom = dict(bound), room, inlined, seldom

    def scope(self, function: types.FunctionType) -> dict[str, Any]:
        """The globals of a function, with the bound names if it is of the room."""
        found = dict(function.__globals__)
        if str(function.__module__).startswith(self.room):
            found.update({name: value for name, value in self.bound.items() if name in found})
        return found

    def compile(self, function: Callable[..., Any], signature: Any = None, *, inner: bool = True) -> Any:
        """The function, compiled when first called; what belongs to the kernel is made one with its caller."""
        if function not in self.done:
            own = str(function.__module__).startswith(self.inlined) and function.__name__ not in self.seldom
            self.done[function] = self.numba.njit(self.rebuild(function), forceinline=own, no_cpython_wrapper=True,
                                                no_cfunc_wrapper=True, **OPTIONS)
        return self.done[function]

    def rebuild(self, function: Callable[..., Any]) -> types.FunctionType:
        """The same code over globals in which called plain functions are compiled."""
        assert isinstance(function, types.FunctionType)
        scope = self.scope(function)
        for name in global_names(function):
            if isinstance(scope.get(name), types.FunctionType):
                scope[name] = self.compile(scope[name])
        return types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__)

    def kernel(self, first: Any) -> Any:
        """The compiled function, read from disk if it was compiled before."""
        loop = self.numba.njit(self.rebuild(first), **OPTIONS)
        home = self.directory(first)
        if home is None:
            return loop
        before = self.numba.config.CACHE_DIR
        self.numba.config.CACHE_DIR = str(home)     # read once, when the cache of this function is made
        try:
            loop.enable_caching()
        finally:
            self.numba.config.CACHE_DIR = before
        return loop

    def directory(self, first: Any) -> Path | None:
        """Where this kernel is kept; None if it cannot be told what it was made from, or nothing can be written."""
        made_from = self.fingerprint(first)
        if made_from is None:
            return None
        home = cache_home() / made_from
        try:
            home.mkdir(parents=True, exist_ok=True)
        except OSError:
            return None
        return home if os.access(home, os.W_OK) else None

    def fingerprint(self, first: Any) -> str | None:
        """A name for everything the kernel is made from: sources, constants, and the versions of the tools."""
        import numpy as np

        digest = hashlib.sha256()
        told = (platform.python_version(), platform.machine(), np.__version__, self.numba.__version__)
        digest.update(repr(told).encode())
        reached = sorted(self.reached(first, set()), key=lambda f: (str(f.__module__), f.__qualname__))
        compilers = {__file__, str(Path(__file__).parent / "compile.py")}
        for path in sorted(compilers | {function.__code__.co_filename for function in reached}):
            if not Path(path).is_file():
                return None     # typed at a prompt: it may change without a trace
            digest.update(Path(path).read_bytes())
        for function in reached:
            scope = self.scope(function)
            used = [(name, scope.get(name)) for name in global_names(function)]
            plain = [(name, value) for name, value in used if isinstance(value, CONSTANTS)]
            digest.update(repr((function.__qualname__, plain)).encode())
            for module in (value for _, value in used if isinstance(value, types.ModuleType)):
                digest.update(_source(module))
        return digest.hexdigest()[:24]

    def reached(self, function: types.FunctionType, seen: set[Any]) -> Iterator[types.FunctionType]:
        """The function and all plain functions that it may call."""
        if function in seen:
            return
        seen.add(function)
        yield function
        scope = self.scope(function)
        for name in global_names(function):
            called = scope.get(name)
            if isinstance(called, types.FunctionType):
                yield from self.reached(called, seen)


def _source(module: types.ModuleType) -> bytes:
    """The text of a module of Python code; of others the name, since their versions are told already."""
    path = getattr(module, "__file__", None) or ""
    return Path(path).read_bytes() if path.endswith(".py") and Path(path).is_file() else module.__name__.encode()


def global_names(function: types.FunctionType) -> list[str]:
    """The global names that a function reads, sorted."""
    return sorted({step.argval for step in dis.get_instructions(function) if step.opname == "LOAD_GLOBAL"})


def cache_home() -> Path:
    """The directory of compiled kernels: QLOOP_CACHE_DIR, or the user's cache directory."""
    chosen = os.environ.get("QLOOP_CACHE_DIR")
    if chosen:
        return Path(chosen) / "kernels"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qloop" / "kernels"
