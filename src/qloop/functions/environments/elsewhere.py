"""A call in another environment: an interpreter of it, in a process of its own, under the worker."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import pickle
import select
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from qloop.errors import QloopError
from qloop.functions import telling
from qloop.functions.environments.build import cache_folder, python_of
from qloop.functions.environments.environment import Environment, python_version
from qloop.functions.environments.images import command_for
from qloop.functions.parcel import Again, Files, Known, Packed

_HEAD: Final = struct.Struct("<cQ")
_TICK_S: Final = 0.2        # how soon an interpreter is missed that ended without an answer
_PIECE: Final = 2**20
_PATIENCE_S: Final = 5.0    # for an interpreter to end that has answered


class ElsewhereError(Exception):
    """What a function raised there; a class of its name is made for it, and `own_traceback` is its own."""

    own_traceback = ""


def call_there(environment: Environment, code: Packed, arguments: Packed, inputs: Sequence[Any], files: Files | None,
               again: bool) -> Any:
    """What the call returns, still packed, or an `Again`; raises what it raised, by its name, with its traceback."""
    parts = (_parts(code, files), _parts(arguments, files), [_parts(_packed(one), files) for one in inputs])
    with tempfile.TemporaryDirectory(prefix="qloop-call-") as folder:
        with Path(folder, "call").open("wb") as file:
            pickle.dump(parts, file, protocol=5)
        kind, data = _carried_out(environment, folder)
    if kind == b"v":
        large = files is not None and len(data) >= files.place.large_bytes
        return Packed(files.put(data) if large and files is not None else data)
    name, words, told = json.loads(data)
    if kind == b"r" and again and name != "InvalidInput":
        return Again(f"{name}: {words}", told)
    error = type(name, (ElsewhereError,), {})(words)
    error.own_traceback = told
    raise error


def _carried_out(environment: Environment, folder: str) -> tuple[bytes, bytes]:
    """Run an interpreter on the call in this folder; the last frame that it sends."""
    runner, answer = _runner(), Path(folder, "answer")
    if environment.image:
        command = command_for(environment.image, runner, folder)
    else:
        command = [str(python_of(environment)), "-B", str(runner / "child.py"), folder, python_version()]
    os.mkfifo(answer, 0o600)
    pipe = os.open(answer, os.O_RDONLY | os.O_NONBLOCK)
    bare = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=bare)
    try:
        for kind, data in _frames(pipe, running):
            if kind != b"t":
                return kind, data
            _tell(*json.loads(data))
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(_PATIENCE_S)
        running.kill()
        running.wait()
        os.close(pipe)
    raise QloopError(f"The process in the environment {environment.name} ended without an answer",
                     f"Its exit status is {running.returncode}", "What it printed may say why")


def _frames(pipe: int, running: subprocess.Popen[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """What the process sends, until it has ended."""
    held, over = bytearray(), False
    while not over:
        over = running.poll() is not None       # looked at first: what it sent before is read after
        select.select([pipe], [], [], 0.0 if over else _TICK_S)
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(pipe, _PIECE):
                held += piece
                over = False
        while len(held) >= _HEAD.size:
            kind, size = _HEAD.unpack_from(held)
            if len(held) < _HEAD.size + size:
                break
            yield kind, bytes(held[_HEAD.size:_HEAD.size + size])
            del held[:_HEAD.size + size]


def _tell(what: str, *told: Any) -> None:
    """What the function told there is told here."""
    if what == "progress":
        telling.progress(told[0], told[1])
    else:
        telling.log_metric(told[0], told[1], told[2])


def _packed(given: Any) -> Packed:
    """An input as it travels."""
    if isinstance(given, Known):
        given = pickle.loads(given.outcome)
    return given if isinstance(given, Packed) else Packed(pickle.dumps(given, protocol=5))


def _parts(packed: Packed, files: Files | None) -> tuple[bytes, list[bytes]]:
    """A packed value with the content of its files."""
    def content(part: Any) -> bytes:
        assert files is not None
        return bytes(files.open(part))

    stream = packed.stream if isinstance(packed.stream, bytes) else content(packed.stream)
    return stream, [content(ref) for ref in packed.buffers]


@functools.cache
def _runner() -> Path:
    """A folder with what every environment needs: `child.py` and this interpreter's cloudpickle; made once."""
    import cloudpickle

    child, package = Path(__file__).with_name("child.py"), Path(cloudpickle.__file__).parent
    key = hashlib.sha256(child.read_bytes() + cloudpickle.__version__.encode()).hexdigest()[:16]
    folder = cache_folder() / f"runner-{key}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix="runner-", dir=folder.parent))
        shutil.copy(child, draft)
        shutil.copytree(package, draft / "cloudpickle", ignore=shutil.ignore_patterns("__pycache__"))
        try:
            draft.rename(folder)
        except OSError:         # another worker was faster
            shutil.rmtree(draft, ignore_errors=True)
    return folder
