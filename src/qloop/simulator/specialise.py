"""A kernel compiled for one policy and one set of effects, and kept on disk for the next start.

Each gets a kernel of its own in which the policy's functions are called directly: a call through a first-class
function passes four tables by value and costs about 9 ns, a direct one is mostly inlined. Numba's disk cache does not
look at the functions that a kernel calls, so each kernel has a directory named by everything that it was made from.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import platform
import shutil
import threading
import types
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from qloop.simulator.compile import Compiler, codes, enclosed, from_library, global_names, is_library

CONSTANTS = (bool, int, float, complex, str, bytes, type(None), type(...))
SETTING = threading.Lock()      # held while Numba's one setting for the directory is another than the user's
DAMAGED = (pickle.UnpicklingError, EOFError)
OPTIONS = MappingProxyType({"nogil": True, "_nrt": False})


class NotKept(RuntimeWarning):
    """Compiled kernels cannot be kept: a program is slow at each start."""


class Kept:
    """A compiled function whose files are on disk; damaged ones (a full disk, a power cut) are made anew."""

    def __init__(self, make: Callable[[], Any], home: Path) -> None:
        self.make, self.home, self.loop = make, home, make()

    def __call__(self, *arguments: Any) -> Any:
        """Call it; should its files be damaged, compile it again."""
        try:
            return self.loop(*arguments)
        except DAMAGED:     # of loading: compiled code raises none of these
            shutil.rmtree(self.home, ignore_errors=True)
            self.home.mkdir(parents=True, exist_ok=True)
            self.loop = self.make()
            return self.loop(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loop, name)


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

    def inner(self, function: types.FunctionType) -> Any:
        """A function that only compiled code calls, as all do."""
        return self.compile(function)

    def kernel(self, first: Any) -> Any:
        """The compiled function, read from disk if it was compiled before.

        Raises `InvalidInput` if a function in the place of a name cannot be compiled.
        """
        for value in filter(callable, self.bound.values()):
            self.compilable(getattr(value, "py_func", value))
        home = self.directory(first)
        if home is None:
            return self.numba.njit(self.rebuild(first), **OPTIONS)
        return Kept(lambda: self.cached(first, home), home)

    def cached(self, first: Any, home: Path) -> Any:
        """The function, compiled when first called, with its files in `home`."""
        loop = self.numba.njit(self.rebuild(first), **OPTIONS)
        with SETTING:
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
            why = "" if os.access(home, os.W_OK) else "It cannot be written to"
        except OSError as error:
            why = error.strerror or str(error)
        if why:
            tell_not_kept(cache_home(), why)
        return None if why else home

    def fingerprint(self, first: Any) -> str | None:
        """A name for everything the kernel is made from: sources, constants, and the versions of the tools.

        None if it reads something that cannot be told from its text or its bytes.
        """
        import numpy as np

        origin = Origin(self.scope)
        origin.add(platform.python_version(), platform.machine(), np.__version__, self.numba.__version__)
        origin.add(self.room, self.inlined, sorted(self.seldom))
        try:
            for path in (__file__, str(Path(__file__).parent / "compile.py")):
                origin.source(path)
            origin.value(first, ())
        except Untold:
            return None
        return origin.digest.hexdigest()[:24]


class Untold(Exception):
    """Something whose change would leave no trace."""


class Origin:
    """Takes down all that a function is made from, in the order in which it is met.

    `scope` gives the globals that a function is compiled over. What is neither plain data nor code with a source
    raises `Untold`: a kernel that is not kept is slow to start, one kept under a wrong name is wrong.
    """

    def __init__(self, scope: Callable[[types.FunctionType], dict[str, Any]]) -> None:
        self.scope, self.digest = scope, hashlib.sha256()
        self.met: dict[Any, int] = {}

    def add(self, *words: Any) -> None:
        """Take down plain words."""
        self.digest.update(repr(words).encode())

    def value(self, value: Any, names: tuple[str, ...]) -> None:
        """Take down a value that a function reads; `names` are those it may look for in a module."""
        import numpy as np
        from numba.core.dispatcher import Dispatcher

        if type(value) in CONSTANTS:
            self.add(type(value).__name__, value)
        elif isinstance(value, tuple):
            self.parts(value, names)
        elif isinstance(value, np.generic | np.ndarray):
            self.array(np.asarray(value), isinstance(value, np.ndarray))
        elif isinstance(value, types.ModuleType):
            self.module(value, names)
        elif from_library(value):
            self.add(value.__module__, value.__name__)
        elif isinstance(value, types.FunctionType) and self.is_new(value):
            self.function(value)
        elif isinstance(value, Dispatcher) and self.is_new(value):
            self.jitted(value)
        elif not isinstance(value, types.FunctionType | Dispatcher):
            raise Untold(repr(value))

    def is_new(self, thing: Any) -> bool:
        """Whether it is met for the first time; its number, which stands for it ever after, is taken down."""
        new = thing not in self.met
        self.add("number", self.met.setdefault(thing, len(self.met)))
        return new

    def parts(self, value: tuple[Any, ...], names: tuple[str, ...] = ()) -> None:
        """Take down a tuple, named or not."""
        kind = type(value)
        self.add(kind.__module__, kind.__qualname__, getattr(kind, "_fields", ()), len(value))
        for part in value:
            self.value(part, names)

    def array(self, value: Any, many: bool) -> None:
        """Take down an array or a scalar of NumPy."""
        if value.dtype.hasobject:
            raise Untold(repr(value))
        self.add(many, repr(value.dtype), value.shape, value.flags.c_contiguous, value.flags.f_contiguous)
        self.digest.update(value.tobytes())

    def function(self, function: types.FunctionType) -> None:
        """Take down a function: its code, and all that the code reads."""
        self.source(function.__code__.co_filename)
        self.add(function.__module__, function.__qualname__)
        inside = codes(function.__code__)
        for code in inside:
            self.code(code)
        names = tuple(sorted({name for code in inside for name in code.co_names}))
        self.parts(function.__defaults__ or (), names)
        self.parts(tuple(sorted((function.__kwdefaults__ or {}).items())), names)
        self.parts(tuple(enclosed(function)), names)
        scope = self.scope(function)
        for name in global_names(function):
            self.add(name, name in scope)
            if name in scope:       # otherwise one of Python's own
                self.value(scope[name], names)

    def code(self, code: types.CodeType) -> None:
        """Take down the instructions of a function: two on one line of a file have one source."""
        self.add(code.co_code, code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_argcount,
                 code.co_flags)
        self.add([sorted(map(repr, part)) if isinstance(part, frozenset) else part
                  for part in code.co_consts if not isinstance(part, types.CodeType)])

    def jitted(self, dispatcher: Any) -> None:
        """Take down a function that its author compiles, with the options."""
        self.parts(tuple(sorted(dispatcher.targetoptions.items())))
        self.parts(tuple(sorted(dispatcher.locals.items())))
        self.add(() if dispatcher._can_compile else dispatcher.nopython_signatures)
        self.value(dispatcher.py_func, ())

    def module(self, module: types.ModuleType, names: tuple[str, ...]) -> None:
        """Take down a module: its name, and of one whose version is not known the source and what is read of it."""
        self.add(module.__name__)
        if is_library(module.__name__) or not self.is_new((module, names)):
            return
        self.source(getattr(module, "__file__", None) or "")
        for name in names:
            if hasattr(module, name):
                self.add(name)
                self.value(getattr(module, name), names)

    def source(self, path: str) -> None:
        """Take down a file of Python code, once; what was typed at a prompt may change without a trace."""
        if not self.is_new(path):
            return
        if not path.endswith(".py") or not Path(path).is_file():
            raise Untold(path)
        self.digest.update(Path(path).read_bytes())


@functools.cache
def tell_not_kept(home: Path, why: str) -> None:
    """Warn, once, that each start will be slow."""
    warnings.warn(f"Compiled kernels cannot be kept in {home} ({why}): every start compiles them anew, about 20 s "
                  "each. Set QLOOP_CACHE_DIR to a folder that can be written to", NotKept, stacklevel=2)


def cache_home() -> Path:
    """The directory of compiled kernels: QLOOP_CACHE_DIR, or the user's cache directory."""
    chosen = os.environ.get("QLOOP_CACHE_DIR")
    if chosen:
        return Path(chosen) / "kernels"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qloop" / "kernels"
