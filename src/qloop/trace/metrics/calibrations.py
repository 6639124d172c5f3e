"""Calibrations on the critical path of loops: how many iterations paid for one, and whether they had to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from qloop.trace import schema as ev
from qloop.trace.index import OPEN, AttemptRow
from qloop.trace.intervals import Span, difference, intersection, length, union
from qloop.trace.metrics.distribution import NS
from qloop.trace.reader import Trace
from qloop.trace.steps import Step

MOVE_S, NAT_S = 1.0, 5.0


class Paid(msgspec.Struct, frozen=True):
    """Iterations of loops, those of them that waited through a calibration, and those of these that need not have.

    `seconds`: of calibrations between parameters ready and QPU begin.
    """

    iterations: int
    paid: int
    avoidable: int
    seconds: float


def paid(trace: Trace, *, move_s: float = MOVE_S, nat_s: float = NAT_S) -> Paid:
    """The calibrations that loops paid for.

    Avoidable: meanwhile another QPU that fits idled without a break for longer than moving there would have cost, which
    is `move_s` (loading the circuit), and `nat_s` for each nat by which its ESP is worse for this circuit.
    """
    facts = _Facts(trace)
    steps = [step for rows in trace.steps.values() for step in rows if step.session.kind == "loop"]
    count = avoidable = total = 0
    for step in steps:
        lost, avoided = _step(step, facts, move_s, nat_s)
        count, total, avoidable = count + (lost > 0), total + lost, avoidable + avoided
    return Paid(len(steps), count, avoidable, total * NS)


class _Facts:
    """What the trace says of its QPUs: calibrations, when they were taken, and what structures lose there."""

    def __init__(self, trace: Trace) -> None:
        rows, runs = trace.index.qpus, defaultdict[str, list[Span]](list)
        for attempt in trace.index.attempts:
            runs[attempt.begun.qpu].append((attempt.begin, attempt.end))
        names = {*trace.qpus, *rows}
        self.calibrations = {name: union(rows[name].calibrations, 0, OPEN) for name in names if name in rows}
        self.taken = {name: union([*runs[name], *(_closed(trace, name))], 0, OPEN) for name in names}
        self.structures = {e.task: e.structure for e in trace.events if isinstance(e, ev.Submitted)}
        self.losses: dict[tuple[str, str], float | None] = {}
        for event in trace.events:
            if isinstance(event, ev.Profiled):
                self.losses[event.structure, event.qpu] = None if event.unfit else event.loss

    def others(self, attempt: AttemptRow) -> Mapping[str, float]:
        """The other QPUs that fit, each with the nats that the attempt's circuit loses more there."""
        structure, own = self.structures.get(attempt.task.name, ""), attempt.begun.qpu
        here = self.losses.get((structure, own), 0.0) or 0.0
        found = {name: self.losses.get((structure, name), here) for name in self.taken if name != own}
        return {name: max(0.0, loss - here) for name, loss in found.items() if loss is not None}


def _closed(trace: Trace, name: str) -> list[Span]:
    """When a QPU was there for nobody, or for one session alone."""
    row = trace.index.qpus.get(name)
    return [] if row is None else [*row.calibrations, *row.offline, *row.reserved]


def _step(step: Step, facts: _Facts, move_s: float, nat_s: float) -> tuple[int, bool]:
    """The ns of calibrations that one iteration waited through, of its slowest task, and whether that was avoidable."""
    most, avoidable = 0, False
    for attempt in step.attempts:
        since = attempt.task.ready if attempt.task.ready is not None else attempt.task.enqueued
        if not attempt.done or since is None or since >= attempt.begin:
            continue
        lost = intersection(facts.calibrations.get(attempt.begun.qpu, []), [(since, attempt.begin)])
        if lost:
            most = max(most, length(lost))
            meanwhile = (lost[0][0], lost[-1][1])
            avoidable |= any(_longest_idle(meanwhile, facts.taken[name]) * NS > move_s + nat_s * nats
                             for name, nats in facts.others(attempt).items())
    return most, avoidable


def _longest_idle(meanwhile: Span, taken: list[Span]) -> int:
    """The longest stretch of a span, in ns, in which a QPU was not taken."""
    return max((end - begin for begin, end in difference([meanwhile], taken)), default=0)
