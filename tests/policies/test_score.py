"""`paper_score`: the order by rho, computed anew for every waiting task at every dispatch."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from qloop.model import events as ev
from qloop.policies.catalog import policy

from .desk import Desk

TAU = 30.0


def rho(active: bool, waited: float, weight: float) -> float:
    return 100.0 * active + 5.0 * (TAU - waited) / TAU + 1.0 * weight


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 60), st.integers(1, 4), st.sampled_from([0.5, 1.0, 4.0])),
                min_size=1, max_size=40), st.integers(0, 60))
def test_the_fixed_key_gives_the_order_by_the_score_at_every_moment(wishes: list[tuple[int, int, int, float]],
                                                                    converged: int) -> None:
    desk = Desk(policy("paper_score", tau=TAU), check=True)
    for k in range(4):
        desk.open(str(k))
    desk.at(converged, lambda: desk.send(ev.SessionConverged("3")))
    came: dict[str, tuple[bool, float, float, int]] = {}

    def submit(n: int, session: int, service: int, weight: float) -> None:
        begun = any(task.startswith(f"{session}/") for _, task, _ in desk.ends)
        came[f"{session}/{n}"] = (begun and not (session == 3 and desk.now >= converged), desk.now, weight, n)
        desk.submit(f"{session}/{n}", str(session), float(service), weight=weight)

    for n, (session, at, service, weight) in enumerate(sorted(wishes, key=lambda wish: wish[1])):
        desk.at(at, lambda n=n, s=session, d=service, w=weight: submit(n, s, d, w))  # type: ignore[misc]
    begin = desk.begin

    def check(command: object) -> None:
        task, now = command.task, desk.now  # type: ignore[attr-defined]
        gone = {other for _, other, _ in desk.starts}
        score = {other: rho(active, now - ready, weight) for other, (active, ready, weight, _) in came.items()
                 if other not in gone}
        assert score[task] >= max(score.values()) - 1e-9, (task, score)
        begin(command)  # type: ignore[arg-type]

    desk.begin = check  # type: ignore[method-assign,assignment]
    desk.run()
    assert len(desk.ends) == len(wishes)


def test_who_waits_longer_goes_later() -> None:
    desk = Desk(policy("paper_score"), check=True)
    desk.open("s")
    desk.submit("first", "s", 5.0)
    for k in range(3):
        desk.at(1.0 + k, lambda k=k: desk.submit(str(k), "s"))  # type: ignore[misc]
    desk.run()
    assert desk.order() == ["first", "2", "1", "0"]
