"""What the policies are told of a session's circuit on each QPU, as the runtime tells the engine live."""

from __future__ import annotations

from typing import Any

from qloop.policies import columns as c
from qloop.policies import fits
from qloop.simulator.platform import memory as mem


def fill(m: Any, work: Any, w: Any, i: int) -> None:
    """Fill in the blocks of the task of slot i, by what the session's circuit costs and where it was compiled."""
    task, row = w.tasks[i], m.slots[i]
    error = work.loads[row[mem.SESSION], mem.ERROR]
    for q in range(len(w.qpus)):
        facts, at = m.machines[q], c.TASK_COLUMNS + fits.FIT * q
        task[at + fits.LOSS] = error * facts[mem.QUALITY]
        task[at + fits.COMPILE] = facts[mem.COMPILE] if row[mem.VISITED] & (1 << q) == 0 else 0.0
        task[at + fits.LOAD] = facts[mem.LOAD]


def was_loaded(flow: Any, q: int, now: float, epoch: float, ttl: float) -> bool:
    """Whether the session's waveforms are still loaded on QPU q, where no cache of a limited size is modelled."""
    at = c.FLOW_COLUMNS + fits.VISIT * q
    return bool(flow[at + fits.USED_EPOCH] == epoch and now - flow[at + fits.USED_AT] <= ttl)
