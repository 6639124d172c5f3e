"""The live subset's arithmetic against closed cases, its text and figures, and what it refuses."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloop.cli import app, evaluate_live
from qloop.errors import InvalidInput
from qloop.miniapps.compared import files, sections
from qloop.miniapps.compared.found import MET, MISSED, NOT_RUN, OPEN, Found, read, reduction
from qloop.miniapps.compared.numbers import GRID_S, Run, remaining
from qloop.miniapps.compared.speculated import Guessed
from qloop.miniapps.compared.unit import REFERENCE
from qloop.miniapps.compared.wish import Wish
from qloop.policies import catalog
from qloop.policies.columns import CHUNK_S
from qloop.trace import schema as ev
from qloop.trace.provenance import QpuInfo, new_header
from qloop.trace.recorder import Recorder

SECOND = 1_000_000_000


def run(seed, load, policy, level=0.5, **numbers):
    """A run whose loops have `level` of their way left at any time."""
    defaults = {"waiting_s": 4.0, "iterations": 100, "calibrations_paid": 2, "calibrations_avoidable": 0,
                "bias_noiseless": 0.01}
    curve = tuple(level + 0.02 * seed + 0.0 * at for at in GRID_S)
    return Run(seed, load, policy, {**defaults, **numbers}, curve, curve)


def found(wish=None, guesses=(), **efaas):
    """Three seeds at one load under fifo and efaas; `efaas`: its numbers, each a list over the seeds."""
    wish = wish or Wish(seeds=3, seed=0, loads=(0.7,), policies=("fifo", "efaas"))
    runs = [run(seed, 0.0, REFERENCE) for seed in range(3)] + [run(seed, 0.7, "fifo") for seed in range(3)]
    runs += [run(seed, 0.7, "efaas", 0.3, **{name: values[seed] for name, values in efaas.items()})
             for seed in range(3)]
    return Found(wish, tuple(runs), tuple(guesses), "USD", "a-price")


def guess(load, budget, faster, optimizer="nelder-mead", launched=10):
    return Guessed(optimizer, 0, load, budget, 10.0, faster, 40, 30, launched, 6, 1.5, 20.0, 8.0)


def test_a_reduction_without_spread_is_its_own_interval():
    assert reduction([4.0, 8.0], [1.0, 2.0]) == (0.75, 0.75, 0.75)
    assert reduction([5.0], [5.0]) == (0.0, 0.0, 0.0)


@given(st.lists(st.tuples(st.floats(0.5, 9.0), st.floats(0.5, 9.0)), min_size=1, max_size=8), st.floats(0.1, 10.0))
def test_a_reduction_does_not_depend_on_the_unit_and_holds_its_mean(pairs, unit):
    before, after = zip(*pairs, strict=True)
    mean, low, high = reduction(before, after, resamples=200)
    assert mean == pytest.approx(1.0 - np.mean(after) / np.mean(before))
    ratios = 1.0 - np.asarray(after) / np.asarray(before)
    assert ratios.min() - 1e-9 <= low <= high <= ratios.max() + 1e-9
    scaled = reduction([unit * one for one in before], [unit * one for one in after], resamples=200)
    assert scaled == pytest.approx((mean, low, high), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("biases", "verdict"), [([-0.02, 0.0, 0.03], MET), ([0.02, 0.03, 0.04], MISSED)])
def test_the_bias_target_is_met_where_the_interval_contains_0(biases, verdict):
    target = found(bias_noiseless=biases).targets()[1]
    assert (target.verdict, "bias" in target.title) == (verdict, True)


def test_one_avoidable_calibration_misses_the_target():
    assert found().targets()[0].verdict == MET
    missed = found(calibrations_avoidable=[0, 1, 0]).targets()[0]
    assert missed.verdict == MISSED
    assert "1 avoidable of 6 paid in 300 iterations (fifo: 0 of 6)" in missed.why


@pytest.mark.parametrize(("waits", "verdict"), [
    ([0.4, 0.6, 0.5], MET), ([2.0, 1.9, 2.1], MISSED), ([0.1, 0.2, 2.0], OPEN)])
def test_waiting_is_judged_by_its_interval(waits, verdict):
    assert found(waiting_s=waits).targets()[2].verdict == verdict


def test_what_was_not_run_is_not_judged():
    assert found().targets()[3].verdict == NOT_RUN
    alone = Found(Wish(policies=("fifo",), loads=(0.7,)), (run(0, 0.7, "fifo"),), (), "USD", "p")
    assert {target.verdict for target in alone.targets()} == {NOT_RUN}


def energies(name, values, opened, optimum=-1.0):
    """A loop whose energies come every 30 s; measured .5 higher."""
    recorder = Recorder(new_header(clock="virtual", policy="p", qpus=[QpuInfo("A")], horizon_ns=10**12, workers=0))
    recorder.emit(ev.SessionOpened, opened * SECOND, session=name, tenant="t", session_kind="loop", optimum=optimum)
    for k, value in enumerate(values):
        at, task = (opened + 30 * (k + 1)) * SECOND, {"session": name, "iteration": k, "task": f"{name}/{k}"}
        recorder.emit(ev.ParamsReady, at - SECOND, **task)
        recorder.emit(ev.Result, at, **task, qpu="A", shots=1, epoch=0, values=(value + 0.5,), noiseless=(value,))
    return recorder.trace()


def test_what_is_left_of_the_way_by_hand():
    # The way is 3 - (-1) = 4. Values 3, 1, -1 come 30, 60, 90 s after opening, whenever that was.
    trace = energies("s", [3.0, 1.0, -1.0], 1000)
    clean, told = remaining(trace, trace, (0, 29, 30, 59, 60, 90, 500))
    assert clean == (1.0, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0)
    assert told == (1.0, 1.0, 1.125, 1.125, 0.625, 0.125, 0.125)
    assert remaining(energies("s", [2.0], 0, optimum=None), energies("s", [2.0], 0, optimum=None)) == ((), ())


def test_everything_comes_back_from_disk(tmp_path):
    before = found(guesses=(guess(0.0, 0.25, 1.4), guess(0.3, 1.0, 1.2, "spsa", 0)))
    paths = files.write(before, tmp_path, {"efaas": "#0072B2"})
    assert all(path.stat().st_size > 0 for path in paths)
    assert {path.name for path in paths} == {
        "live.json", "live-runs.csv", "live-speculation.csv", "live-energy.png", "live-energy.pdf",
        "live-speculation.png", "live-speculation.pdf"}
    assert files.read_back(tmp_path) == before
    assert read(json.loads(json.dumps(before.document()))) == before
    assert (tmp_path / "live-runs.csv").read_text().count("\n") == 1 + len(before.runs)


def test_nothing_is_read_back_from_what_is_damaged(tmp_path):
    assert files.read_back(tmp_path) is None
    (tmp_path / "live.json").write_text('{"wish": 1}')
    assert files.read_back(tmp_path) is None


def test_the_text_says_what_the_numbers_say():
    text = sections.sections(found(guesses=(guess(0.0, 0.25, 1.37), guess(0.0, 1.0, 1.0, "spsa", 0)),
                                   waiting_s=[0.5, 0.5, 0.5]), "three twins", "calibrated at times")
    assert "| waiting part of the gap (s) | 4.00 | 0.50 |" in text
    assert "| nelder-mead | 0 | 0.25 | 1.37 | 30 of 40 | 10 | 60 % | 1.5 | 8.0 |" in text
    assert "Nothing is launched for spsa" in text
    assert "three twins" in text
    assert "calibrated at times" in text


def arguments(**given):
    return SimpleNamespace(**{"seed": 1, "live": "also", "page": None, "live_seeds": None, "live_loads": None,
                              "live_policies": None, **given})


def test_by_default_efaas_also_runs_without_the_chunks_that_it_has():
    wish = evaluate_live.wished(arguments())
    chunked = catalog.policy("efaas").settings[CHUNK_S] > 0.0
    assert [name for name in wish.policies if ":" in name] == (["efaas:chunk_s=0"] if chunked else [])
    assert evaluate_live.wished(arguments(live=None)) is None


@pytest.mark.parametrize(("words", "part"), [
    (["--live", "--live-seeds", "0"], "number of seeds"), (["--live", "--live-loads", "1.2"], "load"),
    (["--live", "--live-loads", "much"], "'much'"), (["--live", "--live-loads", "0.7,0.7"], "each once"),
    (["--live", "--live-policies", "fifi"], "fifo"), (["--live", "--live-policies", "efaas:chunk=1"], "chunk_s"),
    (["--live", "--live-policies", "efaas:chunk_s=x"], "number"), (["--live", "--live-policies", ","], "none"),
    (["--live", "only", "--page", "x.md"], "--live only"), (["--live-seeds", "3"], "--live-seeds"),
    (["--live", "--seed", "-1"], "seed")])
def test_what_cannot_be_is_refused_before_anything_runs(capsys, tmp_path, words, part):
    code = app.main(["evaluate", "efaas", "--out", str(tmp_path / "out"), *words])
    assert code == 2
    assert part in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_a_wish_is_checked():
    for bad in ({"loops": ()}, {"loops": ("h2-z",)}, {"budgets": (-1.0,)}, {"horizon_s": 1.0}, {"seeds": True},
                {"idle_loads": (float("nan"),)}, {"guessed": 0}, {"guessing_seeds": 0}):
        with pytest.raises(InvalidInput):
            Wish(**bad).check()
    assert [role.iterations for role in Wish(loops=("h2-a",), iterations=3).roles()] == [3]
