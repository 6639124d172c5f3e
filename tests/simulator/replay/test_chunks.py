"""Chunks in replays: recorded runs are made again edge by edge, and what chunks would have done is what they do."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.policies.catalog import policy as named
from qloop.simulator.compile import Compiler
from qloop.simulator.replay.devices import devices
from qloop.simulator.replay.edges import recorded_edge
from qloop.simulator.replay.host import Host
from qloop.simulator.replay.recorded import read_work
from qloop.simulator.replay.replay import Change, replay, replay_under
from qloop.trace import schema as ev
from qloop.trace.check import check
from qloop.trace.index import AttemptRow
from qloop.trace.metrics.qdc import partition
from qloop.trace.metrics.summary import summary
from qloop.trace.reader import Trace
from tests.simulator.replay.live_world import World
from tests.simulator.replay.test_same_decisions import decisions

SEEDS = 8


def recorded(seed: int, chunk: float, *, operators: bool = False) -> Trace:
    return World(seed, "efaas", operators=operators, policy_settings={"chunk_s": chunk}).run()


def happened(trace: Trace) -> Counter[str]:
    """How often what is hard about chunks occurs."""
    found: Counter[str] = Counter()
    for event in trace.events:
        found["order"] += isinstance(event, ev.ChunkEnd)
        found["aside"] += isinstance(event, ev.QpuEnd) and event.paused
        found["cut"] += isinstance(event, ev.QpuEnd) and event.cut
        found["anew"] += isinstance(event, ev.QpuBegin) and event.attempt > 1
    return found


def pieces(trace: Trace) -> dict[tuple[str, int], list[AttemptRow]]:
    """The runs of every attempt, in order."""
    found: dict[tuple[str, int], list[AttemptRow]] = {}
    for run in trace.index.attempts:
        found.setdefault((run.task.name, run.begun.attempt), []).append(run)
    return found


@pytest.mark.parametrize("operators", [False, True])
@pytest.mark.parametrize("chunk", [0.5, 1.0])
def test_every_decision_is_made_again(chunk: float, operators: bool) -> None:
    """Cancels, calibrations, operators and simultaneous events included; the numbers are those of the live run."""
    seen: Counter[str] = Counter()
    for seed in range(SEEDS):
        run = recorded(seed, chunk, operators=operators)
        seen += happened(run)
        again = replay(run)
        assert again.exact, (seed, again.starts, again.equal_starts, again.notes)
        assert decisions(again.trace) == decisions(run)
        check(again.trace, complete=True)
        a, b = summary(run), summary(again.trace)
        assert (a.ttns, a.ttns_background, a.qdc, a.fairness, a.cost, a.drift, a.counts.shots) == (
            b.ttns, b.ttns_background, b.qdc, b.fairness, b.cost, b.drift, b.counts.shots)
    assert seen["aside"] > 10
    assert seen["order"] > 100
    assert not operators or seen["anew"] > 0


@pytest.mark.ci
def test_so_it_is_in_many_worlds() -> None:
    seen: Counter[str] = Counter()
    for seed in range(SEEDS, 40):
        run = recorded(seed, 0.5 + seed % 2 / 2, operators=seed % 3 > 0)
        seen += happened(run)
        again = replay(run)
        assert again.exact, seed
        assert decisions(again.trace) == decisions(run)
        assert decisions(replay(again.trace).trace) == decisions(run)
    assert min(seen[what] for what in ("aside", "cut", "anew", "order")) > 5


@pytest.mark.parametrize("chunk", [0.25, 0.5, 1.0])
def test_what_would_have_been_is_what_is(chunk: float) -> None:
    """Recorded without chunks and replayed with them, and the other way round."""
    compared = 0
    for seed in (0, 4, 6, 8):
        plain = World(seed, "fifo", 14, calm=True, run="a").run()
        really = World(seed, "efaas", 14, calm=True, run="a", policy_settings={"chunk_s": chunk}).run()
        would, was = replay(plain, "efaas", settings={"chunk_s": chunk}), replay(really, "fifo")
        if would.guessed == was.guessed == 0:      # every time on every QPU was recorded
            compared += happened(really)["aside"]
            assert decisions(would.trace) == decisions(really), seed
            assert decisions(was.trace) == decisions(plain), seed
    assert compared > 3


def test_a_task_takes_the_sum_of_its_pieces() -> None:
    """In pieces or not, and without set-up: what the QPUs were busy with is what all runs together took."""
    for seed in range(SEEDS):
        run = recorded(seed, 0.5)
        for trace in (run, replay(run).trace, replay(run, settings={"chunk_s": 0.0}).trace):
            parts = partition(trace)
            busy = sum(parts[name] for name in ("useful_hot", "useful_background", "failed", "overhead"))
            assert busy == sum(min(a.end, trace.horizon_ns) - a.begin for a in trace.index.attempts)
        work = read_work(run)
        number = {task.name: i for i, task in enumerate(work.tasks)}
        for (name, _), rows in pieces(run).items():
            last = rows[-1].ended
            if last is not None and last.outcome == "done":
                took = sum(a.end - a.begin - a.ended.overhead_ns for a in rows if a.ended is not None)
                q = work.devices.names.index(last.qpu)
                assert work.tasks[number[name]].ran_ns == work.times.ns[number[name], q] == took
                assert [a.ended.paused for a in rows if a.ended is not None] == [True] * (len(rows) - 1) + [False]
                assert len({a.begun.qpu for a in rows}) == 1


def test_epochs_and_waits_of_pieces_count_once() -> None:
    """What drift costs a loop does not depend on how often its tasks stood aside."""
    for seed in range(SEEDS):
        run = recorded(seed, 0.5)
        whole = replace(run, events=tuple(joined(run)))
        assert summary(run).drift == summary(whole).drift
        assert summary(run).ttns == summary(whole).ttns


def joined(trace: Trace) -> list[ev.AnyEvent]:
    """The events without those between the first begin and the last end of each attempt that ended well."""
    done = {id(run.ended) for run in trace.index.attempts if run.done and run.earlier}
    mine = {(e.task, e.attempt) for e in trace.events if isinstance(e, ev.QpuEnd) and id(e) in done}
    seen: set[tuple[str, int]] = set()
    kept: list[ev.AnyEvent] = []
    for event in trace.events:
        if isinstance(event, (ev.QpuBegin, ev.QpuEnd)) and (event.task, event.attempt) in mine:
            again = isinstance(event, ev.QpuBegin) and (event.task, event.attempt) in seen
            seen.add((event.task, event.attempt))
            if again or (isinstance(event, ev.QpuEnd) and event.paused):
                continue
        kept.append(event)
    return kept


def told_whole(trace: Trace) -> Trace:
    """The recording, had its QPUs been such that nobody can hand back a part of a task."""
    return replace(trace, events=tuple(msgspec.structs.replace(event, chunks=False)
                                       if isinstance(event, ev.QpuOnline) else event for event in trace.events))


def test_qpus_without_chunks_run_tasks_to_their_end() -> None:
    """The trace says so; chunks then change nothing."""
    differ = 0
    for seed in range(SEEDS):
        run = told_whole(recorded(seed, 0.0))
        assert not devices(run).chunks.any()
        would = replay(run, settings={"chunk_s": 0.5})
        assert not happened(would.trace)["aside"]
        assert decisions(would.trace) == decisions(run)
        differ += decisions(replay(recorded(seed, 0.0), settings={"chunk_s": 0.5}).trace) != decisions(run)
    assert differ > 3


@pytest.mark.ci
def test_compiled_and_plain_are_one() -> None:
    pytest.importorskip("numba")
    record, host = named("efaas", chunk_s=0.5), Host(Compiler())
    for seed in range(3):
        for run in (recorded(seed, 0.5), recorded(seed, 0.5, operators=True), World(seed, "fifo").run()):
            plain, compiled = (replay_under(read_work(run), record, Change(), one) for one in (Host(), host))
            assert plain.trace.events == compiled.trace.events


@given(edges=st.lists(st.integers(0, 1000), max_size=6), due=st.integers(0, 1000), late=st.integers(1, 50))
def test_an_edge_that_was_heard_of_late_is_late_again(edges, due, late):
    """Of those of its task that came at the due time or soon after, the first; else the edge is on time."""
    of_others = [due, due]
    work = SimpleNamespace(edge_first=[0, 2, 2 + len(edges)], edge_ns=[*of_others, *sorted(edges), *of_others])
    found = [edge for edge in edges if due <= edge < due + late]
    assert recorded_edge(work, 1, due, late) == min(found, default=due)
