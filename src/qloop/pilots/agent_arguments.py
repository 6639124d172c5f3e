"""An agent's command line. It never holds the token."""

from __future__ import annotations

import argparse
import socket
import time
from collections.abc import Sequence
from typing import NamedTuple

from qloop.errors import InvalidInput
from qloop.model.needs import Capacity
from qloop.pilots import machine
from qloop.pilots.machine import Node
from qloop.pilots.protocol import MOST_WORKERS


class Arguments(NamedTuple):
    """What an agent is told when it starts. `begun`: `time.monotonic()` of that."""

    hub: str
    name: str
    node: Node
    workers: int
    walltime_s: float
    token_file: str
    begun: float


def read_arguments(words: Sequence[str]) -> Arguments:
    """The arguments of `python -m qloop.pilots.agent`. `InvalidInput` for what makes no sense."""
    told = _parser().parse_args(words)
    cores = told.cores or machine.cores()
    workers = told.workers or cores
    if not 1 <= workers <= MOST_WORKERS or cores < 1 or told.memory_bytes < 0 or not 0 <= told.walltime < 1e9:
        raise InvalidInput(f"An agent cannot have {cores} cores, {told.memory_bytes} bytes, {workers} workers and "
                           f"{told.walltime:g} s")
    gpus = machine.gpus(told.gpus) if told.gpus is not None else machine.gpus()
    capacity = Capacity(cores, told.memory_bytes or machine.memory_bytes(), gpus)
    node = Node(told.node or socket.gethostname(), capacity)
    return Arguments(told.hub, told.name, node, workers, told.walltime, told.token_file, time.monotonic())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m qloop.pilots.agent",
        description="Lead workers on this node for a qloop pilot. The pilot's token is taken from QLOOP_AGENT_TOKEN or "
                    "from --token-file.")
    parser.add_argument("--hub", required=True, metavar="HOST:PORT", help="where the pilot's hub listens")
    parser.add_argument("--name", required=True, help="the allocation's name, and after a / the node's within it")
    parser.add_argument("--cores", type=int, default=0, help="of this node (default: those it may run on)")
    parser.add_argument("--memory-bytes", type=int, default=0, help="of this node (default: what it has)")
    parser.add_argument("--gpus", help="ids with commas between them (default: CUDA_VISIBLE_DEVICES)")
    parser.add_argument("--workers", type=int, default=0, help="at most (default: one for each core)")
    parser.add_argument("--walltime", type=float, default=0.0, metavar="SECONDS", help="until it must have ended")
    parser.add_argument("--token-file", default="", help="a file of mode 0600 that holds the token")
    parser.add_argument("--node", default="", help="what this node is called (default: its host name)")
    return parser
