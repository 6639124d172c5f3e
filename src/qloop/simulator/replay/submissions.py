"""The quantum tasks of a trace, each with all that its events tell."""

from __future__ import annotations

from dataclasses import dataclass

from qloop.model.limits import NEVER
from qloop.trace import schema as ev
from qloop.trace.index import OPEN, AttemptRow
from qloop.trace.reader import Trace


@dataclass(frozen=True, slots=True)
class Submission:
    """A task: when it came, what was told of it, and how it ended; ns.

    `end`, `end_seq`: its last event (NEVER: none). `ran_ns`: its last attempt without the set-up of a cold start, all
    its chunks together, -1 if it did not run or never came to its end. `cancelled` says that it ended unwanted,
    `failed` that its attempt did. `least`: QPUs where it left between two chunks, with the ns that it takes there at
    least.
    """

    name: str
    session: str
    iteration: int
    at: int
    seq: int
    width: int
    estimate_s: float
    cpu_s: float
    weight: float
    pin: str
    end: int
    end_seq: int
    qpu: str
    begin: int
    ran_ns: int
    shots: int
    cancelled: bool
    failed: bool
    structure: str = ""
    least: tuple[tuple[str, int], ...] = ()


def submissions(trace: Trace) -> list[Submission]:
    """The tasks in the order of their submission."""
    last: dict[str, AttemptRow] = {attempt.task.name: attempt for attempt in trace.index.attempts}
    least: dict[str, list[tuple[str, int]]] = {}
    for attempt in trace.index.attempts:
        if is_part(attempt):
            least.setdefault(attempt.task.name, []).append((attempt.begun.qpu, executed(attempt) + 1))
    ends: dict[str, ev.Result | ev.TaskFailed | ev.TaskCancelled] = {}
    came: dict[str, ev.Submitted] = {}
    for event in trace.events:
        if isinstance(event, ev.Submitted):
            came.setdefault(event.task, event)
        elif isinstance(event, (ev.Result, ev.TaskCancelled)) or (isinstance(event, ev.TaskFailed) and event.final):
            ends.setdefault(event.task, event)
    return [_submission(event, ends.get(name), last.get(name), tuple(least.get(name, ())))
            for name, event in came.items() if event.session in trace.index.sessions]


def _submission(came: ev.Submitted, end: ev.Result | ev.TaskFailed | ev.TaskCancelled | None,
                attempt: AttemptRow | None, least: tuple[tuple[str, int], ...]) -> Submission:
    """A task from its submission, its last event and its last attempt."""
    ended = None if attempt is None else attempt.ended
    ran = -1
    if attempt is not None and ended is not None and attempt.end < OPEN and not is_part(attempt):
        ran = executed(attempt)
    at, seq = (NEVER, 0) if end is None else (end.t, end.seq)
    if isinstance(end, ev.Result) and attempt is not None and ended is not None:
        at, seq = ended.t, ended.seq        # what comes after it on the way back to the loop counts as thinking
    failed = isinstance(end, ev.TaskFailed) and ran >= 0
    return Submission(
        came.task, came.session, came.iteration, came.t, came.seq, came.width, came.estimate_s, came.cpu_s,
        came.weight, came.pin, at, seq, "" if attempt is None else attempt.begun.qpu,
        -1 if attempt is None else attempt.begin, ran, 0 if ended is None else ended.shots,
        isinstance(end, ev.TaskCancelled) or (isinstance(end, ev.TaskFailed) and ran < 0), failed,
        came.structure, least)


def is_part(attempt: AttemptRow) -> bool:
    """Whether this run ended between two chunks."""
    return attempt.ended is not None and (attempt.ended.paused or attempt.ended.cut)


def executed(attempt: AttemptRow) -> int:
    """How long an attempt took up to the end of this run, with its earlier chunks and without set-up, ns."""
    return sum(max(0, run.end - run.begin - run.ended.overhead_ns) for run in (*attempt.earlier, attempt)
               if run.ended is not None)
