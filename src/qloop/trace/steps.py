"""The steps of a trace: what one iteration of one session did on QPUs, and the time lost before it.

All of TTNS, slowdown, drift and convergence are sums and quantiles over this table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from qloop.trace.index import OPEN, AttemptRow, Index, SessionRow, TaskRow
from qloop.trace.intervals import Clockwork, union


@dataclass(slots=True)
class Step:
    """One iteration k of one session; times in ns since the run's start, None where it did not happen.

    `begin` and `end` (b, e) are the first begin and the last end of the attempts whose values were used: a failed
    attempt or a squashed guess brings no shots. `ready` (p) is the first time that parameters were ready, `result`
    (r) the last delivery.
    """

    session: SessionRow
    k: int
    started: int | None = None
    ready: int | None = None
    begin: int | None = None
    end: int | None = None
    result: int | None = None
    network_up: int = 0
    network_down: int = 0
    guessed: bool = False
    bought: bool = False
    tasks: list[TaskRow] = field(default_factory=list)
    attempts: list[AttemptRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Gap:
    """What lies between two steps of a session, in ns: `gap` = think + network + waiting.

    `gap` is the first QPU begin of k+1 minus the last committed QPU end of k, negative where a guess ran ahead.
    """

    session: SessionRow
    k: int
    gap: int
    think: int
    network: int

    @property
    def waiting(self) -> int:
        """The part of the gap that is neither thinking nor network."""
        return self.gap - self.think - self.network


def build_steps(index: Index) -> dict[str, list[Step]]:
    """The steps of each session, in order of k; sessions that never opened are left out."""
    table: dict[tuple[str, int], Step] = {}
    for task in index.tasks.values():
        if task.session in index.sessions and (task.ready is not None or task.committed is not None):
            _add_task(_step(table, index, task), task)
    for attempt in index.attempts:
        step = table.get((attempt.task.session, attempt.task.iteration))
        if step is not None and attempt.wanted:
            _add_attempt(step, attempt)
    rows: dict[str, list[Step]] = {name: [] for name in index.sessions}
    for key in sorted(table):
        rows[key[0]].append(table[key])
    return rows


def gaps(table: dict[str, list[Step]]) -> list[Gap]:
    """The gaps between consecutive steps (k, k+1) that both ran on a QPU, in order of session and k."""
    return [gap for rows in table.values() for gap in _session_gaps(rows)]


def start_wait(step: Step) -> int | None:
    """How long a step waited for its first QPU begin after its parameters were ready, without network, in ns."""
    if step.begin is None or step.ready is None:
        return None
    return step.begin - step.ready - step.network_up


def _step(table: dict[tuple[str, int], Step], index: Index, task: TaskRow) -> Step:
    """The step of a task."""
    key = (task.session, task.iteration)
    step = table.get(key)
    if step is None:
        session = index.sessions[task.session]
        step = table[key] = Step(session, task.iteration, session.begins.get(task.iteration))
    return step


def _add_task(step: Step, task: TaskRow) -> None:
    """Let a task's times count for its step."""
    step.tasks.append(task)
    step.guessed |= task.committed is not None
    if task.ready is not None and (step.ready is None or task.ready < step.ready):
        step.ready, step.network_up = task.ready, task.network_up
    for result in task.results:
        step.bought |= result.source == "qpu"
        if step.result is None or result.t >= step.result:
            step.result, step.network_down = result.t, result.network_ns


def _add_attempt(step: Step, attempt: AttemptRow) -> None:
    """Let a used attempt's times count for its step."""
    step.attempts.append(attempt)
    if not attempt.done:
        return
    step.begin = attempt.begin if step.begin is None else min(step.begin, attempt.begin)
    step.end = attempt.end if step.end is None else max(step.end, attempt.end)


def _session_gaps(rows: list[Step]) -> Iterator[Gap]:
    """The gaps of one session."""
    if len(rows) < 2:
        return
    cpu = Clockwork(union(rows[0].session.cpu, 0, OPEN))
    for now, after in pairwise(rows):
        if after.k == now.k + 1 and now.end is not None and after.begin is not None:
            yield Gap(now.session, after.k, after.begin - now.end, _think(now, after, cpu),
                      now.network_down + after.network_up)


def _think(now: Step, after: Step, cpu: Clockwork) -> int:
    """The classical time between two steps.

    Where the session's classical tasks were scheduled it is the time they ran, so that waiting for a worker counts
    as waiting; else it is all the time from the result to the next parameters.
    """
    begin = now.result if now.result is not None else now.end
    end = after.ready if after.ready is not None else after.begin
    assert begin is not None
    assert end is not None
    return cpu.between(begin, end) if now.session.cpu else max(0, end - begin)
