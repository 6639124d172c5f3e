"""Pilots of several kinds at once, in real time: tasks go where they are pinned, workers come and go."""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Callable

import pytest

from qloop.errors import Refused, UserCodeError
from qloop.model.needs import Needs
from qloop.pilots.spec import PilotSpec
from qloop.runtime.embedded import Runtime
from qloop.runtime.wishes import SessionWish

PATIENCE_S = 90.0


def until(found: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def workers(runtime: Runtime, pilot: str) -> int:
    found = runtime.core.ask(lambda engine: len(engine.state.pilots[pilot].workers))
    assert isinstance(found, int)
    return found


def dies_first(mark: str) -> str:
    """Kills its own process at the first try."""
    if not os.path.exists(mark):        # noqa: PTH110 (sent by value)
        open(mark, "w").close()         # noqa: PTH123
        os._exit(9)
    return "done"


def test_none_many_and_none_again() -> None:
    with Runtime(qpus=["exact"], journal=":memory:",
                 pilots=[PilotSpec(least=0, most=2, keep_alive_s=0.3)]) as runtime:
        session = runtime.open_session(SessionWish())
        assert workers(runtime, "local") == 0
        tickets = [runtime.call(session, operator.mul, 6, number) for number in range(20)]
        assert [runtime.answer(ticket, PATIENCE_S) for ticket in tickets] == [6 * number for number in range(20)]
        until(lambda: workers(runtime, "local") == 0, "the workers are let go")
        assert runtime.answer(runtime.call(session, abs, -1), PATIENCE_S) == 1


def test_a_task_whose_worker_dies_is_done_on_another(tmp_path: object) -> None:
    with Runtime(qpus=["exact"], journal=":memory:", pilots=[PilotSpec(name="one", least=1, most=1)]) as runtime:
        session = runtime.open_session(SessionWish())
        ticket = runtime.call(session, dies_first, f"{tmp_path}/mark")
        assert runtime.answer(ticket, PATIENCE_S) == "done"
        assert ticket.attempt == 2


def test_an_error_in_an_argument_reaches_whoever_needs_it() -> None:
    with Runtime(qpus=["exact"], journal=":memory:", workers=1) as runtime:
        session = runtime.open_session(SessionWish())
        bad = runtime.call(session, operator.truediv, 1, 0)
        later = runtime.call(session, operator.neg, [bad])
        with pytest.raises(UserCodeError, match="ZeroDivisionError"):
            runtime.answer(bad, PATIENCE_S)
        with pytest.raises(Exception, match="which it needs, failed"):
            runtime.answer(later, PATIENCE_S)


@pytest.mark.ci
def test_dask_ray_and_local_at_once_each_does_what_is_pinned_to_it() -> None:
    pytest.importorskip("distributed")
    pytest.importorskip("ray")
    kinds = ("local", "dask", "ray")
    with Runtime(qpus=["exact"], journal=":memory:",
                 pilots=[PilotSpec(kind=kind, least=1, most=1, cores=1) for kind in kinds]) as runtime:
        session = runtime.open_session(SessionWish())
        first = {kind: runtime.call(session, operator.add, 1, 1, needs=Needs(pilot=kind)) for kind in kinds}
        total = runtime.call(session, sum, list(first.values()))
        assert runtime.answer(total, PATIENCE_S) == 6
        assert [first[kind].place.split("-")[0].split("/")[0] for kind in kinds] == list(kinds)
        with pytest.raises(Refused, match="nearest pilot"):
            runtime.call(session, abs, 1, needs=Needs(cores=64))
