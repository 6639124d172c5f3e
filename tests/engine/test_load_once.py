"""What tasks of one session that wait together pay for loading: once, by the first of them."""

from __future__ import annotations

import pytest

from qloop.model import events as ev
from qloop.model.limits import SECOND

from .bench import Bench


def loads(bench: Bench, tasks: list[str]) -> list[float]:
    """Seconds of loading that each start is told, the tasks ended one after the other."""
    found = []
    for task in tasks:
        running = bench.state.qpus[0].running
        assert running is not None
        assert running.id == task
        found.append(dict(running.terms)["load"])
        bench.end(task, at=bench.now + 1.0)
    return found


@pytest.mark.parametrize("policy", ["efaas", "fifo", "efaas_expected"])
def test_the_first_of_a_batch_loads_and_the_others_find_it_loaded(policy: str) -> None:
    bench = Bench(policy, qpus=())
    bench.send(ev.QpuJoined("u0", 9, cold_s=0.5))
    names = [f"task-{number}" for number in range(4)]
    for name in names:
        bench.submit(name, estimate=0.3)
    assert loads(bench, names) == [0.5, 0.0, 0.0, 0.0]


def test_what_cooled_down_while_the_task_waited_is_loaded_again() -> None:
    bench = Bench("efaas", qpus=(), sessions=("s", "other"), interactive_ttl_ns=10**6 * SECOND)
    bench.send(ev.QpuJoined("u0", 9, cold_s=0.5))
    bench.submit("first", estimate=0.3)
    assert loads(bench, ["first"]) == [0.5]
    bench.submit("long", "other", estimate=0.3)
    bench.submit("second", estimate=0.3)
    bench.end("long", at=bench.now + 1000.0)
    assert loads(bench, ["second"]) == [0.5]
