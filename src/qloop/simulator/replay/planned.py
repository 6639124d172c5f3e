"""Predicting a run from its plan alone: the replay's loop under a workload that nobody has carried out yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from qloop.errors import InvalidInput
from qloop.model.limits import NEVER, Limits
from qloop.model.planned import PlannedSession, PlannedTask
from qloop.policies.record import Policy
from qloop.qpus.forecast import Forecast, Forecasting
from qloop.qpus.protocol import LocalQpu, Program, Window
from qloop.simulator.replay.devices import Devices, padded, seconds
from qloop.simulator.replay.durations import Durations
from qloop.simulator.replay.host import Host
from qloop.simulator.replay.recorded import Recorded
from qloop.simulator.replay.replay import keep_warm
from qloop.simulator.replay.sittings import sittings
from qloop.simulator.replay.submissions import submissions
from qloop.simulator.replay.writing import as_trace, new_header
from qloop.trace import schema as ev
from qloop.trace.provenance import QpuInfo
from qloop.trace.provenance import new_header as first_header
from qloop.trace.reader import Trace

MOST_WINDOWS = 10_000
LONGEST = 4         # windows are listed for so many times the length that the plan would take one after the other


def predict(sessions: Sequence[PlannedSession], qpus: Sequence[LocalQpu], policy: Policy, *, seed: int = 0,
            tenants: Mapping[str, float] | None = None, programs: Sequence[tuple[str, Program]] = (),
            host: Host | None = None) -> Trace:
    """The trace that this plan is predicted to leave under a policy on these QPUs; `seed` is the run's.

    QPUs calibrate as planned, are never away and do not fail; a cold start costs what the QPU says. `tenants` have
    weights other than 1. `programs` are circuits by the QPU that they are compiled for: what is known of them there is
    told to the scheduler before their first task, as live. Raises `InvalidInput` for a plan that cannot run.
    """
    found = as_recorded(sessions, qpus, policy.name, seed, tenants or {}, programs)
    log = (host or Host()).run(keep_warm(policy), found.work, seed=seed, workers=0)
    return as_trace(found, log, new_header(found, policy.name, {}, "predicted by the simulator from the plan alone"))


def as_recorded(sessions: Sequence[PlannedSession], qpus: Sequence[LocalQpu], policy: str, seed: int,
                tenants: Mapping[str, float], programs: Sequence[tuple[str, Program]] = ()) -> Recorded:
    """The plan in the form of a recording in which every session was alone on a platform of its own."""
    _check(sessions, len(qpus))
    infos = [QpuInfo(about.name, about.kind, about.device, about.n_qubits) for about in (q.describe() for q in qpus)]
    header = first_header(clock="virtual", policy=policy, qpus=infos, seeds={"run": seed})
    limits, events = Limits(), list(_profiles(sessions, qpus, programs))
    for session in sessions:
        events += _alone(session, infos, tenants.get(session.tenant, 1.0), limits)
    events.sort(key=lambda event: (event.t, event.seq))
    trace = Trace.of(header, [_numbered(event, n) for n, event in enumerate(events)])
    tasks = submissions(trace)
    sat = sittings(trace, tasks)
    planned = {_name(session, k): task for session in sessions for k, task in enumerate(session.tasks)}
    times = np.array([planned[task.name].service_ns for task in tasks], np.int64).reshape(len(tasks), len(qpus))
    known = Durations(np.where(times < 0, 0, times), times < 0)
    until = 2 * max((event.t for event in events), default=0) + LONGEST * int(known.ns.max(axis=1).sum())
    return Recorded(trace, tuple(tasks), tuple(sat.opened), devices_of(qpus, until), known, sat, ())


def devices_of(qpus: Sequence[LocalQpu], until_ns: int) -> Devices:
    """The QPUs as they describe themselves, with all windows up to a time."""
    about = [qpu.describe() for qpu in qpus]
    windows = [list(_windows(qpu, until_ns)) for qpu in qpus]
    gaps = [rows[1].begin_ns - rows[0].begin_ns - rows[0].length_ns if len(rows) > 1 else NEVER for rows in windows]
    whole: Any = np.int64
    return Devices(
        tuple(one.name for one in about), np.array([one.n_qubits for one in about], whole),
        np.array([one.cold_s for one in about]), np.zeros(len(about), whole),
        padded([[window.begin_ns for window in rows] for rows in windows]), np.zeros(len(about), whole),
        np.array(gaps, whole), np.array([rows[0].length_ns if rows else 0 for rows in windows], whole),
        np.zeros(len(about), np.bool_), tuple(() for _ in about), np.array([_forecast(qpu) for qpu in qpus]),
        np.ones(len(about), whole),
        tuple(one.name for one in about), ())


def _forecast(qpu: LocalQpu) -> list[float]:
    """What a QPU is expected to drift, as policies see it."""
    about = qpu.forecast(0) if isinstance(qpu, Forecasting) else Forecast()
    return [seconds(about.calibrated_ns), about.aging_per_h, about.sd, about.relax_s, about.idle_share]


def _profiles(sessions: Sequence[PlannedSession], qpus: Sequence[LocalQpu], programs: Sequence[tuple[str, Program]],
              ) -> Iterator[ev.AnyEvent]:
    """What is known of each circuit on each QPU, told with the first session that opens with it."""
    first: dict[str, int] = {}
    for session in sorted(sessions, key=lambda session: session.opened_ns):
        for task in session.tasks[:1]:
            first.setdefault(task.structure, session.opened_ns + task.delay_ns)
    for qpu in qpus:
        for name, program in programs:
            if name == qpu.describe().name and program.structure in first and isinstance(qpu, Forecasting):
                fit = qpu.fit(program, 0)
                yield ev.Profiled(first[program.structure], -1, structure=program.structure, qpu=name, loss=fit.loss,
                                  stale_s=fit.stale_s, load_s=fit.load_s, mitigation_s=fit.mitigation_s)


def _windows(qpu: LocalQpu, until_ns: int) -> Iterator[Window]:
    """The windows of a QPU that begin before a time."""
    window = qpu.next_window(0)
    for _ in range(MOST_WINDOWS):
        if window is None or window.begin_ns > until_ns:
            return
        yield window
        window = qpu.next_window(window.begin_ns + max(1, window.length_ns))


def _alone(session: PlannedSession, qpus: Sequence[QpuInfo], weight: float, limits: Limits) -> Iterator[ev.AnyEvent]:
    """What a session leaves that never waits; `seq` orders the events of one time within it."""
    name, now, seq = session.name, session.opened_ns, iter(range(10**9))
    kind: ev.SessionKind = "background" if session.kind == "background" else "loop"
    yield ev.SessionOpened(now, next(seq), session=name, tenant=session.tenant, tenant_weight=weight, label=name,
                           session_kind=kind, interactive_ttl_ns=limits.interactive_ttl_ns,
                           max_ttl_ns=limits.max_ttl_ns)
    for k, task in enumerate(session.tasks):
        now += task.delay_ns
        if kind == "loop":
            yield ev.IterationBegin(now, next(seq), session=name, iteration=k)
        where: dict[str, Any] = {"session": name, "iteration": k, "task": _name(session, k)}
        begin, now = now, now + _shortest(task)
        qpu = qpus[task.service_ns.index(_shortest(task))].name
        yield ev.ParamsReady(begin, next(seq), **where)
        yield ev.Submitted(begin, next(seq), **where, width=task.width, estimate_s=task.estimate_s, cpu_s=task.cpu_s,
                           structure=task.structure)
        yield ev.QpuBegin(begin, next(seq), **where, qpu=qpu)
        yield ev.QpuEnd(now, next(seq), **where, qpu=qpu, shots=task.shots)
        yield ev.Result(now, next(seq), **where, qpu=qpu, shots=task.shots)
        if kind == "loop":
            later = session.tasks[k + 1].delay_ns if k + 1 < len(session.tasks) else session.close_ns
            yield ev.IterationEnd(now + later, next(seq), session=name, iteration=k)
    yield ev.SessionClosed(now + session.close_ns, next(seq), session=name)


def _shortest(task: PlannedTask) -> int:
    return min(ns for ns in task.service_ns if ns >= 0)


def _name(session: PlannedSession, k: int) -> str:
    return f"{session.name}/{k}"


def _numbered(event: ev.AnyEvent, n: int) -> ev.AnyEvent:
    return msgspec.structs.replace(event, seq=n)


def _check(sessions: Sequence[PlannedSession], qpus: int) -> None:
    """`InvalidInput` for a plan that cannot run."""
    if not any(session.tasks for session in sessions):
        raise InvalidInput("There is nothing to predict", "No session of the plan has a task", "Plan at least one task")
    names = [session.name for session in sessions]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InvalidInput(f"The plan has several sessions named {twice[0]!r}", "", "Give each a name of its own")
    for session in sessions:
        _check_session(session, qpus)


def _check_session(session: PlannedSession, qpus: int) -> None:
    """`InvalidInput` for times that cannot be."""
    if session.opened_ns < 0 or session.close_ns < 0:
        raise InvalidInput(f"Session {session.name!r} opens at {session.opened_ns} ns and closes "
                           f"{session.close_ns} ns after its last task", "Time never goes back", "Give 0 or more")
    for k, task in enumerate(session.tasks):
        if len(task.service_ns) != qpus or max(task.service_ns, default=-1) < 0:
            raise InvalidInput(f"Task {k} of session {session.name!r} has times {task.service_ns!r:.60}",
                               f"There are {qpus} QPUs, and it must fit one of them",
                               "Give its ns on each QPU, -1 where it does not fit")
        if task.delay_ns < 0:
            raise InvalidInput(f"Task {k} of session {session.name!r} comes {task.delay_ns} ns after what it "
                               "follows", "Time never goes back", "Give 0 or more")
