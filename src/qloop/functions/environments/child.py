"""What runs in another environment: this file alone, with a copy of cloudpickle beside it. It needs nothing of qloop.

The call lies in a file; what comes of it goes into a named pipe, in frames: a letter, a length, and so many bytes.
`t`: what the function tells (JSON), `v`: its pickled value, `r`: an exception that it may be repeated for, `e`: another
one (JSON of kind, words, traceback).
"""

import json
import os
import pickle
import struct
import sys
import threading
import traceback
import types
from typing import Any


def main(folder: str, python: str) -> None:
    """Open the call, make it, and answer."""
    sys.path.append(os.path.dirname(os.path.abspath(__file__)))     # noqa: PTH100, PTH120 (as little as can be)
    pipe = open(os.path.join(folder, "answer"), "wb")               # noqa: PTH118, PTH123, SIM115
    lock = threading.Lock()

    def send(kind: bytes, data: bytes) -> None:
        with lock:
            pipe.write(kind + struct.pack("<Q", len(data)) + data)
            pipe.flush()

    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if here != python:
        send(b"e", json.dumps(["InvalidInput", f"The environment has Python {here}, and the function was packed by "
                               f"Python {python}", ""]).encode())
        return
    _provide(lambda *told: send(b"t", json.dumps(told).encode()))
    with open(os.path.join(folder, "call"), "rb") as file:          # noqa: PTH118, PTH123
        call = pickle.load(file)
    send(*_outcome(call))


def _outcome(call: Any) -> tuple[bytes, bytes]:
    import cloudpickle

    retry_on: Any = ()
    try:
        code, arguments, inputs = (_opened(part) for part in call)
        function, retry_on = code
        args, kwargs = _put_back(arguments, inputs)
        value = function(*args, **kwargs)
        return b"v", cloudpickle.dumps(value, protocol=5)
    except BaseException as error:
        frames = error.__traceback__.tb_next if error.__traceback__ is not None else None
        told = [type(error).__name__, str(error), "".join(traceback.format_exception(type(error), error, frames))]
        return (b"r" if isinstance(error, retry_on) else b"e"), json.dumps(told).encode()


def _opened(part: Any) -> Any:
    """A pickle with its buffers, or a list of such."""
    if isinstance(part, list):
        return [_opened(one) for one in part]
    stream, buffers = part
    return pickle.loads(stream, buffers=[bytearray(one) for one in buffers])


def _put_back(given: Any, values: Any) -> Any:
    """As `qloop.functions.arguments.put_back`."""
    kind = type(given)
    if kind.__name__ == "Input" and kind.__module__ == "qloop.functions.arguments":
        return values[given.number]
    if kind is dict:
        return {key: _put_back(one, values) for key, one in given.items()}
    if kind in (tuple, list):
        return kind(_put_back(one, values) for one in given)
    return given


def _provide(tell: Any) -> None:
    """`qloop.progress` and `qloop.log_metric`, whether qloop is installed here or not."""
    try:
        qloop: Any = __import__("qloop")
    except ImportError:
        qloop = sys.modules["qloop"] = types.ModuleType("qloop")
        for name in ("qloop.functions", "qloop.functions.arguments"):
            sys.modules[name] = types.ModuleType(name)

        class Input:
            def __init__(self, number: int) -> None:
                self.number = number

        Input.__module__ = "qloop.functions.arguments"
        vars(sys.modules["qloop.functions.arguments"])["Input"] = Input
    qloop.progress = lambda fraction, text="": tell("progress", float(fraction), str(text))
    qloop.log_metric = lambda name, value, step=None: tell("metric", str(name), float(value), step)


if __name__ == "__main__":
    main(*sys.argv[1:])
