"""What the engine is told of circuits on QPUs decides where they run, and whether they are taken at all."""

from __future__ import annotations

import pytest

from qloop.model import commands as cmd
from qloop.model import events as ev
from qloop.model.limits import SECOND
from qloop.model.states import TaskState
from qloop.policies import columns as c
from qloop.policies import fits
from qloop.policies.catalog import policy
from tests.policies.chosen import QUICK

from .bench import Bench, refusal, starts


def test_a_task_goes_where_its_circuit_loses_least() -> None:
    bench = Bench(policy("efaas", lambda_fidelity=60.0), qpus=(9, 9, 9))
    for name, loss in (("u0", 0.9), ("u1", 0.1), ("u2", 0.5)):
        bench.send(ev.StructureProfiled("ansatz", name, loss))
    assert starts(bench.submit("a", estimate=20.0, structure="ansatz")) == [("a", 1, "u1")]
    assert starts(bench.submit("b", estimate=20.0, structure="ansatz")) == [], "0.4 nats are worth 24 s of waiting"
    (begun,) = [c for c in bench.submit("c", structure="ansatz") if isinstance(c, cmd.StartQuantum)]
    assert begun.qpu == "u2"
    assert dict(begun.terms)["fidelity"] == pytest.approx(60.0 * 0.4)


@pytest.mark.parametrize("name", QUICK)
def test_no_policy_places_a_task_on_a_qpu_that_cannot_run_it(name: str) -> None:
    bench = Bench(name, qpus=(9, 9))
    bench.send(ev.StructureProfiled("ansatz", "u0", unfit="the coupler 3-4 is broken"))
    assert starts(bench.submit("a", structure="ansatz")) == [("a", 1, "u1")]
    bench.submit("b", structure="ansatz", at=0.5)
    assert bench.state.qpus[0].running is None


def test_a_circuit_that_no_qpu_can_run_is_refused_with_each_reason() -> None:
    bench = Bench("efaas", qpus=(9, 9))
    bench.send(ev.StructureProfiled("ansatz", "u0", unfit="it has no gate named rzx"))
    assert starts(bench.submit("a", structure="ansatz")) == [("a", 1, "u1")]
    bench.send(ev.StructureProfiled("ansatz", "u1", unfit="the coupler 3-4 is broken"))
    code, reason = refusal(bench.submit("b", structure="ansatz"))
    assert code == "unfit"
    assert "u0: it has no gate named rzx" in reason
    assert "u1: the coupler 3-4 is broken" in reason
    assert starts(bench.submit("c", structure="another")) == [("c", 1, "u0")]


def test_what_waits_moves_when_its_qpu_turns_out_to_be_unfit() -> None:
    bench = Bench("efaas", qpus=(9, 9))
    for name, loss in (("u0", 0.1), ("u1", 2.0)):
        bench.send(ev.StructureProfiled("ansatz", name, loss))
    bench.submit("busy", estimate=5.0, structure="ansatz")
    bench.submit("other", estimate=6.0, pin="u1")
    bench.submit("a", structure="ansatz")
    assert bench.state.tasks[bench.state.everything["a"].row][c.BOUND] == 0.0   # type: ignore[union-attr]
    bench.send(ev.StructureProfiled("ansatz", "u0", unfit="the coupler 3-4 broke"))
    assert bench.state.tasks[bench.state.everything["a"].row][c.BOUND] == 1.0   # type: ignore[union-attr]


def test_a_new_epoch_brings_new_profiles_to_what_waits() -> None:
    bench = Bench("efaas", qpus=(9,))
    bench.send(ev.StructureProfiled("ansatz", "u0", 0.5))
    bench.submit("busy", structure="ansatz")
    bench.submit("a", structure="ansatz")
    bench.send(ev.CalibrationDue("u0", 30 * SECOND))
    assert bench.state.qpu_rows[0][c.DUE_S] == pytest.approx(30.0)
    bench.end("busy", at=1.0)
    assert bench.state.qpu_rows[0][c.DUE_S] == 0.0
    bench.send(ev.StructureProfiled("ansatz", "u0", 0.3), at=31.0)
    commands = bench.send(ev.CalibrationEnded("u0", 1))
    assert starts(commands) == [("a", 1, "u0")]
    row = bench.state.qpus[0].running
    assert row is not None
    assert bench.state.tasks[row.row][c.TASK_COLUMNS + fits.LOSS] == 0.3
    assert bench.state.qpu_rows[0][c.CALIBRATED_AT] == pytest.approx(31.0)


def test_what_waits_fails_when_no_qpu_can_run_its_circuit_any_more() -> None:
    bench = Bench("efaas", qpus=(9, 9))
    bench.submit("busy0", estimate=5.0, pin="u0")
    bench.submit("a", structure="ansatz", pin="u0")
    bench.submit("after", structure="ansatz", pin="u0", after=("busy0",))
    bench.submit("another", structure="other", pin="u0")
    commands = bench.send(ev.StructureProfiled("ansatz", "u0", unfit="the coupler 3-4 broke"))
    ended = {one.task: one for one in commands if isinstance(one, cmd.TaskEnded)}
    assert set(ended) == {"a", "after"}
    assert {one.state for one in ended.values()} == {TaskState.FAILED}
    assert all("u0: the coupler 3-4 broke" in one.reason for one in ended.values())
    assert not bench.state.homeless


def test_a_circuit_that_can_run_again_is_bound_again() -> None:
    bench = Bench("efaas", qpus=(9, 9))
    bench.send(ev.StructureProfiled("ansatz", "u1", unfit="it has no gate named rzx"))
    bench.submit("busy", estimate=5.0, pin="u0")
    bench.submit("a", structure="ansatz")
    bench.send(ev.QpuLeft("u0", "broken"))
    row = bench.state.everything["a"].row     # type: ignore[union-attr]
    assert row in bench.state.homeless
    assert starts(bench.send(ev.StructureProfiled("ansatz", "u1", 0.5))) == [("a", 1, "u1")]


def test_a_qpu_that_joins_later_gets_its_cells_everywhere() -> None:
    bench = Bench("efaas", qpus=(4,))
    bench.submit("a", estimate=9.0)
    bench.submit("b")
    bench.send(ev.QpuJoined("u1", 9, cold_s=2.0), at=1.0)
    state = bench.state
    assert {len(row) for row in state.flows} == {c.FLOW_COLUMNS + 2 * fits.VISIT}
    assert {len(row) for row in state.tasks} == {c.TASK_COLUMNS + 2 * fits.FIT}
    running = state.qpus[1].running
    assert running is not None
    assert running.id == "b"
    assert dict(running.terms)["load"] == 2.0


@pytest.mark.parametrize("told", [
    {"loss": float("nan")}, {"loss": -0.5}, {"compile_s": -1.0}, {"load_s": float("inf")}])
def test_a_profile_of_impossible_numbers_is_not_taken(told: dict[str, float]) -> None:
    bench = Bench("efaas")
    code, reason = refusal(bench.send(ev.StructureProfiled("ansatz", "u0", **told)))
    assert code == "invalid"
    assert "must be finite, and none negative" in reason
    assert bench.state.profiles == {}
    assert "no QPU named u7" in refusal(bench.send(ev.StructureProfiled("ansatz", "u7", 0.1)))[1]
