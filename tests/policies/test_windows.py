"""Calibration windows under easy, and exclusivity under reservation."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.policies.catalog import policy

from .desk import Desk

WINDOW, LENGTH = 10.0, 3.0


def with_window(services: list[int], head: int) -> Desk:
    """One QPU with a calibration from 10 s to 13 s; at 1 s a task of `head` s comes, then those of `services`."""
    desk = Desk(policy("easy"), qpus=0, check=True)
    desk.send(ev.QpuJoined("u0", 9, 0.0, 0, round(WINDOW * SECOND), 100 * SECOND))
    desk.open("s")
    desk.submit("first", "s", 5.0)
    desk.at(1.0, lambda: desk.submit("head", "s", float(head)))
    for k, service in enumerate(services):
        desk.at(1.5, lambda k=k, service=service: desk.submit(str(k), "s", float(service)))  # type: ignore[misc]
    desk.at(WINDOW, lambda: desk.send(ev.CalibrationDue("u0", round(LENGTH * SECOND))))
    return desk


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 9), max_size=8), st.integers(6, 30))
def test_backfilling_never_delays_the_head_beyond_the_end_of_the_window(services: list[int], head: int) -> None:
    desk = with_window(services, head)
    desk.run()
    begun = {task: at for at, task, _ in desk.starts}
    assert begun["head"] == WINDOW + LENGTH
    for k, service in enumerate(services):
        assert begun[str(k)] >= 13.0 + head or begun[str(k)] + service <= WINDOW


def test_the_gap_before_the_window_is_filled_in_order_of_arrival() -> None:
    desk = with_window([7, 3, 1, 1, 1], head=6)
    desk.run()
    assert desk.order() == ["first", "1", "2", "3", "head", "0", "4"]
    assert [at for at, _, _ in desk.starts] == [0.0, 5.0, 8.0, 9.0, 13.0, 19.0, 26.0]


def test_a_task_longer_than_the_gap_between_windows_is_let_through() -> None:
    desk = with_window([], head=101)
    desk.run()
    assert [at for at, task, _ in desk.starts if task == "head"] == [5.0]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=30),
       st.lists(st.integers(4, 60), min_size=4, max_size=4), st.none() | st.integers(1, 30))
def test_a_reserved_qpu_serves_one_session_from_its_first_shot_to_its_close(
        wishes: list[tuple[int, int, int]], closes: list[int], loss: int | None) -> None:
    """Also when a QPU is lost and comes back: its holder goes on elsewhere, or stands in line again."""
    desk = Desk(policy("reservation"), qpus=2, check=True)
    for k in range(4):
        desk.open(f"s{k}")
    for n, (at, session, service) in enumerate(wishes):
        desk.at(at, lambda n=n, s=session, d=service: desk.submit(f"s{s}/{n}", f"s{s}", float(d)))  # type: ignore[misc]
    for k, at in enumerate(closes):
        desk.at(at + 0.5, lambda k=k: desk.send(ev.SessionClosing(f"s{k}")))  # type: ignore[misc]
    ended: dict[str, float] = {}
    if loss is not None:
        desk.at(loss, lambda: desk.send(ev.QpuLeft("u0")))
        desk.at(loss + 5, lambda: desk.send(ev.QpuJoined("u0", 9)))
    watch(desk, ended)
    desk.run()
    for qpu in ("u0", "u1"):
        spans = tenures(desk, ended, qpu, (loss, loss + 5) if loss is not None and qpu == "u0" else None)
        for (_, end, _), (start, _, _) in pairwise(spans):
            assert start >= end, "a session ran inside another's tenure"
    held = [(at, task.split("/")[0], qpu) for at, task, qpu in desk.starts]
    for session in {name for _, name, _ in held}:
        used = [qpu for at, name, qpu in held if name == session and (loss is None or at < loss)]
        assert len(set(used)) <= 1, "a session holds one QPU at a time"


def watch(desk: Desk, ended: dict[str, float]) -> None:
    """Note when each session ended."""
    send = desk.send

    def noting(event: ev.Event) -> list[object]:
        commands = send(event)
        for command in commands:
            if type(command).__name__ == "SessionEnded":
                ended[command.session] = desk.now  # type: ignore[union-attr]
        return commands  # type: ignore[return-value]

    desk.send = noting  # type: ignore[method-assign,assignment]


def tenures(desk: Desk, ended: dict[str, float], qpu: str, lost: tuple[int, int] | None,
            ) -> list[tuple[float, float, str]]:
    """(first shot, end of tenure, session) on this QPU, in order; the loss of the QPU ends a tenure."""
    spans: list[tuple[float, float, str]] = []
    for at, task, where in desk.starts:
        session = task.split("/")[0]
        if where != qpu:
            continue
        if spans and spans[-1][2] == session and at < spans[-1][1]:
            continue
        end = ended.get(session, float("inf"))
        spans.append((at, min(end, lost[0]) if lost and at < lost[0] else end, session))
    return spans
