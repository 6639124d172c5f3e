"""What the scheduler was told of circuits on QPUs during a recorded run, told again at the same times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from qloop.policies.columns import COLD, INF, TASK_COLUMNS
from qloop.policies.fits import FIT, LOAD, UNKNOWN
from qloop.simulator.replay.memory import TOLD, ask
from qloop.trace import schema as ev
from qloop.trace.reader import Trace


def told(trace: Trace, structures: Sequence[str], like: Sequence[str]) -> dict[str, Any]:
    """`told_ns`, `told_rank`, `told_structure`, `told_qpu` and `told` (n, FIT) of `Work`.

    `like` are the recorded QPUs that the replay's are like, in order; `structures` those of its tasks.
    """
    number = {name: s for s, name in enumerate(structures)}
    rows: list[tuple[int, int, int, int]] = []
    cells: list[list[float]] = []
    for event in trace.events:
        if not isinstance(event, ev.Profiled) or event.structure not in number:
            continue
        for q, name in enumerate(like):
            if name == event.qpu:
                rows.append((event.t, 2 * event.seq, number[event.structure], q))
                cells.append([INF if event.unfit else event.loss, event.stale_s, event.compile_s, event.bind_s,
                              event.load_s, event.mitigation_s])
    table = np.array(rows, np.int64).reshape(-1, 4)
    return {"told_ns": table[:, 0].copy(), "told_rank": table[:, 1].copy(), "told_structure": table[:, 2].copy(),
            "told_qpu": table[:, 3].copy(), "told": np.array(cells, np.float64).reshape(-1, FIT)}


def plan_profiles(w: Any, r: Any, qpus: Any) -> None:
    """Nothing is known at first; ask for what will be told."""
    for profile in r.profiles:
        for q in range(len(qpus)):
            for cell in range(FIT):
                profile[q][cell] = 0.0
            profile[q][0], profile[q][LOAD] = UNKNOWN, qpus[q][COLD]
    for k in range(len(w.told_ns)):
        ask(r, w.told_ns[k], TOLD, k, w.told_rank[k])


def take(w: Any, r: Any, k: int) -> None:
    """The scheduler is told the k-th profile."""
    profile = r.profiles[w.told_structure[k]][w.told_qpu[k]]
    for cell in range(FIT):
        profile[cell] = w.told[k][cell]


def fill(w: Any, r: Any, tasks: Any, i: int) -> None:
    """Bring the blocks of a task's row up to date."""
    at = TASK_COLUMNS
    for profile in r.profiles[w.structure[i]]:
        for cell in range(FIT):
            tasks[i][at] = profile[cell]
            at += 1
