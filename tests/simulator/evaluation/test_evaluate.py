"""The evaluation from end to end, in small: files, resuming, verdicts, the page, and the command."""

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from qloop.cli.app import main
from qloop.simulator.evaluation import contenders, page, plan
from qloop.simulator.evaluation.campaign import Campaign
from qloop.simulator.evaluation.cells import Cell
from qloop.simulator.evaluation.contenders import EFAAS, FIFO
from qloop.simulator.evaluation.evaluate import Evaluation, evaluate
from qloop.simulator.evaluation.plan import Entry
from qloop.simulator.evaluation.platform import Stage
from qloop.simulator.evaluation.quantities import QUANTITIES
from qloop.simulator.evaluation.results import Results
from qloop.simulator.evaluation.storage import Columns, Setting, path_of
from qloop.simulator.evaluation.targets import MET, MISSED, NOT_RUN, OPEN, fairness, frontier, lag, starving, waiting
from qloop.simulator.evaluation.workload import Work
from qloop.simulator.platform import run
from tests.simulator.platform.plain import as_python

SETTING = Setting(Stage(duration_s=2_000.0, warmup_s=200.0), Work(), 7)
CELLS = (Cell(0.3, 0.5, 3), Cell(0.7, 0.5, 3), Cell(1.6, 0.5, 3, skewed=True))


class Quiet:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def at(self, done: float, total: float, text: str) -> None:
        assert 0.0 <= done <= total * (1.0 + 1e-9)

    def stage(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)


def entries() -> tuple[Entry, ...]:
    named = [one for one in contenders.main() if one.name in (FIFO, EFAAS)]
    edge = [Entry(plan.FRONTIER, CELLS[1], one, 2) for one in contenders.frontier((0.0, 0.4), (10.0,), (0.5,))]
    tried = [Entry(plan.SENSITIVITY, CELLS[1], one, 2, tuning=True) for name, _, one in contenders.sensitivity()
             if name == "phi"]
    return (*(Entry(plan.SWEEP, cell, one, 2) for cell in CELLS for one in named), *edge, *tried)


@pytest.fixture(scope="module", params=["plain", pytest.param("compiled", marks=pytest.mark.everything)])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evaluation]:
    """By the kernels as plain Python, as these runs are short; compiled ones have the command below, in CI."""
    with pytest.MonkeyPatch.context() as patch, np.errstate(over="ignore"):
        if request.param == "plain":
            patch.setattr(run, "kernel_for", as_python)
        yield evaluate(entries(), SETTING, tmp_path_factory.mktemp("evaluation"), Quiet(), processes=1)


def test_everything_is_written(found: Evaluation) -> None:
    assert [path.name for path in found.files] == ["findings.md", "replications.parquet", "summary.csv", "summary.md"]
    assert {path.stem for path in found.figures} == {"against-load", "where", "frontier", "sensitivity", "saturated"}
    assert all(path.stat().st_size > 1000 for path in (*found.files[:3], *found.figures))
    text = found.files[0].read_text()
    for part in ("## Targets", "## Where efaas wins", "## Where nothing can be won", "## Saturated QPUs"):
        assert part in text
    json.dumps(found.as_dict())


def test_what_is_sent_to_processes_can_be_sent() -> None:
    every = plan.full(2)
    assert pickle.loads(pickle.dumps(every)) == every
    assert any(entry.contender.settings for entry in every)


def test_a_second_time_reads_back_and_says_the_same(found: Evaluation) -> None:
    watch = Quiet()
    again = evaluate(entries(), SETTING, found.files[0].parent, watch, processes=1)
    assert again.about["read_back"] == len(entries())
    assert watch.notes == [f"{len(entries())} of {len(entries())} entries were finished before and are read back"]
    assert again.text == found.text
    for key, columns in found.results.found.items():
        for name in QUANTITIES:
            assert np.array_equal(columns[name], again.results.found[key][name], equal_nan=True)


def test_a_damaged_file_is_run_again_and_more_replications_go_on(found: Evaluation) -> None:
    first, out = entries()[0], found.files[0].parent
    path_of(out, first).write_bytes(b"no parquet")
    watch = Quiet()
    more = Entry(plan.SWEEP, first.cell, first.contender, 3)
    campaign = Campaign((more,), SETTING, out, 1)
    campaign.run(watch)
    assert any("is damaged" in note for note in watch.notes)
    columns = campaign.found[more.key]
    assert len(columns["gap_wait"]) == 3
    assert columns["gap_wait"][:2].tolist() == found.results.values(first.cell, first.contender.name,
                                                                    "gap_wait").tolist()


def test_policies_meet_the_same_work(found: Evaluation) -> None:
    """In a stable cell QDC is the offered load, whoever decides; the part that differs is the end of the run."""
    for name in ("qdc", "qdc_background"):
        change = found.results.difference(CELLS[0], FIFO, EFAAS, name)
        assert abs(change.mean) < 0.01


def made(gap: tuple[float, float], pause: float) -> Results:
    """Results of one cell in which both policies have these waiting parts, and efaas this longest pause."""
    one, two = (Entry(plan.SWEEP, Cell(0.85, 0.5, 3), contenders.Contender(name, name), 8) for name in (FIFO, EFAAS))
    noise = np.linspace(1.0, 1.007, 8)
    columns: dict[str, Columns] = {name: {quantity: np.ones(8) for quantity in QUANTITIES} for name in (FIFO, EFAAS)}
    columns[FIFO] |= {"gap_wait": gap[0] * noise}
    columns[EFAAS] |= {"gap_wait": gap[1] * noise, "normal_gap": np.full(8, pause), "normal_room": np.full(8, 90.0)}
    return Results((one, two), {one.key: columns[FIFO], two.key: columns[EFAAS]}, SETTING, {})


def test_verdicts_follow_from_the_numbers() -> None:
    assert waiting(made((10.0, 1.0), 1.0), FIFO).verdict == MET
    missed = waiting(made((10.0, 4.0), 1.0), FIFO)
    assert missed.verdict == MISSED
    assert "60 % lower" in missed.why
    assert starving(made((1.0, 1.0), 89.0)).verdict == MET
    assert starving(made((1.0, 1.0), 91.0)).verdict == MISSED


def others(cell: Cell, name: str, **quantities: float) -> Results:
    """efaas with 1 of everything and a baseline with these, in one cell, with little noise."""
    noise = np.linspace(0.999, 1.001, 8)
    entries = [Entry(plan.SWEEP, cell, contenders.Contender(one, one), 8) for one in (name, EFAAS)]
    columns: list[Columns] = [{quantity: told.get(quantity, 1.0) * noise for quantity in QUANTITIES}
                              for told in (quantities, {"fair_share": 0.97, "fair_lag": 0.5})]
    return Results(tuple(entries), dict(zip((one.key for one in entries), columns, strict=True)), SETTING, {})


@pytest.mark.parametrize(("gap", "slow", "verdict"), [
    (0.5, 0.9, MISSED), (0.5, 1.0, OPEN), (0.5, 1.1, MET), (1.0, 1.0, MET), (2.0, 0.5, MET), (2.0, 2.0, MET)])
def test_the_frontier_is_missed_only_where_a_baseline_is_better(gap: float, slow: float, verdict: str) -> None:
    told = frontier(others(Cell(0.7, 0.5, 3), "sjf", gap_wait=gap, normal_slowdown=slow))
    assert told.verdict == verdict
    assert f"load 0.7: {verdict} ({int(verdict == MET)} of 1 cells)" in told.why
    assert len(told.evidence) == (verdict != MET)


def test_fairness_is_judged_where_more_is_asked_for_than_there_is() -> None:
    full = others(Cell(1.6, 0.5, 3, skewed=True), FIFO, fair_share=0.8, fair_lag=54.0)
    assert fairness(full).verdict == MET
    assert "fifo 0.800" in fairness(full).evidence[0]
    assert lag(full).verdict == MET
    assert "fifo 54.1" in lag(full).why
    assert fairness(others(Cell(0.7, 0.5, 3), FIFO)).verdict == lag(others(Cell(0.7, 0.5, 3), FIFO)).verdict == NOT_RUN


def test_the_page_is_the_same_for_the_same_results(found: Evaluation, tmp_path: Path) -> None:
    pages = [page.write(found, tmp_path / name / "evaluation.md") for name in ("a", "b")]
    assert [path.read_bytes() for path in pages[0]] == [path.read_bytes() for path in pages[1]]
    text = pages[0][0].read_text()
    assert "qloop evaluate efaas --page docs/evaluation.md" in text
    for path in pages[0][1:]:
        assert f"figures/{path.name}" in text


@pytest.mark.parametrize(("words", "said"), [
    (["--replications", "1"], "1 replications were asked for"), (["--seed", "-1"], "The seed is -1"),
    (["--parts", "swep"], "swep"), (["--quantum", "-2"], "quantum_s of the evaluation is -2.0"),
    (["--quick", "--parts", "sweep"], "--quick and --parts"), (["--duration", "100"], "The evaluation looks at"),
    (["--iterations", "1"], "A gap is between two iterations"), (["--processes", "0"], "0 processes were asked for")])
def test_bad_input_is_told_before_anything_runs(words: list[str], said: str, tmp_path: Path,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "efaas", "--out", str(tmp_path / "out"), *words]) != 0
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.ci
def test_the_quick_command_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "efaas", "--quick", "--duration", "4000", "--out", str(tmp_path / "out"), "--processes", "1",
             "--page", str(tmp_path / "page.md"), "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert {one["verdict"] for one in told["targets"]} <= {"met", "missed", "not decided", "not run"}
    assert len(told["figures"]) == 12
    assert (tmp_path / "page.md").exists()
