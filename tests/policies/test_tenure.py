"""`session` and `pilot`: a QPU for one session alone, when it is let go, and what a calibration may do meanwhile."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.policies.catalog import policy

from .desk import Desk

WISHES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3), st.integers(1, 4)), min_size=1, max_size=25)


def desk_of(name: str, qpus: int = 1, sessions: str = "ab", **tuned: float) -> Desk:
    """QPUs and open sessions; a session lets go after 60 s without a task, if not said otherwise."""
    desk = Desk(policy(name, **({"hold_idle": 60.0} if name == "session" else {}) | tuned), qpus, check=True)
    for session in sessions:
        desk.open(session)
    return desk


def loop(desk: Desk, session: str, steps: int, think: float = 1.0) -> None:
    """Tasks of 1 s, `think` s after each other's end."""
    def go_on(task: str) -> None:
        name, _, k = task.partition("/")
        if name == session and int(k) + 1 < steps:
            desk.at(desk.now + think, lambda: desk.submit(f"{session}/{int(k) + 1}", session))

    desk.then = go_on
    desk.submit(f"{session}/0", session)


def begun(desk: Desk) -> dict[str, float]:
    return {task: at for at, task, _ in desk.starts}


def closing(desk: Desk, session: str, at: float) -> None:
    desk.at(at, lambda: desk.send(ev.SessionClosing(session)))


def test_a_session_is_alone_while_it_is_active_and_lets_go_after_its_interactive_ttl() -> None:
    desk = desk_of("session")
    loop(desk, "a", 3, think=30.0)
    desk.at(0.5, lambda: desk.submit("b/0", "b"))
    desk.run()
    assert [at for at, task, _ in desk.starts if task.startswith("a")] == [0.0, 31.0, 62.0]
    assert begun(desk)["b/0"] == 63.0 + 60.0


def test_a_session_that_comes_back_after_its_interactive_ttl_queues_like_any_other() -> None:
    desk = desk_of("session", sessions="abc")
    desk.submit("a/0", "a")
    desk.at(0.5, lambda: desk.submit("b/0", "b"))
    desk.at(100.0, lambda: desk.submit("c/0", "c"))
    desk.at(110.0, lambda: desk.submit("a/1", "a"))
    desk.run()
    assert begun(desk) == {"a/0": 0.0, "b/0": 61.0, "c/0": 122.0, "a/1": 183.0}


def test_closing_lets_the_qpu_go_at_once() -> None:
    for name in ("session", "pilot"):
        desk = desk_of(name)
        desk.submit("a/0", "a")
        desk.at(0.5, lambda desk=desk: desk.submit("b/0", "b"))  # type: ignore[misc]
        closing(desk, "a", 5.0)
        desk.run()
        assert begun(desk)["b/0"] == 5.0


def test_a_session_is_held_for_its_longest_time_and_a_pilot_for_its_walltime_and_then_stands_in_line() -> None:
    for name in ("session", "pilot"):
        desk = desk_of(name, hold_max=10.0)
        loop(desk, "a", 12)
        desk.at(0.5, lambda desk=desk: desk.submit("b/0", "b", 3.0))  # type: ignore[misc]
        desk.run()
        starts = begun(desk)
        assert starts["b/0"] == 10.0, name
        assert starts["a/4"] == 8.0
        assert starts["a/5"] == 20.0, "it was ready at 10 s, and waits while b holds the QPU for its 10 s in turn"


def test_what_waits_when_the_time_is_over_goes_behind_those_in_line() -> None:
    desk = desk_of("pilot", hold_max=10.0)
    for k in range(8):
        desk.submit(f"a/{k}", "a", 3.0)
    desk.submit("b/0", "b", 1.0)
    closing(desk, "b", 0.5)
    desk.run()
    assert desk.order() == ["a/0", "a/1", "a/2", "a/3", "b/0", "a/4", "a/5", "a/6", "a/7"]


def test_a_pilot_keeps_its_qpu_while_its_session_is_silent() -> None:
    desk = desk_of("pilot")
    desk.submit("a/0", "a")
    desk.at(0.5, lambda: desk.submit("b/0", "b"))
    desk.at(3000.0, lambda: desk.submit("a/1", "a"))
    desk.run()
    assert begun(desk)["a/1"] == 3000.0
    assert begun(desk)["b/0"] == 8 * 3600.0


def test_a_session_holds_one_qpu_and_not_two() -> None:
    for name in ("session", "pilot"):
        desk = desk_of(name, 2)
        for k in range(3):
            desk.submit(f"a/{k}", "a")
        desk.submit("b/0", "b")
        desk.run(10.0)
        assert [(at, qpu) for at, task, qpu in desk.starts if task[0] == "a"] == [(0.0, "u0"), (1.0, "u0"), (2.0, "u0")]
        assert [(at, qpu) for at, task, qpu in desk.starts if task[0] == "b"] == [(0.0, "u1")]


def calibrations(desk: Desk) -> list[float]:
    """When calibrations begin, from now on."""
    found: list[float] = []
    send = desk.send

    def noting(event: ev.Event) -> list[object]:
        commands = send(event)
        found.extend(desk.now for command in commands if type(command).__name__ == "StartCalibration")
        return commands  # type: ignore[return-value]

    desk.send = noting  # type: ignore[method-assign,assignment]
    return found


def test_no_calibration_begins_inside_a_session_and_one_that_is_due_begins_when_it_lets_go() -> None:
    for close, expected in ((30.0, 30.0), (None, 5 + 60.0)):
        desk = desk_of("session")
        found = calibrations(desk)
        loop(desk, "a", 3)
        desk.at(1.5, lambda desk=desk: desk.send(ev.CalibrationDue("u0", 2 * SECOND)))  # type: ignore[misc]
        desk.at(2.5, lambda desk=desk: desk.submit("b/0", "b"))  # type: ignore[misc]
        if close is not None:
            closing(desk, "a", close)
        desk.run()
        assert found == [expected]
        assert begun(desk)["b/0"] == expected + 2.0, "the window comes before the next session"


def test_a_pilot_knows_nothing_of_calibrations() -> None:
    desk = desk_of("pilot")
    found = calibrations(desk)
    loop(desk, "a", 3)
    desk.at(1.5, lambda: desk.send(ev.CalibrationDue("u0", 2 * SECOND)))
    desk.run()
    assert found == [1.5]
    assert begun(desk)["a/1"] == 3.5, "it waits for the end of the window, which began while it thought"


def test_windows_stop_what_opens_a_session_but_nothing_inside_one_and_no_pilot() -> None:
    for name, start in (("session", 13.0), ("pilot", 8.0)):
        desk = Desk(policy(name), qpus=0, check=True)
        desk.send(ev.QpuJoined("u0", 9, 0.0, 0, 10 * SECOND, 100 * SECOND))
        desk.open("a")
        desk.at(8.0, lambda desk=desk: desk.submit("a/0", "a", 5.0))  # type: ignore[misc]
        desk.at(10.0, lambda desk=desk: desk.send(ev.CalibrationDue("u0", 3 * SECOND)))  # type: ignore[misc]
        desk.run()
        assert begun(desk)["a/0"] == start, name
    desk = Desk(policy("session"), qpus=0, check=True)
    desk.send(ev.QpuJoined("u0", 9, 0.0, 0, 10 * SECOND, 100 * SECOND))
    desk.open("a")
    desk.submit("a/0", "a", 5.0)
    desk.at(8.0, lambda: desk.submit("a/1", "a", 5.0))
    desk.run()
    assert begun(desk)["a/1"] == 8.0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(WISHES, st.lists(st.integers(5, 70), min_size=4, max_size=4), st.sampled_from(["session", "pilot"]))
def test_nobody_runs_on_a_qpu_while_another_holds_it(wishes: list[tuple[int, int, int]], closes: list[int],
                                                     name: str) -> None:
    """From the record of starts and ends alone: who may hold a QPU, and until when."""
    tuned = {"hold_max": 15.25} | ({"hold_idle": 4.25} if name == "session" else {})
    desk = desk_of(name, 2, "0123", **tuned)
    submitted: dict[str, float] = {}
    for n, (at, session, service) in enumerate(sorted(wishes)):
        if at < closes[session]:
            submitted[f"{session}/{n}"] = at
            desk.at(at, lambda n=n, s=session, d=service: desk.submit(f"{s}/{n}", str(s), float(d)))  # type: ignore[misc]
    for session, at in enumerate(closes):
        closing(desk, str(session), at + 0.5)
    desk.run()
    ended = {task: at for at, task, _ in desk.ends}
    assert len(ended) == len(submitted), "everything was served"
    for qpu in ("u0", "u1"):
        runs = [(at, task.split("/")[0], ended[task]) for at, task, where in desk.starts if where == qpu]
        taken = runs[0][0] if runs else 0.0
        for (_, before, end), (at, after, _) in pairwise(runs):
            if after == before:
                continue
            moved = any(a.startswith(f"{before}/") and end <= b <= at and w != qpu for b, a, w in desk.starts)
            still = [t for t, came in submitted.items() if t.startswith(f"{before}/") and came <= at
                     and begun(desk)[t] >= at and begun(desk)[t] >= end]
            closed = at >= closes[int(before)] + 0.5
            idle = name == "session" and at >= end + 4.25 and not any(submitted[t] < end + 4.25 for t in still)
            assert at >= taken + 15.25 or closed or idle or moved, (before, after, at)
            taken = at
