"""A run predicted from its plan alone: in virtual time every decision and number, in real time TTNS and QDC."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import msgspec
import pytest

from qloop.cli import app
from qloop.errors import InvalidInput
from qloop.miniapps.demo.perform import Nobody, Wish, played, prepared
from qloop.miniapps.demo.planned import plan, programs
from qloop.miniapps.demo.workload import Workload
from qloop.model.planned import PlannedSession, PlannedTask
from qloop.policies.catalog import policy as named
from qloop.qpus.exact import ExactQpu
from qloop.qpus.twin import TwinQpu
from qloop.runtime.embedded import Runtime
from qloop.simulator.replay.agreement import Agreement, Number, agreement
from qloop.simulator.replay.planned import predict
from qloop.trace import schema as ev
from qloop.trace.check import check
from qloop.trace.reader import Trace
from tests.policies.chosen import LONG

SECOND = 1_000_000_000


@cache
def twins(interval_s: float) -> tuple[TwinQpu, ...]:
    """The demo's QPUs; those with a short interval calibrate several times in a short run."""
    length = 120.0 if interval_s >= 3600.0 else 7.0
    return tuple(TwinQpu(name, exact=ExactQpu("noise-free", simulators=("qulacs",)), calibration_interval_s=interval_s,
                         calibration_length_s=length) for name in ("torino", "sherbrooke", "hanoi"))


@cache
def workload(horizon_s: float, loops: int, iterations: int, seed: int) -> Workload:
    wish = Wish(horizon_s=horizon_s, loops=loops, iterations=iterations, load=0.9, seed=seed)
    return prepared(wish, twins(3600.0), Nobody())


def live(drawn: Workload, policy: str, interval_s: float, clock: str | float = "virtual", **more: Any) -> Trace:
    with Runtime(qpus=list(twins(interval_s)), policy=policy, clock=clock, journal=":memory:", trace=True, run="demo",
                 seed=drawn.seed, **more) as platform:
        return played(platform, drawn, policy, Nobody())


def foretold(drawn: Workload, policy: str, qpus: tuple[TwinQpu, ...], **more: Any) -> Trace:
    return predict(plan(drawn, qpus), qpus, named(policy), seed=drawn.seed, programs=programs(drawn, qpus), **more)


def found(drawn: Workload, policy: str, interval_s: float, clock: str | float = "virtual") -> Agreement:
    qpus = twins(interval_s)
    predicted = foretold(drawn, policy, qpus)
    check(predicted, complete=True)
    return agreement(live(drawn, policy, interval_s, clock), predicted)


@pytest.mark.parametrize("policy", ["fifo", "efaas", "reservation"])
@pytest.mark.parametrize("interval_s", [3600.0, 45.0])
def test_in_virtual_time_the_plan_tells_everything(policy: str, interval_s: float) -> None:
    one = found(workload(300.0, 3, 12, 1), policy, interval_s)
    assert one.exact, one
    assert one.starts > 60
    calibrating = next(number.live for number in one.numbers if number.name == "QDC, calibration")
    assert calibrating is not None
    assert calibrating > 5.0 or interval_s > 60.0


@pytest.mark.parametrize(("interval_s", "chunk"), [(3600.0, 1.0), (45.0, 0.5)])
def test_with_chunks_it_tells_everything_too(interval_s: float, chunk: float) -> None:
    drawn, qpus = workload(300.0, 3, 12, 1), twins(interval_s)
    run = live(drawn, "efaas", interval_s, policy_settings={"chunk_s": chunk})
    predicted = predict(plan(drawn, qpus), qpus, named("efaas", chunk_s=chunk), seed=drawn.seed,
                        programs=programs(drawn, qpus))
    assert agreement(run, predicted).exact
    assert sum(isinstance(event, ev.QpuEnd) and event.paused for event in run.events) > 10


@pytest.mark.ci
@pytest.mark.parametrize("policy", LONG)
def test_so_it_does_under_every_policy(policy: str) -> None:
    for seed, interval_s in ((2, 3600.0), (3, 300.0)):
        one = found(workload(1800.0, 6, 40, seed), policy, interval_s)
        assert one.exact, one
        assert one.starts > 500


def test_another_policy_is_not_what_ran() -> None:
    """No test that cannot fail: a prediction under another policy, or of another seed's plan, is seen to be off."""
    drawn, qpus = workload(300.0, 3, 12, 1), twins(3600.0)
    run = live(drawn, "efaas", 3600.0)
    assert not agreement(run, foretold(drawn, "fifo", qpus)).exact
    other = agreement(run, foretold(workload(300.0, 3, 12, 8), "efaas", qpus))
    assert not other.exact
    assert not other.close
    assert "not within 5%" in other.text()


def test_weights_of_tenants_are_part_of_the_prediction() -> None:
    drawn, qpus = workload(300.0, 3, 12, 1), twins(3600.0)
    weights = {"chemistry": 5.0, "spins": 0.2}
    run = live(drawn, "efaas", 3600.0, tenants=weights)
    assert agreement(run, foretold(drawn, "efaas", qpus, tenants=weights)).exact


@pytest.mark.ci
@pytest.mark.parametrize("policy", ["fifo", "efaas"])
def test_in_real_time_ttns_and_qdc_are_predicted_within_5_percent(policy: str) -> None:
    one = found(workload(40.0, 3, 5, 0), policy, 3600.0, "real")
    assert one.clock == "real"
    assert one.starts > 15
    assert one.close, one


def task(**changes: Any) -> PlannedTask:
    return msgspec.structs.replace(PlannedTask(0, (SECOND,), 2, 10, 1.0), **changes)


@pytest.mark.parametrize(("sessions", "said"), [
    ((), "No session of the plan has a task"),
    ((PlannedSession("a", "t", 0, ()),), "No session of the plan has a task"),
    ((PlannedSession("a", "t", 0, (task(),)), PlannedSession("a", "t", 0, ())), "several sessions named 'a'"),
    ((PlannedSession("a", "t", 0, (task(service_ns=(1, 2)),)),), "There are 1 QPUs"),
    ((PlannedSession("a", "t", 0, (task(service_ns=(-1,)),)),), "it must fit one of them"),
    ((PlannedSession("a", "t", 0, (task(delay_ns=-5),)),), "Time never goes back"),
    ((PlannedSession("a", "t", -1, (task(),)),), "opens at -1 ns"),
])
def test_a_plan_that_cannot_run_is_refused(sessions: tuple[PlannedSession, ...], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        predict(sessions, twins(3600.0)[:1], named("fifo"))


def test_numbers_say_how_far_they_are_off() -> None:
    assert Number("x", "s", 2.0, 2.0, 2.1).off == pytest.approx(0.05)
    assert Number("x", "s", 0.0, 0.0, 0.0).off == 0.0
    assert Number("x", "s", 0.0, 0.0, 0.1).off is None
    assert Number("x", "s", None, None, None).off is None


def test_the_command_compares_and_draws(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    pytest.importorskip("matplotlib")
    words = ["demo", "--simulated", "--horizon", "120", "--loops", "2", "--iterations", "4", "--policies", "fifo,efaas",
             "--out", str(tmp_path)]
    assert app.main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["exact"] == told["close"] == [True, True]
    assert [one["policy"] for one in told["runs"]] == ["fifo", "efaas"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "predicted-fifo.jsonl.gz", "predicted-efaas.jsonl.gz", "virtual-fifo.jsonl.gz", "virtual-efaas.jsonl.gz",
        "live-and-simulated.png", "live-and-simulated.pdf"}
    assert app.main([*words, "--clock", "sometimes"]) == 2
    assert "sometimes" in capsys.readouterr().err
    assert app.main([*words, "--iterations", "-1"]) == 2
    assert "Each loop is to have -1 iterations" in capsys.readouterr().err
