"""How long things are kept: containers that idle, and sessions that are silent or old."""

from __future__ import annotations


def is_kept(idle_since: float, now: float, keep_alive: float) -> bool:
    """Whether a container that idles since then is still warm; a container that is not kept was given back in time."""
    return now - idle_since <= keep_alive


def has_lapsed(idle_since: float, now: float, interactive_ttl: float) -> bool:
    """Whether a session without a task since then has let its interactive TTL pass, and queues again as a new one."""
    return now - idle_since >= interactive_ttl


def is_refused(classical: int, waiting: int, running: int, max_classical: int, max_quantum: int, paper: bool) -> bool:
    """Whether a session that arrives now is refused for the tasks that are there.

    The paper: the classical tasks exceed the one bound, or the quantum tasks, waiting and running, the other. Its
    program (`paper` false): classical tasks have reached the bound, or waiting quantum tasks have.
    """
    if paper:
        return classical > max_classical or waiting + running > max_quantum
    return classical >= max_classical or waiting >= max_quantum
