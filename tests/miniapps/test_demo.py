"""The demo as a whole, small: through its command, and on a runtime that is watched at every step."""

import json
from itertools import pairwise
from statistics import fmean

import msgspec
import pytest

import qloop
from qloop.cli import app, demo
from qloop.engine import invariants
from qloop.errors import InvalidInput, QloopError, Refused, UnknownName
from qloop.miniapps.demo import compare
from qloop.miniapps.demo.cast import background_problems, roles
from qloop.miniapps.demo.run import Play
from qloop.miniapps.demo.show import render
from qloop.miniapps.demo.workload import draw
from qloop.model.limits import Limits
from qloop.trace.metrics.summary import summary
from qloop.trace.reader import read

# Short runs need a higher load for a queue that is worth avoiding.
SMALL = ["demo", "--loops", "3", "--horizon", "900", "--load", "0.97", "--json"]


def command(capsys, *words):
    code = app.main([*SMALL, *words])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The command's document and its traces; run once for all tests."""
    folder = tmp_path_factory.mktemp("demo")
    printed: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo.console, "document", printed.append)
        assert app.main([*SMALL, "--out", str(folder)]) == 0
    document = json.loads(printed[0].to_json())
    document["outcome"] = printed[0]
    return document, {name: read(folder / f"trace-{name}.jsonl.gz") for name in ("fifo", "efaas")}, folder


def test_it_writes_traces_reports_and_a_figure(ran):
    document, _, folder = ran
    assert {path.name for path in folder.iterdir()} == {
        "trace-fifo.jsonl.gz", "trace-efaas.jsonl.gz", "report-fifo.json", "report-efaas.json", "comparison.png",
        "comparison.pdf"}
    assert all(path.startswith(str(folder)) for path in document["files"].values())


def test_every_metric_of_the_promise_is_there(ran):
    document = ran[0]
    labels = {(row["group"], row["label"]) for row in document["rows"]}
    for part in ("gap between shots", "waiting part"):
        assert {("TTNS", f"{part}, {which}") for which in ("mean", "p50", "p95")} <= labels
    assert {("QDC", "useful"), ("QDC", "idle"), ("slowdown", "loops, mean"),
            ("slowdown", "background, bounded, mean")} <= labels
    assert {"fairness", "convergence, q=0.90", "run"} <= {group for group, _ in labels}
    assert document["clock"] == "virtual"
    assert all(qpu["calibrated_at"] and qpu["device"] for qpu in document["qpus"])
    assert document["mix"]["offered"] == pytest.approx(0.97, abs=0.01)


def test_the_numbers_are_those_of_the_traces(ran):
    document, traces, _ = ran
    row = next(row for row in document["rows"] if row["label"] == "waiting part, mean")
    assert row["values"] == [summary(traces[name]).ttns.waiting.mean for name in ("fifo", "efaas")]
    assert document["verdict"]["saved"] == pytest.approx(1 - row["values"][1] / row["values"][0])


def test_efaas_waits_less_than_fifo_at_this_load(ran):
    assert ran[0]["verdict"]["saved"] > 0.3


def test_both_policies_meet_the_same_arrivals_thinking_times_and_services(ran):
    fifo, efaas = (trace.index for trace in ran[1].values())
    assert {name: (row.opened, row.tenant, row.kind) for name, row in fifo.sessions.items()} == {
        name: (row.opened, row.tenant, row.kind) for name, row in efaas.sessions.items()}

    def thinking(trace):
        return {(name, step.k): after.ready - step.result for name, steps in trace.steps.items()
                for step, after in pairwise(steps)}

    def shots(index):
        return {(a.task.session, a.task.iteration): a.ended.shots for a in index.attempts}

    assert thinking(ran[1]["fifo"]) == thinking(ran[1]["efaas"])
    assert shots(fifo) == shots(efaas)


def test_the_measured_service_is_the_demand_that_the_load_was_computed_from(ran):
    document, traces, _ = ran
    for trace in traces.values():
        useful = sum(a.end - a.begin - a.ended.overhead_ns for a in trace.index.attempts) / 1e9
        # The demand is a mean over the QPUs, the service that of the QPU that was chosen.
        assert useful == pytest.approx(document["mix"]["offered"] * document["mix"]["capacity_s"], rel=0.02)


def test_loading_is_paid_alike_whatever_the_policy(ran):
    """A shot soon after the session's last one there in that epoch is warm, also where the policy does not care.

    What stands aside while it is being loaded pays for the rest of that when it goes on.
    """
    for trace in ran[1].values():
        last: dict[tuple[str, str], tuple[int, int]] = {}
        for attempt in trace.index.attempts:
            if attempt.ended.paused:
                continue
            where = attempt.task.session, attempt.begun.qpu
            end, epoch = last.get(where, (0, -1))
            runs = (*attempt.earlier, attempt)
            warm = epoch == attempt.ended.epoch and runs[0].begin - end <= 300 * 10**9
            assert sum(run.ended.overhead_ns for run in runs) == (0 if warm else 10**9)
            last[where] = attempt.end, attempt.ended.epoch


def test_energies_are_computed_and_fall(ran):
    for trace in ran[1].values():
        for name, session in trace.index.sessions.items():
            if session.kind != "loop":
                continue
            points = [session.energies[k] for k in sorted(session.energies)]
            assert all(point.noiseless >= session.optimum - 1e-9 for point in points)
            assert fmean(p.noiseless for p in points[-5:]) < points[0].noiseless, name
            assert any(abs(p.energy - p.noiseless) > 1e-3 for p in points)


def test_the_same_seed_gives_the_same_bytes(ran, tmp_path, capsys):
    code, _ = command(capsys, "--out", str(tmp_path), "--policies", "efaas")
    assert code == 0
    assert (tmp_path / "trace-efaas.jsonl.gz").read_bytes() == (ran[2] / "trace-efaas.jsonl.gz").read_bytes()


@pytest.fixture(scope="module")
def tiny():
    """A QPU and a workload of two short loops and some tasks."""
    qpus = [demo._twin("twin-hanoi", 0)]
    short = [msgspec.structs.replace(role, iterations=12) for role in roles() if role.name in ("h2-b", "ising-4")]
    return qpus, draw(short, background_problems()[:2], qpus, seed=1, load=0.9, horizon_s=400.0)


@pytest.mark.parametrize("policy", ["fifo", "efaas", "easy", "reservation"])
def test_every_invariant_holds_at_every_step(tiny, policy):
    qpus, workload = tiny
    steps: list[float] = []
    with qloop.Runtime(qpus=qpus, policy=policy, clock="virtual", journal=":memory:", trace=True) as runtime:
        def watch(now, ended):
            steps.append(now)
            invariants.check(runtime.core.engine.state)

        Play(runtime, workload).run(watch)
    assert steps == sorted(steps)
    assert len(steps) > 2 * workload.mix.iterations + 2 * workload.mix.background


def test_a_session_that_cannot_open_ends_the_demo_with_its_reason(tiny):
    qpus, workload = tiny
    with qloop.Runtime(qpus=qpus, clock="virtual", journal=":memory:", trace=True,
                       limits=Limits(open_sessions=1)) as runtime, pytest.raises(Refused, match="1 sessions are open"):
        Play(runtime, workload).run()


def test_a_task_that_fails_ends_the_demo_with_its_reason(tiny):
    qpus, workload = tiny

    class Broken:
        def __getattr__(self, name):
            return getattr(qpus[0], name)

        def evaluate(self, program, request):
            raise RuntimeError("the fridge is warm")

    with (qloop.Runtime(qpus=[Broken()], clock="virtual", journal=":memory:", trace=True) as runtime,
          pytest.raises(QloopError, match=r"A session of the demo failed\. .*the fridge is warm")):
        Play(runtime, workload).run()


@pytest.mark.parametrize(("words", "error", "message"), [
    (["--policies", "fifo,efas"], UnknownName, "Did you mean 'efaas'"),
    (["--policies", "fifo,fifo"], InvalidInput, "The policies are fifo, fifo"),
    (["--policies", ","], InvalidInput, "The policies are none"),
    (["--seed", "-1"], InvalidInput, "The seed is -1"),
    (["--loops", "99"], InvalidInput, "The number of loops is 99"),
    (["--load", "1.5"], InvalidInput, "The load is 1.5"),
])
def test_bad_options_are_told(capsys, tmp_path, words, error, message):
    code, document = command(capsys, "--out", str(tmp_path), *words)
    assert code == 2
    assert document["error"]["code"] == error.code
    assert message in " ".join((document["error"]["what"], document["error"]["why"]))


def test_a_folder_that_cannot_be_written_is_told_before_the_work(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    code, document = command(capsys, "--out", str(tmp_path / "file" / "below"))
    assert code == 2
    assert "cannot be written" in document["error"]["what"]


def test_gains_and_losses_are_named():
    row = compare.Row("QDC", "useful", "%", "more", (80.0, 81.0), (0.0, 1.0))
    assert row.gain(1) == "same"
    assert compare.Row("g", "l", "s", "less", (4.0, 1.0), (0.0, -0.75)).gain(1) == "better"
    assert compare.Row("g", "l", "s", "less", (4.0, 5.0), (0.0, 0.25)).gain(1) == "worse"
    assert compare.Row("g", "l", "s", "", (4.0, 5.0), (0.0, 0.25)).gain(1) == ""
    worse = compare.Row("slowdown", "background", "x", "less", (2.0, 3.0), (0.0, 0.5))
    assert compare.not_gained((row, worse), ("a", "b")) == ("QDC, useful: same", "slowdown, background: worse (+50.0%)")


def test_a_promise_that_is_not_kept_says_by_how_much():
    kept = compare.Verdict("efaas", "fifo", 0.7, 0.6, True)
    assert kept.text() == "efaas against fifo: 70.0% less waiting between shots (expected: at least 60% less)."
    broken = compare.Verdict("efaas", "fifo", 0.45, 0.6, False)
    assert broken.text().endswith("(expected: at least 60% less, 15.0% short of it).")
    assert "more waiting" in compare.Verdict("efaas", "fifo", -0.1, 0.6, False).text()


def test_the_tables_can_be_read(ran, capsys):
    demo.console.show(render(ran[0]["outcome"]))
    text = capsys.readouterr().out
    for wanted in ("offered over 900 s", "ibm_torino", "calibrated 2025", "waiting part, p95", "trace of efaas",
                   "less waiting between shots"):
        assert wanted in text
