"""A program that confines itself as the child of a reader does, and then tries to get out; prints what it reached."""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qloop.intake import confine

ROOT = os.geteuid() == 0


def _fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def _write() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
        file.flush()


def _memory() -> None:
    bytearray(600 << 20)


def _descriptors() -> None:
    assert [number for number in range(256) if _is_open(number)] != [0, 1, 2], "nothing is inherited"


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _many_files() -> None:
    for _ in range(100):
        os.open("/", os.O_RDONLY)


def _raise_limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (1000, 1000))


def _root() -> None:
    os.setuid(0)


def _keeper() -> None:
    os.kill(os.getppid(), 0)


def _environment_of_keeper() -> None:
    Path(f"/proc/{os.getppid()}/environ").read_bytes()


def _core() -> None:
    assert resource.getrlimit(resource.RLIMIT_CORE) != (0, 0), "no core files"


def _network(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def attempts(port: int, alone: bool) -> dict[str, Callable[[], None]]:
    found: dict[str, Callable[[], None]] = {
        "fork": _fork, "write": _write, "memory": _memory, "descriptors": _descriptors, "files": _many_files,
        "limit": _raise_limit, "core": _core}
    if ROOT:
        found |= {"root": _root, "keeper": _keeper, "environment": _environment_of_keeper}
    if alone:
        found["network"] = lambda: _network(port)
    return found


def outcome(attempt: Callable[[], None]) -> str:
    try:
        attempt()
    except BaseException as error:
        return type(error).__name__
    return "escaped"


def main() -> None:
    ours, theirs = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        alone = confine.leave_network()
        keeper = os.getpid()
        pid = os.fork()
        if pid == 0:
            os.setsid()
            confine.keep_only(theirs.fileno())
            confine.confine(8, 512 << 20, False, keeper)
            found: dict[str, Any] = {name: outcome(attempt) for name, attempt in attempts(port, alone).items()}
            found["user"] = os.getuid()
            os.write(1, json.dumps(found).encode())
            os._exit(0)
        theirs.close()
        sys.stdout.write(ours.makefile().read())
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
