"""Does a trace contradict itself? Every run of the tests must pass this.

The rules: time does not go back; a QPU does one thing at a time; sessions open and close once and nothing starts
after the close; a task's events come in their order; whatever enters leaves, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from qloop.trace import schema as ev
from qloop.trace.errors import TraceError
from qloop.trace.reader import Trace

_SHOWN = 5


def check(trace: Trace, *, complete: bool = True) -> None:
    """Raise `TraceError` with the first violations; `complete` False allows what is still under way at the end."""
    found = violations(trace, complete=complete)
    if found:
        more = f" (and {len(found) - _SHOWN} more)" if len(found) > _SHOWN else ""
        raise TraceError("The trace contradicts itself", "; ".join(found[:_SHOWN]) + more,
                         "This is an error of what recorded it, not of what reads it")


def violations(trace: Trace, *, complete: bool = True) -> list[str]:
    """Each broken rule in words; empty for a sound trace."""
    rules: tuple[Callable[[Trace, bool], Iterator[str]], ...] = (
        _time, _sessions, _attempts, _lanes, _epochs, _order, _ends, _guesses)
    return [text for rule in rules for text in rule(trace, complete)]


def _time(trace: Trace, complete: bool) -> Iterator[str]:
    """Time is not negative and (t, seq) increases."""
    if trace.events and trace.events[0].t < 0:
        yield f"time starts before 0, at {trace.events[0].t} ns"
    for before, after in pairwise(trace.events):
        if (before.t, before.seq) >= (after.t, after.seq):
            yield f"event {after.seq} at {after.t} ns does not come after event {before.seq} at {before.t} ns"


def _sessions(trace: Trace, complete: bool) -> Iterator[str]:
    """Sessions open once, close once, and nothing of them starts outside."""
    opened: set[str] = set()
    closed: set[str] = set()
    for event in trace.events:
        if isinstance(event, ev.SessionOpened):
            if event.session in opened:
                yield f"session {event.session} opens twice"
            opened.add(event.session)
        elif isinstance(event, ev.SessionClosed):
            if event.session in closed or event.session not in opened:
                yield f"session {event.session} closes {'twice' if event.session in closed else 'unopened'}"
            closed.add(event.session)
        elif isinstance(event, (ev.ParamsReady, ev.Submitted, ev.QpuBegin, ev.CpuBegin, ev.SpeculationLaunched)):
            state = "closed" if event.session in closed else "" if event.session in opened else "unopened"
            if state:
                yield f"{type(event).__name__} of {event.task} at {event.t} ns in {state} session {event.session}"
    if complete:
        yield from (f"session {name} never closes" for name in sorted(opened - closed))


def _attempts(trace: Trace, complete: bool) -> Iterator[str]:
    """Each attempt begins once and ends once, on the same QPU."""
    running: dict[tuple[str, int], str] = {}
    seen: set[tuple[str, int]] = set()
    for event in trace.events:
        if isinstance(event, ev.QpuBegin):
            if (event.task, event.attempt) in seen:
                yield f"attempt {event.attempt} of {event.task} begins twice"
            seen.add((event.task, event.attempt))
            running[event.task, event.attempt] = event.qpu
        elif isinstance(event, ev.QpuEnd):
            qpu = running.pop((event.task, event.attempt), None)
            if event.paused:
                seen.discard((event.task, event.attempt))
            if qpu != event.qpu:
                yield f"attempt {event.attempt} of {event.task} ends on {event.qpu}, but began on {qpu}"
    if complete:
        yield from (f"attempt {n} of {task} never ends" for task, n in sorted(running))


def _lanes(trace: Trace, complete: bool) -> Iterator[str]:
    """No two attempts overlap on a QPU, none runs through a calibration or begins while the QPU is offline."""
    spans: dict[str, list[tuple[int, int, str]]] = {}
    for attempt in trace.index.attempts:
        begun = attempt.begun
        spans.setdefault(begun.qpu, []).append((attempt.begin, attempt.end, f"{begun.task}/{begun.attempt}"))
    for qpu, row in trace.index.qpus.items():
        spans.setdefault(qpu, []).extend((b, e, "calibration") for b, e in row.calibrations)
        begins = [(begin, name) for begin, _, name in spans[qpu] if name != "calibration"]
        for low, high in row.offline:
            yield from (f"{name} begins on {qpu} while it is offline" for begin, name in begins if low < begin < high)
    for qpu, rows in sorted(spans.items()):
        rows.sort()
        for (_, end, first), (begin, _, second) in pairwise(rows):
            if begin < end:
                yield f"{first} and {second} overlap on {qpu} at {begin} ns"


def _epochs(trace: Trace, complete: bool) -> Iterator[str]:
    """A calibration makes the epoch newer, and attempts name an epoch that is not older than the last one.

    A later attempt may hand back what an earlier one of its task bought, in the epoch in which that one began.
    """
    last: dict[str, int] = {}
    begun: dict[str, set[int]] = {}
    for event in trace.events:
        if isinstance(event, ev.CalibrationEnd):
            if event.epoch <= last.get(event.qpu, -1):
                yield f"calibration of {event.qpu} at {event.t} ns makes no new epoch"
            last[event.qpu] = event.epoch
        elif isinstance(event, ev.QpuOnline):
            last[event.qpu] = max(event.epoch, last.get(event.qpu, 0))
        elif isinstance(event, ev.QpuBegin):
            begun.setdefault(event.task, set()).add(last.get(event.qpu, 0))
        elif isinstance(event, ev.QpuEnd) and event.outcome == "done":
            if event.epoch < last.get(event.qpu, 0) and not (event.attempt > 1 and event.epoch in begun[event.task]):
                yield f"{event.task} ends on {event.qpu} in epoch {event.epoch}, older than {last[event.qpu]}"
            last[event.qpu] = max(event.epoch, last.get(event.qpu, 0))


_STAGES: tuple[type[ev.TaskEvent], ...] = (ev.ParamsReady, ev.Submitted, ev.Placed, ev.Enqueued, ev.QpuBegin,
                                           ev.QpuEnd, ev.Result)


def _order(trace: Trace, complete: bool) -> Iterator[str]:
    """The first events of a task come in the order ready, submitted, placed, enqueued, begin, end, result.

    Stages may be missing; the parameters of a guess are ready when it is wanted, so that stage is not looked at. In a
    line that all QPUs share (no QPU is named) a task is placed only when it begins.
    """
    stage_of: dict[type, int] = {kind: n for n, kind in enumerate(_STAGES)}
    reached: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()
    guesses = {name for name, task in trace.index.tasks.items() if task.launched is not None}
    for event in trace.events:
        stage = stage_of.get(type(event))
        if stage is None or not isinstance(event, ev.TaskEvent) or (stage == 0 and event.task in guesses):
            continue
        if isinstance(event, ev.Enqueued) and not event.qpu and reached.get(event.task, 0) < stage_of[ev.QpuBegin]:
            seen.add((event.task, stage))
            continue
        if (event.task, stage) not in seen and stage < reached.get(event.task, 0):
            late = _STAGES[reached[event.task]].__name__
            yield f"{type(event).__name__} of {event.task} at {event.t} ns comes after its {late}"
        seen.add((event.task, stage))
        reached[event.task] = max(stage, reached.get(event.task, 0))
    began = {a.task.name for a in trace.index.attempts}
    yield from (f"{name} runs, but its parameters were never ready" for name in sorted(began - guesses)
                if trace.index.tasks[name].ready is None)


def _ends(trace: Trace, complete: bool) -> Iterator[str]:
    """A submitted task leaves exactly once: a result, a final failure, a cancel, or a squash."""
    index = trace.index
    failed = {failure.task for failure in index.failures if failure.final}
    bought = {(a.task.name, a.begun.attempt) for a in index.attempts if a.done}
    for name, task in sorted(index.tasks.items()):
        handed_on = bool(task.by)
        ends = len(task.results) + (name in failed) + (name in index.cancelled) + bool(task.squashed) + handed_on
        if ends > 1:
            yield f"{name} ends {ends} times"
        if complete and ends == 0 and (task.submitted is not None or task.launched is not None):
            yield f"{name} was submitted and never ends"
        for result in task.results:
            if result.source == "qpu" and (name, result.attempt) not in bought:
                yield f"{name} has a result of attempt {result.attempt}, which no QPU finished"


def _guesses(trace: Trace, complete: bool) -> Iterator[str]:
    """Only what was launched as a guess can be committed or squashed, and not both."""
    for name, task in sorted(trace.index.tasks.items()):
        settled = (task.committed is not None) + bool(task.squashed)
        if settled and task.launched is None:
            yield f"{name} was committed or squashed, but never launched"
        if settled > 1:
            yield f"{name} was both committed and squashed"
    for attempt in trace.index.attempts:
        if attempt.begun.speculative and attempt.task.launched is None:
            yield f"{attempt.task.name} runs as a guess, but was never launched"
