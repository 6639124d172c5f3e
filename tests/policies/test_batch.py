"""`batch`: active batches first, at most so many tasks of one at a time, and nobody alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.model import events as ev
from qloop.policies.catalog import policy

from .desk import Desk


def desk_of(qpus: int = 1, sessions: str = "abc", **tuned: float) -> Desk:
    desk = Desk(policy("batch", **{"hold_idle": 60.0} | tuned), qpus, check=True)
    for session in sessions:
        desk.open(session)
    return desk


def test_the_tasks_of_a_batch_that_began_go_before_those_of_one_that_did_not() -> None:
    desk = desk_of()
    for task in ("a/0", "b/0", "b/1", "a/1", "c/0", "a/2"):
        desk.submit(task, task[0])
    desk.run()
    assert desk.order() == ["a/0", "a/1", "a/2", "b/0", "b/1", "c/0"]


def test_a_batch_that_began_goes_before_one_that_stands_before_it_in_line() -> None:
    """The wide task came first, and the only QPU that it fits on was busy when the batch a began elsewhere."""
    desk = desk_of(0, "xwa")
    desk.send(ev.QpuJoined("narrow", 4))
    desk.send(ev.QpuJoined("wide", 9))
    desk.submit("x/0", "x", 5.0, width=9)
    desk.submit("w/0", "w", width=9)
    for k in range(3):
        desk.submit(f"a/{k}", "a", 4.0)
    desk.run()
    assert [(task, at, qpu) for at, task, qpu in desk.starts[2:]] == [
        ("a/1", 4.0, "narrow"), ("a/2", 5.0, "wide"), ("w/0", 9.0, "wide")]


def test_a_batch_has_no_qpu_alone() -> None:
    """While a thinks, b begins; then both are active, and the one that stands first in line goes first."""
    desk = desk_of()
    desk.submit("a/0", "a")
    desk.submit("b/0", "b", 3.0)
    desk.submit("c/0", "c")
    desk.at(2.0, lambda: desk.submit("a/1", "a"))
    desk.at(2.0, lambda: desk.submit("b/1", "b"))
    desk.run()
    assert [(task, at) for at, task, _ in desk.starts] == [
        ("a/0", 0.0), ("b/0", 1.0), ("a/1", 4.0), ("b/1", 5.0), ("c/0", 6.0)]


def test_a_batch_that_was_idle_for_too_long_queues_again() -> None:
    desk = desk_of()
    desk.submit("a/0", "a")
    desk.at(60.0, lambda: desk.submit("b/0", "b", 2.0))
    desk.at(60.2, lambda: desk.submit("c/0", "c"))
    desk.at(60.9, lambda: desk.submit("a/1", "a"))
    desk.run()
    assert desk.order() == ["a/0", "b/0", "a/1", "c/0"], "within 60 s of its end it is active"
    desk = desk_of()
    desk.submit("a/0", "a")
    desk.at(60.0, lambda: desk.submit("b/0", "b", 2.0))
    desk.at(60.2, lambda: desk.submit("c/0", "c"))
    desk.at(61.1, lambda: desk.submit("a/1", "a"))
    desk.run()
    assert desk.order() == ["a/0", "b/0", "c/0", "a/1"]


def test_a_batch_that_was_active_for_too_long_goes_to_the_end_of_the_line() -> None:
    desk = desk_of(hold_max=5.0)
    for k in range(8):
        desk.submit(f"a/{k}", "a")
    desk.submit("b/0", "b")
    desk.run()
    assert desk.order() == [*(f"a/{k}" for k in range(5)), "b/0", "a/5", "a/6", "a/7"]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 6), st.integers(0, 5)), min_size=1, max_size=40),
       st.integers(1, 8), st.integers(1, 5))
def test_at_most_so_many_tasks_of_a_batch_run_at_a_time(wishes: list[tuple[str, int, int]], qpus: int,
                                                        lanes: int) -> None:
    desk = desk_of(qpus, lanes=float(lanes))
    for n, (name, service, at) in enumerate(wishes):
        desk.at(at, lambda n=n, s=name, d=service: desk.submit(f"{s}/{n}", s, float(d)))  # type: ignore[misc]
    desk.run()
    ended = {task: at for at, task, _ in desk.ends}
    assert len(ended) == len(wishes)
    for at, task, _ in desk.starts:
        together = [other for begin, other, _ in desk.starts if begin <= at < ended[other] and other[0] == task[0]]
        assert len(together) <= lanes


def test_lanes_are_filled_and_what_is_left_is_for_others() -> None:
    desk = desk_of(8)
    for k in range(12):
        desk.submit(f"a/{k}", "a", 2.0)
    for k in range(3):
        desk.submit(f"b/{k}", "b", 2.0)
    desk.run()
    at_once = [task[0] for at, task, _ in desk.starts if at == 0.0]
    assert (at_once.count("a"), at_once.count("b")) == (5, 3)
