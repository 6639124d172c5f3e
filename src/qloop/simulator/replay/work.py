"""What is replayed: the tasks, sessions and QPUs of a recorded run as arrays of numbers.

A task either arrives at a fixed time or follows its session: it is ready `delay_ns` after the first `after` tasks of
the session, in the order in which they ended in the recording, have all ended. That covers a loop (each task follows
the one before), batches that are gathered together, and any number of tasks outstanding at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from qloop.policies import columns as c
from qloop.policies import fits
from qloop.policies.record import Policy
from qloop.simulator.tables import totals_of

INF = c.INF


class Work(NamedTuple):
    """Arrays over tasks i (in order of their recorded submission), sessions s and QPUs q; ns, and s where named so.

    `after[i]` 0: ready at `delay_ns[i]`. `ends` lists the tasks of each session by their recorded end and `queue`
    those that follow by (`after`, submission), both from `first[s]` on; `followers[s]` counts the latter.
    `service_ns[i][q]` is without the set-up of a cold start. `useful` 0: the attempt failed. `close_ns[s]` is the
    time from its last task's end to its closing (-1: never closed); `drop_ns[s]` when it was cancelled, NEVER for not.
    `window_ns[q]` are planned begins of windows, padded by NEVER; after the last one every `window_every_ns` (0: none).

    `order_ns` and `order_rank` say when an event was recorded and where it stood among the events of that time, by
    code: n tasks' arrivals, n ends, n cancels, then openings, closings and drops of the sessions. `begun_*` and
    `calibrated_*` [q] say the same of windows. `out_*` and `back_*` [q] are the times and ranks at which an operator
    took QPUs out of service and put them back, padded by NEVER; `retired_ns[q]` is when one was taken out for good.

    `qpu_chunks[q]` is 1 where long tasks run in chunks; `edge_ns` and `edge_rank` say when and in which place the ends
    of chunks of task i were recorded, from `edge_first[i]` on.

    `structure[i]` numbers circuits, of which `told[k]` says what was told at `told_ns[k]` (policies/fits.py), and
    `qpu_forecast[q]` holds what a QPU is expected to drift: the columns CALIBRATED_AT to IDLE_SHARE of its row.
    """

    session: Any
    structure: Any
    after: Any
    delay_ns: Any
    cancel_ns: Any
    useful: Any
    service_ns: Any
    estimate_s: Any
    cpu_s: Any
    width: Any
    weight: Any
    pin: Any
    ends: Any
    queue: Any
    first: Any
    followers: Any
    opened_ns: Any
    close_ns: Any
    drop_ns: Any
    ttl_ns: Any
    life_ns: Any
    tenant: Any
    share: Any
    tenant_weight: Any
    qpu_width: Any
    qpu_cold_s: Any
    qpu_epoch: Any
    window_ns: Any
    window_every_ns: Any
    window_gap_ns: Any
    window_length_ns: Any
    order_ns: Any
    order_rank: Any
    begun_ns: Any
    begun_rank: Any
    calibrated_ns: Any
    calibrated_rank: Any
    out_ns: Any
    out_rank: Any
    back_ns: Any
    back_rank: Any
    retired_ns: Any
    qpu_forecast: Any
    told_ns: Any
    told_rank: Any
    told_structure: Any
    told_qpu: Any
    told: Any
    qpu_chunks: Any
    edge_first: Any
    edge_ns: Any
    edge_rank: Any

    @property
    def tasks(self) -> int:
        """How many tasks there are."""
        return len(self.session)

    @property
    def qpus(self) -> int:
        """How many QPUs there are."""
        return len(self.qpu_width)

    def plain(self) -> Work:
        """The same as lists, which plain Python reads faster than arrays."""
        return Work(*(column.tolist() for column in self))


def tables(work: Work, policy: Policy, workers: int) -> tuple[Any, Any, Any, Any]:
    """The policies' tables of an empty platform, as lists: tenants first in `flows`, then the sessions."""
    tenants, never = len(work.tenant_weight), 2**62
    nowhere = fits.no_visits(work.qpus)
    flows = [c.new_flow(r + 1.0, -1.0, float(weight)) + nowhere for r, weight in enumerate(work.tenant_weight)]
    flows += [c.new_flow(tenants + s + 1.0, float(work.tenant[s]), float(work.share[s])) + nowhere
              for s in range(len(work.tenant))]
    qpus = []
    for q in range(work.qpus):
        at, gap = (float(ns) * 1e-9 if ns < never else INF for ns in (work.window_ns[q][0], work.window_gap_ns[q]))
        row = c.new_qpu(float(work.qpu_width[q]), float(work.qpu_cold_s[q]), at, gap)
        row[c.EPOCH], row[c.WINDOW_S] = float(work.qpu_epoch[q]), float(work.window_length_ns[q]) * 1e-9
        row[c.CALIBRATED_AT:c.IDLE_SHARE + 1] = [float(cell) for cell in work.qpu_forecast[q]]
        qpus.append(row)
    unknown = fits.default_fits(qpus)
    tasks = [c.new_task(-1.0, tenants + float(work.session[i]), 0.0, float(work.width[i]), float(work.weight[i]),
                        float(work.cpu_s[i]), float(work.pin[i])) + unknown for i in range(work.tasks)]
    return tasks, flows, qpus, totals_of(policy, float(max(1, workers)), work.qpus)


def as_arrays(world: tuple[Any, Any, Any, Any]) -> tuple[Any, Any, Any, Any]:
    """The tables as the compiled kernel takes them."""
    tasks, flows, qpus, totals = (np.array(table, dtype=np.float64) for table in world)
    return tasks.reshape(-1, c.TASK_COLUMNS + fits.FIT * len(qpus)), flows, qpus, totals
