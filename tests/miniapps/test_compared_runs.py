"""The live subset run for real, small: the same draws for all policies, the same numbers whoever computes them."""

import json

import pytest

from qloop.cli import app, evaluate_live, evaluate_units
from qloop.miniapps.compared.drifted import drifted, mixed
from qloop.miniapps.compared.play import Company, alone, best_pins
from qloop.miniapps.compared.unit import REFERENCE, performed
from qloop.miniapps.compared.wish import Wish
from qloop.miniapps.demo.cast import background_problems
from qloop.miniapps.demo.workload import draw
from qloop.trace.metrics.calibrations import paid

SMALL = Wish(seed=3, seeds=1, loads=(0.5,), policies=("fifo", "efaas"), horizon_s=300.0, loops=("h2-a", "ising-4-ra"),
             iterations=6, budgets=(0.0, 1.0), idle_loads=(0.0,), guessed=8, guessing_seeds=1).check()


class Quiet:
    def at(self, done, total, text):
        """Nobody looks."""


@pytest.fixture(scope="module")
def small():
    return evaluate_live.compared(SMALL, Quiet(), processes=1)


def test_every_policy_ran_every_loop_and_the_reference_has_no_bias(small):
    assert [one.policy for one in small.runs] == [REFERENCE, "fifo", "efaas"]
    steps = {one.policy: one.numbers["iterations"] for one in small.runs}
    assert len(set(steps.values())) == 1
    reference = small.runs[0].numbers
    assert (reference["bias_noiseless"], reference["bias_measured"], reference["bias_drift"]) == (0.0, 0.0, 0.0)
    for one in small.runs:
        parts = [value for name, value in one.numbers.items() if name.startswith("qdc_") and "useful_loops" not in name
                 and name != "qdc_useful"]
        assert sum(parts) == pytest.approx(1.0)


def test_guesses_make_a_loop_faster_and_waste_no_more_than_their_budget(small):
    rows = {row.budget: row for row in small.guesses if row.optimizer == "nelder-mead"}
    assert set(rows) == {None, 0.0, 1.0}
    assert rows[1.0].faster > 1.0 == rows[None].faster
    assert rows[1.0].rounds == rows[None].rounds - rows[1.0].hits
    assert rows[1.0].wasted_s <= rows[1.0].useful_s
    assert rows[0.0].wasted_s == 0.0


def test_a_twin_that_does_not_drift_loses_nothing_to_drift():
    still = evaluate_units.frozen(3)
    work = draw(SMALL.roles(), background_problems(), still, seed=3, load=0.5, horizon_s=300.0)
    with evaluate_units.platform("fifo", still, 3) as platform:
        trace = Company(platform, alone(work), pins=best_pins(work, still)).run()
    found = drifted(trace, work, still, evaluate_units.frozen(3))
    assert (found.loss_nats, found.bias) == (0.0, 0.0)
    used = {attempt.begun.qpu for attempt in trace.index.attempts if attempt.task.session.endswith("h2-a")}
    assert used == {best_pins(work, still)["h2-a"]}
    assert paid(trace).paid == 0
    spins = next(part for part in work.parts if part.role.name == "ising-4-ra")
    assert mixed(spins) == 0.0          # its Hamiltonian has no identity


@pytest.mark.ci
def test_processes_do_not_change_the_numbers(small):
    assert evaluate_live.compared(SMALL, Quiet(), processes=2) == small


def test_a_container_of_stateless_functions_is_waited_for():
    wish = Wish(seed=3, loads=(0.3,), policies=("fifo", "faas"), horizon_s=300.0, loops=("h2-a",), iterations=5).check()
    qpus = evaluate_units.drifting(3)
    rows = {one.policy: one.numbers for one in performed(wish, 3, qpus, evaluate_units.frozen(3),
                                                         evaluate_units.platform, 2.0)}
    assert rows["faas"]["waiting_s"] >= 5.0 + rows["fifo"]["waiting_s"] - 1.0
    assert rows["faas"]["gap_s"] > rows["fifo"]["gap_s"] + 4.0


@pytest.mark.ci
def test_the_command_writes_what_it_found(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(evaluate_live, "wished", lambda args: SMALL)
    code = app.main(["evaluate", "efaas", "--live", "only", "--processes", "1", "--out", str(tmp_path), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (tmp_path / "live" / "live.json").exists()
    assert {one["verdict"] for one in told["live"]["targets"]} <= {"met", "missed", "not decided", "not run"}
    text, pictures = evaluate_live.earlier(str(tmp_path))
    assert set(pictures) == {"live-energy", "live-speculation"}
    assert "## Live: real loops" in text
