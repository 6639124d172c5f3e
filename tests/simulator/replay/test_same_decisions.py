"""A run recorded in virtual time and replayed under its own policy makes the same decisions, to the nanosecond."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from qloop.simulator.replay.replay import replay
from qloop.simulator.replay.submissions import is_part
from qloop.trace import schema as ev
from qloop.trace.check import check
from qloop.trace.metrics.summary import summary
from qloop.trace.reader import Trace
from tests.policies.chosen import LONG
from tests.simulator.replay.live_world import World

SEEDS = 10


def decisions(trace: Trace) -> list[tuple[object, ...]]:
    """Every attempt: when and where it began and ended, its class, how, and the set-up in the time that it took."""
    return sorted((a.begin, a.end, a.task.session, a.task.iteration, a.begun.qpu, a.begun.class_,
                   a.ended and a.ended.outcome, a.ended and a.ended.epoch,
                   a.ended and min(a.ended.overhead_ns, a.end - a.begin))
                  for a in trace.index.attempts)


def worlds(policy: str, seeds: range = range(SEEDS)) -> list[Trace]:
    runs = [World(seed, policy).run() for seed in seeds]
    return [run for run in runs if run.index.attempts]


@pytest.mark.parametrize("policy", LONG)
def test_every_decision_is_made_again(policy: str) -> None:
    found = worlds(policy)
    assert sum(len(run.index.attempts) for run in found) > 10 * SEEDS
    for run in found:
        again = replay(run)
        assert again.exact, (again.starts, again.equal_starts, again.notes)
        # how long it would have taken is unknown of what had not ended, or left at a chunk's edge for good
        running = sum(a.ended is None for a in run.index.attempts)
        cut = {name for name, last in {a.task.name: a for a in run.index.attempts}.items() if is_part(last)}
        assert again.stuck == 0
        assert running <= again.guessed <= running + sum(a.task.name in cut for a in run.index.attempts)
        assert decisions(again.trace) == decisions(run)


@pytest.mark.parametrize("policy", LONG)
def test_what_operators_did_is_done_again(policy: str) -> None:
    """Pauses, drains and a retirement between everything else: the replay decides, measures and writes the same."""
    paused = retired = finished = 0
    for seed in range(SEEDS):
        run = World(seed, policy, operators=True).run()
        again = replay(run)
        assert again.exact, (seed, again.starts, again.equal_starts, again.notes)
        assert decisions(again.trace) == decisions(run)
        check(again.trace, complete=True)
        last = max(attempt.end for attempt in run.index.attempts)
        told, retold = ([(e.t, e.qpu, e.operator, e.reason) for e in trace.events
                         if isinstance(e, ev.QpuOffline) and e.t < last] for trace in (run, again.trace))
        assert told == retold
        assert any("operators took QPUs out of service" in note for note in again.notes) == any(
            isinstance(e, ev.QpuOffline) for e in run.events)
        paused += sum(wish != "retired" for _, _, wish, _ in told)
        retired += sum(wish == "retired" for _, _, wish, _ in told)
        finished += sum(a.begin < t < a.end and a.begun.qpu == qpu for a in run.index.attempts for t, qpu, _, _ in told)
    assert min(paused, retired, finished) > 3


def test_these_worlds_hold_everything_that_is_hard() -> None:
    """The agreement above is about something: batches, cancels, failures, windows and simultaneous events occur."""
    together = parallel = cancelled = failed = calibrated = cold = 0
    for run in worlds("efaas", range(3 * SEEDS)):
        times = [event.t for event in run.events]
        together += len(times) - len(set(times))
        spans = sorted((a.task.session, a.task.submitted or 0, a.end) for a in run.index.attempts)
        parallel += sum(b[0] == a[0] and b[1] < a[2] for a, b in pairwise(spans))
        cancelled += len(run.index.cancelled)
        failed += len(run.index.failures)
        calibrated += sum(len(row.calibrations) for row in run.index.qpus.values())
        cold += sum(a.ended is not None and a.ended.overhead_ns > 0 for a in run.index.attempts)
    assert min(together, parallel, cancelled, failed, calibrated, cold) > 2


@pytest.mark.parametrize("policy", ["fifo", "efaas"])
def test_the_metrics_of_the_replay_are_those_of_the_recording(policy: str) -> None:
    for run in worlds(policy, range(8)):
        again = replay(run)
        check(again.trace, complete=True)
        a, b = summary(run), summary(again.trace)
        assert (a.ttns, a.ttns_background, a.qdc, a.fairness, a.cost, a.drift, a.counts.shots) == (
            b.ttns, b.ttns_background, b.qdc, b.fairness, b.cost, b.drift, b.counts.shots)
        assert all(row["difference"] == 0.0 for row in again.summary().values())


@pytest.mark.parametrize("policy", ["fifo", "efaas", "reservation"])
def test_settings_and_placements_are_those_of_the_recording(policy: str) -> None:
    for seed in range(6):
        run = World(seed, policy, placement="warm", policy_settings={"hysteresis": 0.5, "lambda_epoch": 1.0}).run()
        assert replay(run).exact


def test_a_replay_of_a_replay_is_the_same() -> None:
    for run in worlds("fifo", range(6)):
        once = replay(run, "efaas")
        twice = replay(once.trace, "efaas")
        assert twice.exact or once.guessed
        assert decisions(twice.trace) == decisions(once.trace) or once.guessed


def test_the_order_of_lines_in_a_file_does_not_matter() -> None:
    run = worlds("efaas", range(3))[0]
    shuffled = Trace.of(run.header, reversed(run.events))
    assert decisions(replay(shuffled).trace) == decisions(run)


@pytest.mark.parametrize("policy", ["efaas", "sjf", "reservation"])
def test_what_would_have_been_is_what_is(policy: str) -> None:
    """Recorded under fifo and replayed under another policy, a run is the run that policy really makes."""
    compared = 0
    for seed in (0, 4, 6, 8):
        would = replay(World(seed, "fifo", 14, calm=True, run="a").run(), policy)
        if would.guessed == 0:      # every time on every QPU was recorded
            compared += not would.exact
            assert decisions(would.trace) == decisions(World(seed, policy, 14, calm=True, run="a").run()), seed
    assert compared > 1


def test_other_policies_decide_otherwise() -> None:
    """No test that cannot fail: under another policy the starts do differ."""
    differ = [not replay(run, "lifo").exact for run in worlds("fifo", range(8))]
    assert sum(differ) > 4


@pytest.mark.ci
def test_compiled_and_plain_are_one() -> None:
    for run in (*worlds("efaas", range(5)), World(3, "efaas", operators=True).run()):
        plain, compiled = replay(run, "efaas", compiled=False), replay(run, "efaas", compiled=True)
        assert plain.trace.events == compiled.trace.events


def test_a_note_is_a_sentence_for_a_reader() -> None:
    run = worlds("efaas", range(1))[0]
    told = replay(replace(run, truncated="the last line was cut short after 7 bytes and is left out")).notes
    assert told[0].startswith("the last line was cut short")
