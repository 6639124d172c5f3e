"""How well the simulator agrees with a live run: predicted from the plan alone, and replayed from the run's trace."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from qloop.simulator.replay.replay import replay
from qloop.trace.index import AttemptRow
from qloop.trace.metrics.summary import Report, summary
from qloop.trace.reader import Trace

WITHIN = 0.05
"""The relative deviation of TTNS and QDC up to which a prediction of a run in real time is called right."""


class Number(msgspec.Struct, frozen=True):
    """A number of a live run, as it was replayed and as it was predicted; None where there is none."""

    name: str
    unit: str
    live: float | None
    replayed: float | None
    predicted: float | None

    @property
    def off(self) -> float | None:
        """The relative deviation of the prediction; None where the run has no such number, or it is 0."""
        if self.live is None or self.predicted is None or (not self.live and self.predicted):
            return None
        return self.predicted / self.live - 1.0 if self.live else 0.0


class Agreement(msgspec.Struct, frozen=True):
    """A live run beside the simulator, under one clock and policy.

    `starts` counts the starts on QPUs of the live run, `replayed` those that its replay makes at the same nanosecond on
    the same QPU, `same_qpu` those that the prediction has on the same QPU, `same_time` at the same nanosecond, too.
    `numbers` begins with those that are to lie within `WITHIN`: mean TTNS (the gap between shots), and QDC.
    """

    clock: str
    policy: str
    starts: int
    replayed: int
    same_qpu: int
    same_time: int
    numbers: tuple[Number, ...]

    @property
    def exact(self) -> bool:
        """Whether the prediction makes every decision of the live run at its nanosecond, with its numbers."""
        return (self.starts == self.replayed == self.same_time
                and all(one.live == one.replayed == one.predicted for one in self.numbers))

    @property
    def close(self) -> bool:
        """Whether TTNS and QDC are predicted within `WITHIN`."""
        return all(one.off is not None and abs(one.off) <= WITHIN for one in self.numbers[:2])

    def text(self) -> str:
        """The finding in a sentence."""
        head = f"{self.policy}, {self.clock} clock: "
        if self.exact:
            return head + (f"replay and prediction make all {self.starts:,} starts at the same nanosecond on the same "
                           "QPU; every number is equal.")
        off = ", ".join(f"{one.name} {'–' if one.off is None else format(one.off, '+.2%')}" for one in self.numbers[:2])
        word = "within" if self.close else "not within"
        return head + (f"replayed {self.replayed:,} of {self.starts:,} starts to the nanosecond; predicted on the same "
                       f"QPU {self.same_qpu:,}; {off}: {word} {WITHIN:.0%}.")


def agreement(live: Trace, predicted: Trace) -> Agreement:
    """Compare a run with what was predicted of it; it is replayed here, under the policy that it names."""
    again, when, foretold = replay(live), _starts(live), _starts(predicted)
    placed = {(name, k, qpu) for name, k, qpu, _ in foretold}
    reports = again.recorded_metrics, again.metrics, summary(predicted)
    return Agreement(live.header.clock, live.header.policy, len(when), again.equal_starts,
                     sum((name, k, qpu) in placed for name, k, qpu, _ in when), len(when & foretold), _numbers(reports))


def gaps(trace: Trace) -> list[float]:
    """The gaps between shots of all loops in s, in order of size."""
    from qloop.trace.metrics.distribution import NS
    from qloop.trace.steps import gaps as found

    return sorted(gap.gap * NS for gap in found({name: rows for name, rows in trace.steps.items()
                                                 if trace.index.sessions[name].kind == "loop"}))


def label(attempt: AttemptRow) -> str:
    """What the session is called in every run of a plan; ids of runs differ."""
    return attempt.task.session.rpartition(".")[2]


def _starts(trace: Trace) -> set[tuple[str, int, str, int]]:
    """Every start: session, iteration, QPU, ns."""
    return {(label(a), a.task.iteration, a.begun.qpu, a.begin) for a in trace.index.attempts}


def _numbers(reports: Sequence[Report]) -> tuple[Number, ...]:
    rows: tuple[tuple[str, str, list[float | None]], ...] = (
        ("TTNS, mean", "s", [one.ttns.gap.mean for one in reports]),
        ("QDC, useful", "%", [one.qdc.useful * 100 for one in reports]),
        ("TTNS, p95", "s", [one.ttns.gap.p95 for one in reports]),
        ("waiting part of TTNS, mean", "s", [one.ttns.waiting.mean for one in reports]),
        ("QDC, loading circuits", "%", [one.qdc.overhead * 100 for one in reports]),
        ("QDC, calibration", "%", [one.qdc.calibration * 100 for one in reports]),
        ("until the last result", "s", [one.horizon_s for one in reports]))
    return tuple(Number(name, unit, *values) for name, unit, values in rows)
