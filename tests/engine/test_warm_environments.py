"""The container cache: which environments a worker keeps warm, bounded, the least recently used one leaving."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from qloop.model import commands as cmd
from qloop.model import events as ev

from .bench import Bench


@given(st.lists(st.sampled_from("abcdef"), max_size=40), st.integers(1, 4),
       st.lists(st.sampled_from("xyza"), max_size=5))
def test_a_worker_is_cold_for_what_has_left_its_cache(wishes: list[str], capacity: int, first: list[str]) -> None:
    bench = Bench(warm_environments=capacity)
    bench.send(ev.WorkerJoined("w", 1, tuple(dict.fromkeys(first))))
    model = list(dict.fromkeys(first))[-capacity:]      # the least recently used one first
    for nth, environment in enumerate(wishes):
        commands = bench.classical(f"t{nth}", environment=environment)
        (begun,) = [command for command in commands if isinstance(command, cmd.StartClassical)]
        assert begun.cold == (environment not in model)
        model = [known for known in model if known != environment][-capacity + 1 if capacity > 1 else capacity:]
        model.append(environment)
        bench.send(ev.ClassicalEnded(f"t{nth}", begun.attempt, "w"))
        assert list(bench.state.workers["w"].environments) == model
