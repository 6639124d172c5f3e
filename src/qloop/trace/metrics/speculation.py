"""Speculation: what the guesses hid, and what they wasted; and the caches, which are guesses that cost nothing."""

from __future__ import annotations

from collections import Counter

import msgspec

from qloop.trace.index import TaskRow
from qloop.trace.intervals import length
from qloop.trace.metrics.distribution import NS
from qloop.trace.reader import Trace


class Speculation(msgspec.Struct, frozen=True):
    """Counts and seconds of guesses.

    `hit_rate` = committed / (committed + squashed); `coverage` = iterations k > 0 of loops served by a guess / all
    with a result; `waste_ratio` = squashed / useful QPU-seconds; `masked_s` = time from launch to the earlier of
    parameters ready and QPU end, over committed guesses: what the loop would have had to wait at least.
    """

    launched: int
    committed: int
    squashed: dict[str, int]
    hit_rate: float | None
    coverage: float | None
    wasted_s: float
    useful_s: float
    waste_ratio: float | None
    masked_s: float


class CacheUse(msgspec.Struct, frozen=True):
    """Look-ups of one cache at placement."""

    lookups: int
    hits: int
    rate: float


class Caches(msgspec.Struct, frozen=True):
    """Hit rate of each cache, and starts of cold workers with the seconds they took."""

    each: dict[str, CacheUse]
    cold_starts: int
    cold_start_s: float
    transpilations: int
    transpile_s: float


def speculation(trace: Trace) -> Speculation:
    """The numbers of speculation over all sessions; a guess still open at the end is in `launched` only."""
    tasks = [task for task in trace.index.tasks.values() if task.launched is not None]
    committed = [task for task in tasks if task.committed is not None]
    reasons = Counter(task.squashed for task in tasks if task.squashed)
    settled = len(committed) + reasons.total()
    served = [s.guessed for rows in trace.steps.values() for s in rows
              if s.k > 0 and s.session.kind == "loop" and s.result is not None]
    useful, wasted, ends = _execution(trace)
    ready = {task.name: task.ready for task in trace.index.tasks.values()}
    masked = sum(_masked(task, ready, ends.get(task.name)) for task in committed)
    return Speculation(
        len(tasks), len(committed), dict(sorted(reasons.items())), len(committed) / settled if settled else None,
        sum(served) / len(served) if served else None, wasted * NS, useful * NS,
        wasted / useful if useful else None, masked * NS)


def caches(trace: Trace) -> Caches:
    """The hit rates of the caches that placements name, cold starts and compilations."""
    lookups: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for placed in trace.index.placements:
        for name, hit in placed.caches.items():
            lookups[name] += 1
            hits[name] += hit
    each = {name: CacheUse(n, hits[name], hits[name] / n) for name, n in sorted(lookups.items())}
    cold = trace.index.cold_starts
    return Caches(each, len(cold), sum(start.length_ns for start in cold) * NS, len(trace.index.transpiles),
                  length(trace.index.transpiles) * NS)


def _execution(trace: Trace) -> tuple[int, int, dict[str, int]]:
    """Useful and squashed QPU nanoseconds up to the horizon, and each task's last QPU end."""
    useful = wasted = 0
    ends: dict[str, int] = {}
    for attempt in trace.index.attempts:
        ran = max(0, min(attempt.end, trace.horizon_ns) - attempt.begin)
        if not attempt.wanted:
            wasted += ran
        elif attempt.done:
            useful += ran
            ends[attempt.task.name] = max(attempt.end, ends.get(attempt.task.name, 0))
    return useful, wasted, ends


def _masked(task: TaskRow, ready: dict[str, int | None], end: int | None) -> int:
    """The nanoseconds that one committed guess hid."""
    wanted_at = ready.get(task.by or task.name)
    if wanted_at is None:
        wanted_at = task.committed
    if task.launched is None or wanted_at is None:
        return 0
    return max(0, (wanted_at if end is None else min(wanted_at, end)) - task.launched)
