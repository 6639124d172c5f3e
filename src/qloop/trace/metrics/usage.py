"""Who used which resource, when: the ground of fairness and cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from qloop.trace.intervals import length, union
from qloop.trace.reader import Trace


def qpu_usage(trace: Trace) -> Iterator[tuple[str, int, int]]:
    """(session, begin, end) in ns up to the horizon of each attempt, and of each calibration a session caused."""
    for attempt in trace.index.attempts:
        begin, end = attempt.begin, min(attempt.end, trace.horizon_ns)
        if begin < end:
            yield attempt.task.session, begin, end
    for row in trace.index.qpus.values():
        for (begin, until), session in zip(row.calibrations, row.charged_to, strict=True):
            end = min(until, trace.horizon_ns)
            if session and begin < end:
                yield session, begin, end


def cpu_usage(trace: Trace) -> dict[str, int]:
    """Nanoseconds of classical work of each session up to the horizon; parallel tasks count each."""
    return {name: sum(length(union([span], 0, trace.horizon_ns)) for span in row.cpu)
            for name, row in trace.index.sessions.items()}


def by_tenant(trace: Trace) -> dict[str, tuple[int, int]]:
    """(CPU, QPU) nanoseconds of each tenant that opened a session."""
    cpu: dict[str, int] = defaultdict(int)
    qpu: dict[str, int] = defaultdict(int)
    owner = {name: row.tenant for name, row in trace.index.sessions.items()}
    for name, used in cpu_usage(trace).items():
        cpu[owner[name]] += used
    for session, begin, end in qpu_usage(trace):
        if session in owner:
            qpu[owner[session]] += end - begin
    return {tenant: (cpu[tenant], qpu[tenant]) for tenant in dict.fromkeys(owner.values())}
