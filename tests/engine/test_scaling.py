"""Pilots grow with what waits and shrink when idle; tasks run where they fit, and nowhere else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.model.needs import Capacity
from qloop.policies import scale

from .bench import Bench, refusal
from .elastic import Elastic, pilot

SHAPES = st.fixed_dictionaries({"cores": st.integers(1, 3), "gpus": st.integers(0, 1),
                                "pilot": st.sampled_from(["", "", "", "small", "large"])})


def workers(world: Elastic, name: str) -> int:
    return len(world.state.pilots[name].workers)


def test_from_none_to_many_to_none() -> None:
    world = Elastic([pilot("p", 0, 3)])
    world.run()
    assert workers(world, "p") == 0
    for number in range(9):
        world.submit(f"task-{number}", 4.0)
    world.run(until_s=1.5)
    assert workers(world, "p") == 3
    world.run()
    assert set(world.ended.values()) == {"done"}
    assert len(world.ran) == 9
    begins = sorted(begin for _, _, begin, _ in world.ran)
    assert begins[:3] == [1.0, 1.0, 1.0]            # a cold start after they were asked for
    assert max(end for *_, end in world.ran) == 13.0
    assert workers(world, "p") == 0
    assert world.now == 18 * SECOND                 # let go after their keep-alive time, not sooner, not later


def test_the_least_are_kept_and_there_from_the_begin() -> None:
    world = Elastic([pilot("p", 2, 5)])
    world.run(until_s=1.0)
    assert workers(world, "p") == 2
    for number in range(5):
        world.submit(f"task-{number}", 1.0)
    world.run()
    assert world.most_seen["p"] == 5
    assert workers(world, "p") == 2


def test_no_worker_is_ordered_for_work_that_is_over_before_it_is_there() -> None:
    world = Elastic([pilot("p", 1, 4, cold_s=10.0)])
    world.run(until_s=10.0)
    for number in range(4):
        world.submit(f"task-{number}", 1.0, estimate_s=1.0)
    world.run()
    assert world.most_seen["p"] == 1
    world.submit("long-1", 30.0, estimate_s=30.0)
    world.submit("long-2", 30.0, estimate_s=30.0)
    world.run()
    assert world.most_seen["p"] == 2


def test_a_worker_is_ordered_ahead_of_a_loop_that_comes_back() -> None:
    """The QPU is busy for 60 s, the keep-alive is 5 s: the worker leaves, another is there when the shot is over."""
    world = Elastic([pilot("p", 0, 2, cold_s=4.0)])
    world.send(ev.QpuJoined("u", 9))
    world.submit("step", 1.0)
    world.run()
    assert workers(world, "p") == 0
    begin = world.now
    world.send(ev.QuantumSubmitted("shot", "s", 1, estimate_s=60.0))
    world.at(60.0, ev.QuantumEnded("shot", 1, "u", measured_ns=60 * SECOND))
    world.run(until_s=begin / SECOND + 55.0)
    assert workers(world, "p") == 0
    world.run(until_s=begin / SECOND + 60.0)
    assert workers(world, "p") == 1
    world.submit("next step", 1.0)
    world.run()
    assert world.ran[-1][2] == begin / SECOND + 60.0        # at once, without a cold start


def test_what_no_pilot_can_ever_run_is_refused_with_the_nearest() -> None:
    bench = Bench()
    bench.send(pilot("small", cores=2))
    bench.send(pilot("large", cores=8, memory=2**33))
    told = refusal(bench.classical("a", cores=9))
    assert told == ("misfit", "it needs 9 cores and no GPU; the nearest pilot, large, has nodes of 8 cores, "
                              "8 GiB of memory and no GPU")
    assert "the nearest pilot, small, has nodes of 2 cores" in refusal(bench.classical("b", cores=8, pilot="small"))[1]
    assert "there is no pilot 'huge'; there are large, small" in refusal(bench.classical("c", pilot="huge"))[1]
    assert "1 core and 1 GPU" in refusal(bench.classical("d", gpus=1))[1]
    assert "give each rank a core" in refusal(bench.classical("e", ranks=2))[1]
    bench.classical("f", cores=8, memory_bytes=2**33)


def test_a_pilot_that_fails_takes_along_what_only_it_could_run() -> None:
    world = Elastic([pilot("small"), pilot("large", cores=8)])
    world.submit("wide", 1.0, cores=4)
    world.submit("narrow", 1.0)
    world.fail("large")
    assert world.ended == {"wide": "failed"}
    world.run()
    assert world.ended == {"wide": "failed", "narrow": "done"}
    assert [worker[:5] for task, worker, *_ in world.ran if task == "narrow"] == ["small"]


def test_small_tasks_do_not_overtake_a_large_one_for_ever() -> None:
    world = Elastic([pilot("p", 2, 2, cores=2, workers_per_node=2, cold_s=0.0)])
    world.run(until_s=0.0)
    for number in range(200):
        world.at(0.5 * number, ev.ClassicalSubmitted(f"task-{number}", "s"))
        world.lengths[f"task-{number}"] = 1.0
    world.at(1.2, ev.ClassicalSubmitted("large", "s", cores=2))
    world.lengths["large"] = 1.0
    world.run()
    (begin,) = [begin for task, _, begin, _ in world.ran if task == "large"]
    assert begin <= 13.0


def test_gpus_are_given_to_those_that_ask_and_to_nobody_twice() -> None:
    bench = Bench()
    node = Capacity(4, 0, ("0", "1"))
    for number in range(4):
        bench.send(ev.WorkerJoined(f"w{number}", node="n", capacity=node))
    shares = [bench.classical(task, gpus=gpus)[0].share for task, gpus in  # type: ignore[union-attr]
              (("a", 1), ("b", 0), ("c", 1))]
    assert [share.gpus for share in shares] == [("0",), (), ("1",)]
    assert bench.classical("d", gpus=1) == []
    (start,) = bench.send(ev.ClassicalEnded("c", 1, bench.state.everything["c"].worker))[1:]  # type: ignore[union-attr]
    assert start.share.gpus == ("1",)  # type: ignore[union-attr]


def test_a_task_of_two_cores_takes_two_workers_of_one_node() -> None:
    world = Elastic([pilot("p", 0, 2, cores=2, workers_per_node=2)])
    world.submit("wide", 2.0, cores=2)
    world.submit("narrow", 2.0)
    world.run(until_s=1.0)
    assert workers(world, "p") == 2
    world.run()
    spans = {task: (begin, end) for task, _, begin, end in world.ran}
    assert spans["narrow"][0] >= spans["wide"][1] or spans["wide"][0] >= spans["narrow"][1]


@settings(max_examples=60, deadline=None)
@given(tasks=st.lists(st.tuples(st.floats(0.0, 20.0), st.floats(0.1, 8.0), SHAPES), max_size=25),
       deaths=st.lists(st.tuples(st.floats(0.0, 30.0), st.integers(0, 9)), max_size=4))
def test_everything_that_fits_is_done_once_and_all_workers_leave(
        tasks: list[tuple[float, float, dict[str, object]]], deaths: list[tuple[float, int]]) -> None:
    world = Elastic([pilot("small", 0, 3), pilot("large", 0, 2, cores=3, gpus=1, cold_s=3.0)])
    for number, (at, length, needs) in enumerate(tasks):
        world.lengths[f"task-{number}"] = length
        world.at(at, ev.ClassicalSubmitted(f"task-{number}", "s", **needs))  # type: ignore[arg-type]
    for at, which in sorted(deaths):
        world.run(until_s=at)
        world.lose(which)
    world.run()
    impossible = {f"task-{number}" for number, (_, _, needs) in enumerate(tasks)
                  if needs["pilot"] == "small" and (needs["cores"] != 1 or needs["gpus"])}
    assert set(world.refused) == impossible
    assert world.ended == {f"task-{n}": "done" for n in range(len(tasks)) if f"task-{n}" not in impossible}
    assert sorted(task for task, *_ in world.ran) == sorted(world.ended)
    assert world.most_seen["small"] <= 3
    assert world.most_seen["large"] <= 2
    assert not world.state.workers
    assert not world.state.shapes
    for number, (_, _, needs) in enumerate(tasks):
        places = [worker for task, worker, *_ in world.ran if task == f"task-{number}"]
        assert not needs["pilot"] or all(place.startswith(str(needs["pilot"])) for place in places)


@given(present=st.integers(0, 50), running=st.integers(0, 50), waiting=st.integers(0, 99), returning=st.integers(0, 9),
       least=st.integers(0, 5), more=st.integers(0, 50), backlog=st.floats(0, 1e4), cold=st.floats(0, 100))
def test_the_wanted_number_is_within_bounds_and_grows_with_what_waits(
        present: int, running: int, waiting: int, returning: int, least: int, more: int, backlog: float,
        cold: float) -> None:
    def wanted(count: int) -> float:
        return scale.wanted(present, running, count, backlog, returning, least, least + more, cold)

    assert least <= wanted(waiting) <= least + more
    assert wanted(waiting) <= wanted(waiting + 1)
    assert wanted(waiting) <= max(least, running + waiting + returning, min(present, running + waiting + returning))


def test_a_short_task_does_not_wait_behind_a_long_one() -> None:
    world = Elastic([pilot("p", 1, 4, cold_s=10.0)])
    world.run(until_s=10.0)
    world.submit("long", 1000.0, estimate_s=1000.0)
    world.run(until_s=11.0)
    world.submit("short", 1.0, estimate_s=1.0)
    world.run()
    (begin,) = [begin for task, _, begin, _ in world.ran if task == "short"]
    assert begin <= 11.0 + 10.0


def test_gpus_and_wide_tasks_count_for_the_workers_that_they_keep_from_others() -> None:
    node = {"cores": 4, "workers_per_node": 4}
    world = Elastic([pilot("p", 0, 16, gpus=1, **node)])
    world.nodes_of = 4
    for number in range(4):
        world.submit(f"task-{number}", 50.0, gpus=1)
    world.run()
    assert max(begin for _, _, begin, _ in world.ran) <= 2.0
    world = Elastic([pilot("p", 0, 12, **node)])
    world.nodes_of = 4
    for number in range(3):
        world.run(until_s=5.0 * number)
        world.submit(f"wide-{number}", 100.0, cores=4)
    world.run()
    assert all(begin <= 5.0 * int(task[-1]) + 1.0 for task, _, begin, _ in world.ran)


def test_many_tasks_that_fit_nowhere_now_do_not_stop_those_behind_them() -> None:
    bench = Bench()
    bench.send(pilot("far", least=0, most=4, cold_s=1e6))
    bench.send(pilot("near", least=1, most=1))
    for number in range(300):
        bench.classical(f"far-{number}", pilot="far")
    bench.classical("near-1")
    started = bench.send(ev.WorkerJoined("near-w", pilot="near"))
    assert [c.task for c in started if isinstance(c, cmd.StartClassical)] == ["near-1"]
