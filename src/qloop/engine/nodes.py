"""Layer 1, nodes: what workers of one node share, and what each attempt takes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from qloop.model.events import ClassicalSubmitted, WorkerJoined
from qloop.model.needs import Capacity, Share


@dataclass(slots=True)
class Node:
    """A node: what it gives to its workers together, what of that is free, and which workers it has."""

    id: str
    capacity: Capacity
    cores: int
    memory: int
    gpus: list[str]
    workers: dict[str, None] = field(default_factory=dict)


def new_node(event: WorkerJoined) -> Node:
    """The node of a worker that joined; one that names none has a node of its own."""
    capacity = event.capacity or Capacity(event.cores)
    return Node(event.node or event.worker, capacity, capacity.cores, capacity.memory_bytes, list(capacity.gpus))


def holds(capacity: Capacity, wish: ClassicalSubmitted) -> bool:
    """Whether a node of this capacity, with nothing on it, could run the task. Memory 0: not known, not limited."""
    return (wish.cores <= capacity.cores and wish.gpus <= len(capacity.gpus)
            and (capacity.memory_bytes == 0 or wish.memory_bytes <= capacity.memory_bytes))


def has_room(node: Node, wish: ClassicalSubmitted) -> bool:
    """Whether what is free on the node suffices for the task."""
    return (wish.cores <= node.cores and wish.gpus <= len(node.gpus)
            and (node.capacity.memory_bytes == 0 or wish.memory_bytes <= node.memory))


def take(node: Node, wish: ClassicalSubmitted) -> Share:
    """The task's share of the node, which is taken from what is free."""
    gpus = tuple(node.gpus[:wish.gpus])
    del node.gpus[:wish.gpus]
    node.cores -= wish.cores
    node.memory -= wish.memory_bytes
    return Share(wish.cores, wish.memory_bytes, gpus, wish.ranks)


def give_back(node: Node, share: Share) -> None:
    """The share is free again. GPUs go back in the order of the node's own, so that a run can be replayed."""
    node.cores += share.cores
    node.memory += share.memory_bytes
    if share.gpus:
        node.gpus.extend(share.gpus)
        node.gpus.sort(key=node.capacity.gpus.index)
