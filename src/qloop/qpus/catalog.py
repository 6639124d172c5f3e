"""QPUs by name: the exact one, the three twins, and what plugins add.

A plugin is an entry point in the group `qloop.qpus`: a function `(seed: int, **options) -> LocalQpu`. One that fails
is named when it is asked for or listed, and disturbs nothing else. A name may carry options (`qloop.qpus.wish`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import metadata
from typing import Any

import msgspec

from qloop.errors import InvalidInput, QpuError, UnknownName
from qloop.qpus.ibm.names import is_ibm
from qloop.qpus.protocol import LocalQpu, QpuDescription
from qloop.qpus.remote import Qpu, RemoteQpu
from qloop.qpus.snapshot_files import snapshot_names
from qloop.qpus.wish import is_wish, parse_wish

GROUP = "qloop.qpus"
_OBJECTS = {"snapshot", "exact", "name", "simulators", "maintenance", "outside", "failures", "caches"}   # not texts

Factory = Callable[..., LocalQpu]


class Listing(msgspec.Struct, frozen=True):
    """What `list_qpus` found: descriptions of the working QPUs, and per broken plugin what is wrong with it."""

    qpus: tuple[QpuDescription, ...]
    broken: dict[str, str]


def qpu_names() -> tuple[str, ...]:
    """The names that `open_qpu` takes, sorted; plugins are named without being loaded."""
    return tuple(sorted({*_built_in(), *_plugins()}))


def open_qpu(name: str, *, seed: int = 0, **options: Any) -> Qpu:
    """The QPU of that name, with its options (those of `TwinQpu` or `ExactQpu`, or the plugin's).

    A name such as `twin-torino?drift=x1&seed=5` carries options itself, and a QPU of qloop's own is then called so;
    options that are given besides must be others, and its seed counts. Raises `UnknownName` with the nearest name,
    `InvalidInput` for options it does not take, `QpuError` if a plugin fails.
    """
    if is_wish(name):
        return _open_wish(name, seed, options)
    return _open(name, seed, options)


def _open(name: str, seed: int, options: dict[str, Any]) -> Qpu:
    """A QPU by its name alone."""
    if is_ibm(name):
        from qloop.qpus.ibm.opening import open_ibm

        return open_ibm(name, seed=seed, **options)
    built_in = _built_in()
    if name in built_in:
        try:
            return built_in[name](seed=seed, **options)
        except TypeError as error:
            given = ", ".join(sorted({*options} - {"name"})) or "no options"
            raise InvalidInput(f"QPU {name!r} cannot be opened with {given}", str(error),
                               "Look up its options") from error
    plugins = _plugins()
    if name not in plugins:
        raise UnknownName("QPU", name, qpu_names())
    return _open_plugin(plugins[name], seed, options)


def check_qpu_name(name: str) -> None:
    """Raise what `open_qpu` would for this name, without opening a QPU: `UnknownName`, or `InvalidInput`."""
    base, options = parse_wish(name) if is_wish(name) else (name, {})
    if base not in qpu_names() and not is_ibm(base):
        raise UnknownName("QPU", base, qpu_names())
    known = _options(base)
    for option, value in options.items():
        if known and option not in known:
            raise UnknownName(f"option of QPU {base}", option, known)
        if known and isinstance(value, str) and "str" not in known[option]:
            takes = "true or false" if known[option] == "bool" else "a number"
            raise InvalidInput(f"The QPU {name!r} has {option} {value!r}", f"It takes {takes}",
                               "Write it without a unit")
        if isinstance(value, float) and known.get(option) == "int":
            raise InvalidInput(f"The QPU {name!r} has {option} {value!r}", "It takes a whole number", "")


def _open_wish(wish: str, seed: int, options: dict[str, Any]) -> Qpu:
    """A QPU whose name carries options."""
    check_qpu_name(wish)
    base, wished = parse_wish(wish)
    both = sorted(set(wished) & set(options))
    if both:
        raise InvalidInput(f"The QPU {wish!r} is given {both[0]!r} twice", "In its name and beside it",
                           "Leave one of them out")
    if base in _built_in() or is_ibm(base):
        options = {"name": wish, **options}
    own = wished.pop("seed", seed)
    if not (isinstance(own, int) and 0 <= own < 2**63):
        raise InvalidInput(f"The QPU {wish!r} has the seed {own!r}", "", "Give an integer from 0 to 2^63 - 1")
    return _open(base, own, {**options, **wished})


def _options(name: str) -> dict[str, str]:
    """The options of a QPU of qloop's own and their types; none for a plugin, which is not loaded to ask."""
    if is_ibm(name):
        from qloop.qpus.ibm.opening import option_types

        return option_types()
    from qloop.qpus.exact import ExactQpu
    from qloop.qpus.twin import TwinQpu

    if name not in _built_in():
        return {}
    taken = inspect.signature(ExactQpu if name == "exact" else TwinQpu).parameters
    types = {option: str(about.annotation) for option, about in taken.items() if option not in _OBJECTS}
    return {"seed": "int", **types}


def list_qpus(seed: int = 0) -> Listing:
    """Describe every QPU; a plugin that fails is in `broken` with its reason."""
    found, broken = [], {}
    for name in qpu_names():
        try:
            found.append(open_qpu(name, seed=seed).describe())
        except QpuError as error:
            broken[name] = str(error)
    for name in sorted(set(_built_in()) & set(_plugins())):
        broken[f"{name} (plugin)"] = f"Its name {name!r} belongs to a QPU of qloop's own, which is used."
    return Listing(tuple(found), broken)


def _built_in() -> dict[str, Factory]:
    return {"exact": _exact, **{f"twin-{name}": _twin_factory(name) for name in snapshot_names()}}


def _exact(seed: int, **options: Any) -> LocalQpu:
    """The exact QPU has no randomness of its own."""
    from qloop.qpus.exact import ExactQpu

    return ExactQpu(**options)


def _twin_factory(snapshot: str) -> Factory:
    def make(seed: int, **options: Any) -> LocalQpu:
        from qloop.qpus.twin import TwinQpu

        return TwinQpu(snapshot, seed=seed, **options)

    return make


def _plugins() -> dict[str, metadata.EntryPoint]:
    return {entry.name: entry for entry in metadata.entry_points(group=GROUP)}


def _open_plugin(entry: metadata.EntryPoint, seed: int, options: dict[str, Any]) -> Qpu:
    """Load and call a plugin; whatever it raises is reported with its name."""
    try:
        qpu = entry.load()(seed=seed, **options)
    except Exception as error:
        raise QpuError(f"The QPU plugin {entry.name!r} ({entry.value}) failed",
                       f"{type(error).__name__}: {error}", "Repair or uninstall it") from error
    if not isinstance(qpu, LocalQpu | RemoteQpu):
        raise QpuError(f"The QPU plugin {entry.name!r} ({entry.value}) returned a {type(qpu).__name__}",
                       "It lacks a method of LocalQpu, or of RemoteQpu", "See qloop.qpus.protocol, qloop.qpus.remote")
    return qpu
