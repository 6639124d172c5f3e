"""What waits for each QPU, as its operator is shown."""

from __future__ import annotations

from qloop.engine.explain import waiting_for
from qloop.model import events as ev

from .bench import Bench


def test_a_lane_is_shown_in_order_of_service_and_homeless_tasks_where_they_could_run() -> None:
    bench = Bench("sjf", qpus=(9, 4))
    for task in ("a", "b"):
        bench.submit(task)
    bench.submit("long", pin="u0", estimate=5.0)
    bench.submit("short", pin="u0", estimate=1.0)
    bench.submit("other", pin="u1")
    assert waiting_for(bench.state) == [["short", "long"], ["other"]]
    bench.send(ev.QpuPaused("u0"))
    bench.submit("wide", width=7)
    assert waiting_for(bench.state) == [["short", "wide", "long"], ["other"]]


def test_of_a_shared_line_each_qpu_shows_what_it_could_run() -> None:
    bench = Bench("reservation", qpus=(9, 4), sessions=("s", "y", "z"))
    bench.submit("a", "s", width=7)
    bench.submit("b", "y", width=2)
    bench.submit("narrow", "z", width=2)
    bench.submit("wide", "z", width=7)
    assert waiting_for(bench.state) == [["narrow", "wide"], ["narrow"]]
