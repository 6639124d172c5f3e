"""The keeper's process.

    python -P -m qloop.runtime.keeping.keeper_process FD < order

It reads its order (JSON) from stdin, holds the name's lock, opens the pilot and its door, makes itself known in the
registry, says so over FD, and serves. Exit status: 0 if it ended on purpose, 1 if its pilot failed, 2 if it did not
begin.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time

import msgspec

from qloop.errors import QloopError
from qloop.pilots.credential import new_credential
from qloop.pilots.kept import folder, registry
from qloop.pilots.kept.registry import Record
from qloop.pilots.process_identity import identity
from qloop.pilots.spec import PilotSpec


class Order(msgspec.Struct, frozen=True):
    """What is to be kept, and for how long without use (0: without end)."""

    name: str
    spec: PilotSpec
    idle_s: float


class Said(msgspec.Struct, frozen=True):
    """What came of it: "" and nothing else if it serves, or an error in its parts."""

    what: str = ""
    why: str = ""
    do: str = ""
    code: str = ""


def main() -> int:
    """Its life; the exit status."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    answer = int(sys.argv[1])
    try:
        with registry.kept(order.name):
            return _keep(order, answer)
    except QloopError as error:
        _say(answer, Said(error.what, error.why, error.do, error.code))
        print(error, file=sys.stderr)
        return 2


def _keep(order: Order, answer: int) -> int:
    from qloop.runtime.keeping.keeper import Keeper, end_on_signals
    from qloop.runtime.pilots import open_pilot

    pilot = open_pilot(msgspec.structs.replace(order.spec, name=order.name))
    path = folder.socket_path(registry.home(), order.name)
    record = Record(order.name, order.spec, identity(), socket.gethostname(), str(path), new_credential(0.0).text(),
                    time.time(), order.idle_s)
    keeper = Keeper(pilot, record)
    try:
        end_on_signals(keeper)
        keeper.begin()
        registry.write(record)
        _say(answer, Said())
        keeper.serve()
    finally:
        folder.remove_socket(path)
        ended = msgspec.structs.replace(record, ended=keeper.ending or "its keeper failed", token="")
        registry.write(ended) if keeper.failed else _forget(record)
    print(f"the keeper of {order.name} ended: {keeper.ending}", file=sys.stderr)
    return 1 if keeper.failed else 0


def _forget(record: Record) -> None:
    with contextlib.suppress(OSError):
        registry.record_file(record.name).unlink()


def _say(answer: int, said: Said) -> None:
    """Once; the starter may have gone."""
    with contextlib.suppress(OSError), os.fdopen(answer, "wb") as pipe:
        pipe.write(msgspec.json.encode(said))


if __name__ == "__main__":
    sys.exit(main())
