"""A trace read as work: which tasks came when or after what, how long they took, and what was not recorded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from qloop.errors import InvalidInput
from qloop.model.limits import NEVER
from qloop.simulator.replay.devices import Devices, devices
from qloop.simulator.replay.durations import Durations, Measured, durations, lengthened
from qloop.simulator.replay.edges import columns as edge_columns
from qloop.simulator.replay.order import order, windows
from qloop.simulator.replay.pauses import columns
from qloop.simulator.replay.profiles import told
from qloop.simulator.replay.sittings import Sittings, sittings
from qloop.simulator.replay.submissions import Submission, is_part, submissions
from qloop.simulator.replay.work import Work
from qloop.trace import schema as ev
from qloop.trace.check import check
from qloop.trace.reader import Trace


@dataclass(frozen=True)
class Recorded:
    """A recorded run: its tasks (in order of submission), sessions and QPUs, by number and by name."""

    trace: Trace
    tasks: tuple[Submission, ...]
    sessions: tuple[str, ...]
    devices: Devices
    times: Durations
    sittings: Sittings
    notes: tuple[str, ...]

    @cached_property
    def work(self) -> Work:
        """The arrays of the replay's loop."""
        return as_work(self)

    @property
    def seed(self) -> int:
        """The run's seed, which names the draws of random policies."""
        return self.trace.header.seeds.get("run", 0)


def read_work(trace: Trace) -> Recorded:
    """The work in a trace.

    `InvalidInput` if there is no quantum task in it, `TraceError` if it contradicts itself.
    """
    check(trace, complete=False)
    found = submissions(trace)
    if not any(task.ran_ns >= 0 for task in found):
        raise InvalidInput("There is nothing to replay in this trace", "No quantum task in it ran on a QPU",
                           "Give the trace of a run that used QPUs")
    about = devices(trace)
    number = {name: q for q, name in enumerate(about.names)}
    runs = [Measured(alike(task), number.get(task.qpu, -1), task.ran_ns) for task in found]
    known = [task.ran_ns for task in found if task.ran_ns >= 0]
    fallback = [round(task.estimate_s * 1e9) or round(float(np.mean(known))) for task in found]
    sat = sittings(trace, found)
    least = [(i, number[qpu], ns) for i, task in enumerate(found) for qpu, ns in task.least]
    times = lengthened(durations(runs, len(about.names), fallback), least)
    return Recorded(trace, tuple(found), tuple(sat.opened), about, times, sat,
                    (*notes(trace, found, sat), *about.notes))


def alike(task: Submission) -> tuple[object, ...]:
    """What tells which tasks take the same time on one QPU.

    The estimate is of the emulated hardware, from circuit and shots: equal estimates mean equal circuits. Without one
    the tasks of a session with the same number of shots count as alike.
    """
    if task.estimate_s > 0.0 and task.width > 0:
        return task.width, task.estimate_s
    return task.session, task.shots


def as_work(recorded: Recorded) -> Work:
    """The arrays of a recorded run."""
    tasks, sat, about, rows = recorded.tasks, recorded.sittings, recorded.devices, recorded.trace.index.sessions
    number = {name: s for s, name in enumerate(recorded.sessions)}
    at = {name: q for q, name in enumerate(about.names)}
    sessions = [rows[name] for name in recorded.sessions]
    tenants = {row.tenant: row.tenant_weight for row in sessions}
    structures = list(dict.fromkeys(task.structure for task in tasks))
    circuit = {name: s for s, name in enumerate(structures)}
    place = {tenant: r for r, tenant in enumerate(tenants)}
    return Work(
        session=whole(number[task.session] for task in tasks),
        structure=whole(circuit[task.structure] for task in tasks), after=sat.after, delay_ns=sat.delay_ns,
        cancel_ns=sat.cancel_ns, useful=whole(not task.failed for task in tasks), service_ns=recorded.times.ns,
        estimate_s=real(task.estimate_s for task in tasks), cpu_s=real(task.cpu_s for task in tasks),
        width=whole(task.width for task in tasks), weight=real(task.weight for task in tasks),
        pin=whole(at[task.pin] if task.pin else -1 for task in tasks),
        ends=sat.ends, queue=sat.queue, first=sat.first, followers=sat.followers,
        opened_ns=whole(row.opened for row in sessions), close_ns=sat.close_ns, drop_ns=sat.drop_ns,
        ttl_ns=sat.ttl_ns, life_ns=sat.life_ns, tenant=whole(place[row.tenant] for row in sessions),
        share=real(row.weight for row in sessions), tenant_weight=real(tenants.values()),
        qpu_width=about.width, qpu_cold_s=about.cold_s, qpu_epoch=about.epoch, window_ns=about.window_ns,
        window_every_ns=about.every_ns, window_gap_ns=about.gap_ns, window_length_ns=about.length_ns,
        qpu_forecast=about.forecast, **told(recorded.trace, structures, about.like),
        **order(recorded.trace, tasks, sat), **windows(recorded.trace, about.names), **columns(about.pauses),
        qpu_chunks=about.chunks, **edge_columns(recorded.trace, tasks))


def whole(values: object) -> NDArray[np.int64]:
    """Whole numbers as an array."""
    return np.array(list(values), np.int64)     # type: ignore[call-overload]


def real(values: object) -> NDArray[np.float64]:
    """Real numbers as an array."""
    return np.array(list(values), np.float64)   # type: ignore[call-overload]


def notes(trace: Trace, tasks: list[Submission], sat: Sittings) -> tuple[str, ...]:
    """What a reader of the replay must know of the recording, in words."""
    index = trace.index
    attempts = Counter(attempt.task.name for attempt in index.attempts if not is_part(attempt))
    open_ended = sum(task.end == NEVER for task in tasks)
    told = (
        (trace.truncated, trace.truncated),
        (all(task.width == 0 for task in tasks),
         "the trace holds neither widths nor estimates of tasks; every QPU counts as wide enough, and the estimate of "
         "a task is the running average of its session"),
        (open_ended, f"{open_ended} tasks had not ended when the trace did; they are replayed with the times of like "
                     "tasks, or as long as they were estimated"),
        (sum(count > 1 for count in attempts.values()),
         f"{sum(count > 1 for count in attempts.values())} tasks were tried more than once; only their last attempt "
         "is replayed"),
        (any(isinstance(event, ev.QpuOffline) and not event.operator for event in trace.events),
         "QPUs were offline at times; in the replay they are not"),
        (any(isinstance(event, ev.QpuOffline) and event.operator for event in trace.events),
         "operators took QPUs out of service; in the replay they do so at the same times, whatever has changed"),
        (changed_terms(trace), "terms of tenants changed during the run, or held quotas; in the replay a tenant has no "
                               "quota, and all the time the weight that it had when its last session opened"),
        (any(row.launched is not None for row in index.tasks.values()),
         "guesses are replayed as tasks like others, at the times at which they were made"),
        (any(row.cpu for row in index.sessions.values()),
         "classical tasks are replayed with the times they took, waiting for a worker included; random policies then "
         "draw other numbers than in the recording"),
        cut_loops(trace),
        (sat.open_ended, f"{sat.open_ended} background sessions sent several tasks; these come when they were "
                         "recorded, whatever has ended by then"),
        (trace.header.clock != "virtual",
         f"the recording's clock was {trace.header.clock}: its times hold the delays of the machine, so that "
         "simultaneous events need not fall in the same order"),
    )
    return tuple(text for holds, text in told if holds)


def changed_terms(trace: Trace) -> bool:
    """Whether a tenant had quotas, or a weight that changed once it had sessions."""
    known: set[str] = set()
    for event in trace.events:
        if isinstance(event, ev.SessionOpened):
            known.add(event.tenant)
        elif isinstance(event, ev.TenantTerms) and (event.tenant in known or event.qpu_quota_s >= 0.0
                                                    or event.cpu_quota_s >= 0.0):
            return True
    return False


def cut_loops(trace: Trace) -> tuple[int, str]:
    """How many loops might have gone on, for what ended them was a TTL or the trace's end, and what that means."""
    reasons = {event.session: event.reason for event in trace.events if isinstance(event, ev.SessionClosed)}
    loops = [event.session for event in trace.events
             if isinstance(event, ev.SessionOpened) and event.session_kind == "loop"]
    expired = sum(reasons.get(name) == "expired" for name in loops)
    left_open = sum(name not in reasons for name in loops)
    return expired + left_open, (
        f"{expired} loops were ended by their time-to-live and {left_open} were open when the trace ended; a replay "
        "adds no iterations to these, even where it would have left them time for more")
