"""The key of a stage: what is asked, by content, so that a program that is started again finds what it had.

It names the function by its source (comments, formatting and decorators aside), with the functions of the same file
that it refers to, and the arguments by their values; of a future among them by the key of its stage.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import functools
import hashlib
import inspect
import struct
import textwrap
import types
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Final

import msgspec
import numpy as np

from qloop.errors import InvalidInput
from qloop.functions.arguments import Input
from qloop.functions.code import named_values

MOST_FUNCTIONS: Final = 256         # that one stage refers to
_CALLABLE: Final = (functools.partial, types.MethodType, types.FunctionType, types.BuiltinFunctionType, np.ufunc)


def stage_key(function: Any, given: Any, inputs: Sequence[str], occurrence: int) -> str:
    """64 hexadecimal digits for the call of a function; `occurrence` counts equal stages of one workflow."""
    hasher = hashlib.sha256(b"qloop stage 1")
    _feed(hasher, "source", *_callable(function))
    _feed(hasher, "arguments", digest_of(given, inputs), "occurrence", str(occurrence))
    return hasher.hexdigest()


def sources(function: Any) -> list[str]:
    """The source of a function, then of those of its file that it refers to, in the order in which they are met."""
    found: list[str] = []
    look, seen = [getattr(function, "inner", function)], set()
    while look and len(found) < MOST_FUNCTIONS:
        one = look.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        found.append(source_of(one))
        if not isinstance(one, types.FunctionType):
            continue
        for value in named_values(one):
            inner = getattr(value, "inner", value)
            if isinstance(inner, types.FunctionType) and inner.__module__ == one.__module__:
                look.append(inner)
            elif not callable(value) and not isinstance(value, types.ModuleType):
                found.append(_outer_value(value))
    return found


def _inner(value: Any) -> Any:
    """The function that `qloop.function` was put above, or the value."""
    inner = getattr(value, "inner", None)
    return inner if isinstance(inner, types.FunctionType) else value


def _callable(value: Any) -> list[bytes | str]:
    """What a callable does: a function's source; with what it is bound to, where it is bound."""
    inner = _inner(value)
    if isinstance(inner, functools.partial):
        return ["partial", digest_of(inner.func), digest_of(inner.args), digest_of(inner.keywords)]
    if isinstance(inner, types.MethodType):
        return ["method", *sources(inner.__func__), digest_of(inner.__self__)]
    if isinstance(inner, types.FunctionType | type):
        return list(sources(inner))
    if isinstance(inner, types.BuiltinFunctionType | np.ufunc):
        owner = getattr(inner, "__self__", None)
        bound = b"" if owner is None or isinstance(owner, types.ModuleType) else digest_of(owner)
        return [f"{getattr(inner, '__module__', '')}.{getattr(inner, '__qualname__', inner.__name__)}", bound]
    return _plain(inner)


def source_of(function: Any) -> str:
    """What a function does, as text: without its decorators and comments; its name if it has no source."""
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        body = "" if code is None else code.co_code.hex() + repr(code.co_names) + repr(code.co_consts)
        return f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function))} {body}"
    try:
        node = ast.parse(text).body[0]
    except (SyntaxError, IndexError):
        return text
    if isinstance(node, ast.FunctionDef):
        node.decorator_list = []
    return ast.unparse(node)


def digest_of(value: Any, inputs: Sequence[str] = ()) -> bytes:
    """32 bytes for a value, the same in every process; InvalidInput for one that has no content to go by."""
    hasher = hashlib.sha256()
    _feed(hasher, type(value).__name__, *_parts(value, inputs))
    return hasher.digest()


def _parts(value: Any, inputs: Sequence[str]) -> list[bytes | str]:
    """What a value is made of."""
    match value:
        case Input():
            return ["result of", inputs[value.number]]
        case None | bool() | int() | str() | bytes():
            return [value if isinstance(value, bytes | str) else repr(value)]
        case float() | complex():
            return [struct.pack("<dd", value.real, value.imag)]
        case tuple() | list():
            return [digest_of(one, inputs) for one in value]
        case dict():
            return sorted(digest_of(key, inputs) + digest_of(one, inputs) for key, one in value.items())
        case set() | frozenset():
            return sorted(digest_of(one, inputs) for one in value)
        case np.ndarray() | np.generic():
            return _array(np.asarray(value), inputs)
        case enum.Enum() | PurePath():
            return [str(value)]
    return _object(value, inputs)


def _array(value: np.ndarray[Any, Any], inputs: Sequence[str]) -> list[bytes | str]:
    if value.dtype.hasobject:
        return [digest_of(value.tolist(), inputs)]
    return [value.dtype.str, str(value.shape), np.ascontiguousarray(value).tobytes()]


def _object(value: Any, inputs: Sequence[str]) -> list[bytes | str]:
    """An object by its fields, a circuit by its structure, a function by its source, anything else as it is pickled."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [digest_of([getattr(value, field.name) for field in dataclasses.fields(value)], inputs)]
    if isinstance(value, msgspec.Struct):
        return [digest_of(msgspec.structs.astuple(value), inputs)]
    if isinstance(_inner(value), _CALLABLE):
        return _callable(value)
    if type(value).__module__.startswith("qiskit."):
        return _circuit(value)
    return _plain(value)


def _plain(value: Any) -> list[bytes | str]:
    """An object by its type and attributes, if it is pickled by them; else as it is pickled."""
    kind = type(value)
    ways = ("__reduce_ex__", "__reduce__", "__getstate__")
    by_attributes = (all(getattr(kind, way) is getattr(object, way) for way in ways) and hasattr(value, "__dict__")
                     and not any("__slots__" in base.__dict__ for base in kind.__mro__))
    if by_attributes and not isinstance(value, type):
        return [f"{kind.__module__}.{kind.__qualname__}", digest_of(vars(value))]
    try:
        import cloudpickle

        return [bytes(cloudpickle.dumps(value, protocol=5))]
    except Exception as error:
        raise InvalidInput(f"An argument of a stage, a {type(value).__name__}, has no content to go by",
                           f"{type(error).__name__}: {error}", "Pass plain data or arrays") from error


def _circuit(value: Any) -> list[bytes | str]:
    """A circuit or an observable by its structure, in which the random ids of parameters do not count."""
    from qiskit import QuantumCircuit

    from qloop.qpus.structure import structure_hash

    if isinstance(value, QuantumCircuit):
        return [structure_hash(value, None)]
    paulis = getattr(value, "paulis", None)
    if paulis is not None:
        return [digest_of([np.asarray(paulis.x), np.asarray(paulis.z), np.asarray(value.coeffs)])]
    data = getattr(value, "data", None)
    return [digest_of(data)] if isinstance(data, np.ndarray) else _plain(value)


def _outer_value(value: Any) -> str:
    """A value from outside of a function, by its content, or by its type if it has none."""
    try:
        return digest_of(value).hex()
    except (InvalidInput, RecursionError):
        return type(value).__qualname__


def _feed(hasher: Any, *parts: bytes | str) -> None:
    """Add parts so that no two lists of parts run together to the same bytes."""
    for part in parts:
        content = part if isinstance(part, bytes) else part.encode()
        hasher.update(struct.pack("<Q", len(content)) + content)
